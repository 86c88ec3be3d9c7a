import { assert, double, nat, property } from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Clock } from '../base/clock.js'
import { backoffMs } from './backoff.js'
import { addressesToDial } from './dial-addresses.js'
import { Dialer } from './dialer.js'
import { MAX_ADDRESSES_PER_PEER, MAX_UNASKED_TARGETS, REDIAL_MAX_MS, REDIAL_MIN_MS, YIELD_DIAL_MS } from './net-limits.js'
import { FORGOTTEN_MS, MAX_REFUSALS, REFUSAL_MAX_MS } from './net-limits.js'
import { Refusals, refusalMs } from './refusals.js'
import { TestPeer } from './test-peers.js'
import { nobleCrypto } from '../keys/noble-crypto.js'

/** Time that passes only when told. */
class ManualClock implements Clock {
  time = 0
  readonly #timers = new Set<{ at: number; run: () => void }>()

  now(): number {
    return this.time
  }

  monotonic(): number {
    return this.time
  }

  after(ms: number, run: () => void): () => void {
    const timer = { at: this.time + ms, run }
    this.#timers.add(timer)
    return () => void this.#timers.delete(timer)
  }

  soon(run: () => void): () => void {
    return this.after(0, run)
  }

  /** Runs what is due until `ms` from now, in order, letting promises settle in between. */
  async pass(ms: number): Promise<void> {
    const end = this.time + ms
    for (;;) {
      const next = [...this.#timers].filter(timer => timer.at <= end).sort((a, b) => a.at - b.at)[0]
      if (next === undefined) break
      this.#timers.delete(next)
      this.time = Math.max(this.time, next.at)
      next.run()
      await new Promise(setImmediate)
    }
    this.time = end
  }
}

function setUp(dial: (addresses: readonly string[]) => Promise<string>) {
  const clock = new ManualClock()
  const dials: { at: number; addresses: readonly string[] }[] = []
  const told: string[] = []
  const connected = new Set<string>()
  const dialer = new Dialer({
    self: 'M',
    dial: addresses => (dials.push({ at: clock.time, addresses }), dial(addresses)),
    connected: peer => connected.has(peer),
    refused: peer => peer === 'refused',
    own: () => ['/ip4/192.168.1.2/tcp/4001', '/ip4/127.0.0.1/tcp/4001'],
    unreachable: address => told.push(address),
    clock,
    random: { next: () => 0 }
  })
  return { clock, dials, told, connected, dialer }
}

const PEER = '12D3KooWD3eckifWpRn9wQpMG9R9hX3sD158z7EqHWmweQAJU5SA'
const LAN = ['/ip4/192.168.1.9/tcp/4001']
const nobody = (): Promise<string> => Promise.reject(new Error('ECONNREFUSED'))

describe('Dialer', () => {
  it('[DIAL1] an asked address is dialled at once, then for ever at growing intervals up to a minute, told once', async () => {
    const { clock, dials, told, dialer } = setUp(nobody)
    dialer.start(['/ip4/10.0.0.1/tcp/1'])
    await clock.pass(3_600_000)
    const gaps = dials.slice(1).map(({ at }, i) => at - (dials[i]?.at ?? 0))
    expect(dials[0]?.at).toBe(0)
    expect(gaps.slice(0, 8)).toEqual([500, 1000, 2000, 4000, 8000, 16000, 32000, 60000])
    expect(new Set(gaps.slice(8))).toEqual(new Set([REDIAL_MAX_MS]))
    expect(told).toEqual(['/ip4/10.0.0.1/tcp/1'])
  })

  it('[DIAL13] when the network is back, what is asked for is dialled at once, and what is connected is left alone', async () => {
    const { clock, dials, connected, dialer } = setUp(nobody)
    dialer.start(['/ip4/10.0.0.1/tcp/1', `/ip4/10.0.0.2/tcp/1/p2p/${PEER}`])
    await clock.pass(100_000)
    connected.add(PEER)
    const before = dials.length
    dialer.hurry()
    await clock.pass(0)
    expect(dials.slice(before)).toEqual([{ at: 100_000, addresses: ['/ip4/10.0.0.1/tcp/1'] }])
    dialer.stop()
    dialer.hurry()
    await clock.pass(100_000)
    expect(dials.length).toBe(before + 1)
  })

  it('[DIAL14] what is asked for later is dialled too, together with what is known of that peer', async () => {
    const { clock, dials, dialer } = setUp(nobody)
    dialer.start([`/ip4/10.0.0.2/tcp/1/p2p/${PEER}`])
    await clock.pass(0)
    dialer.start(['/ip4/10.0.0.1/tcp/1', `/ip4/10.0.0.3/tcp/1/p2p/${PEER}`])
    await clock.pass(0)
    const both = [`/ip4/10.0.0.2/tcp/1/p2p/${PEER}`, `/ip4/10.0.0.3/tcp/1/p2p/${PEER}`]
    expect(dials.map(({ addresses }) => addresses)).toEqual([both.slice(0, 1), ['/ip4/10.0.0.1/tcp/1'], both])
    await clock.pass(600)
    expect(dials.length).toBe(5)
    expect(() => dialer.start(['nonsense'])).toThrow('not a multiaddr')
  })

  it('[DIAL2] once connected it is left alone, and after a loss dialled soon again', async () => {
    const { clock, dials, connected, dialer } = setUp(async () => (connected.add('Z'), 'Z'))
    dialer.start(['/ip4/10.0.0.1/tcp/1'])
    await clock.pass(0)
    dialer.joined('Z')
    await clock.pass(600_000)
    expect(dials.length).toBe(1)
    connected.delete('Z')
    const lostAt = clock.time
    dialer.left('Z', [])
    await clock.pass(REDIAL_MIN_MS)
    expect(dials.at(-1)?.at).toBeLessThanOrEqual(lostAt + REDIAL_MIN_MS)
    expect(dials.length).toBe(2)
  })

  it('[DIAL3] of a discovered pair the smaller peer id dials at once, the larger waits', async () => {
    const { clock, dials, dialer } = setUp(nobody)
    dialer.discovered('Z', LAN)
    dialer.discovered('A', LAN)
    await clock.pass(0)
    expect(dials.map(({ addresses }) => addresses)).toEqual([[`${LAN[0]}/p2p/Z`]])
    await clock.pass(YIELD_DIAL_MS)
    expect(dials.filter(({ addresses }) => addresses[0]?.endsWith('/A')).map(({ at }) => at)).toEqual([YIELD_DIAL_MS])
  })

  it('[DIAL4] the larger does not dial when the smaller got through', async () => {
    const { clock, dials, connected, dialer } = setUp(nobody)
    dialer.discovered('A', LAN)
    connected.add('A')
    await clock.pass(600_000)
    expect(dials).toEqual([])
  })

  it('[DIAL5] itself, the connected and the refused are not dialled, and announcements are bounded', async () => {
    const { clock, dials, connected, dialer } = setUp(nobody)
    connected.add('connected')
    for (const peer of ['M', 'connected', 'refused']) dialer.discovered(peer, LAN)
    await clock.pass(600_000)
    expect(dials).toEqual([])
    for (let i = 0; i < 1000; i++) dialer.discovered(`Z${i}`, LAN)
    await clock.pass(0)
    expect(dials.length).toBe(MAX_UNASKED_TARGETS)
  })

  it('[DIAL6] a peer seen before is redialled for a while, then forgotten', async () => {
    const { clock, dials, dialer } = setUp(nobody)
    dialer.left('Z', LAN)
    await clock.pass(3_600_000)
    const count = dials.length
    expect(count).toBeGreaterThan(3)
    await clock.pass(3_600_000)
    expect(dials.length).toBe(count)
  })

  it('[DIAL15] of a pair that is told of each other the smaller peer id dials, for a while, and again after a loss when somebody still helps', async () => {
    const { clock, dials, connected, dialer } = setUp(nobody)
    const to = (peer: string): readonly string[] => [`/webrtc/p2p/${peer}`]
    for (const peer of ['Z', 'A', 'M', 'refused']) dialer.met(peer, to(peer))
    await clock.pass(0)
    expect(dials).toEqual([{ at: 0, addresses: to('Z') }])
    await clock.pass(3_600_000)
    expect(dials.find(({ addresses }) => addresses[0] === to('A')[0])?.at).toBe(YIELD_DIAL_MS)
    expect(new Set(dials.flatMap(({ addresses }) => addresses))).toEqual(new Set([...to('Z'), ...to('A')]))
    const tried = dials.length
    await clock.pass(3_600_000)
    expect(dials.length).toBe(tried)
    connected.add('Z')
    dialer.met('Z', to('Z'))
    connected.delete('Z')
    dialer.left('Z', LAN, to('Z'))
    await clock.pass(0)
    expect(dials.slice(tried).map(({ addresses }) => addresses)).toEqual([[...to('Z'), `${LAN[0]}/p2p/Z`]])
    dialer.stop()
    dialer.met('Z2', to('Z2'))
    await clock.pass(3_600_000)
    expect(dials.length).toBe(tried + 1)
  })

  it('[DIAL7] back-off stays between half its step and its maximum', () => {
    assert(
      property(nat(1000), double({ min: 0, max: 0.999, noNaN: true }), (attempt, chance) => {
        const ms = backoffMs(attempt, 500, 60_000, { next: () => chance })
        expect(ms).toBeGreaterThanOrEqual(250)
        expect(ms).toBeLessThanOrEqual(60_000)
      })
    )
  })
})

describe('addressesToDial', () => {
  const own = ['/ip4/192.168.1.2/tcp/4001', '/ip4/127.0.0.1/tcp/4001']
  const PEER = new TestPeer({ privateKey: nobleCrypto.sha256(new Uint8Array(1)) }).id
  const dial = (...addresses: string[]): readonly string[] => {
    return addressesToDial(PEER, addresses, own).map(address => address.split('/p2p/')[0] ?? '')
  }

  it('[DIAL8] the same network comes first; what leads nowhere is left out', () => {
    const far = '/ip4/10.8.0.3/tcp/1'
    const near = '/ip4/192.168.1.9/tcp/1'
    const otherMachineOrFamily = ['/ip4/127.0.0.1/tcp/1', '/ip6/2001:db8::1/tcp/1']
    const nonsense = ['/ip4/0.0.0.0/tcp/1', '/ip4/1.2.3.4/tcp/0', 'nonsense', '/ip4/1.2.3.4/udp/5', `/webrtc/p2p/${PEER}`]
    expect(dial(far, `${near}/p2p/${PEER}`, near, ...otherMachineOrFamily, ...nonsense)).toEqual([near, far])
  })

  it('[DIAL9] loopback is dialled when it is all there is, or the peer is on this machine; never our own listener', () => {
    expect(dial('/ip4/127.0.0.1/tcp/1')).toEqual(['/ip4/127.0.0.1/tcp/1'])
    expect(dial('/ip4/192.168.1.2/tcp/1', '/ip4/127.0.0.1/tcp/1')).toEqual(['/ip4/127.0.0.1/tcp/1', '/ip4/192.168.1.2/tcp/1'])
    expect(dial('/ip4/127.0.0.1/tcp/4001')).toEqual([])
  })

  it('[DIAL10] names are dialled, and never more than the limit', () => {
    expect(dial('/dns4/example.org/tcp/4001')).toEqual(['/dns4/example.org/tcp/4001'])
    expect(dial(...Array.from({ length: 100 }, (_, i) => `/ip4/10.0.0.${i}/tcp/1`)).length).toBe(MAX_ADDRESSES_PER_PEER)
  })
})

describe('Refusals', () => {
  it('[DIAL11] a peer is refused longer with every failure, up to a limit, and forgiven on success or after a time without one', () => {
    const clock = new ManualClock()
    const refusals = new Refusals(clock)
    expect([1, 2, 3, 4, 50].map(refusalMs)).toEqual([0, 0, 2000, 4000, REFUSAL_MAX_MS])
    for (let i = 0; i < 3; i++) refusals.failed('A')
    expect(refusals.refused('A')).toBe(true)
    clock.time += 2000
    expect(refusals.refused('A')).toBe(false)
    refusals.failed('A')
    clock.time += 3999
    expect(refusals.refused('A')).toBe(true)
    clock.time += FORGOTTEN_MS + 1
    for (let i = 0; i < 2; i++) refusals.failed('A')
    expect(refusals.refused('A')).toBe(false)
    refusals.failed('A')
    expect(refusals.refused('A')).toBe(true)
    refusals.succeeded('A')
    expect(refusals.refused('A')).toBe(false)
  })

  it('[DIAL12] the table of failures is bounded', () => {
    const refusals = new Refusals(new ManualClock())
    for (let i = 0; i < MAX_REFUSALS * 2; i++) refusals.failed(`peer ${i}`)
    expect(refusals.size).toBe(MAX_REFUSALS)
  })
})
