import { nodeCrypto } from '@collab/core'
import type { Crypto, WorkspaceKeys } from '@collab/core'
import { SeededRandom } from './random.js'
import { simCrypto } from './sim-crypto.js'
import { SimNetwork } from './sim-network.js'
import type { SimNetworkOptions } from './sim-network.js'
import { SimPeer } from './sim-peer.js'
import type { SimPeerInit } from './sim-peer.js'
import { VirtualClock } from './virtual-clock.js'

export interface SimWorldInit extends Partial<SimNetworkOptions> {
  readonly seed: number
  /** Keep every byte that goes over a link. */
  readonly record?: boolean
  /** Real cryptography costs most of the time of a run. @default true */
  readonly realCrypto?: boolean
}

/** Rounds of a quarter of a virtual second until all must be equal: stalled wants are given up after some ten seconds. */
const MAX_ROUNDS = 400
const ROUND_MS = 250

/** A clock, a network and the peers on it. */
export class SimWorld {
  readonly random: SeededRandom
  readonly clock = new VirtualClock()
  readonly network: SimNetwork
  readonly peers: SimPeer[] = []
  readonly #crypto: Crypto

  constructor({ seed, loss = 0, duplication = 0, delayMs = 5, record = false, realCrypto = true }: SimWorldInit) {
    this.random = new SeededRandom(seed)
    this.#crypto = realCrypto ? { ...nodeCrypto, randomBytes: (length) => this.random.bytes(length) } : simCrypto(this.random)
    this.network = new SimNetwork(this.clock, this.random, { loss, duplication, delayMs }, record)
  }

  /** Adds a peer; it does not run yet. */
  add(name: string, keys: WorkspaceKeys, init: Partial<Pick<SimPeerInit, 'store' | 'machine' | 'clock' | 'pruneAfterMs' | 'pace'>> = {}): SimPeer {
    const { network, clock } = this
    const peer = new SimPeer({ name, keys, network, clock, crypto: this.#crypto, ...init })
    this.peers.push(peer)
    return peer
  }

  /** A peer that is gone for good. */
  async remove(peer: SimPeer): Promise<void> {
    await peer.stop()
    this.peers.splice(this.peers.indexOf(peer), 1)
  }

  /** Lets virtual time pass, and all that follows from it. */
  async pass(ms: number): Promise<void> {
    const until = this.clock.monotonic() + ms
    do await settle()
    while (this.clock.step(until))
  }

  /** Lets time pass until `work` is done. */
  async until<T>(work: Promise<T>): Promise<T> {
    let isDone = false
    const mark = (): void => void (isDone = true)
    work.then(mark, mark)
    for (let round = 0; round < MAX_ROUNDS; round++) {
      await settle()
      if (isDone) break
      await this.pass(ROUND_MS)
    }
    if (!isDone) throw new Error(`not done after ${(MAX_ROUNDS * ROUND_MS) / 1000} s`)
    return await work
  }

  /** Connects `peers` with each other. */
  link(peers: readonly SimPeer[] = this.peers): void {
    for (const [index, a] of peers.entries()) for (const b of peers.slice(index + 1)) this.network.connect(a.name, b.name)
  }

  unlink(peers: readonly SimPeer[] = this.peers): void {
    for (const [index, a] of peers.entries()) for (const b of peers.slice(index + 1)) this.network.disconnect(a.name, b.name)
  }

  /** Lets time pass until each of `peers` is synced with every peer that it is linked to. */
  async sync(peers: readonly SimPeer[] = this.peers): Promise<void> {
    for (let round = 0; round < MAX_ROUNDS; round++) {
      await this.pass(ROUND_MS)
      if (peers.every((peer) => isSynced(peer))) return
    }
    const states = peers.map((peer) => `${peer.name}: ${JSON.stringify(peer.live.status())}`)
    throw new Error(`not synced after ${(MAX_ROUNDS * ROUND_MS) / 1000} s:\n${states.join('\n')}`)
  }

  /** Starts all peers, links all of them and waits until they are synced. */
  async heal(): Promise<void> {
    for (const peer of this.peers) if (!peer.running) await peer.start()
    this.link()
    await this.sync()
  }
}

function isSynced(peer: SimPeer): boolean {
  const { peers } = peer.live.status()
  return peers.length > 0 && peers.every(({ synced }) => synced)
}

/** Lets every promise that can go on go on. */
export async function settle(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve))
}
