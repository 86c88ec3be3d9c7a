import { constants } from 'node:fs'
import { MemoryNames, rename } from './memory-names.js'
import type { NamingRules } from './memory-names.js'
import { MemoryNode } from './memory-node.js'
import { errno } from './mounts.js'
import type { CallName, Disk } from './mounts.js'

export interface MemoryDiskInit extends Partial<NamingRules> {
  readonly root: string
  /** Wall-clock milliseconds. */
  readonly now: () => number
  /** @default true */
  readonly hardLinks?: boolean
  /** Steps of the timestamps, as of FAT (2000), ext4 (4) and others. @default 4 */
  readonly tickMs?: number
}

interface Descriptor {
  readonly node: MemoryNode
  readonly flags: number
  at: number
}

/** Out of the way of real descriptors. */
const FIRST_DESCRIPTOR = 1 << 20
const BLOCK_BYTES = 4096
const FREE_BLOCKS = 1 << 20

let nextDescriptor = FIRST_DESCRIPTOR

/**
 * A POSIX file system in memory, to be mounted: names as case-sensitive and as normalising as is asked for, coarse
 * timestamps, inode numbers that are given out again. What happens is told by path, as inotify does.
 */
export class MemoryDisk implements Disk {
  readonly #init: MemoryDiskInit
  readonly #names: MemoryNames
  readonly #root: MemoryNode
  readonly #open = new Map<number, Descriptor>()
  readonly #listeners = new Set<(path: string) => void>()
  /** What was open when its process ended; code of that process may still close it. */
  readonly #lost = new Set<number>()
  readonly #freeInodes: bigint[] = []
  #inodes = 1n

  constructor(init: MemoryDiskInit) {
    this.#init = init
    this.#names = new MemoryNames({ caseSensitive: init.caseSensitive ?? true, normalising: init.normalising ?? false })
    this.#root = this.#make('directory', 0o755)
  }

  /** Tells the path below the root, as the disk spells it, of everything that changes. */
  onChange(listener: (path: string) => void): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  /** The process that had things open has ended. */
  closeAll(): void {
    for (const fd of this.#open.keys()) {
      this.closeSync(fd)
      this.#lost.add(fd)
    }
  }

  call(name: CallName, args: readonly unknown[]): unknown {
    return (this[name] as (...args: readonly unknown[]) => unknown)(...args)
  }

  openSync(path: string, flags: number | string = 'r', mode = 0o666): number {
    const bits = typeof flags === 'number' ? flags : (FLAGS[flags] ?? 0)
    let { parent, name, node } = this.#find(path)
    if (node !== undefined && (bits & constants.O_CREAT) !== 0 && (bits & constants.O_EXCL) !== 0) throw errno('EEXIST')
    if (node === undefined) {
      if ((bits & constants.O_CREAT) === 0 || parent === undefined) throw errno('ENOENT')
      node = this.#add(parent, name, this.#make('file', mode & ~0o022))
    }
    if ((bits & constants.O_DIRECTORY) !== 0 && node.kind !== 'directory') throw errno('ENOTDIR')
    if ((bits & constants.O_TRUNC) !== 0) this.#write(node, new Uint8Array(0))
    const fd = nextDescriptor++
    node.opened++
    this.#open.set(fd, { node, flags: bits, at: 0 })
    return fd
  }

  closeSync(fd: number): void {
    if (this.#lost.delete(fd)) return
    const { node } = this.#held(fd)
    this.#open.delete(fd)
    node.opened--
    this.#forget(node)
  }

  readSync(fd: number, buffer: Uint8Array, offset: number, length: number, position: number | null): number {
    const held = this.#held(fd)
    const from = position ?? held.at
    const piece = held.node.bytes.subarray(from, from + length)
    buffer.set(piece, offset)
    if (position === null) held.at += piece.length
    return piece.length
  }

  writeSync(fd: number, bytes: Uint8Array, offset = 0, length = bytes.length - offset): number {
    const held = this.#held(fd)
    const at = (held.flags & constants.O_APPEND) !== 0 ? held.node.bytes.length : held.at
    const grown = new Uint8Array(Math.max(held.node.bytes.length, at + length))
    grown.set(held.node.bytes)
    grown.set(bytes.subarray(offset, offset + length), at)
    held.at = at + length
    this.#write(held.node, grown)
    return length
  }

  fsync(fd: number): void {
    this.#held(fd)
  }

  fstatSync(fd: number, options?: { readonly bigint?: boolean }): unknown {
    return this.#held(fd).node.stats(options?.bigint === true)
  }

  lstatSync(path: string, options?: { readonly bigint?: boolean; readonly throwIfNoEntry?: boolean }): unknown {
    const { node } = this.#find(path)
    if (node !== undefined) return node.stats(options?.bigint === true)
    if (options?.throwIfNoEntry === false) return undefined
    throw errno('ENOENT')
  }

  readdirSync(path: string, options?: { readonly encoding?: string; readonly withFileTypes?: boolean }): unknown[] {
    const node = this.#need(path)
    if (node.kind !== 'directory') throw errno('ENOTDIR')
    const names = [...node.children.values()].map(({ name }) => name)
    return options?.encoding === 'buffer' ? names.map((name) => Buffer.from(name)) : names
  }

  readFileSync(path: string, encoding?: BufferEncoding): unknown {
    const bytes = Buffer.from(this.#need(path).bytes)
    return encoding === undefined ? bytes : bytes.toString(encoding)
  }

  realpathSync(path: string): string {
    this.#need(path)
    return path
  }

  readlinkSync(): never {
    throw errno('EINVAL')
  }

  statfsSync(): unknown {
    return { bavail: FREE_BLOCKS, bsize: BLOCK_BYTES, type: 0xef53 }
  }

  chmodSync(path: string, mode: number): void {
    this.#setMode(this.#need(path), mode)
  }

  fchmodSync(fd: number, mode: number): void {
    this.#setMode(this.#held(fd).node, mode)
  }

  fchownSync(): void {
    throw errno('EPERM')
  }

  copyFileSync(): never {
    throw errno('ENOSYS')
  }

  linkSync(from: string, to: string): void {
    const node = this.#need(from)
    const { parent, name, node: taken } = this.#find(to)
    if (taken !== undefined) throw errno('EEXIST')
    if (this.#init.hardLinks === false || node.kind === 'directory') throw errno('EPERM')
    if (parent === undefined) throw errno('ENOENT')
    node.links++
    this.#add(parent, name, node)
  }

  mkdirSync(path: string): void {
    const { parent, name, node } = this.#find(path)
    if (node !== undefined) throw errno('EEXIST')
    if (parent === undefined) throw errno('ENOENT')
    this.#add(parent, name, this.#make('directory', 0o755))
  }

  renameSync(from: string, to: string): void {
    const [source, target] = [this.#find(from), this.#find(to)]
    rename(this.#names, source, target)
    if (target.node !== undefined && target.node !== source.node) this.#drop(target.node)
    this.#touch(source.node as MemoryNode, source.path, target.path)
  }

  rmdirSync(path: string): void {
    const { parent, name, node } = this.#find(path)
    if (node === undefined || parent === undefined) throw errno('ENOENT')
    if (node.kind !== 'directory') throw errno('ENOTDIR')
    if (node.children.size > 0) throw errno('ENOTEMPTY')
    this.#remove(parent, name, node)
  }

  unlinkSync(path: string): void {
    const { parent, name, node } = this.#find(path)
    if (node === undefined || parent === undefined) throw errno('ENOENT')
    if (node.kind === 'directory') throw errno('EISDIR')
    this.#remove(parent, name, node)
  }

  #make(kind: MemoryNode['kind'], mode: number): MemoryNode {
    return new MemoryNode(kind, this.#freeInodes.shift() ?? this.#inodes++, mode, this.#time())
  }

  #add(parent: MemoryNode, name: string, node: MemoryNode): MemoryNode {
    this.#names.put(parent, name, node)
    this.#touch(node, this.#pathOf(parent, name))
    return node
  }

  #remove(parent: MemoryNode, name: string, node: MemoryNode): void {
    this.#names.take(parent, name)
    this.#drop(node)
    this.#touch(node, this.#pathOf(parent, name))
  }

  #drop(node: MemoryNode): void {
    node.links--
    this.#forget(node)
  }

  /** Its number may be given to another file now. */
  #forget(node: MemoryNode): void {
    if (node.links === 0 && node.opened === 0) this.#freeInodes.push(node.ino)
  }

  #write(node: MemoryNode, bytes: Uint8Array): void {
    node.bytes = bytes
    node.mtimeNs = this.#time()
    this.#touch(node, ...node.paths())
  }

  #setMode(node: MemoryNode, mode: number): void {
    node.mode = mode & 0o7777
    this.#touch(node, ...node.paths())
  }

  #touch(node: MemoryNode, ...paths: readonly string[]): void {
    node.ctimeNs = this.#time()
    for (const path of paths) for (const listener of this.#listeners) listener(path)
  }

  #time(): bigint {
    const tick = this.#init.tickMs ?? 4
    return BigInt(Math.floor(this.#init.now() / tick) * tick) * 1_000_000n
  }

  #pathOf(parent: MemoryNode, name: string): string {
    const [above = ''] = parent.paths()
    return above === '' ? name : `${above}/${name}`
  }

  #held(fd: number): Descriptor {
    const held = this.#open.get(fd)
    if (held === undefined) throw errno('EBADF')
    return held
  }

  #need(path: string): MemoryNode {
    const { node } = this.#find(path)
    if (node === undefined) throw errno('ENOENT')
    return node
  }

  /** Where a path leads; `parent` is undefined where a directory above is missing. */
  #find(path: string): Found {
    const held = /^\/proc\/self\/fd\/(\d+)(?:\/(.*))?$/.exec(path)
    const start = held === null ? this.#root : this.#held(Number(held[1])).node
    const rest = held === null ? path.slice(this.#init.root.length + 1) : (held[2] ?? '')
    const names = rest.split('/').filter((name) => name !== '' && name !== '.')
    const name = names.pop()
    if (name === undefined) return { parent: undefined, name: '', node: start, path: '' }
    let parent: MemoryNode | undefined = start
    for (const each of names) {
      parent = this.#names.get(parent, each)
      if (parent === undefined) return { parent, name, node: undefined, path: rest }
      if (parent.kind !== 'directory') throw errno('ENOTDIR')
    }
    if (parent.kind !== 'directory') throw errno('ENOTDIR')
    return { parent, name, node: this.#names.get(parent, name), path: this.#pathOf(parent, name) }
  }
}

export interface Found {
  readonly parent: MemoryNode | undefined
  readonly name: string
  readonly node: MemoryNode | undefined
  readonly path: string
}

const FLAGS: Readonly<Record<string, number>> = {
  r: constants.O_RDONLY,
  w: constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC,
  wx: constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL,
  a: constants.O_WRONLY | constants.O_CREAT | constants.O_APPEND
}
