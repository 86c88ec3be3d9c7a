import { describe, expect, it } from 'vitest'
import type { AuthorId } from '../base/ids.js'
import { STREAM_CREDIT_BYTES } from '../base/limits.js'
import type { Entry } from '../log/entry.js'
import type { Message, WantMessage } from './message.js'
import { SyncMachine } from './sync-machine.js'
import { totalBytes, type SyncEffect, type SyncEvent, type SyncOptions } from './sync-types.js'
import { headOf, ToyLog, toyAuthor, toyEntry, toyHash, toyRun } from './test-kit.js'

const A = toyAuthor(1)
const B = toyAuthor(2)
const NO_RUN: readonly Entry[] = []

/** A machine with a log of its own; the test plays the peers and the engine. */
class Bench {
  readonly machine: SyncMachine
  readonly log = new ToyLog()
  now = 0

  constructor(entries: readonly Entry[] = NO_RUN, options: SyncOptions = {}) {
    this.machine = new SyncMachine(options)
    for (const entry of entries) this.log.add(entry)
    this.grown()
  }

  give(event: SyncEvent): readonly SyncEffect[] {
    return this.machine.handle(event, this.now)
  }

  grown(): readonly SyncEffect[] {
    return this.give({ type: 'grown', vector: this.log.vector, digest: this.log.digest })
  }

  hear(peer: string, message: Message): readonly SyncEffect[] {
    return this.give({ type: 'message', peer, message })
  }

  tick(at: number): readonly SyncEffect[] {
    this.now = at
    return this.give({ type: 'tick' })
  }

  /** Connects a peer that holds the given heads besides nothing else. */
  meet(peer: string, heads: readonly Entry[]): readonly SyncEffect[] {
    this.give({ type: 'connected', peer })
    this.hear(peer, { type: 'hello', version: 1, features: [], digest: `of ${peer}` })
    return this.hear(peer, { type: 'vector', heads: heads.map((entry) => [entry.header.author, [headOf(entry)]]), digest: `of ${peer}`, last: true })
  }

  /** Does what the engine does with a delivery. */
  store({ peer, entries, bytes }: SyncEffect & { type: 'deliver' }): readonly SyncEffect[] {
    for (const entry of entries) this.log.add(entry)
    const first = this.grown()
    return [...first, ...this.give({ type: 'delivered', peer, bytes, outcome: 'ok' })]
  }
}

type Of<Type extends SyncEffect['type']> = Extract<SyncEffect, { type: Type }>
const of = <Type extends SyncEffect['type']>(effects: readonly SyncEffect[], type: Type): Of<Type>[] =>
  effects.filter((effect): effect is Of<Type> => effect.type === type)
const sent = (effects: readonly SyncEffect[], peer?: string): Message[] =>
  of(effects, 'send').filter((effect) => peer === undefined || effect.peer === peer).map(({ message }) => message)
const wants = (effects: readonly SyncEffect[], peer?: string): WantMessage[] =>
  sent(effects, peer).filter((message): message is WantMessage => message.type === 'want')
const newest = (run: readonly Entry[]): Entry => run.at(-1) as Entry
const entriesOf = (want: WantMessage, run: readonly Entry[]): Message => ({ type: 'entries', id: want.id, entries: run.slice(want.from, want.to + 1), last: true })

describe('hello', () => {
  it('[SYN2] costs one message each way when the digests are equal, and nothing after', () => {
    const bench = new Bench(toyRun(A, 3))
    expect(sent(bench.give({ type: 'connected', peer: 'p' }))).toEqual([{ type: 'hello', version: 1, features: ['runs'], digest: bench.log.digest }])
    const effects = bench.hear('p', { type: 'hello', version: 1, features: [], digest: bench.log.digest })
    expect(effects).toEqual([{ type: 'synced', peer: 'p', synced: true }])
    expect(bench.tick(1_000_000)).toEqual([])
  })

  it('[SYN2] sends the whole vector when the digests differ', () => {
    const run = toyRun(A, 3)
    const bench = new Bench(run)
    bench.give({ type: 'connected', peer: 'p' })
    const messages = sent(bench.hear('p', { type: 'hello', version: 1, features: [], digest: 'other' }))
    expect(messages).toEqual([{ type: 'vector', heads: [[A, [headOf(newest(run))]]], digest: bench.log.digest, last: true }])
  })

  it('[SYN2] waits until the own log was read', () => {
    const machine = new SyncMachine()
    expect(machine.handle({ type: 'connected', peer: 'p' }, 0)).toEqual([])
    const effects = machine.handle({ type: 'grown', vector: new Map(), digest: 'd' }, 5)
    expect(sent(effects).map(({ type }) => type)).toEqual(['hello'])
  })

  it('[SYN3] accepts a newer version and its features, and says goodbye to one that is too old', () => {
    const bench = new Bench()
    bench.give({ type: 'connected', peer: 'new' })
    expect(of(bench.hear('new', { type: 'hello', version: 9, features: ['later'], digest: 'x' }), 'disconnect')).toEqual([])
    bench.give({ type: 'connected', peer: 'old' })
    const effects = bench.hear('old', { type: 'hello', version: 0, features: [], digest: 'x' })
    expect(sent(effects)[0]?.type).toBe('bye')
    expect(of(effects, 'disconnect')[0]?.reason).toMatch(/too old/)
  })
})

describe('what is asked', () => {
  const run = toyRun(A, 10)

  it.each([
    ['nothing held', 0, 10, [[0, 9]]],
    ['a tail missing', 4, 10, [[4, 9]]],
    ['the same head', 10, 10, []]
  ] as const)('[SYN4] asks from our seq + 1 to theirs: %s', (_, ours, theirs, expected) => {
    const bench = new Bench(run.slice(0, ours))
    const effects = bench.meet('p', [run[theirs - 1] as Entry])
    expect(wants(effects).map(({ from, to }) => [from, to])).toEqual(expected)
    expect(of(effects, 'check')).toEqual([])
  })

  it('[SYN5] asks the engine about a head that is not above ours: held means nothing to do', () => {
    const bench = new Bench(run)
    expect(of(bench.meet('p', [run[4] as Entry]), 'check')).toEqual([{ type: 'check', peer: 'p', author: A, head: run[4]?.hash, seq: 4, isOnly: true }])
    const effects = bench.give({ type: 'checked', peer: 'p', author: A, head: (run[4] as Entry).hash, held: true })
    expect(sent(effects)).toEqual([{ type: 'synced', digest: 'of p' }])
  })

  it('[SYN5] takes the whole branch when the head is not held: a fork', () => {
    const bench = new Bench(run)
    const other = toyRun(A, 5, 100, 'other')
    bench.meet('p', [newest(other)])
    const effects = bench.give({ type: 'checked', peer: 'p', author: A, head: newest(other).hash, held: false })
    expect(wants(effects).map(({ head, from, to }) => [head, from, to])).toEqual([[newest(other).hash, 0, 4]])
  })

  it('[SYN5] takes the whole branch when a longer one does not continue ours', () => {
    const bench = new Bench(run.slice(0, 3))
    const other = toyRun(A, 6, 100, 'other')
    const [want] = wants(bench.meet('p', [newest(other)])) as [WantMessage]
    expect(want.from).toBe(3)
    const effects = bench.hear('p', entriesOf(want, other))
    expect(of(effects, 'deliver')).toEqual([])
    expect(wants(effects).map(({ from, to }) => [from, to])).toEqual([[0, 5]])
  })

  it('[SYN6] never asks two peers for the same entry', () => {
    const long = toyRun(A, 90)
    const bench = new Bench()
    const asked = [...wants(bench.meet('p', [newest(long)])), ...wants(bench.meet('q', [newest(long)]))]
    const seqs = asked.flatMap(({ from, to }) => Array.from({ length: to - from + 1 }, (_, i) => from + i))
    expect(seqs.length).toBe(90)
    expect(new Set(seqs).size).toBe(90)
  })

  it('[SYN7] an edit is asked at once while a bulk catch-up fills its slots', () => {
    const long = toyRun(A, 5000)
    const bench = new Bench()
    expect(wants(bench.meet('p', [newest(long)])).length).toBe(3)
    const edit = toyRun(B, 1)
    const effects = bench.hear('p', { type: 'heads', heads: [[B, [headOf(newest(edit))]]], digest: 'later' })
    expect(wants(effects).map(({ author, from, to }) => [author, from, to])).toEqual([[B, 0, 0]])
  })

  it('[SYN8] what a peer left behind is asked of another', () => {
    const bench = new Bench()
    const first = wants(bench.meet('p', [newest(run)]))
    expect(wants(bench.meet('q', [newest(run)]))).toEqual([])
    const effects = bench.give({ type: 'disconnected', peer: 'p' })
    expect(wants(effects, 'q').map(({ from, to }) => [from, to])).toEqual(first.map(({ from, to }) => [from, to]))
  })

  it('[SYN9] a peer that sits on a want is bypassed after the stall time, and not asked again before it moves', () => {
    const bench = new Bench()
    const meeting = bench.meet('p', [newest(run)])
    const [want] = wants(meeting) as [WantMessage]
    expect(of(meeting, 'timer')).toEqual([{ type: 'timer', at: 15_000 }])
    bench.meet('q', [newest(run)])
    expect(wants(bench.tick(14_999))).toEqual([])
    expect(wants(bench.tick(15_000), 'q').map(({ from, to }) => [from, to])).toEqual([[0, 9]])
    const edit = { type: 'heads', heads: [[B, [headOf(newest(toyRun(B, 1)))]]], digest: 'later' } as const
    expect(wants(bench.hear('p', edit))).toEqual([])
    const late = bench.hear('p', entriesOf(want, run))
    expect(of(late, 'deliver')).toEqual([])
    expect(sent(late, 'p')).toContainEqual({ type: 'ack', bytes: totalBytes(run) })
    expect(wants(late, 'p').map(({ author }) => author)).toEqual([B])
  })

  it('[SYN10] a head that the peer reports missing is not asked of it again', () => {
    const bench = new Bench()
    const [want] = wants(bench.meet('p', [newest(run)])) as [WantMessage]
    const effects = bench.hear('p', { type: 'missing', id: want.id, reason: 'pruned' })
    expect([...sent(effects), ...sent(bench.tick(100_000))]).toEqual([])
    expect(wants(bench.meet('q', [newest(run)])).length).toBe(1)
  })
})

describe('what comes back', () => {
  it('[SYN11] goes to the engine in order of seq, also when a later piece of another peer comes first', () => {
    const run = toyRun(A, 64)
    const bench = new Bench()
    const [first, second] = wants(bench.meet('p', [newest(run)])) as [WantMessage, WantMessage]
    expect(of(bench.hear('p', entriesOf(second, run)), 'deliver')).toEqual([])
    const [delivery] = of(bench.hear('p', entriesOf(first, run)), 'deliver') as [Of<'deliver'>]
    expect(delivery.entries.map(({ header }) => header.seq)).toEqual(Array.from({ length: 32 }, (_, i) => i))
    const [next] = of(bench.store(delivery), 'deliver') as [Of<'deliver'>]
    expect(next.entries[0]?.header.seq).toBe(32)
    const effects = bench.store(next)
    expect(of(effects, 'progress')).toEqual([{ type: 'progress', received: 64, expected: 64 }])
    expect(sent(effects)).toEqual([{ type: 'synced', digest: 'of p' }, { type: 'ack', bytes: next.bytes }])
  })

  it.each<[string, (run: Entry[]) => Entry[]]>([
    ['of another author', () => toyRun(B, 4)],
    ['with a gap', (run) => run.slice(1)],
    ['with a broken chain', (run) => [...run.slice(0, 2), ...toyRun(A, 4, 100, 'x').slice(2)]],
    ['that end in another head', (run) => [...run.slice(0, 3), toyEntry({ author: A, seq: 3, prev: (run[2] as Entry).hash, branch: 'x', bytes: 1 })]],
    ['too few', (run) => run.slice(0, 2)],
    ['too many', (run) => [...run, ...toyRun(A, 5).slice(4)]],
    ['none', () => []]
  ])('[SYN12] entries %s are not delivered, and the fourth time ends it', (_, spoil) => {
    const run = toyRun(A, 4)
    const bench = new Bench()
    let effects = bench.meet('p', [newest(run)])
    for (let fault = 1; fault <= 4; fault++) {
      const [want] = wants(effects) as [WantMessage]
      effects = bench.hear('p', { type: 'entries', id: want.id, entries: spoil(run), last: true })
      expect(of(effects, 'deliver')).toEqual([])
      expect(of(effects, 'disconnect').length).toBe(fault === 4 ? 1 : 0)
    }
    expect(sent(effects).at(-1)?.type).toBe('bye')
  })

  it('[SYN12] a peer whose deliveries fail their checks is asked no more, and another is', () => {
    const run = toyRun(A, 4)
    const bench = new Bench()
    let effects = bench.meet('p', [newest(run)])
    bench.meet('q', [newest(run)])
    for (let fault = 1; fault <= 4; fault++) {
      const [want] = wants(effects, 'p') as [WantMessage]
      const [delivery] = of(bench.hear('p', entriesOf(want, run)), 'deliver') as [Of<'deliver'>]
      effects = bench.give({ type: 'delivered', peer: 'p', bytes: delivery.bytes, outcome: 'fault' })
    }
    expect(of(effects, 'disconnect')[0]?.reason).toMatch(/fail their checks/)
    expect(wants(effects, 'q').length).toBe(1)
  })

  it('[SYN13] a peer that sends more than its credit is at fault', () => {
    const run = toyRun(A, 32, 1000)
    const bench = new Bench(NO_RUN, { creditBytes: 3000, frameBytes: 1000 })
    const [want] = wants(bench.meet('p', [newest(run)])) as [WantMessage]
    const send = (from: number, to: number) => bench.hear('p', { type: 'entries', id: want.id, entries: run.slice(from, to), last: false })
    expect(of(send(0, 2), 'deliver').length).toBe(1)
    for (let fault = 1; fault <= 4; fault++) expect(of(send(2, 5), 'disconnect').length).toBe(fault === 4 ? 1 : 0)
  })
})

describe('serving', () => {
  const run = toyRun(A, 400, 10_000)
  const load = (log: ToyLog, { head, from, to, maxBytes, request, peer }: Of<'load'>): SyncEvent => {
    const entries = log.run(head, from, Math.min(to, from + Math.floor(maxBytes / 10_400) - 1))
    const next = from + entries.length
    return { type: 'loaded', peer, request, entries, next: next > to ? undefined : next }
  }

  it('[SYN13] never has more than the credit under way, and goes on as it is acknowledged', () => {
    const bench = new Bench(run)
    bench.meet('p', [])
    let effects = bench.hear('p', { type: 'want', id: 0, author: A, head: newest(run).hash, from: 0, to: 399 })
    let underWay = 0
    let received = 0
    let highest = 0
    for (let steps = 0; received < 400 && steps < 1000; steps++) {
      for (const message of sent(effects)) {
        if (message.type !== 'entries') continue
        underWay += totalBytes(message.entries)
        received += message.entries.length
      }
      highest = Math.max(highest, underWay)
      const [request] = of(effects, 'load')
      if (request !== undefined) effects = bench.give(load(bench.log, request))
      else {
        effects = bench.hear('p', { type: 'ack', bytes: Math.min(underWay, 100_000) })
        underWay -= Math.min(underWay, 100_000)
      }
    }
    expect(received).toBe(400)
    expect(highest).toBeLessThanOrEqual(STREAM_CREDIT_BYTES)
    expect(highest).toBeGreaterThan(STREAM_CREDIT_BYTES / 2)
  })

  it('[SYN7] serves a small want after one frame of a bulk one', () => {
    const bench = new Bench([...run, ...toyRun(B, 1)])
    bench.meet('p', [])
    const [bulk] = of(bench.hear('p', { type: 'want', id: 0, author: A, head: newest(run).hash, from: 0, to: 399 }), 'load') as [Of<'load'>]
    bench.hear('p', { type: 'want', id: 1, author: B, head: newest(toyRun(B, 1)).hash, from: 0, to: 0 })
    expect(of(bench.give(load(bench.log, bulk)), 'load').map(({ author }) => author)).toEqual([B])
  })

  it('[SYN10] reports missing what it does not hold', () => {
    const bench = new Bench(run)
    bench.meet('p', [])
    expect(sent(bench.hear('p', { type: 'want', id: 7, author: B, head: toyHash('?'), from: 0, to: 1 }))).toEqual([{ type: 'missing', id: 7, reason: 'unknown' }])
    const [request] = of(bench.hear('p', { type: 'want', id: 8, author: A, head: toyHash('?'), from: 0, to: 1 }), 'load') as [Of<'load'>]
    const effects = bench.give({ type: 'loaded', peer: 'p', request: request.request, entries: [], next: undefined })
    expect(sent(effects)).toEqual([{ type: 'missing', id: 8, reason: 'unknown' }])
  })
})

describe('announcing', () => {
  const begin = () => {
    const bench = new Bench(toyRun(A, 2))
    bench.give({ type: 'connected', peer: 'p' })
    bench.hear('p', { type: 'hello', version: 1, features: [], digest: bench.log.digest })
    return bench
  }
  const grow = (bench: Bench, author: AuthorId, count: number) => {
    for (const entry of toyRun(author, count)) bench.log.add(entry)
    return bench.grown()
  }

  it('[SYN14] tells what grew, once, after a short while', () => {
    const bench = begin()
    const first = grow(bench, A, 3)
    expect(first).toEqual([{ type: 'synced', peer: 'p', synced: false }, { type: 'timer', at: 200 }])
    bench.now = 100
    expect(sent(grow(bench, B, 1))).toEqual([])
    const [heads] = sent(bench.tick(200))
    expect(heads?.type === 'heads' && heads.heads.map(([author, [head]]) => [author, head?.seq])).toEqual([[A, 2], [B, 0]])
    expect(bench.hear('p', { type: 'synced', digest: bench.log.digest })).toEqual([{ type: 'synced', peer: 'p', synced: true }])
    expect(bench.tick(10_000)).toEqual([])
  })

  it('[SYN14] answers growth that came by gossip with one confirmation instead of heads', () => {
    const bench = begin()
    grow(bench, B, 1)
    const [entry] = toyRun(B, 1) as [Entry]
    const effects = bench.hear('p', { type: 'heads', heads: [[B, [headOf(entry)]]], digest: bench.log.digest })
    expect(sent(effects)).toEqual([{ type: 'synced', digest: bench.log.digest }])
    expect(sent(bench.tick(200))).toEqual([])
  })
})

describe('hostile peers', () => {
  it.each<[string, Message]>([
    ['a second hello', { type: 'hello', version: 1, features: [], digest: 'x' }],
    ['a second vector', { type: 'vector', heads: [], digest: 'x', last: true }],
    ['entries that nobody asked for', { type: 'entries', id: 9, entries: toyRun(A, 1), last: true }],
    ['an acknowledgement of nothing', { type: 'ack', bytes: 0 }],
    ['an acknowledgement of what was not sent', { type: 'ack', bytes: 10 }],
    ['a report about no want', { type: 'missing', id: 9, reason: 'unknown' }]
  ])('[SYN15] %s is forgiven three times', (_, message) => {
    const bench = new Bench()
    bench.meet('p', [])
    for (let time = 1; time <= 3; time++) expect(of(bench.hear('p', message), 'disconnect')).toEqual([])
    expect(of(bench.hear('p', message), 'disconnect').length).toBe(1)
    expect(bench.hear('p', message)).toEqual([])
  })

  it('[SYN15] a flood of heads ends the stream, the same over hours does not', () => {
    const bench = new Bench()
    bench.meet('p', [])
    const flood = () => of(bench.hear('p', { type: 'heads', heads: [], digest: `${bench.now}` }), 'disconnect').length
    for (let i = 0; i < 5000; i++) {
      bench.now += 200
      expect(flood()).toBe(0)
    }
    let ended = 0
    for (let i = 0; i < 2000; i++) ended += flood()
    expect(ended).toBe(1)
  })

  it('[SYN15] more authors than a workspace may have end the stream', () => {
    const bench = new Bench()
    bench.give({ type: 'connected', peer: 'p' })
    bench.hear('p', { type: 'hello', version: 1, features: [], digest: 'x' })
    const head = headOf(newest(toyRun(A, 1)))
    const page = (index: number): Message => {
      const heads = Array.from({ length: 1024 }, (_, i) => [toyAuthor(index * 1024 + i), [head]] as const)
      return { type: 'vector', heads, digest: 'x', last: false }
    }
    for (let index = 0; index < 16; index++) expect(of(bench.hear('p', page(index)), 'disconnect')).toEqual([])
    expect(of(bench.hear('p', page(16)), 'disconnect').map(({ reason }) => reason)).toEqual([expect.stringMatching(/more authors/)])
  })

  it('[SYN15] more wants than the limit are at fault', () => {
    const bench = new Bench(toyRun(A, 4))
    bench.meet('p', [])
    const want = (id: number) => bench.hear('p', { type: 'want', id, author: A, head: toyHash('?'), from: 0, to: 3 })
    for (let id = 0; id < 64; id++) expect(of(want(id), 'disconnect')).toEqual([])
    const ended = [64, 65, 66, 67].map((id) => of(want(id), 'disconnect').length)
    expect(ended).toEqual([0, 0, 0, 1])
  })

  it('[SYN16] a fork that a peer sits on does not hold up what others have of that author', () => {
    const run = toyRun(A, 12)
    const bench = new Bench(run.slice(0, 10))
    const fake = toyRun(A, 5, 100, 'fake')
    bench.meet('bad', [newest(fake)])
    expect(wants(bench.give({ type: 'checked', peer: 'bad', author: A, head: newest(fake).hash, held: false })).length).toBe(1)
    expect(wants(bench.meet('good', [newest(run)]), 'good').map(({ from, to }) => [from, to])).toEqual([[10, 11]])
  })
})

describe('a large catch-up', () => {
  it('[SYN17] takes pieces of 100,000 entries from all three peers that hold them', () => {
    const run = toyRun(A, 100_000, 20)
    const bench = new Bench()
    const queue: { peer: string; want: WantMessage }[] = []
    const deliveries: Of<'deliver'>[] = []
    const served = new Map<string, number>()
    const take = (effects: readonly SyncEffect[]) => {
      for (const effect of of(effects, 'send')) if (effect.message.type === 'want') queue.push({ peer: effect.peer, want: effect.message })
      deliveries.push(...of(effects, 'deliver'))
      expect(of(effects, 'disconnect')).toEqual([])
    }
    for (const peer of ['p', 'q', 'r']) take(bench.meet(peer, [newest(run)]))
    while (queue.length > 0 || deliveries.length > 0) {
      const next = queue.shift()
      if (next !== undefined) {
        served.set(next.peer, (served.get(next.peer) ?? 0) + next.want.to - next.want.from + 1)
        take(bench.hear(next.peer, entriesOf(next.want, run)))
      }
      const delivery = deliveries.shift()
      if (delivery !== undefined) take(bench.store(delivery))
    }
    expect(bench.log.size).toBe(100_000)
    expect([...served.values()].reduce((sum, count) => sum + count, 0)).toBe(100_000)
    for (const peer of ['p', 'q', 'r']) expect(served.get(peer)).toBeGreaterThan(10_000)
  })
})
