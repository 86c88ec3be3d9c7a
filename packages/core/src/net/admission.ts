import type { Connection, Libp2p, Stream } from '@libp2p/interface'
import type { Clock } from '../base/clock.js'
import { errorMessage, MalformedError } from '../base/errors.js'
import { ADMISSION_PROTOCOL, admitAsInitiator, admitAsResponder } from './admission-exchange.js'
import { FrameStream, asError } from './frame-stream.js'
import { ADMISSION_DEADLINE_MS, MAX_ADMISSION_FRAME_BYTES, MAX_UNADMITTED } from './net-limits.js'
import type { Refusals } from './refusals.js'
import type { TransportKeys } from './transport.js'

export interface AdmissionInit {
  readonly self: string
  readonly keys: TransportKeys
  readonly clock: Clock
  readonly refusals: Refusals
  /** @default 10 s */
  readonly deadlineMs?: number
  /** Both sides have proved D over this connection. */
  readonly admitted: (connection: Connection) => void
  /** The connection was closed because its peer did not prove D in time. */
  readonly refused: (connection: Connection, cause: string) => void
}

interface Candidate {
  readonly connection: Connection
  admitted: boolean
  proving: boolean
  readonly cancelDeadline: () => void
}

/**
 * Decides for every connection whether the peer at its end holds D; until it has proved that, the connection carries
 * no gossip and no sync. Whoever dialled proves first.
 */
export class Admission {
  readonly #init: AdmissionInit
  /** By connection id, in the order of arrival. */
  readonly #candidates = new Map<string, Candidate>()
  #stopped = false

  constructor(init: AdmissionInit) {
    this.#init = init
  }

  async start(node: Libp2p): Promise<void> {
    await node.handle(ADMISSION_PROTOCOL, (stream, connection) => this.#incoming(stream, connection), { maxInboundStreams: 1 })
    node.addEventListener('connection:open', event => this.#opened(event.detail))
    node.addEventListener('connection:close', event => this.#closed(event.detail))
  }

  stop(): void {
    this.#stopped = true
    for (const { cancelDeadline } of this.#candidates.values()) cancelDeadline()
    this.#candidates.clear()
  }

  isAdmitted(connection: Connection): boolean {
    return connection.status === 'open' && this.#candidates.get(connection.id)?.admitted === true
  }

  /** Open connections to `peer` that are admitted, oldest first. */
  connections(peer: string): readonly Connection[] {
    const all = [...this.#candidates.values()].map(({ connection }) => connection)
    return all.filter(connection => connection.remotePeer.toString() === peer && this.isAdmitted(connection))
  }

  #opened(connection: Connection): void {
    if (this.#stopped) return connection.abort(new Error('stopping'))
    this.#candidate(connection)
    if (connection.direction === 'outbound') void this.#prove(connection)
  }

  #closed(connection: Connection): void {
    const candidate = this.#candidates.get(connection.id)
    this.#candidates.delete(connection.id)
    candidate?.cancelDeadline()
    if (candidate?.admitted === false && !this.#stopped) this.#fail(connection, 'it closed the connection')
  }

  #candidate(connection: Connection): Candidate {
    const known = this.#candidates.get(connection.id)
    if (known !== undefined) return known
    const late = (): void => this.#refuse(connection, 'it did not prove it in time')
    const cancelDeadline = this.#init.clock.after(this.#init.deadlineMs ?? ADMISSION_DEADLINE_MS, late)
    const candidate: Candidate = { connection, admitted: false, proving: false, cancelDeadline }
    this.#candidates.set(connection.id, candidate)
    this.#makeRoom()
    return candidate
  }

  #makeRoom(): void {
    const unadmitted = [...this.#candidates.values()].filter(candidate => !candidate.admitted)
    const oldest = unadmitted[0]
    if (unadmitted.length <= MAX_UNADMITTED || oldest === undefined) return
    this.#refuse(oldest.connection, 'too many others were waiting')
  }

  async #prove(connection: Connection): Promise<void> {
    try {
      const stream = await connection.newStream(ADMISSION_PROTOCOL)
      await this.#exchange(stream, connection, admitAsInitiator)
    } catch (error) {
      this.#refuse(connection, errorMessage(error))
    }
  }

  async #incoming(stream: Stream, connection: Connection): Promise<void> {
    const candidate = this.#candidate(connection)
    if (connection.direction !== 'inbound' || candidate.proving) return stream.abort(new MalformedError('no proof is due here'))
    try {
      await this.#exchange(stream, connection, admitAsResponder)
    } catch (error) {
      this.#refuse(connection, errorMessage(error))
    }
  }

  async #exchange(stream: Stream, connection: Connection, play: typeof admitAsInitiator): Promise<void> {
    const candidate = this.#candidate(connection)
    candidate.proving = true
    const frames = new FrameStream(stream, { clock: this.#init.clock, maxFrameBytes: MAX_ADMISSION_FRAME_BYTES })
    const [self, other] = [this.#init.self, connection.remotePeer.toString()]
    const outbound = connection.direction === 'outbound'
    await play(frames, this.#init.keys, { initiator: outbound ? self : other, responder: outbound ? other : self })
    if (!this.#candidates.has(connection.id)) return
    candidate.cancelDeadline()
    candidate.admitted = true
    this.#init.refusals.succeeded(other)
    this.#init.admitted(connection)
    void frames.close(1000)
  }

  #refuse(connection: Connection, cause: string): void {
    const candidate = this.#candidates.get(connection.id)
    if (candidate === undefined || candidate.admitted) return
    this.#candidates.delete(connection.id)
    candidate.cancelDeadline()
    connection.abort(asError(new MalformedError(cause)))
    if (!this.#stopped) this.#fail(connection, cause)
  }

  #fail(connection: Connection, cause: string): void {
    this.#init.refusals.failed(connection.remotePeer.toString())
    this.#init.refused(connection, cause)
  }
}
