import type { Crypto } from '../base/crypto.js'
import type { BlobId } from '../base/ids.js'
import { toHex } from '../base/bytes.js'
import { Bitfield } from './bitfield.js'
import type { BlobPart } from './blob-message.js'
import { ChunkList, childrenOf } from './chunk-list.js'
import type { Held } from './pull-types.js'

/** Something asked of one peer and not answered yet. */
export interface Request {
  readonly id: number
  readonly peer: string
  readonly download: Download
  readonly part: BlobPart
  readonly index: number
  readonly bytes: number
  readonly askedAt: number
  /** It was asked of another peer first: it stays where it is now. */
  readonly moved: boolean
  /** It stalls: others are asked too, an answer is welcome all the same. */
  released: boolean
}

/** A wanted blob: first its manifests, then its chunks. */
export class Download {
  readonly blob: BlobId
  readonly ref: number
  readonly begunAt: number
  /** Manifests that came, the root first. */
  readonly #manifests: (Uint8Array | undefined)[] = []
  #children: readonly string[] = []
  /** Open requests by part and index. */
  readonly #asked = new Map<string, Set<Request>>()
  #list: ChunkList | undefined
  #held: Bitfield | undefined
  /** Missing, asked of nobody and not being stored. */
  #open: Bitfield | undefined
  /** How many peers have each chunk. */
  #copies = new Uint16Array(0)
  /** Bytes of the content that are here. */
  doneBytes = 0
  /** The engine has not said yet what is here. */
  waiting = true

  constructor(blob: BlobId, ref: number, now: number) {
    this.blob = blob
    this.ref = ref
    this.begunAt = now
  }

  get list(): ChunkList | undefined {
    return this.#list
  }

  /** The chunks here, once that is known. */
  get held(): Bitfield | undefined {
    return this.#held
  }

  get isWhole(): boolean {
    return this.#held?.isWhole === true
  }

  /** Every missing chunk is asked of somebody or being stored. */
  get isEnding(): boolean {
    return this.#open !== undefined && this.#open.count === 0
  }

  /** The chunks are known. */
  prepare(list: ChunkList): void {
    this.#list = list
    this.#copies = new Uint16Array(list.count)
  }

  /** Those in `chunks` are here. */
  begin({ list, chunks }: Held): void {
    this.#held = new Bitfield(list.count)
    this.#open = new Bitfield(list.count)
    this.doneBytes = 0
    for (let at = 0; at < list.count; at++) {
      if (chunks.has(at)) this.stored(at)
      else this.#open.set(at)
    }
  }

  /** The manifest to ask for next; undefined when all are here or asked. */
  nextManifest(): number | undefined {
    if (this.waiting || this.#list !== undefined) return undefined
    const count = this.#manifests[0] === undefined ? 1 : 1 + this.#children.length
    for (let at = 0; at < count; at++) if (this.#manifests[at] === undefined && this.asked('manifest', at).length === 0) return at
    return undefined
  }

  /** Whether these bytes are the manifest `index` of this blob. */
  isManifest(crypto: Pick<Crypto, 'sha256'>, index: number, bytes: Uint8Array): boolean {
    return toHex(crypto.sha256(bytes)) === (index === 0 ? this.blob : this.#children[index - 1])
  }

  /**
   * Takes a manifest that was checked; gives all of them, the root first, once none is missing.
   *
   * @throws {MalformedError} when its author made what cannot be a blob.
   */
  takeManifest(index: number, bytes: Uint8Array): { readonly manifests: readonly Uint8Array[]; readonly list: ChunkList } | undefined {
    if (index === 0) this.#children = childrenOf(bytes)
    this.#manifests[index] = bytes
    const manifests = Array.from({ length: 1 + this.#children.length }, (_, at) => this.#manifests[at]).filter((part) => part !== undefined)
    if (manifests.length <= this.#children.length) return undefined
    const list = ChunkList.of(this.blob, manifests)
    this.#manifests.length = 0
    this.#list = list
    return { manifests, list }
  }

  note(request: Request): void {
    const key = keyOf(request.part, request.index)
    const set = this.#asked.get(key)
    if (set === undefined) this.#asked.set(key, new Set([request]))
    else set.add(request)
    if (request.part === 'chunk') this.#open?.clear(request.index)
  }

  forget(request: Request): void {
    const key = keyOf(request.part, request.index)
    const set = this.#asked.get(key)
    set?.delete(request)
    if (set?.size === 0) this.#asked.delete(key)
  }

  asked(part: BlobPart, index: number): readonly Request[] {
    return [...(this.#asked.get(keyOf(part, index)) ?? [])]
  }

  /** Requests that are open, oldest first. */
  *requests(): Generator<Request> {
    for (const set of this.#asked.values()) yield* set
  }

  /** Nobody brings this chunk now: it may be asked for again. */
  reopen(index: number): void {
    if (this.#held?.has(index) !== true) this.#open?.set(index)
  }

  stored(index: number): void {
    if (this.#held?.set(index) === true) this.doneBytes += this.#list?.sizeOf(index) ?? 0
  }

  /** A peer has one more chunk, or one less. */
  copy(index: number, by: 1 | -1): void {
    const copies = this.#copies[index] ?? 0
    if (index < this.#copies.length && copies + by >= 0) this.#copies[index] = copies + by
  }

  /** Of up to `among` chunks from `start` on that nobody was asked for and `has` names, one with the fewest copies. */
  rarest(start: number, among: number, has: (index: number) => boolean): number | undefined {
    const open = this.#open
    if (open === undefined || open.count === 0) return undefined
    let best: number | undefined
    let seen = 0
    for (const [from, to] of [[start, open.length], [0, start]] as const) {
      for (let at = open.next(from); at >= 0 && at < to && seen < among; at = open.next(at + 1)) {
        if (!has(at)) continue
        seen++
        if (best === undefined || (this.#copies[at] ?? 0) < (this.#copies[best] ?? 0)) best = at
      }
    }
    return best
  }
}

function keyOf(part: BlobPart, index: number): string {
  return part === 'chunk' ? `${index}` : `m${index}`
}
