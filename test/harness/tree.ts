import { createHash } from 'node:crypto'
import { lstatSync, readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { MAX_TEXT_BYTES } from '@collab/core'

/** A file as peers must agree on it. */
export interface TreeFile {
  readonly hash: string
  readonly executable: boolean
  readonly text: string
}

/** Path -> file. */
export type Tree = ReadonlyMap<string, TreeFile>

interface Known {
  readonly stamp: string
  readonly file: TreeFile
}

/** Names that cannot be shown on one line are listed as skipped. */
// eslint-disable-next-line no-control-regex
const UNSYNCED_NAME = /[\u0000-\u001f\u007f-\u009f]/
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** Reads a folder again and again; a file that has the same inode, size and times is not read again. */
export class TreeReader {
  readonly #root: string
  #known = new Map<string, Known>()

  constructor(root: string) {
    this.#root = root
  }

  /** Everything that is synced. A file that goes while it is read is left out: the next look tells. */
  read(): Tree {
    const [seen, tree] = [new Map<string, Known>(), new Map<string, TreeFile>()]
    for (const path of pathsBelow(this.#root)) {
      if (UNSYNCED_NAME.test(path)) continue
      const known = this.#look(path)
      if (known === undefined) continue
      seen.set(path, known)
      tree.set(path, known.file)
    }
    this.#known = seen
    return tree
  }

  #look(path: string): Known | undefined {
    try {
      const full = join(this.#root, path)
      const { ino, size, mtimeNs, ctimeNs, mode } = lstatSync(full, { bigint: true })
      const stamp = [ino, size, mtimeNs, ctimeNs, mode].join()
      const before = this.#known.get(path)
      return before?.stamp === stamp ? before : { stamp, file: fileOf(readFileSync(full), (mode & 0o100n) !== 0n) }
    } catch {
      return undefined
    }
  }
}

export function readTree(root: string): Tree {
  return new TreeReader(root).read()
}

/** A file that is no mergeable text has none. */
export function fileOf(bytes: Uint8Array, executable: boolean): TreeFile {
  return { hash: createHash('sha256').update(bytes).digest('hex'), executable, text: textOf(bytes) }
}

function textOf(bytes: Uint8Array): string {
  if (bytes.length > MAX_TEXT_BYTES || bytes.includes(0)) return ''
  try {
    return decoder.decode(bytes)
  } catch {
    return ''
  }
}

/** Every file below `root` but those of `.collab`, relative to it. */
export function pathsBelow(root: string, inside = ''): readonly string[] {
  try {
    return readdirSync(join(root, inside), { withFileTypes: true }).flatMap((entry) => {
      const path = inside === '' ? entry.name : `${inside}/${entry.name}`
      if (path === '.collab') return []
      return entry.isDirectory() ? pathsBelow(root, path) : entry.isFile() ? [path] : []
    })
  } catch {
    // It was moved away while it was listed.
    return []
  }
}

/** How two trees differ, a line for each path; none when they are the same. */
export function differences(a: Tree, b: Tree): readonly string[] {
  const paths = [...new Set([...a.keys(), ...b.keys()])].sort()
  return paths.flatMap((path) => {
    const [x, y] = [a.get(path), b.get(path)]
    if (x === undefined) return [`only in the second: ${path}`]
    if (y === undefined) return [`only in the first: ${path}`]
    if (x.hash !== y.hash) return [`other content: ${path} (${x.text.length} and ${y.text.length} characters)`]
    return x.executable === y.executable ? [] : [`executable on one side only: ${path}`]
  })
}
