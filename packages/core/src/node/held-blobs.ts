import type { Clock } from '../base/clock.js'
import type { BlobId } from '../base/ids.js'
import { parseBlobId } from '../base/ids.js'
import type { KvOp, KvStore } from '../base/kv.js'
import { fromUtf8, utf8 } from '../base/bytes.js'
import type { BlobPlace } from '../blob/blob-place.js'
import type { ChunkList } from '../blob/chunk-list.js'
import { SEAL_BYTES } from '../blob/chunk-limits.js'
import type { BlobDriver } from './blob-driver.js'

/** Sealed chunks that can be dropped again. */
export interface ChunkStore extends BlobPlace {
  /** Deletes a chunk, by the hash of it in hexadecimal, where it is there. */
  remove(key: string): Promise<void>
  /** Deletes every chunk that is not wanted. */
  sweep(isWanted: (key: string) => boolean): Promise<void>
}

/** What a peer that cannot read keeps of pictures and other large files. */
export interface HoldInit {
  readonly chunks: ChunkStore
  /** Bytes of chunks. @default no limit: everything is kept for ever */
  readonly maxBytes?: number
  /** What an entry named in so many milliseconds is never dropped for the limit's sake. @default 30 days */
  readonly keepMs?: number
}

export interface HeldBlobsInit {
  readonly kv: KvStore
  readonly clock: Pick<Clock, 'now' | 'after'>
  readonly blobs: Pick<BlobDriver, 'want' | 'forget' | 'known' | 'list'>
  readonly hold: HoldInit | undefined
  /** New content does not fit. */
  readonly onFull: (message: string) => void
}

/** blob -> when an entry that names it came last, in milliseconds, as decimal digits. */
const NAMED = 'named'
const DAY_MS = 24 * 60 * 60 * 1000
const KEEP_DAYS = 30
/** What did not fit is tried again this often: others become old enough to make room. */
const AGAIN_MS = 60 * 60 * 1000

/**
 * Which blobs one that cannot read holds: it sees in the headers of entries which content came, never whether a file still
 * shows it. So it keeps everything, or, where its owner set a limit, what was named last; and whatever the limit, nothing
 * that was named lately is dropped: then it is the newest that does not fit.
 */
export class HeldBlobs {
  readonly #init: HeldBlobsInit
  readonly #maxBytes: number
  readonly #keepMs: number
  readonly #namedAt = new Map<BlobId, number>()
  /** The blobs that count, and how many of them use each chunk. */
  readonly #lists = new Map<BlobId, ChunkList>()
  readonly #uses = new Map<string, number>()
  readonly #refused = new Set<BlobId>()
  #bytes = 0
  #lastAt = 0
  #turn: Promise<unknown> = Promise.resolve()
  #cancelAgain: (() => void) | undefined

  constructor(init: HeldBlobsInit) {
    this.#init = init
    this.#maxBytes = init.hold?.maxBytes ?? Infinity
    this.#keepMs = init.hold?.keepMs ?? KEEP_DAYS * DAY_MS
  }

  /** @param named the blobs of all entries that are here, in any order. */
  async start(named: Iterable<BlobId>): Promise<void> {
    for (const [blob, at] of await this.#init.kv.scan(NAMED)) this.#namedAt.set(parseBlobId(blob), Number(fromUtf8(at)))
    for (const at of this.#namedAt.values()) this.#lastAt = Math.max(this.#lastAt, at)
    const all = new Set(named)
    await this.#note([...all].filter((blob) => !this.#namedAt.has(blob)))
    if (this.#maxBytes !== Infinity) await this.#takeStock()
    for (const blob of all) this.#init.blobs.want(blob)
  }

  stop(): void {
    this.#cancelAgain?.()
  }

  /** Entries came that name these. */
  async named(blobs: readonly BlobId[]): Promise<void> {
    await this.#note(blobs)
    for (const blob of blobs) this.#init.blobs.want(blob)
  }

  /** Whether a blob counts: room was made for it. */
  holds(blob: BlobId): boolean {
    return this.#lists.has(blob)
  }

  /** Whether a blob whose chunks are known now may be fetched; room is made for it where that may be. */
  async admit(list: ChunkList): Promise<boolean> {
    if (this.#maxBytes === Infinity) return true
    const admitted = this.#turn.then(() => this.#admit(list))
    this.#turn = admitted.catch(() => undefined)
    return await admitted
  }

  async #note(blobs: readonly BlobId[]): Promise<void> {
    const ops = blobs.map((blob): KvOp => {
      // One after the other, so that the order in which they came is known too.
      this.#lastAt = Math.max(this.#lastAt + 1, Math.floor(this.#init.clock.now()))
      this.#namedAt.set(blob, this.#lastAt)
      return { table: NAMED, key: blob, value: utf8(String(this.#lastAt)) }
    })
    if (ops.length > 0) await this.#init.kv.commit(ops)
  }

  /** What is here from an earlier run, perhaps under another limit. */
  async #takeStock(): Promise<void> {
    // What is also part of another blob is not known for one by itself.
    for (const blob of new Set([...(await this.#init.blobs.known()), ...this.#namedAt.keys()])) {
      const list = await this.#init.blobs.list(blob)
      if (list !== undefined) this.#count(list)
    }
    await this.#init.hold?.chunks.sweep((key) => this.#uses.has(key))
    await this.#drop(this.#victims(Infinity) ?? this.#old(Infinity))
  }

  async #admit(list: ChunkList): Promise<boolean> {
    const { blob } = list
    this.#refused.delete(blob)
    if (this.#lists.has(blob)) return true
    this.#count(list)
    const victims = this.#victims(this.#namedAt.get(blob) ?? Infinity)
    if (victims === undefined) {
      this.#uncount(list)
      this.#refuse(blob)
      return false
    }
    await this.#drop(victims)
    return true
  }

  #refuse(blob: BlobId): void {
    // What gave way before may come back into free space, at a start; nothing is wrong with that it cannot.
    if (this.#init.clock.now() - (this.#namedAt.get(blob) ?? 0) >= this.#keepMs) return
    this.#refused.add(blob)
    const days = Math.round(this.#keepMs / DAY_MS)
    this.#init.onFull(`What was added in the last ${days} days fills the space that was set: newer pictures and large files are not held here until there is room.`)
    this.#cancelAgain ??= this.#init.clock.after(AGAIN_MS, () => {
      this.#cancelAgain = undefined
      for (const waiting of this.#refused) this.#init.blobs.want(waiting)
    })
  }

  /** Blobs that were named before `before` and long ago, the oldest first. */
  #old(before: number): readonly ChunkList[] {
    const until = Math.min(before, this.#init.clock.now() - this.#keepMs + 1)
    const at = ({ blob }: ChunkList): number => this.#namedAt.get(blob) ?? 0
    return [...this.#lists.values()].filter((list) => at(list) < until).sort((a, b) => at(a) - at(b))
  }

  /** What has to go so that the limit is kept; undefined when that is not enough. */
  #victims(before: number): readonly ChunkList[] | undefined {
    let over = this.#bytes - this.#maxBytes
    const victims: ChunkList[] = []
    const left = new Map<string, number>()
    if (over <= 0) return victims
    for (const list of this.#old(before)) {
      for (const [key, bytes] of chunksOf(list)) {
        const uses = (left.get(key) ?? this.#uses.get(key) ?? 0) - 1
        left.set(key, uses)
        if (uses === 0) over -= bytes
      }
      victims.push(list)
      if (over <= 0) return victims
    }
    return undefined
  }

  async #drop(victims: readonly ChunkList[]): Promise<void> {
    for (const list of victims) {
      const freed = this.#uncount(list)
      // The list goes last: what a crash leaves half done is seen by it.
      for (const key of freed) await this.#init.hold?.chunks.remove(key)
      await this.#init.blobs.forget(list.blob)
    }
  }

  #count(list: ChunkList): void {
    this.#lists.set(list.blob, list)
    for (const [key, bytes] of chunksOf(list)) {
      const uses = this.#uses.get(key) ?? 0
      if (uses === 0) this.#bytes += bytes
      this.#uses.set(key, uses + 1)
    }
  }

  /** Gives the chunks that no other blob uses. */
  #uncount(list: ChunkList): readonly string[] {
    this.#lists.delete(list.blob)
    const freed: string[] = []
    for (const [key, bytes] of chunksOf(list)) {
      const uses = (this.#uses.get(key) ?? 0) - 1
      if (uses > 0) {
        this.#uses.set(key, uses)
        continue
      }
      this.#uses.delete(key)
      this.#bytes -= bytes
      freed.push(key)
    }
    return freed
  }
}

/** Each chunk of a blob once, and the bytes that it takes. */
function chunksOf(list: ChunkList): ReadonlyMap<string, number> {
  const chunks = new Map<string, number>()
  for (let at = 0; at < list.count; at++) chunks.set(list.keyOf(at), list.sizeOf(at) + SEAL_BYTES)
  return chunks
}
