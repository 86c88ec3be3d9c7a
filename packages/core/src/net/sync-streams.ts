import type { Connection, Libp2p, Stream } from '@libp2p/interface'
import type { Clock } from '../base/clock.js'
import { errorMessage } from '../base/errors.js'
import { MAX_FRAME_BYTES } from '../base/limits.js'
import type { Random } from '../base/random.js'
import type { Admission } from './admission.js'
import { backoffMs } from './backoff.js'
import { FrameStream, StreamGoneError, asError } from './frame-stream.js'
import type { GossipGate } from './gossip-gate.js'
import { CROSSING_DIAL_MS, REOPEN_MAX_MS, REOPEN_MIN_MS } from './net-limits.js'
import type { TransportHandlers, TransportPeer } from './transport.js'

export const SYNC_PROTOCOL = '/collab/sync/1'

export interface SyncStreamsInit {
  readonly self: string
  readonly admission: Pick<Admission, 'isAdmitted' | 'connections'>
  readonly gate: Pick<GossipGate, 'attach' | 'detach'>
  readonly handlers: Pick<TransportHandlers, 'joined' | 'left' | 'frame'>
  /** A peer misbehaved or its frames could not be handled. */
  readonly disconnect: (peer: string, reason: string) => void
  readonly clock: Clock
  readonly random: Random
}

interface Session {
  readonly peer: string
  readonly connection: Connection
  readonly frames: FrameStream
  readonly since: number
}

/**
 * One sync stream per pair of admitted peers. The smaller peer id opens it and thereby says which of several
 * connections the pair uses, for gossip too; a newer stream of its replaces the older. So both sides always agree.
 */
export class SyncStreams {
  readonly #init: SyncStreamsInit
  readonly #sessions = new Map<string, Session>()
  /** Peers to which a stream is being opened, or will be after a pause: the pause's cancel. */
  readonly #opening = new Map<string, () => void>()
  readonly #attempts = new Map<string, number>()
  #stopped = false

  constructor(init: SyncStreamsInit) {
    this.#init = init
  }

  async start(node: Libp2p): Promise<void> {
    await node.handle(SYNC_PROTOCOL, (stream, connection) => this.#incoming(stream, connection), { maxInboundStreams: 4 })
  }

  /** Flushes and closes every stream, each within `withinMs`. */
  async stop(withinMs: number): Promise<void> {
    this.#stopped = true
    for (const cancel of this.#opening.values()) cancel()
    const sessions = [...this.#sessions.values()]
    await Promise.all(sessions.map(session => session.frames.close(withinMs)))
    for (const session of sessions) this.#end(session, 'this side is stopping')
  }

  peers(): readonly TransportPeer[] {
    return [...this.#sessions.values()].map(({ peer, connection }) => {
      return { peer, address: connection.remoteAddr.toString(), direction: connection.direction }
    })
  }

  /** The connection that the sync stream with `peer` runs over. */
  connectionOf(peer: string): Connection | undefined {
    return this.#sessions.get(peer)?.connection
  }

  async send(peer: string, frame: Uint8Array): Promise<void> {
    const session = this.#sessions.get(peer)
    if (session === undefined) throw new StreamGoneError(`peer ${peer} is not connected`)
    await session.frames.write(frame)
  }

  /** A connection was admitted: the smaller peer id opens the stream or closes the duplicate. */
  admitted(connection: Connection): void {
    const peer = connection.remotePeer.toString()
    if (this.#stopped || !this.#opens(peer)) return
    const session = this.#sessions.get(peer)
    if (session === undefined) return this.#open(peer, connection)
    if (this.#replaces(session, connection)) void this.#openOn(peer, connection)
    else void connection.close().catch(() => connection.abort(new StreamGoneError('a duplicate connection')))
  }

  /** A connection is gone; another one of the same peer takes over. */
  closed(connection: Connection): void {
    const peer = connection.remotePeer.toString()
    const session = this.#sessions.get(peer)
    if (session?.connection === connection) this.#end(session, 'the connection was closed')
  }

  /** Ends the session with `peer`, if there is one. */
  drop(peer: string, reason: string): void {
    const session = this.#sessions.get(peer)
    if (session !== undefined) this.#end(session, reason)
  }

  #opens(peer: string): boolean {
    return this.#init.self < peer
  }

  /** Who dials us anew although we think it connected has lost the older connection, unless both dialled at once. */
  #replaces(session: Session, connection: Connection): boolean {
    return connection.direction === 'inbound' && this.#init.clock.monotonic() - session.since > CROSSING_DIAL_MS
  }

  #open(peer: string, connection: Connection): void {
    if (this.#opening.has(peer)) return
    this.#opening.set(peer, () => undefined)
    void this.#openOn(peer, connection)
  }

  async #openOn(peer: string, connection: Connection): Promise<void> {
    try {
      const stream = await connection.newStream(SYNC_PROTOCOL)
      this.#opening.delete(peer)
      this.#establish(peer, connection, stream)
    } catch {
      this.#opening.delete(peer)
      this.#openLater(peer)
    }
  }

  #openLater(peer: string): void {
    if (this.#stopped || !this.#opens(peer) || this.#opening.has(peer) || this.#sessions.has(peer)) return
    if (this.#init.admission.connections(peer).length === 0) return void this.#attempts.delete(peer)
    const attempt = this.#attempts.get(peer) ?? 0
    this.#attempts.set(peer, attempt + 1)
    const cancel = this.#init.clock.after(backoffMs(attempt, REOPEN_MIN_MS, REOPEN_MAX_MS, this.#init.random), () => {
      this.#opening.delete(peer)
      const newest = this.#init.admission.connections(peer).at(-1)
      if (newest === undefined) this.#attempts.delete(peer)
      else if (!this.#sessions.has(peer)) this.#open(peer, newest)
    })
    this.#opening.set(peer, cancel)
  }

  #incoming(stream: Stream, connection: Connection): void {
    const peer = connection.remotePeer.toString()
    if (!this.#init.admission.isAdmitted(connection) || this.#opens(peer)) {
      return stream.abort(new StreamGoneError('no sync stream is due here'))
    }
    this.#establish(peer, connection, stream)
  }

  #establish(peer: string, connection: Connection, stream: Stream): void {
    const frames = new FrameStream(stream, { clock: this.#init.clock, maxFrameBytes: MAX_FRAME_BYTES })
    if (this.#stopped || connection.status !== 'open') return frames.abort(new StreamGoneError('too late'))
    const session: Session = { peer, connection, frames, since: this.#init.clock.monotonic() }
    const before = this.#sessions.get(peer)
    if (before !== undefined) this.#end(before, 'a newer connection took over', session)
    this.#sessions.set(peer, session)
    this.#init.gate.attach(connection)
    this.#init.handlers.joined(peer)
    void this.#read(session)
  }

  async #read(session: Session): Promise<void> {
    const { frames, peer } = session
    try {
      for (;;) {
        const frame = await frames.read()
        if (frame === undefined || this.#sessions.get(peer) !== session) break
        this.#attempts.delete(peer)
        await this.#init.handlers.frame(peer, frame)
      }
      this.#end(session, 'the peer closed its stream')
    } catch (error) {
      this.#failed(session, error)
    }
  }

  /** A stream that was reset is opened again; one that carried something wrong costs the peer its connection. */
  #failed(session: Session, error: unknown): void {
    if (this.#sessions.get(session.peer) !== session) return
    const name = error instanceof Error ? error.name : ''
    const lost = name === 'StreamGoneError' || name === 'StreamResetError' || session.connection.status !== 'open'
    if (lost) this.#end(session, 'the stream was reset')
    else this.#init.disconnect(session.peer, errorMessage(error))
  }

  #end(session: Session, reason: string, next?: Session): void {
    if (this.#sessions.get(session.peer) !== session) return
    this.#sessions.delete(session.peer)
    session.frames.abort(asError(new StreamGoneError(reason)))
    this.#init.gate.detach(session.connection)
    this.#init.handlers.left(session.peer, reason)
    if (next === undefined) return this.#openLater(session.peer)
    if (next.connection !== session.connection) session.connection.abort(new StreamGoneError(reason))
  }
}
