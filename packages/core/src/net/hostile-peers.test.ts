import { randomBytes } from 'node:crypto'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import type { Libp2p } from '@libp2p/interface'
import { multiaddr } from '@multiformats/multiaddr'
import { describe, expect, it } from 'vitest'
import { utf8 } from '../base/bytes.js'
import { ADMISSION_PROTOCOL } from './admission-exchange.js'
import { MEETING_PROTOCOL } from './meeting-message.js'
import { SYNC_PROTOCOL } from './sync-streams.js'
import { OTHER_D, TestNet, allJoined } from './test-peers.js'
import type { TestPeer } from './test-peers.js'

const GOSSIP = ['/meshsub/1.2.0', '/meshsub/1.1.0', '/meshsub/1.0.0']
const SHORT = { admissionDeadlineMs: 300 }

const notAdmitted = (peer: TestPeer): number => peer.troubles.filter(({ code }) => code === 'not-admitted').length

/** Everything that reaches this node over a gossip protocol. */
async function recordGossip(node: Libp2p): Promise<unknown[]> {
  const seen: unknown[] = []
  for (const protocol of GOSSIP) {
    await node.handle(protocol, stream => {
      seen.push(`a ${protocol} stream`)
      stream.addEventListener('message', event => seen.push(event.data))
    })
  }
  return seen
}

async function closed(node: Libp2p): Promise<void> {
  if (node.getConnections().length === 0) return
  await new Promise<void>(resolve => node.addEventListener('peer:disconnect', () => resolve(), { once: true }))
}

describe('strangers', () => {
  it('[ADMIT1] a peer with another key is neither joined nor gossiped to, is disconnected, and both are told', async () => {
    await using net = new TestNet()
    const member = await net.peer()
    const other = await net.peer({ discoveryKey: OTHER_D, peers: [member.address] })
    await Promise.all([member, other].map(peer => peer.until('trouble', () => notAdmitted(peer) > 0)))
    await other.transport.publish(utf8('hello'))
    expect([member.joined, other.joined, member.gossip]).toEqual([[], [], []])
    expect(member.troubles[0]?.message).toContain(other.id)
  })

  it('[ADMIT2] one that says nothing is disconnected at the deadline and never gets a subscription', async () => {
    await using net = new TestNet()
    const [member, friend] = [await net.peer(SHORT), await net.peer(SHORT)]
    const stranger = await net.stranger()
    const seen = await recordGossip(stranger)
    await stranger.dial(multiaddr(member.address))
    await closed(stranger)
    await member.until('trouble', () => notAdmitted(member) === 1)
    expect(seen).toEqual([])
    expect(member.joined).toEqual([])
    expect(friend.troubles).toEqual([])
  })

  it('[ADMIT3] one that is dialled and does not speak the protocol gets no subscription and is disconnected', async () => {
    await using net = new TestNet()
    const stranger = await net.stranger()
    const seen = await recordGossip(stranger)
    const member = await net.peer({ ...SHORT, peers: stranger.getMultiaddrs().map(String) })
    await member.until('trouble', () => notAdmitted(member) > 0)
    await closed(stranger)
    expect([seen, member.joined]).toEqual([[], []])
  })

  for (const protocol of [...GOSSIP, SYNC_PROTOCOL]) {
    it(`[ADMIT4] before the proof a ${protocol} stream is reset`, async () => {
      await using net = new TestNet()
      const member = await net.peer()
      const stranger = await net.stranger()
      const stream = await stranger.dialProtocol(multiaddr(member.address), protocol)
      const outcome = new Promise<unknown>(resolve => stream.addEventListener('close', event => resolve(event.error?.name)))
      if (stream.status === 'open') expect(await outcome).toBe('StreamResetError')
      expect(stream.status).toBe('reset')
      expect([member.joined, member.frames, member.gossip]).toEqual([[], [], []])
    })
  }

  it('[ADMIT5] a listener shows no proof to one that has not proved itself', async () => {
    await using net = new TestNet()
    const member = await net.peer()
    const stranger = await net.stranger()
    const stream = await stranger.dialProtocol(multiaddr(member.address), ADMISSION_PROTOCOL)
    let received = 0
    stream.addEventListener('message', event => (received += event.data.byteLength))
    const nonce = new Uint8Array(36)
    nonce[3] = 32
    stream.send(nonce)
    stream.send(nonce)
    await new Promise<void>(resolve => stream.addEventListener('close', () => resolve()))
    expect(received).toBe(36)
  })

  it('[ADMIT6] garbage on every protocol harms nobody: members go on, and memory stays flat', async () => {
    await using net = new TestNet()
    const a = await net.peer(SHORT)
    const b = await net.peer({ ...SHORT, peers: [a.address] })
    await allJoined([a, b])
    for (let i = 0; i < 10; i++) await garbage(a.address)
    const before = heapBytes()
    for (let i = 0; i < 30; i++) await garbage(a.address)
    // They sent 19 MB; what a closed connection leaves for ten seconds, in timers, comes to a fraction of a megabyte.
    expect(heapBytes() - before).toBeLessThan(12e6)
    await b.transport.send(a.id, utf8('still here'))
    await a.until('the frame', () => a.frames.length === 1)
    await a.publishUntilHeard('gossip too', [b])
    expect(a.peers).toEqual([b.id])
  })

  it('[ADMIT7] after repeated failures a peer is refused for a time', async () => {
    await using net = new TestNet()
    const member = await net.peer(SHORT)
    const stranger = await net.stranger()
    for (let i = 1; i <= 3; i++) {
      await stranger.dialProtocol(multiaddr(member.address), ADMISSION_PROTOCOL).then(stream => stream.send(randomBytes(100)))
      await member.until('trouble', () => notAdmitted(member) === i)
      await closed(stranger)
    }
    await stranger.dial(multiaddr(member.address)).catch(() => undefined)
    await closed(stranger)
    expect(notAdmitted(member)).toBe(3)
  })
})

/** A new stranger sends random bytes on all protocols, then goes. */
async function garbage(address: string): Promise<void> {
  await using net = new TestNet()
  const stranger = await net.stranger()
  const connection = await stranger.dial(multiaddr(address))
  const protocols = [ADMISSION_PROTOCOL, SYNC_PROTOCOL, MEETING_PROTOCOL, ...GOSSIP, '/ipfs/ping/1.0.0', '/ipfs/id/1.0.0', '/nothing/1']
  const send = async (protocol: string): Promise<void> => {
    const stream = await connection.newStream(protocol)
    for (let i = 0; i < 4; i++) stream.send(randomBytes(20_000))
  }
  await Promise.allSettled(protocols.map(send))
}

function heapBytes(): number {
  setFlagsFromString('--expose-gc')
  const gc = runInNewContext('gc') as () => void
  gc()
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}
