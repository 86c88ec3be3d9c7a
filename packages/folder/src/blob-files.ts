import { Bitfield } from '@collab/core'
import type { BlobId, BlobPlace, ChunkList, ChunkThread, Clock, Kept, NodeId, Workspace } from '@collab/core'
import type { BaseIndex } from './base-index.js'
import type { ChunkTags } from './chunk-tags.js'
import { BlobPart } from './blob-part.js'
import type { FolderFs, OpenFile } from './folder-fs.js'
import type { RelPath } from './rel-path.js'
import { SharedFile } from './shared-file.js'
import { equalSignature } from './signature.js'

/** A file that chunks are read from. */
interface Source {
  readonly file: SharedFile<OpenFile>
  usedAt: number
}

/** A file that chunks were read from stays open for so long: it is opened once for all of them. */
const SOURCE_IDLE_MS = 2_000
const UNWANTED = 'nobody wants this file any more'

export interface BlobFilesInit {
  readonly workspace: Pick<Workspace, 'blobs'>
  readonly fs: FolderFs
  readonly index: BaseIndex
  readonly clock: Clock
  readonly thread: ChunkThread
  readonly tags: ChunkTags
  /** The files that wait for a blob: what they hold now may share chunks with it. */
  readonly waitingFor: (blob: BlobId) => Iterable<NodeId>
}

/**
 * The folder as a place of chunks: a file on the disk stands for its chunks, and a blob that is being fetched is put
 * together in `.collab/temp`. There is no second copy of anything, and no list of what is there: after a crash the part
 * itself is looked through.
 */
export class BlobFiles implements BlobPlace {
  readonly #init: BlobFilesInit
  readonly #parts = new Map<BlobId, BlobPart>()
  /** Parts that are being looked through. */
  readonly #preparing = new Map<BlobId, { part?: Promise<BlobPart> }>()
  readonly #sources = new Map<BlobId, Source>()
  /** Whole, and not placed yet. */
  readonly #ready = new Set<BlobId>()
  #cancelLook: (() => void) | undefined

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
    if (part === undefined && this.#pathOf(list.blob) === undefined) return Promise.resolve(undefined)
    // Who asks what is here asks for it next.
    this.#init.thread.warm()
    return Promise.resolve(part?.field ?? Bitfield.whole(list.count))
  }

  async prepare(list: ChunkList): Promise<Bitfield> {
    const { blob } = list
    const known = this.#parts.get(blob)
    if (known !== undefined) return known.field
    const preparing = this.#preparing.get(blob) ?? {}
    this.#preparing.set(blob, preparing)
    const isWanted = (): boolean => this.#preparing.get(blob) === preparing
    try {
      preparing.part ??= this.#prepare(list, isWanted)
      return (await preparing.part).field
    } finally {
      if (isWanted()) this.#preparing.delete(blob)
    }
  }

  /** @throws when it was given up meanwhile: the part has no name any more, and another one may have it. */
  async #prepare(list: ChunkList, isWanted: () => boolean): Promise<BlobPart> {
    this.#init.thread.warm()
    const opened = this.#init.fs.openPart(list.blob, list.size)
    const file = new SharedFile(opened)
    try {
      const field = opened.isNew ? new Bitfield(list.count) : await file.use(({ fd }) => this.#init.thread.match(fd, list))
      if (!field.isWhole) await file.use(({ fd }) => this.#takeOver(list, fd, field))
      if (!isWanted()) throw new Error(UNWANTED)
      const part = new BlobPart(file, field)
      this.#parts.set(list.blob, part)
      return part
    } catch (error) {
      file.close()
      throw error
    }
  }

  async read(list: ChunkList, index: number): Promise<Uint8Array | undefined> {
    const { thread, tags } = this.#init
    const seal = (fd: number): Promise<Uint8Array | undefined> => thread.seal(fd, list, index, tags.of(list, index))
    const part = this.#parts.get(list.blob)
    const sealed = await (part === undefined ? this.#source(list.blob)?.use(({ fd }) => seal(fd)) : part.use(seal))
    // It holds something else by now, or was replaced.
    if (sealed === undefined) this.#forget(list.blob)
    return sealed
  }

  async write(list: ChunkList, index: number, sealed: Uint8Array): Promise<Kept> {
    const part = this.#parts.get(list.blob)
    if (part === undefined) throw new Error(UNWANTED)
    const kept = await part.use((fd) => this.#init.thread.open(fd, list, index, sealed))
    if (kept !== 'kept') return kept
    part.field.set(index)
    part.wrote(list.sizeOf(index))
    return kept
  }

  async finish(blob: BlobId): Promise<void> {
    const part = this.#parts.get(blob)
    // Without one it came as a file of its own: whoever waits for it asks again, and copies it from there.
    if (part === undefined) return
    try {
      await part.settle()
    } catch (error) {
      if (this.#parts.get(blob) === part) await this.drop(blob)
      throw error
    }
    if (this.#parts.get(blob) === part) this.#ready.add(blob)
  }

  drop(blob: BlobId): Promise<void> {
    this.#ready.delete(blob)
    this.#preparing.delete(blob)
    this.#close(blob)
    this.#init.fs.dropPart(blob)
    return Promise.resolve()
  }

  /** Parts that nobody wants are deleted. */
  sweep(isWanted: (blob: string) => boolean): void {
    for (const name of this.#init.fs.parts()) if (!isWanted(name) && !this.#parts.has(name as BlobId)) this.#init.fs.dropPart(name)
  }

  stop(): void {
    this.#cancelLook?.()
    this.#preparing.clear()
    for (const blob of this.#parts.keys()) this.#close(blob)
    for (const blob of this.#sources.keys()) this.#forget(blob)
  }

  #close(blob: BlobId): void {
    this.#parts.get(blob)?.close()
    this.#parts.delete(blob)
  }

  /** A file on the disk that holds this blob and is as it was then. */
  #pathOf(blob: string): RelPath | undefined {
    const { index, fs } = this.#init
    for (const row of index.ofBlob(blob)) {
      const fact = fs.fact(row.path)
      if (fact.kind === 'file' && row.signature !== undefined && equalSignature(fact.signature, row.signature)) return row.path
    }
    return undefined
  }

  /** That file, open: whether it still is as it was shows by what is read. */
  #source(blob: BlobId): SharedFile<OpenFile> | undefined {
    const { fs, clock } = this.#init
    const known = this.#sources.get(blob)
    const path = known === undefined ? this.#pathOf(blob) : undefined
    const opened = path === undefined ? undefined : fs.open(path)
    const source = known ?? (opened === undefined ? undefined : { file: new SharedFile(opened), usedAt: 0 })
    if (source === undefined) return undefined
    source.usedAt = clock.monotonic()
    this.#sources.set(blob, source)
    this.#cancelLook ??= clock.after(SOURCE_IDLE_MS, () => this.#closeIdle())
    return source.file
  }

  #forget(blob: BlobId): void {
    this.#sources.get(blob)?.file.close()
    this.#sources.delete(blob)
  }

  #closeIdle(): void {
    const { clock } = this.#init
    for (const [blob, { usedAt }] of this.#sources) if (clock.monotonic() - usedAt >= SOURCE_IDLE_MS) this.#forget(blob)
    this.#cancelLook = this.#sources.size === 0 ? undefined : clock.after(SOURCE_IDLE_MS, () => this.#closeIdle())
  }

  /** Chunks that other files on this disk hold: a copy, a file that was renamed meanwhile, the version before. */
  async #takeOver(list: ChunkList, to: number, field: Bitfield): Promise<void> {
    const missing = placesOf(list, field)
    for (const blob of this.#relatives(list.blob)) {
      const other = blob === list.blob ? list : await this.#init.workspace.blobs.list(blob)
      if (other === undefined) continue
      for (let at = 0; at < other.count && missing.size > 0; at++) {
        const places = missing.get(other.keyOf(at))
        if (places === undefined) continue
        const starts = places.map((place) => list.startOf(place))
        const file = this.#source(blob)
        if ((await file?.use(({ fd }) => this.#init.thread.copy(fd, other, at, to, starts))) !== true) continue
        for (const place of places) field.set(place)
        missing.delete(other.keyOf(at))
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
}

/** Where the chunks that are missing belong, by their hash. */
function placesOf(list: ChunkList, field: Bitfield): Map<string, number[]> {
  const missing = new Map<string, number[]>()
  for (let at = 0; at < list.count; at++) {
    if (field.has(at)) continue
    const key = list.keyOf(at)
    const places = missing.get(key)
    if (places === undefined) missing.set(key, [at])
    else places.push(at)
  }
  return missing
}
