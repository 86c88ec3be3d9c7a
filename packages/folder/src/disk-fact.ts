import type { BigIntStats } from 'node:fs'
import { lstatSync } from 'node:fs'
import { diskReason, errorCode, openAnchor, parentFact } from './anchor.js'
import type { RelPath } from './rel-path.js'
import type { DiskFact, Signature } from './signature.js'
import type { Spelling } from './spelling.js'

const OWNER_MAY_EXECUTE = 0o100n

export function signatureOf(stats: BigIntStats): Signature {
  return { ino: stats.ino, size: stats.size, mtimeNs: stats.mtimeNs, ctimeNs: stats.ctimeNs }
}

export function isExecutable(stats: BigIntStats): boolean {
  return (stats.mode & OWNER_MAY_EXECUTE) !== 0n
}

export function factOf(stats: BigIntStats): DiskFact {
  if (stats.isFile()) return { kind: 'file', signature: signatureOf(stats), executable: isExecutable(stats), links: Number(stats.nlink) }
  if (stats.isDirectory()) return { kind: 'directory' }
  return { kind: 'other', what: specialKind(stats) }
}

function specialKind(stats: BigIntStats): 'symlink' | 'fifo' | 'socket' | 'device' {
  if (stats.isSymbolicLink()) return 'symlink'
  if (stats.isFIFO()) return 'fifo'
  return stats.isSocket() ? 'socket' : 'device'
}

/** What is at the address, which is not followed. */
export function lookAt(address: string): DiskFact {
  try {
    const stats = lstatSync(address, { bigint: true, throwIfNoEntry: false })
    return stats === undefined ? { kind: 'absent' } : factOf(stats)
  } catch (error) {
    const code = errorCode(error)
    return code === 'ENOENT' || code === 'ENOTDIR' ? { kind: 'absent' } : { kind: 'unreadable', reason: diskReason(error) }
  }
}

/** What is at `path` below `root`; parents must be real directories. */
export function lookAtPath(root: string, path: RelPath, spelling: Spelling): DiskFact {
  const names = spelling.names(path)
  const name = names.pop() ?? ''
  try {
    using parent = openAnchor(root, names)
    const fact = lookAt(parent.entry(name))
    if (fact.kind !== 'absent' || spelling.knows(path)) return fact
    return lookDecomposed(parent.entry.bind(parent), path, name, spelling)
  } catch (error) {
    const code = errorCode(error)
    if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'ELOOP') return parentFact(root, names)
    return { kind: 'unreadable', reason: diskReason(error) }
  }
}

/** A file that another system named may have its accents apart. */
function lookDecomposed(entry: (name: string) => string, path: RelPath, name: string, spelling: Spelling): DiskFact {
  const decomposed = name.normalize('NFD')
  if (decomposed === name) return { kind: 'absent' }
  const fact = lookAt(entry(decomposed))
  if (fact.kind !== 'absent') spelling.learn(path, decomposed)
  return fact
}
