import { Bitfield, nodeCrypto, sealChunk } from '@collab/core'
import type { BlobId, BlobKeys, ChunkList, ChunkThread, NodeId, PlainFiles, Workspace } from '@collab/core'
import type { BaseIndex } from './base-index.js'
import type { FolderFs, OpenPart } from './folder-fs.js'
import { equalSignature } from './signature.js'

/** A blob that is being put together. */
interface Part {
  readonly file: OpenPart
  readonly field: Bitfield
}

export interface BlobFilesInit {
  readonly workspace: Pick<Workspace, 'blobs'>
  readonly fs: FolderFs
  readonly index: BaseIndex
  readonly keys: BlobKeys
  readonly thread: ChunkThread
  /** The files that wait for a blob: what they hold now may share chunks with it. */
  readonly waitingFor: (blob: BlobId) => Iterable<NodeId>
}

/**
 * The folder as a place of chunks: a file on the disk stands for its chunks, and a blob that is being fetched is put
 * together in `.collab/temp`. There is no second copy of anything, and no list of what is there: after a crash the part
 * itself is looked through.
 */
export class BlobFiles implements PlainFiles {
  readonly #init: BlobFilesInit
  readonly #parts = new Map<BlobId, Part>()
  /** Whole, and not placed yet. */
  readonly #ready = new Set<BlobId>()

  constructor(init: BlobFilesInit) {
    this.#init = init
  }

  /** Whether all of it lies in `.collab/temp`, to be placed. */
  isReady(blob: BlobId): boolean {
    return this.#ready.has(blob)
  }

  /** Its part was placed, or is of no use any more. */
  placed(blob: BlobId): void {
    this.#ready.delete(blob)
    this.#close(blob)
  }

  held(list: ChunkList): Promise<Bitfield | undefined> {
    const part = this.#parts.get(list.blob)
    if (part !== undefined) return Promise.resolve(part.field)
    return Promise.resolve(this.#source(list.blob) === undefined ? undefined : Bitfield.whole(list.count))
  }

  async prepare(list: ChunkList): Promise<Bitfield> {
    const known = this.#parts.get(list.blob)
    if (known !== undefined) return known.field
    const file = this.#init.fs.openPart(list.blob, list.size)
    try {
      const field = file.isNew ? new Bitfield(list.count) : await this.#init.thread.match(file.fd, list)
      if (!field.isWhole) await this.#takeOver(list, file, field)
      this.#close(list.blob)
      this.#parts.set(list.blob, { file, field })
      return field
    } catch (error) {
      file.close()
      throw error
    }
  }

  async read(list: ChunkList, at: number, size: number): Promise<Uint8Array | undefined> {
    const part = this.#parts.get(list.blob)
    if (part !== undefined) return await part.file.read(at, size)
    return await this.#readFile(list.blob, at, size)
  }

  async write(list: ChunkList, index: number, plain: Uint8Array): Promise<void> {
    const part = this.#parts.get(list.blob)
    if (part === undefined) throw new Error('nobody wants this file any more')
    await part.file.write(list.startOf(index), plain)
    part.field.set(index)
  }

  finish(blob: BlobId): Promise<void> {
    this.#ready.add(blob)
    return Promise.resolve()
  }

  drop(blob: BlobId): Promise<void> {
    this.#ready.delete(blob)
    this.#close(blob)
    this.#init.fs.dropPart(blob)
    return Promise.resolve()
  }

  /** Parts that nobody wants are deleted. */
  sweep(isWanted: (blob: string) => boolean): void {
    for (const name of this.#init.fs.parts()) if (!isWanted(name) && !this.#parts.has(name as BlobId)) this.#init.fs.dropPart(name)
  }

  stop(): void {
    for (const blob of this.#parts.keys()) this.#close(blob)
  }

  #close(blob: BlobId): void {
    this.#parts.get(blob)?.file.close()
    this.#parts.delete(blob)
  }

  /** A file on the disk that holds this blob and is as it was then. */
  #source(blob: string) {
    const { index, fs } = this.#init
    for (const row of index.ofBlob(blob)) {
      const fact = fs.fact(row.path)
      if (fact.kind === 'file' && row.signature !== undefined && equalSignature(fact.signature, row.signature)) return row.path
    }
    return undefined
  }

  async #readFile(blob: string, at: number, size: number): Promise<Uint8Array | undefined> {
    const path = this.#source(blob)
    const file = path === undefined ? undefined : this.#init.fs.open(path)
    try {
      return await file?.read(at, size)
    } finally {
      file?.close()
    }
  }

  /** Chunks that other files on this disk hold: a copy, a file that was renamed meanwhile, the version before. */
  async #takeOver(list: ChunkList, file: OpenPart, field: Bitfield): Promise<void> {
    const missing = new Map<string, number[]>()
    for (let at = 0; at < list.count; at++) {
      if (field.has(at)) continue
      const key = list.keyOf(at)
      const places = missing.get(key)
      if (places === undefined) missing.set(key, [at])
      else places.push(at)
    }
    for (const blob of this.#relatives(list.blob)) {
      const other = blob === list.blob ? list : await this.#init.workspace.blobs.list(blob)
      if (other === undefined) continue
      for (let at = 0; at < other.count && missing.size > 0; at++) {
        const key = other.keyOf(at)
        const places = missing.get(key)
        const plain = places === undefined ? undefined : await this.#readFile(blob, other.startOf(at), other.sizeOf(at))
        if (places === undefined || plain === undefined || !this.#isChunk(list, places[0] ?? 0, plain)) continue
        for (const place of places) {
          await file.write(list.startOf(place), plain)
          field.set(place)
        }
        missing.delete(key)
      }
    }
  }

  *#relatives(blob: BlobId): Generator<BlobId> {
    const { index, waitingFor } = this.#init
    yield blob
    for (const node of waitingFor(blob)) {
      const row = index.of(node)
      if (row?.type === 'file' && row.blob !== undefined && row.blob.blob !== blob) yield row.blob.blob
    }
  }

  #isChunk(list: ChunkList, index: number, plain: Uint8Array): boolean {
    return list.names(index, nodeCrypto.sha256(sealChunk(nodeCrypto, this.#init.keys, plain)))
  }
}
