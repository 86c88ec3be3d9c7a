import type { Clock } from '../base/clock.js'
import type { AuthorId, DocId } from '../base/ids.js'
import type { PresenceState } from './presence-message.js'

/** Peers that are remembered: many more than sit in one document. */
const MAX_PEERS = 512
/** Awareness is renewed every 15 s, and taken for gone after 30 s. */
const GONE_AFTER_MS = 30_000
/** Client ids of one peer over its time: one for each opened document. Awareness never forgets one. */
const MAX_CLIENTS = 256

export interface PeerNote {
  readonly author: AuthorId | undefined
  readonly name: string
}

interface PresentPeer {
  counter: number
  heardAt: number
  note: PeerNote | undefined
  states: ReadonlyMap<string, PresenceState>
  /** All that it ever showed itself under. */
  readonly clients: Set<string>
}

/** What other peers showed of themselves lately. */
export class PresentPeers {
  readonly #clock: Clock
  /** Least recently heard first. */
  readonly #peers = new Map<string, PresentPeer>()
  readonly #owners = new Map<string, string>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  counterOf(peer: string): number {
    return this.#peers.get(peer)?.counter ?? -1
  }

  note(peer: string): PeerNote | undefined {
    return this.#peers.get(peer)?.note
  }

  ownerOf(doc: DocId, client: number): string | undefined {
    return this.#owners.get(keyOf(doc, client))
  }

  /** Notes that `peer` spoke; false when so many others did lately that there is no room. */
  heard(peer: string, counter: number): boolean {
    const known = this.#peers.get(peer)
    if (known === undefined && this.#peers.size >= MAX_PEERS && !this.#makeRoom()) return false
    const heardAt = this.#clock.monotonic()
    this.#peers.delete(peer)
    this.#peers.set(peer, known === undefined ? { counter, heardAt, note: undefined, states: new Map(), clients: new Set() } : { ...known, counter, heardAt })
    return true
  }

  /** What `peer` shows from now on; what it no longer shows comes back as gone. */
  update(peer: string, note: PeerNote, states: readonly PresenceState[]): readonly PresenceState[] {
    const known = this.#peers.get(peer)
    if (known === undefined) return []
    const now = new Map<string, PresenceState>()
    for (const state of states) {
      const key = keyOf(state.doc, state.client)
      if (state.state === null || (!known.clients.has(key) && known.clients.size >= MAX_CLIENTS)) continue
      known.clients.add(key)
      now.set(key, state)
    }
    const vanished = [...known.states].filter(([key]) => !now.has(key)).map(([, state]) => goneFrom(state))
    for (const key of known.states.keys()) this.#owners.delete(key)
    for (const key of now.keys()) this.#owners.set(key, peer)
    known.note = note
    known.states = now
    return [...vanished, ...now.values()]
  }

  /** Forgets what `peer` showed; its name and counter stay known. */
  forget(peer: string): readonly PresenceState[] {
    const known = this.#peers.get(peer)
    return known?.note === undefined ? [] : this.update(peer, known.note, [])
  }

  /** What is shown in `doc` by all who were heard lately. */
  statesOf(doc: DocId): readonly PresenceState[] {
    const since = this.#clock.monotonic() - GONE_AFTER_MS
    const present = [...this.#peers.values()].filter(({ heardAt }) => heardAt > since)
    return present.flatMap(({ states }) => [...states.values()].filter((state) => state.doc === doc))
  }

  /** Only who was not heard for a while gives way: otherwise a flood of new keys would push the others out. */
  #makeRoom(): boolean {
    for (const [peer, { heardAt }] of this.#peers) {
      if (this.#clock.monotonic() - heardAt < GONE_AFTER_MS) return false
      this.forget(peer)
      this.#peers.delete(peer)
      return true
    }
    return false
  }
}

function goneFrom(state: PresenceState): PresenceState {
  // The same clock takes a state back, and lets the next one of a peer that is still there through.
  return { ...state, state: null }
}

function keyOf(doc: DocId, client: number): string {
  return `${doc}/${client}`
}
