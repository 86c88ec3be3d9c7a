import type { BlobId } from '../base/ids.js'
import { Bitfield } from './bitfield.js'
import { MAX_HAVE_BITS } from './pull-limits.js'
import type { PullPeer } from './pull-peer.js'
import type { EmitPull, Held } from './pull-types.js'
import type { Given } from './upload.js'

/** A blob that peers follow: what is here of it, and what they were not told yet. */
class Offer {
  readonly followers = new Map<PullPeer, number>()
  held: Bitfield | undefined
  /** Chunks that some follower was sent. */
  given: Bitfield | undefined
  readonly news = new Set<number>()
}

/** What the peers are told of the blobs that they follow, and were given of them. */
export class Offers implements Given {
  readonly #offers = new Map<BlobId, Offer>()
  readonly #emit: EmitPull
  /** When news are to be told. */
  announceAt: number | undefined

  constructor(emit: EmitPull) {
    this.#emit = emit
  }

  /** Blobs that are followed and here, in part or whole. */
  get count(): number {
    let count = 0
    for (const { held } of this.#offers.values()) if (held !== undefined) count++
    return count
  }

  /** A peer asks about a blob; what is here of it is looked up when nobody asked before and it is not being fetched. */
  follow(peer: PullPeer, ref: number, blob: BlobId, fetched: Held | undefined): void {
    let offer = this.#offers.get(blob)
    const isNew = offer === undefined
    offer ??= new Offer()
    this.#offers.set(blob, offer)
    if (isNew && fetched !== undefined) offer.held = copyOf(fetched.chunks)
    offer.followers.set(peer, ref)
    if (offer.held !== undefined) this.#tell(peer, ref, offer.held)
    else if (isNew) this.#emit({ type: 'look', blob })
  }

  unfollow(peer: PullPeer, blob: BlobId): void {
    const offer = this.#offers.get(blob)
    offer?.followers.delete(peer)
    if (offer?.followers.size === 0) this.#offers.delete(blob)
  }

  /** What is here of a blob that somebody may follow. */
  held(blob: BlobId, held: Held | undefined): void {
    const offer = this.#offers.get(blob)
    if (offer === undefined) return
    const before = offer.held
    offer.held = undefined
    if (held === undefined) return
    offer.held = copyOf(held.chunks)
    offer.news.clear()
    if (before?.isWhole === true && held.chunks.isWhole) return
    for (const [peer, ref] of offer.followers) this.#tell(peer, ref, offer.held)
  }

  has(blob: BlobId, index: number): boolean {
    return this.#offers.get(blob)?.given?.has(index) === true
  }

  add(blob: BlobId, index: number): void {
    const offer = this.#offers.get(blob)
    if (offer?.held !== undefined) (offer.given ??= new Bitfield(offer.held.length)).set(index)
  }

  /** Whether the followers know what is here. */
  isTold(blob: BlobId): boolean {
    return this.#offers.get(blob)?.held !== undefined
  }

  /** A part could not be read: what is here is told anew once it was looked at. */
  lost(blob: BlobId | undefined): void {
    const offer = blob === undefined ? undefined : this.#offers.get(blob)
    if (offer !== undefined) offer.held = undefined
  }

  /** A chunk came; the last one of a blob is told at once. */
  gained(blob: BlobId, index: number, announceAt: number): void {
    const offer = this.#offers.get(blob)
    if (offer?.held?.set(index) !== true) return
    if (offer.held.isWhole) {
      offer.news.clear()
      for (const [peer, ref] of offer.followers) this.#emit({ type: 'send', peer: peer.peer, message: { type: 'whole', ref } })
      return
    }
    offer.news.add(index)
    this.announceAt ??= announceAt
  }

  announce(): void {
    this.announceAt = undefined
    for (const { news, followers } of this.#offers.values()) {
      if (news.size === 0) continue
      for (const { from, bits } of runsOf([...news].sort((a, b) => a - b))) {
        for (const [peer, ref] of followers) this.#emit({ type: 'send', peer: peer.peer, message: { type: 'have', ref, from, bits } })
      }
      news.clear()
    }
  }

  #tell({ peer }: PullPeer, ref: number, held: Bitfield): void {
    if (held.isWhole) return this.#emit({ type: 'send', peer, message: { type: 'whole', ref } })
    const step = MAX_HAVE_BITS / 8
    for (let at = 0; at < held.bytes.length; at += step) {
      const bits = held.bytes.slice(at, at + step)
      this.#emit({ type: 'send', peer, message: { type: 'have', ref, from: at * 8, bits } })
    }
  }
}

/** Bits for rising indexes; a gap of more than a whole message begins a new one. */
function runsOf(indexes: readonly number[]): readonly { readonly from: number; readonly bits: Uint8Array }[] {
  const runs: number[][] = []
  for (const index of indexes) {
    const run = runs.at(-1)
    if (run !== undefined && index - (run[0] ?? 0) < MAX_HAVE_BITS) run.push(index)
    else runs.push([index])
  }
  return runs.map((run) => {
    const from = run[0] ?? 0
    const field = new Bitfield((run.at(-1) ?? 0) - from + 1)
    for (const index of run) field.set(index - from)
    return { from, bits: field.bytes }
  })
}

function copyOf(field: Bitfield): Bitfield {
  const copy = new Bitfield(field.length)
  for (let at = field.next(0); at >= 0; at = field.next(at + 1)) copy.set(at)
  return copy
}
