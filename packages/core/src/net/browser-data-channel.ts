import type { AbortOptions, Logger, MultiaddrConnection } from '@libp2p/interface'
import { AbstractMultiaddrConnection } from '@libp2p/utils'
import type { SendResult } from '@libp2p/utils'
import { multiaddr } from '@multiformats/multiaddr'
import type { Uint8ArrayList } from 'uint8arraylist'
import { DIRECT_HIGH_BYTES, DIRECT_LOW_BYTES, DIRECT_MESSAGE_BYTES, GATHER_MS } from './net-limits.js'
import { directAddress } from './net-platform.js'

export interface DataChannelInit {
  readonly peer: string
  readonly direction: 'inbound' | 'outbound'
  readonly iceServers: readonly RTCIceServer[]
  readonly log: Logger
}

/**
 * One WebRTC connection with one data channel, from the first description to bytes both ways. Everything else (proof of
 * who is there, encryption, streams) is done over it as over a socket: what a description says is believed of nobody.
 */
export class DataChannel {
  /** What comes is kept from the beginning on, until somebody listens. */
  readonly connection: MultiaddrConnection
  readonly #rtc: RTCPeerConnection
  readonly #channel: RTCDataChannel

  constructor(init: DataChannelInit) {
    this.#rtc = new RTCPeerConnection({ iceServers: [...init.iceServers] })
    // Both sides make it, so that nobody waits to hear of it from the other.
    this.#channel = this.#rtc.createDataChannel('collab', { negotiated: true, id: 0 })
    this.connection = new ChannelConnection(init, this.#rtc, this.#channel)
  }

  async offer(signal: AbortSignal): Promise<string> {
    return await this.#describe(signal)
  }

  async answer(offer: string, signal: AbortSignal): Promise<string> {
    await this.#rtc.setRemoteDescription({ type: 'offer', sdp: offer })
    return await this.#describe(signal)
  }

  async accept(answer: string): Promise<void> {
    await this.#rtc.setRemoteDescription({ type: 'answer', sdp: answer })
  }

  /** Resolves when bytes can pass. */
  async opened(signal: AbortSignal): Promise<void> {
    await until(this.#channel, ['open', 'close'], () => this.#channel.readyState !== 'connecting', signal)
    if (this.#channel.readyState !== 'open') throw new Error('the data channel was closed')
  }

  close(): void {
    this.#rtc.close()
  }

  /** A description with all candidates: one letter is enough. */
  async #describe(signal: AbortSignal): Promise<string> {
    await this.#rtc.setLocalDescription()
    const isComplete = (): boolean => this.#rtc.iceGatheringState === 'complete'
    const enough = AbortSignal.any([signal, AbortSignal.timeout(GATHER_MS)])
    await until(this.#rtc, ['icegatheringstatechange'], isComplete, enough).catch(() => signal.throwIfAborted())
    return this.#rtc.localDescription?.sdp ?? ''
  }
}

/** Waits for one of `events` after which `done` holds. */
async function until(target: EventTarget, events: readonly string[], done: () => boolean, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted()
  if (done()) return
  const over = new AbortController()
  try {
    await new Promise<void>((resolve, reject) => {
      for (const event of events) target.addEventListener(event, () => done() && resolve(), { signal: over.signal })
      signal.addEventListener('abort', () => reject(signal.reason as Error), { signal: over.signal })
    })
  } finally {
    over.abort()
  }
}

/** The bytes of a data channel, reliable and in order, as libp2p takes them from any socket. */
class ChannelConnection extends AbstractMultiaddrConnection {
  readonly #rtc: RTCPeerConnection
  readonly #channel: RTCDataChannel

  constructor({ peer, direction, log }: DataChannelInit, rtc: RTCPeerConnection, channel: RTCDataChannel) {
    super({ remoteAddr: multiaddr(directAddress(peer)), direction, log, maxMessageSize: DIRECT_MESSAGE_BYTES })
    this.#rtc = rtc
    this.#channel = channel
    channel.binaryType = 'arraybuffer'
    channel.bufferedAmountLowThreshold = DIRECT_LOW_BYTES
    channel.addEventListener('message', ({ data }: MessageEvent<unknown>) => this.#received(data))
    channel.addEventListener('bufferedamountlow', () => this.safeDispatchEvent('drain'))
    channel.addEventListener('close', () => this.#closed())
    rtc.addEventListener('connectionstatechange', () => rtc.connectionState === 'failed' && this.#closed())
  }

  override sendData(data: Uint8ArrayList): SendResult {
    // What closes takes no more, as with any socket; its event comes next.
    if (this.#channel.readyState === 'open') this.#channel.send(new Uint8Array(data.subarray()))
    return { sentBytes: data.byteLength, canSendMore: this.#channel.bufferedAmount < DIRECT_HIGH_BYTES }
  }

  /** The channel closes when what it holds is sent, and takes the connection with it. */
  override async sendClose({ signal }: AbortOptions = {}): Promise<void> {
    this.#channel.close()
    signal?.throwIfAborted()
    await Promise.resolve()
  }

  override sendReset(): void {
    this.#rtc.close()
  }

  override sendPause(): void {
    // A data channel cannot hold its sender back; the windows of the streams do.
  }

  override sendResume(): void {
    // As above.
  }

  #received(data: unknown): void {
    if (data instanceof ArrayBuffer) this.onData(new Uint8Array(data))
    else this.abort(new Error('a message that is not bytes'))
  }

  #closed(): void {
    this.#rtc.close()
    this.onTransportClosed()
  }
}
