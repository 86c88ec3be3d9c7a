import type { Connection, Libp2p, Stream } from '@libp2p/interface'
import type { Clock } from '../base/clock.js'
import { errorMessage } from '../base/errors.js'
import type { Random } from '../base/random.js'
import type { Admission } from './admission.js'
import { backoffMs } from './backoff.js'
import { FrameStream, StreamGoneError } from './frame-stream.js'
import { BLOB_READ_AHEAD_BYTES, MAX_BLOB_FRAME_BYTES, REOPEN_MAX_MS, REOPEN_MIN_MS } from './net-limits.js'
import type { BlobChannelHandlers } from './transport.js'

export const BLOB_PROTOCOL = '/collab/blob/1'

export interface BlobStreamsInit {
  readonly self: string
  readonly admission: Pick<Admission, 'isAdmitted'>
  readonly handlers: BlobChannelHandlers
  /** A peer's frames could not be handled. */
  readonly disconnect: (peer: string, reason: string) => void
  readonly clock: Clock
  readonly random: Random
}

interface Channel {
  readonly connection: Connection
  frames: FrameStream | undefined
  attempts: number
  cancel: () => void
}

/**
 * A second stream beside each sync stream, so that a picture never stands before an edit. It lives as long as the sync
 * stream: the smaller peer id opens it on the same connection, and again when it was reset.
 */
export class BlobStreams {
  readonly #init: BlobStreamsInit
  readonly #channels = new Map<string, Channel>()

  constructor(init: BlobStreamsInit) {
    this.#init = init
  }

  async start(node: Libp2p): Promise<void> {
    await node.handle(BLOB_PROTOCOL, (stream, connection) => this.#incoming(stream, connection), { maxInboundStreams: 4 })
  }

  /** The peer's sync stream runs over `connection`. */
  joined(peer: string, connection: Connection): void {
    const known = this.#channels.get(peer)
    if (known?.connection === connection) return
    this.left(peer)
    const channel: Channel = { connection, frames: undefined, attempts: 0, cancel: () => undefined }
    this.#channels.set(peer, channel)
    if (this.#init.self < peer) void this.#open(peer, channel)
  }

  left(peer: string): void {
    const channel = this.#channels.get(peer)
    if (channel === undefined) return
    this.#channels.delete(peer)
    channel.cancel()
    this.#end(peer, channel, 'the peer left')
  }

  stop(): void {
    for (const peer of this.#channels.keys()) this.left(peer)
  }

  async send(peer: string, ...parts: readonly Uint8Array[]): Promise<void> {
    const frames = this.#channels.get(peer)?.frames
    if (frames === undefined) throw new StreamGoneError(`peer ${peer} has no stream for blobs`)
    await frames.write(...parts)
  }

  async #open(peer: string, channel: Channel): Promise<void> {
    try {
      const stream = await channel.connection.newStream(BLOB_PROTOCOL)
      this.#establish(peer, channel, stream)
    } catch {
      this.#openLater(peer, channel)
    }
  }

  #openLater(peer: string, channel: Channel): void {
    if (this.#init.self > peer || this.#channels.get(peer) !== channel || channel.connection.status !== 'open') return
    const { clock, random } = this.#init
    channel.cancel = clock.after(backoffMs(channel.attempts++, REOPEN_MIN_MS, REOPEN_MAX_MS, random), () => void this.#open(peer, channel))
  }

  #incoming(stream: Stream, connection: Connection): void {
    const peer = connection.remotePeer.toString()
    if (!this.#init.admission.isAdmitted(connection) || this.#init.self < peer) return stream.abort(new StreamGoneError('no stream for blobs is due here'))
    // It may come before the frame with which its sync stream begins.
    if (this.#channels.get(peer)?.connection !== connection) this.joined(peer, connection)
    const channel = this.#channels.get(peer)
    if (channel !== undefined) this.#establish(peer, channel, stream)
  }

  #establish(peer: string, channel: Channel, stream: Stream): void {
    const frames = new FrameStream(stream, { clock: this.#init.clock, maxFrameBytes: MAX_BLOB_FRAME_BYTES, readAheadBytes: BLOB_READ_AHEAD_BYTES })
    if (this.#channels.get(peer) !== channel || channel.connection.status !== 'open') return frames.abort(new StreamGoneError('too late'))
    this.#end(peer, channel, 'a newer stream took over')
    channel.frames = frames
    this.#init.handlers.joined(peer)
    void this.#read(peer, channel, frames)
  }

  async #read(peer: string, channel: Channel, frames: FrameStream): Promise<void> {
    try {
      for (let frame = await frames.read(); frame !== undefined && channel.frames === frames; frame = await frames.read()) {
        channel.attempts = 0
        await this.#init.handlers.frame(peer, frame)
      }
      this.#lost(peer, channel, frames)
    } catch (error) {
      const name = error instanceof Error ? error.name : ''
      const isReset = name === 'StreamGoneError' || name === 'StreamResetError' || channel.connection.status !== 'open'
      if (isReset || channel.frames !== frames) this.#lost(peer, channel, frames)
      else this.#init.disconnect(peer, errorMessage(error))
    }
  }

  #lost(peer: string, channel: Channel, frames: FrameStream): void {
    if (channel.frames !== frames) return
    this.#end(peer, channel, 'the stream was reset')
    this.#openLater(peer, channel)
  }

  #end(peer: string, channel: Channel, reason: string): void {
    const { frames } = channel
    if (frames === undefined) return
    channel.frames = undefined
    frames.abort(new StreamGoneError(reason))
    this.#init.handlers.left(peer)
  }
}
