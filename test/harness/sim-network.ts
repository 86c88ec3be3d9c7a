import type { Transport, TransportHandlers, TransportPeer } from '@collab/core'
import type { SeededRandom } from './random.js'
import type { VirtualClock } from './virtual-clock.js'

export interface SimNetworkOptions {
  /** Part of the gossip messages that never arrive. */
  readonly loss: number
  /** Part of the gossip messages that arrive twice. */
  readonly duplication: number
  /** Longest delay of a message, in virtual milliseconds. */
  readonly delayMs: number
}

/**
 * Peers in one process: streams keep their order, gossip may be lost, doubled and reordered, links come and go.
 * Every message between two peers is counted, so that silence can be asserted.
 */
export class SimNetwork {
  messages = 0
  bytes = 0
  /** Everything that went over a link, when recording. */
  readonly recorded: Uint8Array[] | undefined
  readonly #clock: VirtualClock
  readonly #random: SeededRandom
  readonly #options: SimNetworkOptions
  readonly #nodes = new Map<string, SimTransport>()
  readonly #links = new Set<string>()

  constructor(clock: VirtualClock, random: SeededRandom, options: SimNetworkOptions, record = false) {
    this.#clock = clock
    this.#random = random
    this.#options = options
    this.recorded = record ? [] : undefined
  }

  transport(peerId: string, handlers: TransportHandlers): Transport {
    return new SimTransport(this, peerId, handlers)
  }

  attach(node: SimTransport): void {
    this.#nodes.set(node.peerId, node)
  }

  detach(peer: string): void {
    for (const other of this.#nodes.keys()) this.disconnect(peer, other)
    this.#nodes.delete(peer)
  }

  /** Whether `node` speaks for its peer: what a crashed one still wants to say or do is nothing to those after it. */
  isAttached(node: SimTransport): boolean {
    return this.#nodes.get(node.peerId) === node
  }

  isLinked(a: string, b: string): boolean {
    return this.#links.has(link(a, b))
  }

  connect(a: string, b: string): void {
    const [first, second] = [this.#nodes.get(a), this.#nodes.get(b)]
    if (first === undefined || second === undefined || a === b || this.isLinked(a, b)) return
    this.#links.add(link(a, b))
    first.open(b)
    if (this.isLinked(a, b)) second.open(a)
  }

  disconnect(a: string, b: string): void {
    if (!this.#links.delete(link(a, b))) return
    this.#nodes.get(a)?.shut(b)
    this.#nodes.get(b)?.shut(a)
  }

  neighbours(peer: string): readonly string[] {
    return [...this.#nodes.keys()].filter((other) => this.isLinked(peer, other))
  }

  delay(): number {
    return this.#random.int(this.#options.delayMs + 1)
  }

  /** To who is there now: what is under way when a peer crashes is not for the one that comes after it. */
  deliver(to: string, bytes: Uint8Array, after: number, run: (node: SimTransport) => void): void {
    this.messages++
    this.bytes += bytes.length
    this.recorded?.push(bytes)
    const node = this.#nodes.get(to)
    this.#clock.after(after, () => {
      if (node !== undefined && this.isAttached(node)) run(node)
    })
  }

  gossip(from: SimTransport, data: Uint8Array, except?: string): void {
    if (!this.isAttached(from)) return
    for (const to of this.neighbours(from.peerId)) {
      if (to === except || this.#random.chance(this.#options.loss)) continue
      const copies = this.#random.chance(this.#options.duplication) ? 2 : 1
      for (let copy = 0; copy < copies; copy++) this.deliver(to, data, this.delay(), (node) => void node.hear(from.peerId, data))
    }
  }
}

class SimTransport implements Transport {
  readonly peerId: string
  readonly #network: SimNetwork
  readonly #handlers: TransportHandlers
  /** Per peer: an epoch of the stream, and when its last frame arrives. */
  readonly #streams = new Map<string, { epoch: number; lastAt: number }>()
  #epoch = 0
  #busy: Promise<unknown> = Promise.resolve()

  constructor(network: SimNetwork, peerId: string, handlers: TransportHandlers) {
    this.peerId = peerId
    this.#network = network
    this.#handlers = handlers
  }

  async start(): Promise<void> {
    this.#network.attach(this)
    await Promise.resolve()
  }

  async stop(): Promise<void> {
    if (this.#network.isAttached(this)) this.#network.detach(this.peerId)
    await Promise.resolve()
  }

  addresses(): readonly string[] {
    return []
  }

  peers(): readonly TransportPeer[] {
    return [...this.#streams.keys()].map((peer) => ({ peer, address: '', direction: 'outbound' }))
  }

  async send(peer: string, frame: Uint8Array): Promise<void> {
    const stream = this.#streams.get(peer)
    if (stream === undefined) throw new Error('the peer is gone')
    const { epoch } = stream
    stream.lastAt = Math.max(stream.lastAt, this.#network.delay())
    const from = this.peerId
    this.#network.deliver(peer, frame, stream.lastAt, (node) => void node.take(from, epoch, frame, this))
    await Promise.resolve()
  }

  async publish(data: Uint8Array): Promise<void> {
    this.#network.gossip(this, data)
    await Promise.resolve()
  }

  disconnect(peer: string): void {
    if (this.#network.isAttached(this)) this.#network.disconnect(this.peerId, peer)
  }

  open(peer: string): void {
    this.#streams.set(peer, { epoch: this.#epoch++, lastAt: 0 })
    this.#handlers.joined(peer)
  }

  shut(peer: string): void {
    if (this.#streams.delete(peer)) this.#handlers.left(peer, 'link down')
  }

  /** A frame counts only while the stream it was sent on is the current one. */
  async take(from: string, epoch: number, frame: Uint8Array, sender: SimTransport): Promise<void> {
    if (sender.#streams.get(this.peerId)?.epoch !== epoch || !this.#streams.has(from)) return
    this.#busy = this.#busy.then(() => this.#handlers.frame(from, frame)).catch(() => this.disconnect(from))
    await this.#busy
  }

  async hear(from: string, data: Uint8Array): Promise<void> {
    if (!this.#streams.has(from)) return
    if ((await this.#handlers.gossip(from, data)) === 'accept') this.#network.gossip(this, data, from)
  }
}

function link(a: string, b: string): string {
  return a < b ? `${a} ${b}` : `${b} ${a}`
}
