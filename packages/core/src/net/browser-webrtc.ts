import { serviceCapabilities, transportSymbol } from '@libp2p/interface'
import type { ComponentLogger, Connection, DialTransportOptions, Listener, Transport, Upgrader } from '@libp2p/interface'
import type { Multiaddr } from '@multiformats/multiaddr'
import { toHex } from '../base/bytes.js'
import { MalformedError } from '../base/errors.js'
import { DataChannel } from './browser-data-channel.js'
import { LETTER_ID_BYTES, decodeLetter, encodeLetter } from './direct-letter.js'
import type { DirectLetter } from './direct-letter.js'
import { MAX_DIRECT_PENDING } from './net-limits.js'
import type { Direct, DirectInit, DirectLink } from './net-platform.js'

export interface WebRtcOptions {
  /**
   * STUN and TURN servers, as browsers take them (`RTCPeerConnection`). Without any, tabs connect within one network, and
   * where a firewall lets them. A server of either kind learns the address of each tab that asks it, and one for TURN
   * carries what the tabs say, encrypted for them alone.
   *
   * @default none
   */
  readonly iceServers?: readonly RTCIceServer[]
}

/** What libp2p's log calls it. */
const NAME = 'collab:webrtc'

interface Components {
  readonly logger: ComponentLogger
  readonly upgrader: Upgrader
}

/**
 * Connects tabs of different browsers with each other by WebRTC. They find each other through any peer that both are
 * connected to, such as one in Node that listens for WebSockets, and need it no more once they are connected.
 *
 * @throws what the browser throws for a server that it cannot use.
 */
export function webRtc({ iceServers = [] }: WebRtcOptions = {}): Direct {
  if (iceServers.length > 0) new RTCPeerConnection({ iceServers: [...iceServers] }).close()
  return {
    open(init): DirectLink {
      const calls = new Calls(init, iceServers)
      return {
        transports: [(components: Components) => new WebRtcTransport(components, calls)],
        received: (peer, letter) => calls.received(peer, letter)
      }
    }
  }
}

/** Offers that were sent and taken: two letters make a connection. */
class Calls {
  readonly #init: DirectInit
  readonly #iceServers: readonly RTCIceServer[]
  /** By the offer's id in hexadecimal: who is to answer. */
  readonly #offered = new Map<string, { readonly peer: string; readonly answered: (answer: string) => void }>()
  /** Peers whose offer is being taken. */
  readonly #taking = new Set<string>()
  components: Components | undefined

  constructor(init: DirectInit, iceServers: readonly RTCIceServer[]) {
    this.#init = init
    this.#iceServers = iceServers
  }

  async dial(peer: string, { upgrader, ...options }: DialTransportOptions): Promise<Connection> {
    if (this.#offered.size >= MAX_DIRECT_PENDING) throw new Error('too many connections are being made')
    const channel = this.#channel(peer, 'outbound')
    const id = crypto.getRandomValues(new Uint8Array(LETTER_ID_BYTES))
    const { promise: answered, resolve } = Promise.withResolvers<string>()
    this.#offered.set(toHex(id), { peer, answered: resolve })
    try {
      const offer = await channel.offer(options.signal)
      if (!this.#send(peer, { kind: 'offer', id, description: offer })) throw new Error('nobody carries letters to this peer')
      await channel.accept(await orAborted(answered, options.signal))
      await channel.opened(options.signal)
      return await upgrader.upgradeOutbound(channel.connection, options)
    } catch (error) {
      channel.close()
      throw error
    } finally {
      this.#offered.delete(toHex(id))
    }
  }

  /** What cannot be read is its writer's fault, not that of who carried it. */
  received(peer: string, bytes: Uint8Array): void {
    try {
      this.#read(peer, decodeLetter(bytes))
    } catch (error) {
      if (!(error instanceof MalformedError)) throw error
    }
  }

  #read(peer: string, letter: DirectLetter): void {
    if (letter.kind === 'offer') return void this.#take(peer, letter).catch((error: unknown) => this.#note(error))
    const offered = this.#offered.get(toHex(letter.id))
    if (offered?.peer === peer) offered.answered(letter.description)
  }

  async #take(peer: string, { id, description }: DirectLetter): Promise<void> {
    if (this.#taking.has(peer) || this.#taking.size >= MAX_DIRECT_PENDING) return
    const { upgrader } = this.#components()
    const channel = this.#channel(peer, 'inbound')
    this.#taking.add(peer)
    const signal = upgrader.createInboundAbortSignal(new AbortController().signal)
    try {
      const answer = await channel.answer(description, signal)
      this.#send(peer, { kind: 'answer', id, description: answer })
      await channel.opened(signal)
      await upgrader.upgradeInbound(channel.connection, { signal })
    } catch (error) {
      channel.close()
      throw error
    } finally {
      signal.clear()
      this.#taking.delete(peer)
    }
  }

  /** An offer came to nothing: whoever made it tries again. */
  #note(error: unknown): void {
    this.components?.logger.forComponent(NAME).trace('%e', error)
  }

  #send(peer: string, letter: DirectLetter): boolean {
    return this.#init.send(peer, encodeLetter(letter))
  }

  #channel(peer: string, direction: 'inbound' | 'outbound'): DataChannel {
    const log = this.#components().logger.forComponent(NAME)
    return new DataChannel({ peer, direction, iceServers: this.#iceServers, log })
  }

  #components(): Components {
    if (this.components === undefined) throw new Error('the transport is not started')
    return this.components
  }
}

class WebRtcTransport implements Transport {
  readonly [transportSymbol] = true
  readonly [Symbol.toStringTag] = '@collab/webrtc'
  readonly [serviceCapabilities] = ['@libp2p/transport']
  readonly #calls: Calls

  constructor(components: Components, calls: Calls) {
    this.#calls = calls
    calls.components = components
  }

  async dial(address: Multiaddr, options: DialTransportOptions): Promise<Connection> {
    return await this.#calls.dial(peerIn(address) ?? '', options)
  }

  /** Nobody listens: offers come as letters. */
  createListener(): Listener {
    throw new Error('nobody can listen for WebRTC')
  }

  listenFilter(): Multiaddr[] {
    return []
  }

  dialFilter(addresses: Multiaddr[]): Multiaddr[] {
    return addresses.filter((address) => peerIn(address) !== undefined)
  }
}

/** The peer that an address of a direct connection names. */
function peerIn(address: Multiaddr): string | undefined {
  const [first, second, ...others] = address.getComponents()
  return first?.name === 'webrtc' && second?.name === 'p2p' && others.length === 0 ? second.value : undefined
}

async function orAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted()
  const over = new AbortController()
  try {
    return await Promise.race([
      promise,
      new Promise<never>((_, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error), { signal: over.signal }))
    ])
  } finally {
    over.abort()
  }
}
