import { closeSync, constants, fstatSync, ftruncateSync, lstatSync, openSync, readdirSync } from 'node:fs'
import { openAnchor } from './anchor.js'
import { factOf, signatureOf } from './disk-fact.js'
import { unlinkIfThere } from './durable.js'
import type { OpenFile, OpenPart } from './folder-fs.js'
import { partEntry, partOf } from './part-name.js'
import type { RelPath } from './rel-path.js'
import { equalSignature } from './signature.js'
import type { DiskContext } from './write.js'
import { tempAnchor } from './write.js'

/** A FIFO opens at once and a symlink not at all. */
const READ_FLAGS = constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0)
const PART_FLAGS = constants.O_RDWR | constants.O_CREAT | (constants.O_NOFOLLOW ?? 0)

/** Opens a regular file to be read in parts; see `FolderFs.open`. */
export function openFile(context: DiskContext, path: RelPath): OpenFile | undefined {
  const parents = context.spelling.names(path)
  const name = parents.pop() ?? ''
  const fd = openAt(context, parents, name)
  if (fd === undefined) return undefined
  const stats = fstatSync(fd, { bigint: true })
  if (factOf(stats).kind !== 'file') {
    closeSync(fd)
    return undefined
  }
  const signature = signatureOf(stats)
  const isSame = (): boolean => {
    using parent = openAnchor(context.root, parents)
    const named = lstatSync(parent.entry(name), { bigint: true, throwIfNoEntry: false })
    return named !== undefined && equalSignature(signatureOf(named), signature) && equalSignature(signatureOf(fstatSync(fd, { bigint: true })), signature)
  }
  return { fd, signature, isSame, close: () => closeSync(fd) }
}

function openAt(context: DiskContext, parents: readonly string[], name: string): number | undefined {
  try {
    using parent = openAnchor(context.root, parents)
    return openSync(parent.entry(name), READ_FLAGS)
  } catch {
    return undefined
  }
}

/** Opens or makes a file that is put together piece by piece; see `FolderFs.openPart`. */
export function openPart(context: DiskContext, name: string, size: number): OpenPart {
  using temps = tempAnchor(context.root)
  const address = temps.entry(partEntry(name))
  const isNew = lstatSync(address, { throwIfNoEntry: false }) === undefined
  const fd = openSync(address, PART_FLAGS, 0o600)
  try {
    // As long as it will be, and empty: a file system that can leaves holes.
    ftruncateSync(fd, size)
  } catch (error) {
    closeSync(fd)
    throw error
  }
  return { fd, isNew, close: () => closeSync(fd) }
}

export function dropPart(context: DiskContext, name: string): void {
  using temps = tempAnchor(context.root)
  unlinkIfThere(temps.entry(partEntry(name)))
}

export function listParts(context: DiskContext): readonly string[] {
  using temps = tempAnchor(context.root)
  return readdirSync(temps.at).flatMap((entry) => partOf(entry) ?? [])
}
