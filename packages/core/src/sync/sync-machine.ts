import { assertNever } from '../base/errors.js'
import type { AuthorId } from '../base/ids.js'
import { STREAM_CREDIT_BYTES, TARGET_FRAME_BYTES } from '../base/limits.js'
import type { VersionVector } from '../log/version-vector.js'
import { announceGrowth, announceLater, confirm, openVectors, sayHello, takeHeads, takeHello } from './announce.js'
import { deliverReady, settleDelivery, takeEntries, takeMissing } from './intake.js'
import type { Message } from './message.js'
import { PeerSession, sameHeads } from './peer-session.js'
import { evaluate, nextStall, plan, release, retry, skipHeld } from './planner.js'
import { dropRecalls, nextRecallStall, planRecalls, startRecall } from './recall.js'
import { Serving } from './serving.js'
import type { SyncState } from './sync-state.js'
import type { Fault, SyncEffect, SyncEvent, SyncOptions } from './sync-types.js'

const DEFAULTS: Required<SyncOptions> = {
  prunes: false,
  isWhole: () => true,
  announceAfterMs: 200,
  stallAfterMs: 15_000,
  creditBytes: STREAM_CREDIT_BYTES,
  frameBytes: TARGET_FRAME_BYTES,
  pieceBytes: TARGET_FRAME_BYTES
}

/**
 * Catching up with all peers of one workspace, as a machine without I/O: an event goes in, effects come out.
 * The engine around it carries messages, reads and stores entries and keeps the one timer.
 *
 * Two streams of knowledge meet here: each peer's heads say what it has, the local heads say what is held.
 * What is missing of an author is one `Download`, cut into pieces for all peers that have it (planner.ts);
 * what comes back goes to the engine in order (intake.ts); what grew is told to the peers (announce.ts).
 * When all hold the same, no message passes until something grows.
 *
 * Nothing that a peer sends makes memory grow without bound: heads by MAX_AUTHORS, entries by the credit, wants by
 * MAX_WANTS, and control messages by a rate.
 */
export class SyncMachine {
  readonly #state: SyncState
  #effects: SyncEffect[] = []
  #nextRequest = 0
  #timerAt: number | undefined
  #progress = { received: 0, expected: 0 }

  constructor(options: SyncOptions = {}) {
    this.#state = {
      options: { ...DEFAULTS, ...options },
      ours: new Map(),
      digest: undefined,
      sessions: new Map(),
      downloads: new Map(),
      deliveries: new Map(),
      recalls: new Map(),
      announceAt: undefined,
      received: 0,
      emit: (effect) => void this.#effects.push(effect)
    }
  }

  /**
   * Takes one event and returns what is to be done, in order.
   *
   * @param now milliseconds of a clock that only grows.
   */
  handle(event: SyncEvent, now: number): readonly SyncEffect[] {
    this.#effects = []
    this.#dispatch(event, now)
    this.#settle(now)
    return this.#effects
  }

  #dispatch(event: SyncEvent, now: number): void {
    const session = 'peer' in event ? this.#state.sessions.get(event.peer) : undefined
    switch (event.type) {
      case 'connected':
        return this.#connect(event.peer, now)
      case 'disconnected':
        return session === undefined ? undefined : this.#forget(session, now)
      case 'message':
        return session === undefined ? undefined : this.#judge(session, this.#receive(session, event.message, now), now)
      case 'grown':
        return this.#grow(event.vector, event.digest, now)
      case 'loaded':
        return session?.serving.loaded(event, this.#state.emit)
      case 'delivered':
        return this.#delivered(event, now)
      case 'recall':
        return startRecall(this.#state, event, now)
      case 'checked':
        if (session?.status.get(event.head) !== 'checking') return undefined
        session.status.set(event.head, !event.held ? 'fork' : event.presumed === true ? 'presumed' : 'held')
        return evaluate(this.#state, event.author, now)
      case 'tick':
        this.#timerAt = undefined
        return undefined
    }
  }

  /** What follows from any event. */
  #settle(now: number): void {
    const state = this.#state
    if (state.announceAt !== undefined && state.announceAt <= now) announceGrowth(state)
    for (const session of state.sessions.values()) this.#judge(session, deliverReady(state, session, now), now)
    plan(state, now)
    planRecalls(state, now)
    for (const session of state.sessions.values()) {
      session.serving.pump(() => this.#nextRequest++, state.emit)
      confirm(state, session)
      this.#reportSynced(session)
    }
    this.#reportProgress()
    this.#setTimer(now)
  }

  #connect(peer: string, now: number): void {
    const before = this.#state.sessions.get(peer)
    if (before !== undefined) this.#forget(before, now)
    const { creditBytes, frameBytes } = this.#state.options
    const session = new PeerSession(peer, new Serving(peer, creditBytes, frameBytes), now)
    this.#state.sessions.set(peer, session)
    sayHello(this.#state, session)
  }

  #forget(session: PeerSession, now: number): void {
    session.closed = true
    for (const { state, download, piece } of session.wants.values()) {
      if (state === 'asked') release(this.#state, download, piece, now)
    }
    dropRecalls(this.#state, session)
    this.#state.sessions.delete(session.peer)
    for (const author of session.lacking) evaluate(this.#state, author, now)
    if (session.synced) this.#state.emit({ type: 'synced', peer: session.peer, synced: false })
  }

  #grow(vector: VersionVector, digest: string, now: number): void {
    const changed = this.#adopt(vector)
    const isFirst = this.#state.digest === undefined
    this.#state.digest = digest
    for (const author of changed) {
      skipHeld(this.#state, author, now)
      evaluate(this.#state, author, now)
    }
    if (!isFirst && changed.length > 0) announceLater(this.#state, now)
    for (const session of this.#state.sessions.values()) this.#open(session, now)
  }

  /** Copies what changed, and notes it for each peer's next announcement. */
  #adopt(vector: VersionVector): readonly AuthorId[] {
    const { ours, sessions } = this.#state
    const changed: AuthorId[] = []
    for (const [author, heads] of vector) {
      const before = ours.get(author)
      if (before !== undefined && sameHeads(before, heads)) continue
      changed.push(author)
      ours.set(author, heads)
      for (const session of sessions.values()) {
        if (!session.pending.has(author)) session.pending.set(author, before)
        for (const { hash } of before ?? []) session.noteHeld(author, hash)
      }
    }
    return changed
  }

  #open(session: PeerSession, now: number): void {
    const wasOpen = session.isOpen
    sayHello(this.#state, session)
    if (!wasOpen && session.isOpen) openVectors(this.#state, session, now)
  }

  #receive(session: PeerSession, message: Message, now: number): Fault {
    if (message.type === 'bye') return this.#close(session, `the peer ended the stream: ${message.reason}`, now)
    if (session.theirHello === undefined && message.type !== 'hello') return 'did not say hello first'
    switch (message.type) {
      case 'hello':
        return this.#greet(session, message, now)
      case 'want':
        return this.#serve(session, message, now)
      case 'entries':
        return takeEntries(this.#state, session, message, now)
      case 'ack':
        return session.serving.acknowledged(message.bytes) ? undefined : 'acknowledged more than it was sent'
      case 'missing':
        return takeMissing(this.#state, session, message, now)
      case 'vector':
      case 'heads':
      case 'synced':
      case 'unknown':
        return this.#inform(session, message, now)
      default:
        return assertNever(message)
    }
  }

  #greet(session: PeerSession, message: Message & { type: 'hello' }, now: number): Fault {
    if (session.theirHello !== undefined) return 'said hello twice'
    const refusal = takeHello(session, message)
    if (refusal !== undefined) return this.#end(session, refusal, now)
    if (session.isOpen) openVectors(this.#state, session, now)
    if (!session.prunes) this.#retry(now)
    return undefined
  }

  /** What could not be taken may be, now that somebody is there who keeps everything. */
  #retry(now: number): void {
    for (const author of new Set([...this.#state.sessions.values()].flatMap(({ lacking }) => [...lacking]))) retry(this.#state, author, now)
  }

  #serve(session: PeerSession, want: Message & { type: 'want' }, now: number): Fault {
    const toFork = (session.theirs.get(want.author) ?? []).some(({ seq }) => seq >= want.from)
    if (this.#state.ours.has(want.author)) return session.serving.add(want, toFork) ? undefined : 'asked for too much at once'
    this.#state.emit({ type: 'send', peer: session.peer, message: { type: 'missing', id: want.id, reason: 'unknown' } })
    return session.admitControl(now) ? undefined : 'asks for what nobody offered'
  }

  /** What the peer says about its log and ours. */
  #inform(session: PeerSession, message: Message & { type: 'vector' | 'heads' | 'synced' | 'unknown' }, now: number): Fault {
    if (!session.admitControl(now)) return 'sends messages faster than any use of them'
    if (message.type === 'unknown') return undefined
    if (message.type === 'synced') {
      session.heardSynced = message.digest
      return undefined
    }
    if (message.type === 'vector' ? session.vectorKnown : !session.vectorKnown) return `sent ${message.type} out of turn`
    if (message.type === 'vector' && message.heads.length === 0 && !message.last) return 'sent an empty page'
    if (!takeHeads(this.#state, session, message.heads, now)) return this.#end(session, 'the peer names more authors than a workspace may have', now)
    session.theirDigest = message.digest
    if (message.type === 'vector') session.vectorKnown = message.last
    return undefined
  }

  #delivered(event: Extract<SyncEvent, { type: 'delivered' }>, now: number): void {
    const delivery = this.#state.deliveries.get(event.peer)
    if (delivery === undefined) return
    this.#state.deliveries.delete(event.peer)
    const fault = settleDelivery(this.#state, delivery, event, now)
    this.#judge(delivery.session, fault, now)
  }

  /** Counts a fault and ends with a peer that has too many. */
  #judge(session: PeerSession, fault: Fault, now: number): void {
    if (fault === undefined || session.closed || !session.countFault()) return
    this.#end(session, `the peer ${fault}`, now)
  }

  #end(session: PeerSession, reason: string, now: number): undefined {
    this.#state.emit({ type: 'send', peer: session.peer, message: { type: 'bye', reason } })
    this.#close(session, reason, now)
  }

  #close(session: PeerSession, reason: string, now: number): undefined {
    this.#state.emit({ type: 'disconnect', peer: session.peer, reason })
    this.#forget(session, now)
  }

  #reportSynced(session: PeerSession): void {
    const { digest } = this.#state
    const synced = session.holdsTheirs && (session.heardSynced === digest || session.theirDigest === digest)
    if (synced === session.synced) return
    session.synced = synced
    this.#state.emit({ type: 'synced', peer: session.peer, synced })
  }

  #reportProgress(): void {
    const { downloads, received } = this.#state
    let expected = received
    for (const download of downloads.values()) expected += download.remaining
    const changed = received !== this.#progress.received || expected !== this.#progress.expected
    this.#progress = { received, expected }
    if (changed) this.#state.emit({ type: 'progress', received, expected })
    if (downloads.size > 0 || received === 0) return
    this.#state.received = 0
    this.#progress = { received: 0, expected: 0 }
  }

  #setTimer(now: number): void {
    const times = [nextStall(this.#state, now), nextRecallStall(this.#state), this.#state.announceAt].filter((time) => time !== undefined)
    if (times.length === 0) return
    const at = Math.min(...times)
    if (this.#timerAt !== undefined && this.#timerAt <= at) return
    this.#timerAt = at
    this.#state.emit({ type: 'timer', at })
  }
}
