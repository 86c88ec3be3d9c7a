import type { AuthorId, EntryHash } from '../base/ids.js'
import type { Entry } from '../log/entry.js'
import { MAX_ENTRIES_PER_FRAME, type EntriesMessage, type WantMessage } from './message.js'
import { entryBytes, totalBytes, type Emit, type SyncEvent } from './sync-types.js'

/** Wants that a peer may have waiting here; what one asks of a peer stays at or below it. */
export const MAX_WANTS = 64

interface ServedWant {
  readonly id: number
  readonly author: AuthorId
  readonly head: EntryHash
  next: number
  readonly to: number
  readonly toFork: boolean
}

/**
 * Answers one peer's wants: a frame of each author in turn, so that a small one is not stuck behind a bulk one;
 * of one author the earliest entries first, because the later ones would only wait at the other side.
 * At most one load is under way and at most one load's entries wait here, whatever the peer asks.
 */
export class Serving {
  readonly #peer: string
  readonly #creditBytes: number
  readonly #frameBytes: number
  /** In the order in which authors get their turn. */
  readonly #wants = new Map<AuthorId, ServedWant[]>()
  #loading: { readonly request: number; readonly want: ServedWant } | undefined
  #ready: EntriesMessage[] = []
  #unacknowledged = 0

  constructor(peer: string, creditBytes: number, frameBytes: number) {
    this.#peer = peer
    this.#creditBytes = creditBytes
    this.#frameBytes = frameBytes
  }

  /** False when the peer broke the rules: too many wants, or an id that is in use. `toFork`: it holds later entries itself. */
  add({ id, author, head, from, to }: WantMessage, toFork = false): boolean {
    const open = [...this.#wants.values()].flat()
    if (this.#loading !== undefined) open.push(this.#loading.want)
    if (open.length >= MAX_WANTS || open.some((want) => want.id === id)) return false
    this.#enqueue({ id, author, head, next: from, to, toFork })
    return true
  }

  /** False when the peer acknowledges nothing, or what was never sent. */
  acknowledged(bytes: number): boolean {
    if (bytes === 0 || bytes > this.#unacknowledged) return false
    this.#unacknowledged -= bytes
    return true
  }

  /** Takes the answer to a load; an answer to an earlier stream's load is ignored. */
  loaded({ request, entries, next, pruned = false }: Extract<SyncEvent, { type: 'loaded' }>, emit: Emit): void {
    if (this.#loading?.request !== request) return
    const { want } = this.#loading
    this.#loading = undefined
    const complete = want.next + entries.length > want.to
    if (entries.length === 0 || (next === undefined && !complete)) {
      emit({ type: 'send', peer: this.#peer, message: { type: 'missing', id: want.id, reason: pruned ? 'pruned' : 'unknown' } })
      return
    }
    this.#ready = intoFrames(want.id, entries, complete, this.#frameBytes)
    want.next += entries.length
    if (!complete) this.#enqueue(want)
  }

  /** Sends what the credit allows and asks for the next load. */
  pump(nextRequest: () => number, emit: Emit): void {
    this.#sendReady(emit)
    if (this.#loading !== undefined || this.#ready.length > 0 || !this.#fits(this.#frameBytes)) return
    const want = this.#takeNext()
    if (want === undefined) return
    const request = nextRequest()
    this.#loading = { request, want }
    const { author, head, next: from, to, toFork } = want
    emit({ type: 'load', peer: this.#peer, request, author, head, from, to, maxBytes: this.#frameBytes, toFork })
  }

  #enqueue(want: ServedWant): void {
    const list = this.#wants.get(want.author)
    if (list === undefined) this.#wants.set(want.author, [want])
    else list.push(want)
  }

  /** The earliest want of the author whose turn it is; the author goes to the end of the line. */
  #takeNext(): ServedWant | undefined {
    for (const [author, list] of this.#wants) {
      const want = list.reduce((first, other) => (other.next < first.next ? other : first))
      const rest = list.filter((other) => other !== want)
      this.#wants.delete(author)
      if (rest.length > 0) this.#wants.set(author, rest)
      return want
    }
    return undefined
  }

  #sendReady(emit: Emit): void {
    for (let frame = this.#ready[0]; frame !== undefined; frame = this.#ready[0]) {
      const bytes = totalBytes(frame.entries)
      if (!this.#fits(bytes)) return
      this.#unacknowledged += bytes
      this.#ready.shift()
      emit({ type: 'send', peer: this.#peer, message: frame })
    }
  }

  /** An entry larger than the whole credit goes alone. */
  #fits(bytes: number): boolean {
    return this.#unacknowledged === 0 || this.#unacknowledged + bytes <= this.#creditBytes
  }
}

function intoFrames(id: number, entries: readonly Entry[], complete: boolean, frameBytes: number): EntriesMessage[] {
  const batches: Entry[][] = []
  let bytes = 0
  for (const entry of entries) {
    const batch = batches.at(-1)
    bytes += entryBytes(entry)
    if (batch !== undefined && bytes <= frameBytes && batch.length < MAX_ENTRIES_PER_FRAME) batch.push(entry)
    else {
      batches.push([entry])
      bytes = entryBytes(entry)
    }
  }
  return batches.map((batch, index) => ({ type: 'entries', id, entries: batch, last: complete && index === batches.length - 1 }))
}
