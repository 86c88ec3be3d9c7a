import { describe, expect, it } from 'vitest'
import type { Entry } from '../log/entry.js'
import type { Message } from './message.js'
import { SyncMachine } from './sync-machine.js'
import { totalBytes, type SyncEffect } from './sync-types.js'
import { headOf, toyAuthor, toyEntry, toyRun } from './test-kit.js'

const A = toyAuthor(1)
const STALL_MS = 15_000
/** Entries 10 to 19 were left to others. */
const RUN = toyRun(A, 40)
const [FIRST, LAST] = [10, 19]
const WANTED = RUN.slice(FIRST, LAST + 1)

/** A machine that needs entries again; the test plays its peers, which hold what it holds. */
class Stand {
  readonly machine = new SyncMachine({ prunes: true, stallAfterMs: STALL_MS })
  now = 0
  readonly effects: SyncEffect[] = []

  constructor(peers: Readonly<Record<string, readonly string[]>>) {
    const head = headOf(RUN.at(-1)!)
    this.give({ type: 'grown', vector: new Map([[A, [head]]]), digest: 'all' })
    for (const [peer, features] of Object.entries(peers)) {
      this.give({ type: 'connected', peer })
      this.hear(peer, { type: 'hello', version: 1, features, digest: 'all' })
    }
  }

  give(event: Parameters<SyncMachine['handle']>[0]): void {
    this.effects.push(...this.machine.handle(event, this.now))
  }

  hear(peer: string, message: Message): void {
    this.give({ type: 'message', peer, message })
  }

  tick(ms: number): void {
    this.now += ms
    this.give({ type: 'tick' })
  }

  recall(bytes = totalBytes(WANTED)): void {
    this.give({ type: 'recall', request: 7, author: A, head: WANTED.at(-1)!.hash, from: FIRST, to: LAST, bytes })
  }

  /** The peers that were asked, in order, with the ids of the wants. */
  get asked(): readonly (readonly [string, number])[] {
    return this.effects.flatMap((effect) => (effect.type === 'send' && effect.message.type === 'want' ? [[effect.peer, effect.message.id] as const] : []))
  }

  get recalled(): readonly (readonly Entry[] | undefined)[] {
    return this.effects.flatMap((effect) => (effect.type === 'recalled' ? [effect.entries] : []))
  }

  get gone(): readonly string[] {
    return this.effects.flatMap((effect) => (effect.type === 'disconnect' ? [effect.peer] : []))
  }

  entries(peer: string, entries: readonly Entry[], last = true): void {
    const id = this.asked.findLast(([to]) => to === peer)?.[1] ?? -1
    this.hear(peer, { type: 'entries', id, entries, last })
  }
}

describe('entries that were left to others and are needed again', () => {
  it('[PRUNE3] are told of in hello, so that nobody relies on them', () => {
    const hello = (prunes: boolean) => {
      const machine = new SyncMachine({ prunes })
      machine.handle({ type: 'grown', vector: new Map(), digest: '' }, 0)
      return machine.handle({ type: 'connected', peer: 'p' }, 0)
    }
    expect(hello(true)).toMatchObject([{ message: { features: ['runs', 'prunes'] } }])
    expect(hello(false)).toMatchObject([{ message: { features: ['runs'] } }])
  })

  it('[PRUNE11] are asked of one that keeps everything first, and come in as many parts as it sends', () => {
    const stand = new Stand({ p: ['prunes'], q: [] })
    stand.recall()
    expect(stand.asked.map(([peer]) => peer)).toEqual(['q'])
    stand.entries('q', WANTED.slice(0, 4), false)
    stand.entries('q', WANTED.slice(4))
    expect(stand.recalled).toEqual([WANTED])
    const acknowledged = stand.effects.flatMap((effect) => (effect.type === 'send' && effect.message.type === 'ack' ? [effect.message.bytes] : []))
    expect(acknowledged.reduce((sum, bytes) => sum + bytes, 0)).toBe(totalBytes(WANTED))
  })

  it('[PRUNE11] are asked of the next when one has them not, is gone, is silent or lies', () => {
    const other = toyRun(A, 40, 100, 'other branch')
    const lies: readonly (readonly [string, (stand: Stand) => void])[] = [
      ['missing', (stand) => stand.hear('p', { type: 'missing', id: stand.asked[0]?.[1] ?? -1, reason: 'pruned' })],
      ['gone', (stand) => stand.give({ type: 'disconnected', peer: 'p' })],
      ['silent', (stand) => stand.tick(STALL_MS)],
      ['silent in the middle', (stand) => {
        stand.entries('p', WANTED.slice(0, 3), false)
        stand.tick(STALL_MS)
      }],
      ['another branch', (stand) => stand.entries('p', other.slice(FIRST, LAST + 1))],
      ['no end', (stand) => stand.entries('p', WANTED, false)],
      ['too early an end', (stand) => stand.entries('p', WANTED.slice(0, 5))],
      ['nothing', (stand) => stand.entries('p', [])],
      ['a gap', (stand) => stand.entries('p', WANTED.slice(1))],
      ['another author', (stand) => stand.entries('p', toyRun(toyAuthor(2), 40).slice(FIRST, LAST + 1))],
      ['a chain that does not hold', (stand) => stand.entries('p', [...WANTED.slice(0, 3), toyEntry({ author: A, seq: 13, prev: other[0]!.hash, branch: 'x', bytes: 3 }), ...WANTED.slice(4)])]
    ]
    for (const [what, lie] of lies) {
      const stand = new Stand({ p: [], q: [] })
      stand.recall()
      lie(stand)
      expect([what, stand.asked.map(([peer]) => peer)]).toEqual([what, ['p', 'q']])
      stand.entries('q', WANTED)
      expect([what, stand.recalled]).toEqual([what, [WANTED]])
    }
  })

  it('[PRUNE11] are not had when no peer has them, and nobody is asked twice', () => {
    const alone = new Stand({})
    alone.recall()
    expect(alone.recalled).toEqual([undefined])
    const stand = new Stand({ p: [], q: [] })
    stand.recall()
    for (const [at, peer] of ['p', 'q'].entries()) stand.hear(peer, { type: 'missing', id: stand.asked[at]?.[1] ?? -1, reason: 'unknown' })
    expect([stand.asked.length, stand.recalled]).toEqual([2, [undefined]])
    stand.tick(1_000_000)
    expect(stand.recalled).toEqual([undefined])
  })

  it('[PRUNE11] that come late are dropped, and no more is taken than they were', () => {
    const stand = new Stand({ p: [], q: [] })
    stand.recall()
    stand.tick(STALL_MS)
    stand.entries('q', WANTED)
    stand.entries('p', WANTED)
    expect([stand.recalled, stand.gone]).toEqual([[WANTED], []])
    for (let fault = 0; fault < 4; fault++) stand.entries('p', WANTED)
    expect(stand.gone).toEqual(['p'])
    const large = new Stand({ p: [], q: [] })
    large.recall(totalBytes(WANTED) - 1)
    large.entries('p', WANTED)
    expect(large.recalled).toEqual([])
    expect(large.asked.map(([peer]) => peer)).toEqual(['p', 'q'])
  })

  it('[PRUNE10] that a peer wants are said to be missing, from the first that is not here', () => {
    const stand = new Stand({ p: [] })
    stand.hear('p', { type: 'want', id: 3, author: A, head: RUN.at(-1)!.hash, from: 5, to: 30 })
    const load = (): SyncEffect & { type: 'load' } => stand.effects.findLast((effect) => effect.type === 'load')!
    stand.give({ type: 'loaded', peer: 'p', request: load().request, entries: RUN.slice(5, 10), next: 10, pruned: true })
    expect(load().from).toBe(10)
    stand.give({ type: 'loaded', peer: 'p', request: load().request, entries: [], next: undefined, pruned: true })
    const messages = stand.effects.flatMap((effect) => (effect.type === 'send' ? [effect.message] : [])).slice(-2)
    expect(messages).toMatchObject([{ type: 'entries', id: 3, last: false }, { type: 'missing', id: 3, reason: 'pruned' }])
  })
})
