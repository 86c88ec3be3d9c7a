import type { BigIntStats } from 'node:fs'

const DEVICE = 77n
const ROOT_INODE = 1n

/** A file or directory of a disk in memory. */
export class MemoryNode {
  readonly kind: 'file' | 'directory'
  readonly ino: bigint
  /** Folded name -> the name as it is spelt, and what it stands for. */
  readonly children = new Map<string, { readonly name: string; readonly node: MemoryNode }>()
  /** Directories that hold it, with its name there. */
  readonly places = new Map<MemoryNode, Set<string>>()
  bytes: Uint8Array = new Uint8Array(0)
  mode: number
  links = 1
  opened = 0
  mtimeNs: bigint
  ctimeNs: bigint

  constructor(kind: MemoryNode['kind'], ino: bigint, mode: number, timeNs: bigint) {
    this.kind = kind
    this.ino = ino
    this.mode = mode
    this.mtimeNs = timeNs
    this.ctimeNs = timeNs
  }

  /** Of the root one empty path, of what was removed none. */
  paths(): readonly string[] {
    if (this.ino === ROOT_INODE) return ['']
    return [...this.places].flatMap(([parent, names]) => {
      const [above = ''] = parent.paths()
      return [...names].map((name) => (above === '' ? name : `${above}/${name}`))
    })
  }

  stats(big: boolean): unknown {
    const number = (value: bigint): bigint | number => (big ? value : Number(value))
    return {
      dev: number(DEVICE),
      ino: number(this.ino),
      mode: number(BigInt(this.mode)),
      nlink: number(BigInt(this.links)),
      uid: number(0n),
      gid: number(0n),
      size: number(BigInt(this.bytes.length)),
      mtimeNs: this.mtimeNs,
      ctimeNs: this.ctimeNs,
      birthtimeNs: this.ctimeNs,
      isFile: () => this.kind === 'file',
      isDirectory: () => this.kind === 'directory',
      isSymbolicLink: () => false,
      isFIFO: () => false,
      isSocket: () => false
    } satisfies Partial<Record<keyof BigIntStats, unknown>>
  }
}
