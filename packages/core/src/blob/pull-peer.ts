import { Allowance } from '../base/allowance.js'
import type { BlobId } from '../base/ids.js'
import { Bitfield } from './bitfield.js'
import type { Download, Request } from './download.js'
import { CONTROL_BURST, CONTROL_RATE, FIRST_WINDOW_BYTES, MAX_WINDOW_BYTES, MIN_WINDOW_BYTES, WINDOW_MS } from './pull-limits.js'
import { Upload } from './upload.js'

/** Messages of bits before the list of chunks is known: the field of the largest blob. */
const MAX_EARLY = 8

/** What a peer said that it has of one blob. Bits that came before the list is known wait in `early`. */
export class Availability {
  #chunks: Bitfield | undefined
  #early: { readonly from: number; readonly bits: Uint8Array }[] = []
  whole = false

  /** It has the manifests: nobody has chunks without them. */
  get some(): boolean {
    return this.whole || this.#chunks !== undefined || this.#early.length > 0
  }

  has(index: number): boolean {
    return this.whole || this.#chunks?.has(index) === true
  }

  /** Takes bits; gives the chunks that are new, none before the count is known. False when the peer says nonsense. */
  add(from: number, bits: Uint8Array, count: number | undefined): readonly number[] | undefined {
    if (count === undefined) {
      if (this.#early.length >= MAX_EARLY) return undefined
      this.#early.push({ from, bits })
      return []
    }
    this.#chunks ??= new Bitfield(count)
    const added: number[] = []
    for (let at = 0; at < bits.length * 8; at++) {
      if (((bits[at >> 3] ?? 0) & (128 >> (at & 7))) === 0) continue
      if (from + at >= count) return undefined
      if (this.#chunks.set(from + at)) added.push(from + at)
    }
    return added
  }

  /** The list is known now. */
  settle(count: number): readonly number[] | undefined {
    const early = this.#early
    this.#early = []
    const added: number[] = []
    for (const { from, bits } of early) {
      const more = this.add(from, bits, count)
      if (more === undefined) return undefined
      added.push(...more)
    }
    return added
  }

  lacks(index: number, count: number): void {
    if (this.whole) {
      this.whole = false
      this.#chunks = Bitfield.whole(count)
    }
    this.#chunks?.clear(index)
  }
}

/** One connected peer: what it has, what was asked of it, what it asks of us. */
export class PullPeer {
  readonly peer: string
  readonly upload: Upload
  readonly requests = new Map<number, Request>()
  /** What it has of the blobs that we follow. */
  readonly available = new Map<Download, Availability>()
  /** The blobs that it follows, by its number for them. */
  readonly follows = new Map<number, BlobId>()
  greeted = false
  outstandingBytes = 0
  windowBytes = FIRST_WINDOW_BYTES
  /** When it brought something last, or was asked after a pause. */
  progressAt: number
  stalled = false
  /** Bytes per millisecond that it brings. */
  #rate = FIRST_WINDOW_BYTES / WINDOW_MS
  #withdrawn = 0
  #rateBytes = 0
  #rateSince: number
  readonly #control: Allowance

  constructor(peer: string, now: number) {
    this.peer = peer
    this.upload = new Upload(peer)
    this.progressAt = now
    this.#rateSince = now
    this.#control = new Allowance({ burst: CONTROL_BURST, perSecond: CONTROL_RATE }, now)
  }

  get hasRoom(): boolean {
    return !this.stalled && this.outstandingBytes < this.windowBytes
  }

  /** How long what it is asked for will take. */
  get waitMs(): number {
    return this.outstandingBytes / this.#rate
  }

  opened(request: Request, now: number): void {
    if (this.requests.size === 0) {
      this.progressAt = now
      this.#rateBytes = 0
      this.#rateSince = now
    }
    this.requests.set(request.id, request)
    this.outstandingBytes += request.bytes
  }

  /** The request was withdrawn; its answer may be on the way. */
  withdrew(request: Request): void {
    this.closed(request)
    this.#withdrawn++
  }

  /** Whether a piece that nobody waits for may be one that was withdrawn. */
  takeLate(): boolean {
    if (this.#withdrawn === 0) return false
    this.#withdrawn--
    return true
  }

  closed(request: Request): void {
    if (this.requests.delete(request.id)) this.outstandingBytes -= request.bytes
    // What it was silent about came from elsewhere: it gets one more, to show that it is back.
    if (this.requests.size === 0) this.stalled = false
  }

  /** It brought nothing for long: one request at a time, once those that it has are answered or gone. */
  stall(): void {
    this.stalled = true
    this.windowBytes = 1
  }

  /** The window follows the rate: as much as comes in `WINDOW_MS`. */
  received(bytes: number, now: number): void {
    this.progressAt = now
    this.stalled = false
    this.#rateBytes += bytes
    const tookMs = now - this.#rateSince
    if (tookMs < WINDOW_MS / 4 && this.#rateBytes < this.windowBytes) return
    this.#rate = (this.#rate + this.#rateBytes / Math.max(1, tookMs)) / 2
    this.windowBytes = Math.min(MAX_WINDOW_BYTES, Math.max(MIN_WINDOW_BYTES, Math.round(this.#rate * WINDOW_MS)))
    this.#rateBytes = 0
    this.#rateSince = now
  }

  /** False when it sends small messages faster than any use of them. */
  admitControl(now: number): boolean {
    return this.#control.take(now)
  }
}
