import { noise } from '@chainsafe/libp2p-noise'
import { identify } from '@libp2p/identify'
import type { Libp2p, Stream } from '@libp2p/interface'
import { ping } from '@libp2p/ping'
import { tcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import { createLibp2p } from 'libp2p'
import { fromUtf8, utf8 } from '../base/bytes.js'
import { nobleCrypto } from '../keys/noble-crypto.js'
import { MAX_STREAM_WINDOW_BYTES } from './net-limits.js'
import { createTransport } from './node-transport.js'
import type { NodeTransportInit } from './node-transport.js'
import type { Transport, TransportHandlers } from './transport.js'

// Peers for the tests of this folder: real TCP on the loopback interface.

export const D = nobleCrypto.sha256(utf8('the discovery key of the tests'))
export const OTHER_D = nobleCrypto.sha256(utf8('the discovery key of someone else'))
const DEADLINE_MS = 50_000

/** A transport that notes what happens to it. */
export class TestPeer {
  readonly transport: Transport
  readonly joined: string[] = []
  readonly left: { peer: string; reason: string }[] = []
  readonly frames: { peer: string; frame: Uint8Array }[] = []
  readonly gossip: { peer: string; text: string }[] = []
  readonly troubles: { code: string; message: string }[] = []
  listening: readonly string[] = []
  /** Replaces noting the frame. */
  onFrame: ((peer: string, frame: Uint8Array) => Promise<void>) | undefined
  readonly #watchers = new Set<() => void>()

  constructor(init: Partial<NodeTransportInit> = {}) {
    this.transport = createTransport({
      privateKey: nobleCrypto.randomBytes(32),
      crypto: nobleCrypto,
      discoveryKey: D,
      listen: ['/ip4/127.0.0.1/tcp/0'],
      peers: [],
      mdns: false,
      handlers: this.#handlers(),
      ...init
    })
  }

  get id(): string {
    return this.transport.peerId
  }

  get address(): string {
    const address = this.transport.addresses()[0]
    if (address === undefined) throw new Error('not listening')
    return address
  }

  get peers(): readonly string[] {
    return this.transport.peers().map(({ peer }) => peer)
  }

  /** Resolves when `done` holds; looked at after every event. Fails with `what` after a deadline. */
  async until(what: string, done: () => boolean): Promise<void> {
    if (done()) return
    await new Promise<void>((resolve, reject) => {
      const finish = (): void => {
        this.#watchers.delete(check)
        clearTimeout(late)
      }
      const check = (): void => {
        if (!done()) return
        finish()
        resolve()
      }
      const late = setTimeout(() => {
        finish()
        reject(new Error(`not reached: ${what}`))
      }, DEADLINE_MS)
      this.#watchers.add(check)
    })
  }

  has(text: string): boolean {
    return this.gossip.some(message => message.text === text)
  }

  /** Publishes `prefix 0`, `prefix 1`, ... until all of `receivers` have got one: subscriptions take a moment to travel. */
  async publishUntilHeard(prefix: string, receivers: readonly TestPeer[]): Promise<void> {
    let n = 0
    const heard = (peer: TestPeer): boolean => peer.gossip.some(message => message.text.startsWith(`${prefix} `))
    const again = setInterval(() => void this.transport.publish(utf8(`${prefix} ${n++}`)), 50)
    try {
      await Promise.all(receivers.map(peer => peer.until(`${prefix} heard`, () => heard(peer))))
    } finally {
      clearInterval(again)
    }
  }

  #handlers(): TransportHandlers {
    const note = (step: () => void): void => {
      step()
      for (const watcher of this.#watchers) watcher()
    }
    return {
      joined: peer => note(() => this.joined.push(peer)),
      left: (peer, reason) => note(() => this.left.push({ peer, reason })),
      frame: async (peer, frame) => {
        await this.onFrame?.(peer, frame)
        note(() => this.onFrame ?? this.frames.push({ peer, frame }))
      },
      gossip: async (peer, data) => {
        note(() => this.gossip.push({ peer, text: fromUtf8(data) }))
        return 'accept'
      },
      listening: addresses => note(() => (this.listening = addresses)),
      trouble: (code, message) => note(() => this.troubles.push({ code, message }))
    }
  }
}

/** Starts peers and stops them all when disposed. */
export class TestNet implements AsyncDisposable {
  readonly #stops: (() => unknown)[] = []

  async peer(init: Partial<NodeTransportInit> = {}): Promise<TestPeer> {
    const peer = new TestPeer(init)
    this.#stops.push(() => peer.transport.stop())
    await peer.transport.start()
    return peer
  }

  /** A bare libp2p node that speaks nothing of ours. */
  async stranger(): Promise<Libp2p> {
    const node = await createLibp2p({
      addresses: { listen: ['/ip4/127.0.0.1/tcp/0'] },
      transports: [tcp()],
      connectionEncrypters: [noise()],
      streamMuxers: [yamux({ streamOptions: { maxStreamWindowSize: MAX_STREAM_WINDOW_BYTES } })],
      services: { identify: identify(), ping: ping() }
    })
    this.#stops.push(() => node.stop())
    return node
  }

  /** The two ends of a stream between two bare nodes. */
  async streams(): Promise<readonly [Stream, Stream]> {
    const [a, b] = await Promise.all([this.stranger(), this.stranger()])
    const accepted = Promise.withResolvers<Stream>()
    await b.handle('/test/1', stream => accepted.resolve(stream))
    const opened = await a.dialProtocol(b.getMultiaddrs(), '/test/1')
    return [opened, await accepted.promise]
  }

  /** Runs `stop` when this is disposed. */
  defer(stop: () => unknown): void {
    this.#stops.push(stop)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#stops.map(async stop => stop()))
  }
}

/** Waits until each of `peers` has a sync stream with every other. */
export async function allJoined(peers: readonly TestPeer[]): Promise<void> {
  const complete = (peer: TestPeer): boolean => new Set(peer.peers).size >= peers.length - 1
  await Promise.all(peers.map(peer => peer.until('all peers joined', () => complete(peer))))
}

export function portOf(peer: TestPeer): number {
  return Number(/\/tcp\/(\d+)/.exec(peer.address)?.[1])
}

/** Keys of two peers, the one with the smaller peer id first. */
export function orderedKeys(): readonly [Uint8Array, Uint8Array] {
  const keys = [nobleCrypto.randomBytes(32), nobleCrypto.randomBytes(32)] as const
  const [a, b] = keys.map(privateKey => new TestPeer({ privateKey }).id)
  return (a ?? '') < (b ?? '') ? keys : [keys[1], keys[0]]
}
