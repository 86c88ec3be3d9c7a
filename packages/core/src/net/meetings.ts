import type { Connection } from '@libp2p/interface'
import type { Clock } from '../base/clock.js'
import { MalformedError, errorMessage } from '../base/errors.js'
import type { Random } from '../base/random.js'
import { backoffMs } from './backoff.js'
import { FrameStream, StreamGoneError } from './frame-stream.js'
import { MEETING_PROTOCOL, decodeMeeting, encodeMeeting } from './meeting-message.js'
import { MAX_MEETING_FRAME_BYTES, MAX_MET, REDIAL_MAX_MS, REDIAL_MIN_MS } from './net-limits.js'
import { directAddress } from './net-platform.js'

/** What the addresses of direct connections begin with. */
const DIRECT = directAddress('')

export interface MeetingsInit {
  /** `peer` can be written to from now on, and is worth a connection. */
  readonly met: (peer: string) => void
  /** A letter came that is said to be from `peer`. */
  readonly received: (peer: string, letter: Uint8Array) => void
  /** A peer's frames could not be handled. */
  readonly disconnect: (peer: string, reason: string) => void
  readonly clock: Clock
  readonly random: Random
}

interface Meeting {
  readonly connection: Connection
  frames: FrameStream | undefined
  told: readonly string[]
  attempts: number
  cancel: () => void
}

/** A peer that nobody can dial, at all peers that it is connected to: each tells it of others like it, and carries letters. */
export class Meetings {
  readonly #init: MeetingsInit
  /** By the peer who tells. */
  readonly #meetings = new Map<string, Meeting>()

  constructor(init: MeetingsInit) {
    this.#init = init
  }

  /** The sync stream with `peer` runs over `connection`. */
  joined(peer: string, connection: Connection): void {
    if (this.#meetings.get(peer)?.connection === connection) return
    this.left(peer)
    const meeting: Meeting = { connection, frames: undefined, told: [], attempts: 0, cancel: () => undefined }
    this.#meetings.set(peer, meeting)
    void this.#enter(peer, meeting)
  }

  left(peer: string): void {
    const meeting = this.#meetings.get(peer)
    if (meeting === undefined) return
    this.#meetings.delete(peer)
    meeting.cancel()
    meeting.frames?.abort(new StreamGoneError('the peer left'))
  }

  stop(): void {
    for (const peer of this.#meetings.keys()) this.left(peer)
  }

  /** Whether somebody carries letters to `peer`. */
  reaches(peer: string): boolean {
    return this.#carrier(peer) !== undefined
  }

  /** Sends a letter, which may be lost; false when nobody carries it. */
  send(peer: string, letter: Uint8Array): boolean {
    const frames = this.#carrier(peer)
    void frames?.write(encodeMeeting({ type: 'letter', peer, letter })).catch(() => undefined)
    return frames !== undefined
  }

  #carrier(peer: string): FrameStream | undefined {
    return [...this.#meetings.values()].find(({ told, frames }) => frames !== undefined && told.includes(peer))?.frames
  }

  async #enter(peer: string, meeting: Meeting): Promise<void> {
    try {
      const stream = await meeting.connection.newStream(MEETING_PROTOCOL)
      const frames = new FrameStream(stream, { clock: this.#init.clock, maxFrameBytes: MAX_MEETING_FRAME_BYTES })
      if (this.#meetings.get(peer) !== meeting) return frames.abort(new StreamGoneError('too late'))
      meeting.frames = frames
      await this.#listen(meeting, frames)
    } catch (error) {
      if (error instanceof MalformedError) return this.#init.disconnect(peer, errorMessage(error))
      // An older version, which tells nobody of others.
      if (error instanceof Error && error.name === 'UnsupportedProtocolError') return
    }
    this.#enterLater(peer, meeting)
  }

  #enterLater(peer: string, meeting: Meeting): void {
    if (this.#meetings.get(peer) !== meeting) return
    const { clock, random } = this.#init
    meeting.frames = undefined
    meeting.told = []
    meeting.cancel = clock.after(backoffMs(meeting.attempts++, REDIAL_MIN_MS, REDIAL_MAX_MS, random), () => void this.#enter(peer, meeting))
  }

  async #listen(meeting: Meeting, frames: FrameStream): Promise<void> {
    for (let frame = await frames.read(); frame !== undefined; frame = await frames.read()) {
      meeting.attempts = 0
      const message = decodeMeeting(frame)
      if (message?.type === 'letter') this.#init.received(message.peer, message.letter)
      if (message?.type === 'met') this.#met(meeting, message.peers)
    }
  }

  #met(meeting: Meeting, peers: readonly string[]): void {
    const before = meeting.told
    meeting.told = peers
    for (const peer of peers) if (!before.includes(peer) && this.#direct() < MAX_MET) this.#init.met(peer)
  }

  /** Connections that were made so. Everybody tells of others: without a bound each would be connected with each. */
  #direct(): number {
    return [...this.#meetings.values()].filter(({ connection }) => connection.remoteAddr.toString().startsWith(DIRECT)).length
  }
}
