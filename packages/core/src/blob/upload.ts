import type { BlobId } from '../base/ids.js'
import type { BlobPart } from './blob-message.js'
import { MAX_LOADS, MAX_REQUESTS } from './pull-limits.js'
import type { EmitPull } from './pull-types.js'

interface Asked {
  readonly id: number
  readonly blob: BlobId
  readonly part: BlobPart
  readonly index: number
}

/** Of which chunks a peer was sent one already: others can have them from there. */
export interface Given {
  has(blob: BlobId, index: number): boolean
  add(blob: BlobId, index: number): void
}

/**
 * Answers one peer's requests, those for what no other peer was sent yet first, else in their order. At most `MAX_LOADS`
 * pieces are in memory, however fast the peer asks.
 */
export class Upload {
  readonly #peer: string
  readonly #queue: Asked[] = []
  readonly #loading = new Map<number, Asked>()
  /** Pieces that the stream has not taken yet. */
  #sending = 0

  constructor(peer: string) {
    this.#peer = peer
  }

  get isBusy(): boolean {
    return this.#queue.length + this.#loading.size + this.#sending > 0
  }

  /** False when the peer asks for too much at once, or twice under one id. */
  add(asked: Asked): boolean {
    const open = this.#queue.length + this.#loading.size
    if (open >= MAX_REQUESTS || this.#loading.has(asked.id) || this.#queue.some(({ id }) => id === asked.id)) return false
    this.#queue.push(asked)
    return true
  }

  /** Whether the request was waiting. */
  cancel(id: number): boolean {
    const at = this.#queue.findIndex((asked) => asked.id === id)
    if (at >= 0) this.#queue.splice(at, 1)
    return at >= 0
  }

  /** Gives the blob that turned out to lack a part. */
  loaded(id: number, bytes: Uint8Array | undefined, emit: EmitPull): BlobId | undefined {
    const asked = this.#loading.get(id)
    if (!this.#loading.delete(id)) return undefined
    if (bytes === undefined) {
      emit({ type: 'send', peer: this.#peer, message: { type: 'lack', id } })
      return asked?.blob
    }
    this.#sending++
    emit({ type: 'send', peer: this.#peer, message: { type: 'piece', id, bytes } })
    return undefined
  }

  sent(): void {
    this.#sending = Math.max(0, this.#sending - 1)
  }

  pump(emit: EmitPull, given: Given): void {
    while (this.#loading.size + this.#sending < MAX_LOADS) {
      const asked = this.#next(given)
      if (asked === undefined) return
      if (asked.part === 'chunk') given.add(asked.blob, asked.index)
      this.#loading.set(asked.id, asked)
      emit({ type: 'load', peer: this.#peer, ...asked })
    }
  }

  /** What waits for it meanwhile may move to the peer that was sent it; without anything new it is sent all the same. */
  #next(given: Given): Asked | undefined {
    const fresh = this.#queue.findIndex(({ part, blob, index }) => part === 'manifest' || !given.has(blob, index))
    return this.#queue.splice(Math.max(0, fresh), 1)[0]
  }
}
