import type { KvOp, NodeId, Workspace } from '@collab/core'
import { decodeRow, encodeRow, isInDoubt } from './base-row.js'
import type { BaseRow, FileRow } from './base-row.js'
import type { RelPath } from './rel-path.js'

/** node -> its base. */
export const BASE_TABLE = 'folder_base'
const NOTHING: ReadonlySet<BaseRow> = new Set()

/**
 * The base of every node that has a place on disk, held in memory and mirrored in the workspace's store.
 *
 * Invariant: at most one row per path, those aside that a crash left in doubt where others have their place since.
 * `write` changes memory at once and returns the operations that make it durable; when they cannot be committed the index
 * must be loaded anew.
 */
export class BaseIndex {
  readonly #rows: Workspace['rows']
  readonly #byNode = new Map<NodeId, BaseRow>()
  readonly #byPath = new Map<string, BaseRow>()
  readonly #byInode = new Map<bigint, BaseRow>()
  readonly #doubtful = new Set<FileRow>()
  readonly #byBlob = new Map<string, Set<FileRow>>()
  /** Directory -> all rows below it, however deep. */
  readonly #below = new Map<string, Set<BaseRow>>()
  /** Where the file system takes several spellings for one: folded path -> row. */
  readonly #byFold = new Map<string, BaseRow>()
  readonly #fold: (path: string) => string
  readonly #onRacy: (path: RelPath) => void
  #files = 0

  /**
   * @param init.fold spellings that the folder's file system takes for one name fold to one; the identity where there are none
   * @param init.onRacy called for each file that is recorded too soon after it was touched to know it by its signature
   */
  constructor(rows: Workspace['rows'], init: { readonly fold: (path: string) => string; readonly onRacy: (path: RelPath) => void }) {
    this.#rows = rows
    this.#fold = init.fold
    this.#onRacy = init.onRacy
  }

  /** Reads everything; drops what was in memory. */
  async load(): Promise<void> {
    this.#byNode.clear()
    this.#byPath.clear()
    this.#byInode.clear()
    this.#doubtful.clear()
    this.#byBlob.clear()
    this.#below.clear()
    this.#byFold.clear()
    this.#files = 0
    const rows = (await this.#rows.scan(BASE_TABLE)).map(([key, value]) => decodeRow(key, value))
    // By path, as they came: neighbours share the entries that their texts are read from.
    for (const row of rows.sort(byPlace)) this.#put(row)
  }

  get size(): number {
    return this.#byNode.size
  }

  get files(): number {
    return this.#files
  }

  at(path: string): BaseRow | undefined {
    return this.#byPath.get(path)
  }

  of(node: NodeId): BaseRow | undefined {
    return this.#byNode.get(node)
  }

  /** The file that had this inode when last seen. */
  ofInode(ino: bigint): BaseRow | undefined {
    return this.#byInode.get(ino)
  }

  /** A row whose path, or that of a directory above it, the file system takes for `path` or one above although they differ. */
  clash(path: string): BaseRow | undefined {
    for (let end = path.length; end > 0; end = path.lastIndexOf('/', end - 1)) {
      const part = path.slice(0, end)
      const row = this.#byFold.get(this.#fold(part))
      if (row !== undefined && row.path !== part) return row
    }
    return undefined
  }

  /** Files of which it is not known whether what was wanted was put on disk. */
  get doubtful(): ReadonlySet<FileRow> {
    return this.#doubtful
  }

  /** Files that held this blob when last seen. */
  ofBlob(blob: string): Iterable<FileRow> {
    return this.#byBlob.get(blob) ?? []
  }

  all(): IterableIterator<BaseRow> {
    return this.#byNode.values()
  }

  /** Rows below a path, without its own; live, so copy it before writing. */
  below(path: string): ReadonlySet<BaseRow> {
    return this.#below.get(path) ?? NOTHING
  }

  /** Replaces rows, whatever else stood for their nodes and paths, and drops those of `removed`. */
  write(rows: readonly BaseRow[], removed: readonly NodeId[] = []): readonly KvOp[] {
    const ops: KvOp[] = []
    for (const node of removed) if (this.#drop(node)) ops.push({ table: BASE_TABLE, key: node })
    for (const row of rows) {
      const other = this.#byPath.get(row.path)
      if (other !== undefined && other.node !== row.node && this.#drop(other.node)) ops.push({ table: BASE_TABLE, key: other.node })
      this.#drop(row.node)
      this.#put(row)
      ops.push({ table: BASE_TABLE, key: row.node, value: encodeRow(row) })
      if (row.type === 'file' && row.racy && row.agreed !== undefined) this.#onRacy(row.path)
    }
    return ops
  }

  /** `write`, made durable. */
  async save(rows: readonly BaseRow[], removed: readonly NodeId[] = []): Promise<void> {
    const ops = this.write(rows, removed)
    if (ops.length > 0) await this.#rows.commit(ops)
  }

  /** Forgets everything, durably: both sides are compared as if they had never met. */
  async clear(): Promise<void> {
    await this.save([], [...this.#byNode.keys()])
  }

  #put(row: BaseRow): void {
    this.#byNode.set(row.node, row)
    this.#byPath.set(row.path, row)
    this.#byFold.set(this.#fold(row.path), row)
    for (const directory of directoriesAbove(row.path)) this.#below.set(directory, (this.#below.get(directory) ?? new Set()).add(row))
    if (row.type !== 'file') return
    this.#files++
    if (isInDoubt(row)) this.#doubtful.add(row)
    if (row.signature !== undefined) this.#byInode.set(row.signature.ino, row)
    if (row.blob !== undefined) this.#byBlob.set(row.blob.blob, (this.#byBlob.get(row.blob.blob) ?? new Set()).add(row))
  }

  #drop(node: NodeId): boolean {
    const row = this.#byNode.get(node)
    if (row === undefined) return false
    this.#byNode.delete(node)
    if (this.#byPath.get(row.path) === row) this.#byPath.delete(row.path)
    for (const directory of directoriesAbove(row.path)) {
      const rows = this.#below.get(directory)
      rows?.delete(row)
      if (rows?.size === 0) this.#below.delete(directory)
    }
    const folded = this.#fold(row.path)
    if (this.#byFold.get(folded) === row) this.#byFold.delete(folded)
    if (row.type === 'file') this.#files--
    if (row.type === 'file') this.#doubtful.delete(row)
    if (row.type === 'file' && row.blob !== undefined) {
      const same = this.#byBlob.get(row.blob.blob)
      same?.delete(row)
      if (same?.size === 0) this.#byBlob.delete(row.blob.blob)
    }
    if (row.type === 'file' && row.signature !== undefined && this.#byInode.get(row.signature.ino) === row) {
      this.#byInode.delete(row.signature.ino)
    }
    return true
  }
}

/** Who has a place comes after who may have had it. */
function byPlace(a: BaseRow, b: BaseRow): number {
  if (a.path !== b.path) return a.path < b.path ? -1 : 1
  return Number(isInDoubt(b)) - Number(isInDoubt(a))
}

/** The rows of a directory and of all below it after it moved from `from` to `to`. */
export function rebased(rows: Iterable<BaseRow>, from: string, to: string): readonly BaseRow[] {
  return Array.from(rows, (row) => ({ ...row, path: (to + row.path.slice(from.length)) as RelPath }))
}

function* directoriesAbove(path: string): Generator<string> {
  for (let slash = path.lastIndexOf('/'); slash > 0; slash = path.lastIndexOf('/', slash - 1)) yield path.slice(0, slash)
}
