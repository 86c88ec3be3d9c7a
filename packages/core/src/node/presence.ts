import type { Clock } from '../base/clock.js'
import type { Crypto, Signer } from '../base/crypto.js'
import { MalformedError, errorMessage } from '../base/errors.js'
import type { AuthorId, DocId } from '../base/ids.js'
import { MAX_DISPLAY_NAME, MAX_PRESENCE_STATES } from '../base/limits.js'
import type { Logger } from '../base/log.js'
import { authorClient, IMPORT_END } from '../doc/client-id.js'
import type { WorkspaceKeys } from '../keys/workspace-keys.js'
import { peerOfKey } from '../net/peer-key.js'
import type { GossipVerdict } from '../net/transport.js'
import type { Author } from './identity.js'
import { decodePresence, encodePresence, isSignedByPeer, openPresence } from './presence-message.js'
import type { PresenceContext, PresenceEnvelope, PresenceNote, PresenceState } from './presence-message.js'
import { PresentPeers } from './present-peers.js'
import { TokenBuckets } from './token-buckets.js'

export interface PresenceInit {
  readonly crypto: Crypto
  readonly clock: Clock
  readonly logger: Logger
  readonly keys: WorkspaceKeys
  /** What this peer calls itself. */
  readonly name: string
  readonly peer: Signer
  /** The author that signs here; none without write rights. */
  readonly author: () => Author | undefined
  /** Whether entries of the author are held: only then it is known to be admitted. */
  readonly isMember: (author: AuthorId) => boolean
  readonly publish: (data: Uint8Array) => void
  /** Who is behind a peer became known. */
  readonly onName: (peer: string) => void
}

/** Somebody who is shown in a document here, an Awareness for instance. */
export interface Participant {
  readonly doc: DocId
  /** What it shows of itself. */
  local(): PresenceState | undefined
  /** What others show. */
  show(states: readonly PresenceState[]): void
}

/** Who is behind a client id that is shown. */
export interface PresentMember {
  readonly peer: string
  /** None for a reader, or while nothing that it wrote is held. */
  readonly author: AuthorId | undefined
  /** What the member calls itself; hostile until shown escaped. */
  readonly name: string
}

/** Ten messages a second follow a moving cursor. */
const SEND_EVERY_MS = 100
/** After a peer joined: gossip with it may take a moment to begin. */
const ANNOUNCE_AFTER_MS = [100, 1_000, 3_000] as const
/** A message this far from the own clock is a replay, or from a machine whose clock is of no use. */
const MAX_CLOCK_DIFFERENCE_MS = 60 * 60 * 1000
/** Messages of one peer: what it may send, with room for jitter. */
const PER_PEER = { burst: 40, perSecond: 15 }
/** Messages that one neighbour hands on, of all others. */
const PER_NEIGHBOUR = { burst: 500, perSecond: 200 }

/**
 * Who is here, and where: names of peers and Yjs awareness, by gossip, never stored. Signed by the peer, so nobody
 * speaks as another; vouched for by its author, whose client ids are then its own; encrypted for members.
 */
export class Presence {
  readonly #init: PresenceInit
  readonly #context: PresenceContext
  /** With what each showed last to the others here. */
  readonly #participants = new Map<Participant, PresenceState | undefined>()
  readonly #peers: PresentPeers
  readonly #perPeer: TokenBuckets
  readonly #perNeighbour: TokenBuckets
  readonly #timers = new Set<() => void>()
  readonly #self: string
  #counter = 0
  #sentAt = -Infinity
  #cancelSend: (() => void) | undefined
  #stopped = false

  constructor(init: PresenceInit) {
    this.#init = init
    this.#context = { crypto: init.crypto, workspace: init.keys.id }
    this.#peers = new PresentPeers(init.clock)
    this.#perPeer = new TokenBuckets(init.clock, PER_PEER)
    this.#perNeighbour = new TokenBuckets(init.clock, PER_NEIGHBOUR)
    this.#self = peerOfKey(init.peer.publicKey)
  }

  nameOf(peer: string): string | undefined {
    return this.#peers.note(peer)?.name
  }

  /** Who shows itself under `client` in `doc`. */
  memberOf(doc: DocId, client: number): PresentMember | undefined {
    if (this.#isHere(doc, client)) return { peer: this.#self, author: this.#init.author()?.id, name: this.#init.name }
    const peer = this.#peers.ownerOf(doc, client)
    const note = peer === undefined ? undefined : this.#peers.note(peer)
    if (peer === undefined || note === undefined) return undefined
    const { author, name } = note
    return { peer, author: author !== undefined && this.#init.isMember(author) ? author : undefined, name }
  }

  /** Shows the others to `participant`, and it to them, until the returned function is called. */
  attach(participant: Participant): () => void {
    this.#participants.set(participant, undefined)
    participant.show(this.#peers.statesOf(participant.doc))
    this.changed()
    return () => {
      const last = this.#participants.get(participant)
      this.#participants.delete(participant)
      if (last !== undefined) this.#show([{ ...last, state: null }])
    }
  }

  /** What a participant shows of itself changed: told soon, with all else that changed by then. */
  changed(): void {
    if (this.#stopped || this.#cancelSend !== undefined || this.#init.keys.rights === 'blind') return
    const { clock } = this.#init
    const wait = Math.max(0, this.#sentAt + SEND_EVERY_MS - clock.monotonic())
    this.#cancelSend = clock.after(wait, () => {
      this.#cancelSend = undefined
      this.#showHere()
      this.#send([...this.#participants.values()])
    })
  }

  joined(): void {
    for (const ms of ANNOUNCE_AFTER_MS) {
      const cancel = this.#init.clock.after(ms, () => {
        this.#timers.delete(cancel)
        this.changed()
      })
      this.#timers.add(cancel)
    }
  }

  /** What a peer showed is gone with its connection; if it is still there behind others, its next message says so. */
  left(peer: string): void {
    this.#show(this.#peers.forget(peer))
  }

  /** Takes leave. */
  stop(): void {
    this.#cancelSend?.()
    for (const cancel of this.#timers) cancel()
    this.#timers.clear()
    if (this.#participants.size > 0) this.#send([])
    this.#stopped = true
  }

  gossip(neighbour: string, data: Uint8Array): GossipVerdict {
    if (!this.#perNeighbour.take(neighbour)) return 'ignore'
    let envelope: PresenceEnvelope
    try {
      envelope = decodePresence(data)
    } catch (error) {
      if (error instanceof MalformedError) return 'reject'
      throw error
    }
    const peer = peerOfKey(envelope.peerKey)
    if (peer === this.#self || !this.#isFresh(peer, envelope.counter)) return 'ignore'
    if (!isSignedByPeer(this.#context, envelope)) return 'reject'
    if (!this.#perPeer.take(peer) || !this.#peers.heard(peer, envelope.counter)) return 'ignore'
    this.#read(peer, envelope)
    return 'accept'
  }

  #isHere(doc: DocId, client: number): boolean {
    return [...this.#participants.keys()].some((participant) => participant.doc === doc && participant.local()?.client === client)
  }

  #isFresh(peer: string, counter: number): boolean {
    return counter > this.#peers.counterOf(peer) && Math.abs(counter - this.#init.clock.now()) < MAX_CLOCK_DIFFERENCE_MS
  }

  #read(peer: string, envelope: PresenceEnvelope): void {
    const { keys, logger } = this.#init
    if (keys.rights === 'blind') return
    try {
      const note = openPresence(this.#context, keys.readKey, envelope)
      const before = this.nameOf(peer)
      const states = note.states.filter((state) => this.#isOwn(note, peer, state))
      this.#show(this.#peers.update(peer, { author: note.author, name: note.name }, states))
      if (before !== note.name) this.#init.onName(peer)
    } catch (error) {
      if (!(error instanceof MalformedError)) throw error
      logger.debug('a presence message that says nothing', { peer, reason: errorMessage(error) })
    }
  }

  /** A leased client id is its author's, by the hash; a random one belongs to the peer that showed it first. */
  #isOwn(note: PresenceNote, peer: string, { doc, client, nonce }: PresenceState): boolean {
    if (nonce !== null) return note.author !== undefined && authorClient(this.#init.crypto, note.author, doc, nonce) === client
    return client < IMPORT_END && (this.#peers.ownerOf(doc, client) ?? peer) === peer
  }

  #show(states: readonly PresenceState[]): void {
    for (const participant of this.#participants.keys()) {
      const own = participant.local()?.client
      const here = states.filter(({ doc, client }) => doc === participant.doc && client !== own)
      if (here.length > 0) participant.show(here)
    }
  }

  /** Several participants of one peer see each other too. */
  #showHere(): void {
    const states: PresenceState[] = []
    for (const [participant, last] of this.#participants) {
      const state = participant.local()
      if (last !== undefined && last.client !== state?.client) states.push({ ...last, state: null })
      if (state !== undefined) states.push(state)
      this.#participants.set(participant, state)
    }
    this.#show(states)
  }

  #send(states: readonly (PresenceState | undefined)[]): void {
    const { clock, keys, peer, logger } = this.#init
    if (keys.rights === 'blind' || this.#stopped) return
    this.#sentAt = clock.monotonic()
    this.#counter = Math.max(this.#counter + 1, clock.now())
    const author = this.#init.author()
    const shown = states.filter((state) => state !== undefined).slice(0, MAX_PRESENCE_STATES)
    const note = { author: author?.id, name: this.#init.name.slice(0, MAX_DISPLAY_NAME).toWellFormed(), states: shown }
    try {
      this.#init.publish(encodePresence(this.#context, { readKey: keys.readKey, peer, author: author?.signer, counter: this.#counter, note }))
    } catch (error) {
      if (!(error instanceof RangeError)) throw error
      logger.warn('presence was not sent', { reason: errorMessage(error) })
    }
  }
}
