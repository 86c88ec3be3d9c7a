import { describe, expect, it } from 'vitest'
import type { AuthorId } from '../base/ids.js'
import type { Entry } from '../log/entry.js'
import { decodeMessage, encodeMessage, type Message } from './message.js'
import { SyncMachine } from './sync-machine.js'
import { entryBytes, type SyncEffect, type SyncEvent, type SyncOptions } from './sync-types.js'
import { decodeToyEntry, ToyLog, toyAuthor, toyEntry, toyRun } from './test-kit.js'

/** xoshiro128**, seeded by splitmix32. */
function randomOf(seed: number): () => number {
  let mixed = seed | 0
  const next = () => {
    mixed = (mixed + 0x9e3779b9) | 0
    let t = mixed ^ (mixed >>> 16)
    t = Math.imul(t, 0x21f0aaad)
    t = Math.imul(t ^ (t >>> 15), 0x735a2d97)
    return t ^ (t >>> 15)
  }
  let [a, b, c, d] = [next(), next(), next(), next()]
  return () => {
    const x = Math.imul(b, 5)
    const result = Math.imul((x << 7) | (x >>> 25), 9)
    const t = b << 9
    c ^= a
    d ^= b
    b ^= c
    a ^= d
    c ^= t
    d = (d << 11) | (d >>> 21)
    return (result >>> 0) / 4294967296
  }
}

const STALL_MS = 15_000
/** When nothing grows any more. */
const QUIET_FROM_MS = 6000

interface Link {
  readonly a: number
  readonly b: number
  open: boolean
  /** Per direction: when the last message arrives; a stream keeps its order. */
  arrival: [number, number]
}

class Simulation {
  readonly #random: () => number
  readonly #queue: { at: number; order: number; run: () => void }[] = []
  readonly #links = new Map<string, Link>()
  readonly #machines: SyncMachine[] = []
  readonly #timers: number[] = []
  readonly #encoded: boolean
  readonly logs: ToyLog[] = []
  readonly synced: Map<string, boolean>[] = []
  readonly disconnects: string[] = []
  readonly sent = new Map<Message['type'], number>()
  readonly tight: boolean
  #order = 0
  now = 0
  lastSentAt = 0

  /** @param tight whether the credit is so small that peers are often held up by it. */
  constructor(seed: number, peers: number, tight: boolean) {
    const options: SyncOptions = { stallAfterMs: STALL_MS, ...(tight && { creditBytes: 3000, frameBytes: 1000, pieceBytes: 1500 }) }
    this.tight = tight
    this.#random = randomOf(seed)
    this.#encoded = seed % 8 === 0
    for (let peer = 0; peer < peers; peer++) {
      this.#machines.push(new SyncMachine(options))
      this.logs.push(new ToyLog())
      this.synced.push(new Map())
      this.#timers.push(0)
    }
  }

  below(limit: number): number {
    return Math.floor(this.#random() * limit)
  }

  chance(probability: number): boolean {
    return this.#random() < probability
  }

  in(ms: number, run: () => void): void {
    this.#push(this.now + ms, run)
  }

  run(): void {
    for (let steps = 0; this.#queue.length > 0; steps++) {
      if (steps > 200_000) throw new Error('the simulation does not come to rest')
      const next = this.#pop()
      this.now = next.at
      next.run()
    }
  }

  connect(a: number, b: number): void {
    const key = this.#key(a, b)
    if (this.#links.get(key)?.open === true) return
    this.#links.set(key, { a, b, open: true, arrival: [0, 0] })
    this.give(a, { type: 'connected', peer: String(b) })
    this.give(b, { type: 'connected', peer: String(a) })
  }

  disconnect(a: number, b: number): void {
    const link = this.#links.get(this.#key(a, b))
    if (link?.open !== true) return
    link.open = false
    this.give(a, { type: 'disconnected', peer: String(b) })
    this.give(b, { type: 'disconnected', peer: String(a) })
  }

  neighbours(peer: number): number[] {
    return [...this.#links.values()].filter(({ open, a, b }) => open && (a === peer || b === peer)).map(({ a, b }) => (a === peer ? b : a))
  }

  announceGrown(peer: number): void {
    const log = this.logs[peer] as ToyLog
    this.give(peer, { type: 'grown', vector: log.vector, digest: log.digest })
  }

  /** Appends to an author's log at `peer`, and gossips it now and then. */
  grow(peer: number, author: AuthorId, branch: string, bytes: number): void {
    const log = this.logs[peer] as ToyLog
    const head = log.vector.get(author)?.toSorted((x, y) => y.seq - x.seq)[0]
    const entry = toyEntry({ author, seq: (head?.seq ?? -1) + 1, prev: head?.hash ?? null, branch, bytes })
    if (!log.add(entry)) throw new Error('an own entry must fit')
    this.announceGrown(peer)
    for (const other of this.neighbours(peer)) if (this.chance(0.5)) this.in(this.below(300), () => this.#adopt(other, entry))
  }

  give(peer: number, event: SyncEvent): void {
    const machine = this.#machines[peer] as SyncMachine
    for (const effect of machine.handle(event, this.now)) this.#apply(peer, effect)
  }

  #adopt(peer: number, entry: Entry): void {
    if ((this.logs[peer] as ToyLog).add(entry)) this.announceGrown(peer)
  }

  #apply(peer: number, effect: SyncEffect): void {
    switch (effect.type) {
      case 'send':
        return this.#send(peer, Number(effect.peer), effect.message)
      case 'load':
        return this.in(this.below(80), () => this.#load(peer, effect))
      case 'deliver':
        return this.in(this.below(80), () => this.#deliver(peer, effect))
      case 'check':
        return this.in(this.below(40), () => {
          const held = (this.logs[peer] as ToyLog).has(effect.head)
          this.give(peer, { type: 'checked', peer: effect.peer, author: effect.author, head: effect.head, held })
        })
      case 'timer':
        this.#timers[peer] = effect.at
        return this.#push(Math.max(effect.at, this.now), () => {
          if (this.#timers[peer] === effect.at) this.give(peer, { type: 'tick' })
        })
      case 'synced':
        return void this.synced[peer]?.set(effect.peer, effect.synced)
      case 'progress':
        if (effect.received > effect.expected) throw new Error('more was received than expected')
        return undefined
      case 'recalled':
        throw new Error('nothing was left to others here')
      case 'disconnect':
        this.disconnects.push(effect.reason)
        return this.disconnect(peer, Number(effect.peer))
      default:
        throw new Error('an effect that no engine knows')
    }
  }

  #send(from: number, to: number, message: Message): void {
    const link = this.#links.get(this.#key(from, to))
    if (link?.open !== true) return
    this.lastSentAt = this.now
    this.sent.set(message.type, (this.sent.get(message.type) ?? 0) + 1)
    const direction = from === link.a ? 0 : 1
    const at = Math.max(link.arrival[direction], this.now + 1 + this.below(60))
    link.arrival[direction] = at
    const arriving = this.#encoded ? decodeMessage(encodeMessage(message), decodeToyEntry) : message
    this.#push(at, () => {
      if (link.open) this.give(to, { type: 'message', peer: String(from), message: arriving })
    })
  }

  #load(peer: number, { peer: asker, request, head, from, to, maxBytes }: SyncEffect & { type: 'load' }): void {
    const run = (this.logs[peer] as ToyLog).run(head, from, to)
    let count = 0
    for (let bytes = 0; count < run.length && (count === 0 || bytes + entryBytes(run[count] as Entry) <= maxBytes); count++) bytes += entryBytes(run[count] as Entry)
    const next = count < run.length ? from + count : undefined
    this.give(peer, { type: 'loaded', peer: asker, request, entries: run.slice(0, count), next })
  }

  #deliver(peer: number, { peer: from, entries, bytes }: SyncEffect & { type: 'deliver' }): void {
    const log = this.logs[peer] as ToyLog
    let grew = false
    for (const entry of entries) grew = log.add(entry) || grew
    if (grew) this.announceGrown(peer)
    this.give(peer, { type: 'delivered', peer: from, bytes, outcome: 'ok' })
  }

  #key(a: number, b: number): string {
    return a < b ? `${a}-${b}` : `${b}-${a}`
  }

  #push(at: number, run: () => void): void {
    const item = { at, order: this.#order++, run }
    let low = 0
    let high = this.#queue.length
    while (low < high) {
      const middle = (low + high) >>> 1
      const other = this.#queue[middle] as typeof item
      if (other.at < at || (other.at === at && other.order < item.order)) high = middle
      else low = middle + 1
    }
    this.#queue.splice(low, 0, item)
  }

  #pop() {
    return this.#queue.pop() as { at: number; run: () => void }
  }
}

/** Growth, losses and reconnects at random for a while; then every peer can reach every other, and it comes to rest. */
function simulate(seed: number): Simulation {
  const shape = randomOf(seed ^ 0x5bd1e995)
  const pick = (limit: number) => Math.floor(shape() * limit)
  const peers = 2 + pick(5)
  const sim = new Simulation(seed, peers, shape() < 0.5)
  const forks = shape() < 0.2
  for (let peer = 0; peer < peers; peer++) {
    const history = shape() < 0.4 ? pick(150) : pick(4)
    for (const entry of toyRun(toyAuthor(peer), history, pick(400))) sim.logs[peer]?.add(entry)
    sim.in(pick(50), () => sim.announceGrown(peer))
  }
  for (let i = 0, count = 5 + pick(40); i < count; i++) {
    const peer = pick(peers)
    const other = (peer + 1 + pick(peers - 1)) % peers
    const bytes = shape() < 0.05 ? 5000 : pick(300)
    const dice = shape()
    sim.in(pick(5000), () => {
      if (dice < 0.3) sim.connect(peer, other)
      else if (dice < 0.45) sim.disconnect(peer, other)
      else if (dice < 0.5 && forks) sim.grow(peer, toyAuthor(99), `branch of ${peer}`, bytes)
      else sim.grow(peer, toyAuthor(peer), '', bytes)
    })
  }
  const extra = pick(peers)
  sim.in(QUIET_FROM_MS, () => {
    for (let peer = 1; peer < peers; peer++) sim.connect(peer - 1, peer)
    sim.connect(0, extra === 0 ? peers - 1 : extra)
  })
  sim.run()
  return sim
}

const SEEDS = Number(process.env['SYNC_SEEDS'] ?? 300)
const FIRST_SEED = Number(process.env['SYNC_SEED'] ?? 0)

describe('sync, simulated', () => {
  it('[SYN1] ends with equal logs, all marked synced, and then silence, whatever was lost, late or cut', () => {
    const totals = new Map<string, number>()
    let forked = 0
    const began = performance.now()
    for (let seed = FIRST_SEED; seed < FIRST_SEED + SEEDS; seed++) {
      const sim = simulate(seed)
      const digests = new Set(sim.logs.map(({ digest }) => digest))
      expect(digests.size, `seed ${seed}: logs differ`).toBe(1)
      expect(sim.disconnects, `seed ${seed}: an honest peer was blamed`).toEqual([])
      // What nobody sits on must not wait for a stall to be noticed.
      if (!sim.tight) expect(sim.lastSentAt, `seed ${seed}: waited`).toBeLessThan(QUIET_FROM_MS + STALL_MS)
      for (const [peer, synced] of sim.synced.entries()) {
        for (const other of sim.neighbours(peer)) expect(synced.get(String(other)), `seed ${seed}: ${peer} is not synced with ${other}`).toBe(true)
      }
      if ((sim.logs[0]?.vector.get(toyAuthor(99))?.length ?? 0) > 1) forked++
      for (const [type, count] of sim.sent) totals.set(type, (totals.get(type) ?? 0) + count)
    }
    const seconds = (performance.now() - began) / 1000
    if (process.env['SYNC_VERBOSE'] !== undefined) process.stdout.write(`${(SEEDS / seconds).toFixed(0)} seeds/s, ${forked} forked, ${JSON.stringify([...totals])}\n`)
    for (const type of ['hello', 'vector', 'heads', 'want', 'entries', 'ack', 'synced']) {
      expect(totals.get(type), `no ${type} was sent`).toBeGreaterThan(SEEDS / 2)
    }
    if (SEEDS >= 300) expect(forked, 'no log forked').toBeGreaterThan(SEEDS / 100)
  })
})
