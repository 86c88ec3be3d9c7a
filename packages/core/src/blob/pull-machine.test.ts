import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseBlobId } from '../base/ids.js'
import { nobleCrypto } from '../keys/noble-crypto.js'
import type { BlobMessage } from './blob-message.js'
import { MAX_FLIGHT_BYTES, STALL_MS } from './pull-limits.js'
import { PullMachine } from './pull-machine.js'
import { Swarm, ToyBlob, seeded } from './test-swarm.js'
import type { SwarmPeer } from './test-swarm.js'

const MB = 1e6
const CHUNK = 128 * 1024

const wholeAt = (peers: readonly SwarmPeer[], ...blobs: readonly ToyBlob[]) => (): boolean =>
  peers.every((peer) => blobs.every(({ id }) => peer.whole.has(id)))

/** Seconds until all of `count` peers, which start together, have `blob` from one source; all have the same line. */
function race(seed: number, count: number, blob: ToyBlob): { seconds: number; sent: number } {
  const swarm = new Swarm(seed)
  swarm.give(swarm.add(), blob)
  const peers = Array.from({ length: count }, () => swarm.add())
  swarm.connectAll()
  for (const peer of peers) swarm.want(peer, blob)
  expect(swarm.run(wholeAt(peers, blob))).toBe(true)
  return { seconds: swarm.now / 1000, sent: peers.reduce((sum, { receivedBytes }) => sum + receivedBytes, 0) }
}

describe('fetching from a swarm', () => {
  it('[PULL1] many that start together share one source: eight take far less than eight times as long as one', () => {
    const blob = new ToyBlob(1, 320, CHUNK)
    for (const seed of [1, 2, 3]) {
      const one = race(seed, 1, blob)
      const eight = race(seed, 8, blob)
      expect(one.seconds).toBeLessThan((1.3 * blob.list.size) / (10 * MB))
      expect(eight.seconds).toBeLessThan(2 * one.seconds)
      expect(eight.sent).toBeLessThan(8 * blob.list.size * 1.1)
    }
  })

  it('[PULL2] peers with different halves, or the odd and the even chunks, give the whole', () => {
    for (const halves of [(at: number) => at < 40, (at: number) => at % 2 === 0]) {
      const blob = new ToyBlob(2, 80, CHUNK)
      const swarm = new Swarm(2)
      const [a, b, c] = [swarm.add(), swarm.add(), swarm.add()]
      swarm.give(a, blob, halves)
      swarm.give(b, blob, (at) => !halves(at))
      swarm.connect(a, c)
      swarm.connect(b, c)
      swarm.want(c, blob)
      expect(swarm.run(wholeAt([c], blob))).toBe(true)
      expect(c.receivedBytes).toBeLessThan(blob.list.size * 1.02)
    }
  })

  it('[PULL3] two that each have a half and cannot reach the source complete each other', () => {
    const blob = new ToyBlob(3, 60, CHUNK)
    const swarm = new Swarm(3)
    const [a, b] = [swarm.add(), swarm.add()]
    swarm.give(a, blob, (at) => at % 3 === 0)
    swarm.give(b, blob, (at) => at % 3 !== 0)
    swarm.connectAll()
    for (const peer of [a, b]) swarm.want(peer, blob)
    expect(swarm.run(wholeAt([a, b], blob))).toBe(true)
  })

  it('[PULL4] a source that lies is sent away, and its chunks come from the others', () => {
    for (let seed = 0; seed < 10; seed++) {
      const blob = new ToyBlob(4, 50, CHUNK)
      const swarm = new Swarm(seed)
      const [liar, honest, peer] = [swarm.add({ nature: 'liar' }), swarm.add(), swarm.add()]
      swarm.give(liar, blob)
      swarm.give(honest, blob)
      swarm.connectAll()
      swarm.want(peer, blob)
      expect(swarm.run(wholeAt([peer], blob))).toBe(true)
      expect([...peer.refused]).toEqual([liar.name])
    }
  })

  it('[PULL5] a source that is silent holds nothing up for longer than the stall time', () => {
    const blob = new ToyBlob(5, 50, CHUNK)
    const swarm = new Swarm(5)
    const [silent, honest, peer] = [swarm.add({ nature: 'silent' }), swarm.add(), swarm.add()]
    swarm.give(silent, blob)
    swarm.give(honest, blob)
    swarm.connectAll()
    swarm.want(peer, blob)
    expect(swarm.run(wholeAt([peer], blob))).toBe(true)
    expect(swarm.now).toBeLessThan(STALL_MS + 2000)
    expect(peer.refused.size).toBe(0)
  })

  it('[PULL6] a slow source does not slow the others down, in the end neither', () => {
    const blob = new ToyBlob(6, 160, CHUNK)
    const swarm = new Swarm(6)
    const [slow, fast, peer] = [swarm.add({ rate: 50_000 }), swarm.add(), swarm.add()]
    swarm.give(slow, blob)
    swarm.give(fast, blob)
    swarm.connectAll()
    swarm.want(peer, blob)
    expect(swarm.run(wholeAt([peer], blob))).toBe(true)
    expect(swarm.now / 1000).toBeLessThan(blob.list.size / (10 * MB) + 4)
  })

  it('[PULL7] what is here already is not fetched, after a new start neither', () => {
    const blob = new ToyBlob(7, 100, CHUNK)
    const swarm = new Swarm(7)
    const [source, peer] = [swarm.add(), swarm.add()]
    swarm.give(source, blob)
    swarm.give(peer, blob, (at) => at % 10 !== 0)
    swarm.connectAll()
    swarm.want(peer, blob)
    expect(swarm.run(wholeAt([peer], blob))).toBe(true)
    expect(peer.receivedBytes).toBeLessThan(11 * CHUNK)
  })

  it('[PULL8] hundreds of small blobs come at once, and nothing is asked twice', () => {
    const blobs = Array.from({ length: 300 }, (_, at) => new ToyBlob(1000 + at, 1, 2000))
    const swarm = new Swarm(8)
    const [source, peer] = [swarm.add(), swarm.add()]
    for (const blob of blobs) swarm.give(source, blob)
    swarm.connectAll()
    for (const blob of blobs) swarm.want(peer, blob)
    expect(peer.machine.transfers.waiting).toBeGreaterThan(0)
    expect(swarm.run(wholeAt([peer], ...blobs))).toBe(true)
    expect(swarm.now).toBeLessThan(2000)
    expect(peer.receivedBytes).toBeLessThan(300 * 2500)
    expect(peer.machine.transfers).toEqual({ active: [], waiting: 0, serving: 0 })
  })

  it('[PULL9] a receiver with a slow disk holds a bounded amount in memory', () => {
    const blob = new ToyBlob(9, 600, CHUNK)
    const swarm = new Swarm(9, 1)
    const sources = Array.from({ length: 4 }, () => swarm.add({ rate: 100 * MB }))
    for (const source of sources) swarm.give(source, blob)
    const peer = swarm.add({ rate: 400 * MB, storeMs: 500 })
    swarm.connectAll()
    swarm.want(peer, blob)
    expect(swarm.run(wholeAt([peer], blob))).toBe(true)
    expect(peer.mostStoringBytes).toBeLessThan(MAX_FLIGHT_BYTES + MB)
  })

  it('[PULL15] a source that was silent for a while is asked again when it is back', () => {
    const [first, second] = [new ToyBlob(15, 40, CHUNK), new ToyBlob(16, 40, CHUNK)]
    const swarm = new Swarm(15)
    const [moody, honest, peer] = [swarm.add({ nature: 'silent' }), swarm.add(), swarm.add()]
    for (const blob of [first, second]) swarm.give(moody, blob)
    swarm.give(honest, first)
    swarm.connectAll()
    swarm.want(peer, first)
    expect(swarm.run(wholeAt([peer], first))).toBe(true)
    moody.nature = 'honest'
    swarm.want(peer, second)
    expect(swarm.run(wholeAt([peer], second))).toBe(true)
  })

  it('[PULL16] blobs that nobody has keep no place from those that somebody has, and come when somebody brings them', () => {
    const lost = Array.from({ length: 200 }, (_, at) => new ToyBlob(3000 + at, 1, 2000))
    const there = new ToyBlob(4000, 3, CHUNK)
    const swarm = new Swarm(16)
    const [source, peer] = [swarm.add(), swarm.add()]
    swarm.connectAll()
    for (const blob of lost) swarm.want(peer, blob)
    swarm.give(source, there)
    swarm.want(peer, there)
    expect(swarm.run(wholeAt([peer], there))).toBe(true)
    const late = swarm.add()
    for (const blob of lost) swarm.give(late, blob)
    swarm.connect(late, peer)
    expect(swarm.run(wholeAt([peer], ...lost))).toBe(true)
  })

  it('[PULL10] with peers that come, go, lie, stall and have parts, whoever can reach a whole source in the end has all of it', () => {
    for (let seed = 100; seed < 160; seed++) chaos(seed)
  })
})

function chaos(seed: number): void {
  const swarm = new Swarm(seed)
  const random = seeded(seed)
  const below = (limit: number): number => Math.floor(random.next() * limit)
  const blobs = Array.from({ length: 1 + below(3) }, (_, at) => new ToyBlob(seed * 10 + at, 1 + below(60), 20_000 + below(CHUNK)))
  const source = swarm.add()
  const natures = ['honest', 'honest', 'honest', 'liar', 'silent'] as const
  const others = Array.from({ length: 2 + below(5) }, () => swarm.add({ nature: natures[below(5)] ?? 'honest', rate: MB * (1 + below(10)) }))
  for (const blob of blobs) {
    swarm.give(source, blob)
    for (const peer of others) if (below(2) === 0) swarm.give(peer, blob, () => peer.nature !== 'honest' || below(3) === 0)
  }
  const honest = others.filter(({ nature }) => nature === 'honest')
  for (const peer of honest) for (const blob of blobs) swarm.want(peer, blob)
  const all = [source, ...others]
  for (let change = 0; change < 60; change++) {
    swarm.later(below(4000), () => {
      const [a, b] = [all[below(all.length)], all[below(all.length)]]
      if (a === undefined || b === undefined || a === b) return
      if (a.links.has(b)) swarm.disconnect(a, b)
      else swarm.connect(a, b)
    })
  }
  swarm.later(4500, () => swarm.connectAll())
  expect(swarm.run(wholeAt(honest, ...blobs)), `seed ${seed}`).toBe(true)
  for (const peer of honest) for (const { id } of blobs) expect(peer.held.get(id)?.isWhole, `seed ${seed}`).toBe(true)
  for (const { refused } of honest) for (const name of refused) expect(swarm.peers.get(name)?.nature, `seed ${seed}`).toBe('liar')
}

describe('a member that breaks the protocol', () => {
  const blob = parseBlobId('ab'.repeat(32))
  const machine = (): PullMachine => {
    const made = new PullMachine({ crypto: nobleCrypto, random: seeded(1) })
    made.handle({ type: 'connected', peer: 'x' }, 0)
    return made
  }
  const say = (to: PullMachine, message: BlobMessage): readonly string[] =>
    to.handle({ type: 'message', peer: 'x', message }, 0).flatMap((effect) => (effect.type === 'disconnect' ? [effect.reason] : []))

  it('[PULL11] is sent away, and told from one that was overtaken by a change of mind', () => {
    const first = machine()
    expect(say(first, { type: 'whole', ref: 1 })).toEqual(['the peer did not say hello first'])
    const greeted = machine()
    expect(say(greeted, { type: 'hello', version: 1 })).toEqual([])
    expect(say(greeted, { type: 'whole', ref: 77 })).toEqual([])
    expect(say(greeted, { type: 'piece', id: 77, bytes: new Uint8Array(10) })).toEqual([])
    expect(say(greeted, { type: 'get', id: 1, ref: 77, part: 'chunk', index: 0 })).toHaveLength(1)
    const greedy = machine()
    say(greedy, { type: 'hello', version: 1 })
    const faults: string[] = []
    for (let ref = 0; ref < 200 && faults.length === 0; ref++) faults.push(...say(greedy, { type: 'follow', ref, blob }))
    expect(faults).toEqual(['the peer follows too much at once'])
  })

  it('[PULL12] says anything in any order without harm: nothing throws, and nothing is asked of it for ever', () => {
    const small = fc.nat(5)
    const bits = fc.uint8Array({ maxLength: 4 })
    const message: fc.Arbitrary<BlobMessage> = fc.oneof(
      fc.record({ type: fc.constant('hello' as const), version: small }),
      fc.record({ type: fc.constant('follow' as const), ref: small, blob: fc.constant(blob) }),
      fc.record({ type: fc.constant('unfollow' as const), ref: small }),
      fc.record({ type: fc.constant('have' as const), ref: small, from: small, bits }),
      fc.record({ type: fc.constant('whole' as const), ref: small }),
      fc.record({ type: fc.constant('get' as const), id: small, ref: small, part: fc.constantFrom('chunk' as const, 'manifest' as const), index: small }),
      fc.record({ type: fc.constant('cancel' as const), id: small }),
      fc.record({ type: fc.constant('piece' as const), id: small, bytes: bits }),
      fc.record({ type: fc.constant('lack' as const), id: small }),
      fc.record({ type: fc.constant('unknown' as const) })
    )
    fc.assert(
      fc.property(fc.array(message, { maxLength: 40 }), (messages) => {
        const victim = machine()
        const toy = new ToyBlob(50, 3, 1000)
        victim.handle({ type: 'wanted', blob: toy.id }, 0)
        for (const [at, said] of [{ type: 'hello', version: 1 } as const, ...messages].entries()) {
          const effects = victim.handle({ type: 'message', peer: 'x', message: said }, at)
          expect(effects.length).toBeLessThan(50)
        }
      }),
      { numRuns: 500 }
    )
  })
})
