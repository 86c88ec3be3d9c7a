import type { Connection, Libp2p, Stream } from '@libp2p/interface'
import { Allowance } from '../base/allowance.js'
import type { Clock } from '../base/clock.js'
import { MalformedError, errorMessage } from '../base/errors.js'
import type { Admission } from './admission.js'
import { FrameStream, StreamGoneError } from './frame-stream.js'
import { MEETING_PROTOCOL, decodeMeeting, encodeMeeting, neighbours } from './meeting-message.js'
import { LETTERS, LETTERS_WAITING_BYTES, MAX_GUESTS, MAX_MEETING_FRAME_BYTES, MEETING_TELL_MS } from './net-limits.js'

export interface MeetingPointInit {
  readonly admission: Pick<Admission, 'isAdmitted'>
  /** A peer misbehaved. */
  readonly disconnect: (peer: string, reason: string) => void
  readonly clock: Clock
}

interface Guest {
  readonly frames: FrameStream
  /** Whom it was told of last. */
  told: readonly string[]
}

/**
 * Tells peers that nobody can dial of each other, and carries their letters until they are connected directly. It serves
 * only who has proved D, and carries nothing else.
 */
export class MeetingPoint {
  readonly #init: MeetingPointInit
  readonly #guests = new Map<string, Guest>()
  #cancelTell: (() => void) | undefined
  #stopped = false

  constructor(init: MeetingPointInit) {
    this.#init = init
  }

  async start(node: Libp2p): Promise<void> {
    await node.handle(MEETING_PROTOCOL, (stream, connection) => this.#incoming(stream, connection), { maxInboundStreams: 2 })
  }

  stop(): void {
    this.#stopped = true
    this.#cancelTell?.()
    for (const [peer, guest] of this.#guests) this.#gone(peer, guest)
  }

  #incoming(stream: Stream, connection: Connection): void {
    const peer = connection.remotePeer.toString()
    const before = this.#guests.get(peer)
    const hasRoom = before !== undefined || this.#guests.size < MAX_GUESTS
    if (!this.#init.admission.isAdmitted(connection) || !hasRoom || this.#stopped) return stream.abort(new StreamGoneError('nobody is met here'))
    if (before !== undefined) this.#gone(peer, before)
    const guest: Guest = { frames: new FrameStream(stream, { clock: this.#init.clock, maxFrameBytes: MAX_MEETING_FRAME_BYTES }), told: [] }
    this.#guests.set(peer, guest)
    void this.#serve(peer, guest)
    this.#tellSoon()
  }

  async #serve(peer: string, guest: Guest): Promise<void> {
    const { clock, disconnect } = this.#init
    const letters = new Allowance(LETTERS, clock.monotonic())
    try {
      for (let frame = await guest.frames.read(); frame !== undefined; frame = await guest.frames.read()) {
        const message = decodeMeeting(frame)
        if (message?.type === 'met') throw new MalformedError('a guest told whom to meet')
        if (message !== undefined && letters.take(clock.monotonic())) this.#carry(peer, guest, message.peer, message.letter)
      }
    } catch (error) {
      if (error instanceof MalformedError) disconnect(peer, errorMessage(error))
    }
    this.#gone(peer, guest)
  }

  #carry(from: string, guest: Guest, to: string, letter: Uint8Array): void {
    const receiver = this.#guests.get(to)
    if (receiver === undefined || !guest.told.includes(to) || receiver.frames.bufferedBytes > LETTERS_WAITING_BYTES) return
    this.#write(to, receiver, encodeMeeting({ type: 'letter', peer: from, letter }))
  }

  #write(peer: string, guest: Guest, frame: Uint8Array): void {
    void guest.frames.write(frame).catch(() => this.#gone(peer, guest))
  }

  #gone(peer: string, guest: Guest): void {
    guest.frames.abort(new StreamGoneError('the meeting is over'))
    if (this.#guests.get(peer) !== guest) return
    this.#guests.delete(peer)
    this.#tellSoon()
  }

  #tellSoon(): void {
    if (!this.#stopped) this.#cancelTell ??= this.#init.clock.after(MEETING_TELL_MS, () => this.#tell())
  }

  #tell(): void {
    this.#cancelTell = undefined
    for (const [peer, guest] of this.#guests) {
      const peers = neighbours(this.#guests.keys(), peer)
      if (peers.join() === guest.told.join()) continue
      guest.told = peers
      this.#write(peer, guest, encodeMeeting({ type: 'met', peers }))
    }
  }
}
