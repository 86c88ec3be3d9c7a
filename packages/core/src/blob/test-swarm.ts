import { uint32 } from '../base/bytes.js'
import type { BlobId } from '../base/ids.js'
import type { Random } from '../base/random.js'
import { nobleCrypto } from '../keys/noble-crypto.js'
import { Bitfield } from './bitfield.js'
import { decodeBlobMessage, encodeBlobMessage } from './blob-message.js'
import { ChunkList, childrenOf } from './chunk-list.js'
import { SEAL_BYTES } from './chunk-limits.js'
import { buildManifest } from './manifest.js'
import type { Item } from './manifest.js'
import { PullMachine } from './pull-machine.js'
import type { PullEffect, PullEvent } from './pull-types.js'

/** A simulated swarm for the tests of this folder: machines on a virtual clock, joined by links of limited bandwidth. */

/** Numbers without a pattern, the same for the same seed (mulberry32). */
export function seeded(seed: number): Random {
  let state = seed | 0
  return {
    next() {
      state = (state + 0x6d2b79f5) | 0
      let t = Math.imul(state ^ (state >>> 15), 1 | state)
      t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
      return ((t ^ (t >>> 14)) >>> 0) / 4294967296
    }
  }
}

/** A blob whose chunks carry no content but their number. */
export class ToyBlob {
  readonly list: ChunkList
  readonly manifests: readonly Uint8Array[]

  constructor(seed: number, chunks: number, chunkBytes: number) {
    const items: Item[] = Array.from({ length: chunks }, (_, at) => ({ hash: toyHash(seed, at), size: chunkBytes - (at % 7) }))
    const { blob, nodes } = buildManifest(nobleCrypto, items)
    const byHash = new Map(nodes.map(({ hash, bytes }) => [hash, bytes]))
    const root = byHash.get(blob) ?? new Uint8Array()
    this.manifests = [root, ...childrenOf(root).map((hash) => byHash.get(hash) ?? new Uint8Array())]
    this.list = ChunkList.of(blob, this.manifests)
  }

  get id(): BlobId {
    return this.list.blob
  }

  piece(index: number): Uint8Array {
    const bytes = new Uint8Array(this.list.sizeOf(index) + SEAL_BYTES)
    bytes.set(this.list.hashOf(index))
    return bytes
  }

  accepts(index: number, bytes: Uint8Array): boolean {
    return bytes.length === this.list.sizeOf(index) + SEAL_BYTES && this.list.names(index, bytes.subarray(0, 32))
  }
}

function toyHash(seed: number, at: number): Uint8Array {
  const out = new Uint8Array(32)
  out.set(uint32(seed))
  out.set(uint32(at), 4)
  return out
}

export interface SwarmPeerInit {
  /** @default honest */
  readonly nature?: 'honest' | 'liar' | 'silent'
  /** Bytes per second in each direction. @default 10 MB/s */
  readonly rate?: number
  /** Time that storing a chunk takes, in milliseconds. @default 1 */
  readonly storeMs?: number
}

export class SwarmPeer {
  readonly name: string
  readonly machine: PullMachine
  nature: NonNullable<SwarmPeerInit['nature']>
  readonly rate: number
  readonly storeMs: number
  readonly held = new Map<BlobId, Bitfield>()
  readonly whole = new Set<BlobId>()
  /** The connection to each peer: what was sent on an older one is lost. */
  readonly links = new Map<SwarmPeer, object>()
  /** Peers that it sent away. */
  readonly refused = new Set<string>()
  receivedBytes = 0
  storingBytes = 0
  mostStoringBytes = 0
  upFreeAt = 0
  downFreeAt = 0
  timer = 0

  constructor(name: string, seed: number, { nature = 'honest', rate = 10e6, storeMs = 1 }: SwarmPeerInit) {
    this.name = name
    this.nature = nature
    this.rate = rate
    this.storeMs = storeMs
    this.machine = new PullMachine({ crypto: nobleCrypto, random: seeded(seed) })
  }
}

export class Swarm {
  readonly blobs = new Map<BlobId, ToyBlob>()
  readonly peers = new Map<string, SwarmPeer>()
  readonly #queue: { at: number; order: number; run: () => void }[] = []
  readonly random: Random
  readonly #latencyMs: number
  #order = 0
  now = 0

  constructor(seed: number, latencyMs = 20) {
    this.random = seeded(seed)
    this.#latencyMs = latencyMs
  }

  add(init: SwarmPeerInit = {}): SwarmPeer {
    const peer = new SwarmPeer(`p${this.peers.size}`, this.peers.size * 7919 + Math.floor(this.random.next() * 1e9), init)
    this.peers.set(peer.name, peer)
    return peer
  }

  /** Gives a peer chunks of a blob, all of them unless said otherwise. */
  give(peer: SwarmPeer, blob: ToyBlob, has: (index: number) => boolean = () => true): void {
    this.blobs.set(blob.id, blob)
    const field = new Bitfield(blob.list.count)
    for (let at = 0; at < field.length; at++) if (has(at)) field.set(at)
    peer.held.set(blob.id, field)
  }

  want(peer: SwarmPeer, blob: ToyBlob): void {
    this.blobs.set(blob.id, blob)
    this.#handle(peer, { type: 'wanted', blob: blob.id })
  }

  connect(a: SwarmPeer, b: SwarmPeer): void {
    if (a.links.has(b) || a.refused.has(b.name) || b.refused.has(a.name)) return
    const link = {}
    a.links.set(b, link)
    b.links.set(a, link)
    this.#handle(a, { type: 'connected', peer: b.name })
    this.#handle(b, { type: 'connected', peer: a.name })
  }

  connectAll(): void {
    const all = [...this.peers.values()]
    for (const [at, a] of all.entries()) for (const b of all.slice(at + 1)) this.connect(a, b)
  }

  disconnect(a: SwarmPeer, b: SwarmPeer): void {
    if (!a.links.delete(b)) return
    b.links.delete(a)
    this.#handle(a, { type: 'disconnected', peer: b.name })
    this.#handle(b, { type: 'disconnected', peer: a.name })
  }

  /** Runs until `done` or until nothing happens any more; false when `limitMs` of virtual time passed first. */
  run(done: () => boolean, limitMs = 3_600_000): boolean {
    while (!done()) {
      const next = this.#take()
      if (next === undefined || next.at > limitMs) return done()
      this.now = Math.max(this.now, next.at)
      next.run()
    }
    return true
  }

  later(ms: number, run: () => void): void {
    this.#push(this.now + ms, run)
  }

  #push(at: number, run: () => void): void {
    const item = { at, order: this.#order++, run }
    const queue = this.#queue
    let child = queue.push(item) - 1
    for (let parent = (child - 1) >> 1; child > 0 && before(item, queue[parent]); parent = (child - 1) >> 1) {
      queue[child] = queue[parent] as typeof item
      queue[parent] = item
      child = parent
    }
  }

  #take() {
    const queue = this.#queue
    const first = queue[0]
    const last = queue.pop()
    if (first === undefined || last === undefined || queue.length === 0) return first
    queue[0] = last
    for (let at = 0; ; ) {
      let least = at
      for (const child of [2 * at + 1, 2 * at + 2]) if (child < queue.length && before(queue[child] as typeof last, queue[least])) least = child
      if (least === at) return first
      queue[at] = queue[least] as typeof last
      queue[least] = last
      at = least
    }
  }

  #handle(peer: SwarmPeer, event: PullEvent): void {
    for (const effect of peer.machine.handle(event, this.now)) this.#carryOut(peer, effect)
  }

  #carryOut(peer: SwarmPeer, effect: PullEffect): void {
    switch (effect.type) {
      case 'send':
        return this.#send(peer, effect.peer, encodeBlobMessage(effect.message), effect.message.type === 'piece')
      case 'open':
      case 'look': {
        const [blob, chunks] = [this.blobs.get(effect.blob), peer.held.get(effect.blob)]
        const held = blob === undefined || chunks === undefined ? undefined : { list: blob.list, chunks }
        const type = effect.type === 'open' ? 'opened' : 'held'
        return this.later(1, () => this.#handle(peer, { type, blob: effect.blob, held }))
      }
      case 'listed': {
        const chunks = peer.held.get(effect.blob) ?? new Bitfield(effect.list.count)
        peer.held.set(effect.blob, chunks)
        return this.later(1, () => this.#handle(peer, { type: 'opened', blob: effect.blob, held: { list: effect.list, chunks } }))
      }
      case 'load':
        return this.later(1, () => this.#load(peer, effect))
      case 'store':
        peer.storingBytes += effect.bytes.length
        peer.mostStoringBytes = Math.max(peer.mostStoringBytes, peer.storingBytes)
        return this.later(peer.storeMs, () => this.#store(peer, effect))
      case 'whole':
        return void peer.whole.add(effect.blob)
      case 'timer': {
        const timer = ++peer.timer
        return this.later(effect.at - this.now, () => timer === peer.timer && this.#handle(peer, { type: 'tick' }))
      }
      case 'disconnect': {
        peer.refused.add(effect.peer)
        const other = this.peers.get(effect.peer)
        if (other !== undefined) this.disconnect(peer, other)
      }
    }
  }

  #load(peer: SwarmPeer, effect: PullEffect & { type: 'load' }): void {
    const { peer: to, id, blob, part, index } = effect
    // Silent until it is otherwise.
    if (peer.nature === 'silent' && part === 'chunk') return this.later(1000, () => this.#load(peer, effect))
    const toy = this.blobs.get(blob)
    const isHere = part === 'manifest' ? peer.held.has(blob) : peer.held.get(blob)?.has(index) === true
    const bytes = !isHere ? undefined : part === 'manifest' ? toy?.manifests[index] : toy?.piece(index)
    if (bytes !== undefined && part === 'chunk' && peer.nature === 'liar') bytes[5] = (bytes[5] ?? 0) ^ 1
    this.#handle(peer, { type: 'loaded', peer: to, id, bytes })
  }

  #store(peer: SwarmPeer, { peer: from, blob, index, bytes }: PullEffect & { type: 'store' }): void {
    peer.storingBytes -= bytes.length
    const good = this.blobs.get(blob)?.accepts(index, bytes) === true
    if (good) peer.held.get(blob)?.set(index)
    this.#handle(peer, { type: 'stored', peer: from, blob, index, bytes: bytes.length, outcome: good ? 'ok' : 'bad' })
  }

  /** Bytes leave one after the other at the sender's rate, and arrive so at the receiver's. */
  #send(from: SwarmPeer, name: string, frame: Uint8Array, isPiece: boolean): void {
    const to = this.peers.get(name)
    if (to === undefined || !from.links.has(to)) return
    const link = from.links.get(to)
    const isOpen = (): boolean => from.links.get(to) === link
    from.upFreeAt = Math.max(from.upFreeAt, this.now) + (frame.length / from.rate) * 1000
    this.#push(from.upFreeAt, () => {
      if (!isOpen()) return
      const takesMs = (frame.length / to.rate) * 1000
      to.downFreeAt = Math.max(to.downFreeAt, this.now - takesMs) + takesMs
      this.#push(to.downFreeAt + this.#latencyMs, () => {
        if (!isOpen()) return
        to.receivedBytes += frame.length
        this.#handle(to, { type: 'message', peer: from.name, message: decodeBlobMessage(frame) })
      })
      if (isPiece) this.#handle(from, { type: 'sent', peer: name })
    })
  }
}

function before(a: { at: number; order: number }, b: { at: number; order: number } | undefined): boolean {
  return b !== undefined && (a.at < b.at || (a.at === b.at && a.order < b.order))
}
