import { describe, expect, it } from 'vitest'
import { fromUtf8, utf8 } from '../base/bytes.js'
import { MAX_FRAME_BYTES, MAX_GOSSIP_BYTES } from '../base/limits.js'
import { nobleCrypto } from '../keys/noble-crypto.js'
import { TestNet, TestPeer, allJoined } from './test-peers.js'

const texts = (peer: TestPeer, from: TestPeer): string[] =>
  peer.frames.filter(({ peer }) => peer === from.id).map(({ frame }) => fromUtf8(frame))

describe('a mesh of transports', () => {
  for (const count of [2, 3, 5]) {
    it(`[NET1] ${count} peers exchange frames in order and gossip, all with all`, async () => {
      await using net = new TestNet()
      const peers: TestPeer[] = []
      for (let i = 0; i < count; i++) peers.push(await net.peer({ peers: peers.map(peer => peer.address) }))
      await allJoined(peers)
      const lines = Array.from({ length: 50 }, (_, i) => `line ${i}`)
      for (const from of peers) {
        for (const to of from.peers) for (const line of lines) void from.transport.send(to, utf8(line))
        await from.publishUntilHeard(from.id, peers.filter(peer => peer !== from))
      }
      for (const to of peers) {
        for (const from of peers.filter(peer => peer !== to)) {
          await to.until('all frames', () => texts(to, from).length === lines.length)
          expect(texts(to, from)).toEqual(lines)
        }
      }
    })
  }

  it('[NET2] 14 peers on one address gossip among all', async () => {
    await using net = new TestNet()
    const hub = await net.peer()
    const leaves = await Promise.all(Array.from({ length: 13 }, () => net.peer({ peers: [hub.address] })))
    await hub.until('all leaves joined', () => hub.peers.length === 13)
    for (const from of [hub, ...leaves]) {
      await from.publishUntilHeard(from.id, [hub, ...leaves].filter(peer => peer !== from))
    }
  })

  it('[NET3] peers that dial each other at once end with one connection, and gossip works both ways', async () => {
    for (let round = 0; round < 5; round++) {
      await using net = new TestNet()
      const ports = [await freePort(), await freePort()] as const
      const keys = [nobleCrypto.randomBytes(32), nobleCrypto.randomBytes(32)] as const
      const make = (own: 0 | 1, other: 0 | 1): Promise<TestPeer> => {
        const peers = [`/ip4/127.0.0.1/tcp/${ports[other]}`]
        return net.peer({ privateKey: keys[own], listen: [`/ip4/127.0.0.1/tcp/${ports[own]}`], peers })
      }
      const [a, b] = await Promise.all([make(0, 1), make(1, 0)])
      await allJoined([a, b])
      await a.publishUntilHeard('from a', [b])
      await b.publishUntilHeard('from b', [a])
      expect([a.peers, b.peers]).toEqual([[b.id], [a.id]])
      expect(Math.max(a.joined.length, b.joined.length) - Math.min(a.left.length, b.left.length)).toBe(1)
    }
  })

  it('[NET4] [REG26] a peer that restarts on its port is redialled, and frames and gossip flow again', async () => {
    await using net = new TestNet()
    const privateKey = nobleCrypto.randomBytes(32)
    const first = new TestPeer({ privateKey })
    await first.transport.start()
    const { address } = first
    const dialer = await net.peer({ peers: [address] })
    await allJoined([dialer, first])
    await first.transport.stop()
    await dialer.until('left', () => dialer.left.length === 1)
    const second = await net.peer({ privateKey, listen: [address.split('/p2p/')[0] ?? ''] })
    await dialer.until('joined again', () => dialer.joined.length === 2)
    await dialer.transport.send(second.id, utf8('hello again'))
    await second.until('the frame', () => texts(second, dialer).length === 1)
    await dialer.publishUntilHeard('gossip again', [second])
    await second.publishUntilHeard('gossip back', [dialer])
  })

  it('[NET5] an address that cannot be reached is told once, and dialled until someone is there', async () => {
    await using net = new TestNet()
    const port = await freePort()
    const waiting = await net.peer({ peers: [`/ip4/127.0.0.1/tcp/${port}`] })
    await waiting.until('trouble', () => waiting.troubles.length > 0)
    const late = await net.peer({ listen: [`/ip4/127.0.0.1/tcp/${port}`] })
    await allJoined([waiting, late])
    expect(waiting.troubles.map(({ code }) => code)).toEqual(['dial-failed'])
    expect(waiting.troubles[0]?.message).toContain(`/tcp/${port}`)
  })

  it('[NET6] a dial to oneself is ignored', async () => {
    await using net = new TestNet()
    const port = await freePort()
    const privateKey = nobleCrypto.randomBytes(32)
    const id = new TestPeer({ privateKey }).id
    const address = `/ip4/127.0.0.1/tcp/${port}`
    const self = await net.peer({ privateKey, listen: [address], peers: [`${address}/p2p/${id}`] })
    const other = await net.peer({ peers: [self.address] })
    await allJoined([self, other])
    expect(self.troubles).toEqual([])
    expect(self.peers).toEqual([other.id])
  })

  it('[NET7] publishing without peers does nothing; a message above the limit is refused before it is sent', async () => {
    await using net = new TestNet()
    const alone = await net.peer()
    await expect(alone.transport.publish(utf8('anyone?'))).resolves.toBeUndefined()
    await expect(alone.transport.publish(new Uint8Array(MAX_GOSSIP_BYTES + 1))).rejects.toThrow(RangeError)
  })

  it('[NET8] sending to a peer that is not connected, or a frame above the limit, rejects', async () => {
    await using net = new TestNet()
    const a = await net.peer()
    const b = await net.peer({ peers: [a.address] })
    await allJoined([a, b])
    await expect(a.transport.send('12D3KooWnobody', utf8('x'))).rejects.toThrow('not connected')
    await expect(a.transport.send(b.id, new Uint8Array(MAX_FRAME_BYTES + 1))).rejects.toThrow(RangeError)
    await b.transport.stop()
    await a.until('left', () => a.left.length === 1)
    await expect(a.transport.send(b.id, utf8('x'))).rejects.toThrow('not connected')
  })

  it('[NET9] a peer whose frame cannot be handled is disconnected with the reason, and told apart from a lost one', async () => {
    await using net = new TestNet()
    const a = await net.peer()
    const b = await net.peer({ peers: [a.address] })
    a.onFrame = () => Promise.reject(new Error('nonsense in the frame'))
    await allJoined([a, b])
    await b.transport.send(a.id, utf8('x'))
    await a.until('left', () => a.left.length > 0)
    expect(a.left[0]).toEqual({ peer: b.id, reason: 'nonsense in the frame' })
  })

  it('[NET15] a member that does wrong again and again is refused for a time, though it is admitted each time', async () => {
    await using net = new TestNet()
    const a = await net.peer()
    a.onFrame = () => Promise.reject(new Error('nonsense in the frame'))
    const b = await net.peer({ peers: [a.address] })
    for (let times = 1; times <= 3; times++) {
      await Promise.all([a, b].map((peer) => peer.until(`it joined ${times} times`, () => peer.joined.length === times)))
      await b.transport.send(a.id, utf8('x'))
      await a.until('it was sent away', () => a.left.length === times)
    }
    await b.until('it is refused', () => b.troubles.length > 0 || b.joined.length > 3)
    expect(a.joined).toHaveLength(3)
  })

  it('[NET10] stop ends although a peer reads nothing, and sends that wait are told', async () => {
    await using net = new TestNet()
    const a = await net.peer()
    const b = await net.peer({ peers: [a.address] })
    await allJoined([a, b])
    b.onFrame = () => new Promise(() => undefined)
    const sends = Array.from({ length: 20 }, () => a.transport.send(b.id, new Uint8Array(1 << 20)).catch(() => undefined))
    await a.transport.stop()
    await Promise.all(sends)
    expect(a.left.map(({ peer }) => peer)).toEqual([b.id])
  })

  it('[NET11] the addresses told are full and dialable', async () => {
    await using net = new TestNet()
    const all = await net.peer({ listen: [] })
    await all.until('listening', () => all.listening.length > 0)
    for (const address of all.listening) expect(address).toMatch(new RegExp(`^/ip[46]/.+/tcp/[1-9]\\d*/p2p/${all.id}$`))
    const local = all.listening.find(address => address.startsWith('/ip4/127.0.0.1/'))
    const other = await net.peer({ peers: [local ?? ''] })
    await allJoined([all, other])
  })

  it('[NET14] peers reach each other over WebSockets too, beside TCP', async () => {
    await using net = new TestNet()
    const a = await net.peer({ listen: ['/ip4/127.0.0.1/tcp/0', '/ip4/127.0.0.1/tcp/0/ws'] })
    const addresses = a.transport.addresses()
    const web = addresses.filter((address) => /\/tcp\/\d+\/ws\/p2p\//.test(address))
    expect([addresses.length, web.length]).toEqual([2, 1])
    const b = await net.peer({ peers: web })
    await b.until('joined', () => b.peers.length === 1)
    expect(b.transport.peers()[0]?.address).toMatch(/\/ws/)
    await b.publishUntilHeard('over the web', [a])
  })

  it('[NET12] a listen address that cannot be used fails with its name and advice', async () => {
    await using net = new TestNet()
    const taken = await net.peer()
    const address = taken.address.split('/p2p/')[0] ?? ''
    await expect(net.peer({ listen: [address] })).rejects.toMatchObject({
      name: 'ListenError',
      message: expect.stringContaining(`${address}: another program uses this port`)
    })
    await expect(net.peer({ listen: ['/ip4/nonsense'] })).rejects.toMatchObject({ name: 'ListenError' })
    await expect(net.peer({ listen: ['/ip4/203.0.113.7/tcp/0'] })).rejects.toThrow('this machine has no such address')
    await expect(net.peer({ peers: ['nonsense'] })).rejects.toMatchObject({ name: 'PeerAddressError' })
  })
})

describe('backpressure', () => {
  it('[NET13] a receiver whose handler waits holds the sender back; then everything arrives in order', async () => {
    await using net = new TestNet()
    const a = await net.peer()
    const b = await net.peer({ peers: [a.address] })
    const gate = Promise.withResolvers<void>()
    const received: number[] = []
    b.onFrame = async (_peer, frame) => {
      await gate.promise
      received.push(new DataView(frame.buffer).getUint32(0))
    }
    await allJoined([a, b])
    let accepted = 0
    const sending = (async () => {
      for (let i = 0; i < 400; i++) {
        const frame = new Uint8Array(64 * 1024)
        new DataView(frame.buffer).setUint32(0, i)
        await a.transport.send(b.id, frame)
        accepted++
      }
    })()
    // Until nothing more is accepted for 200 turns of the loop.
    for (let quiet = 0, before = -1; quiet < 200; before = accepted) {
      await new Promise(setImmediate)
      quiet = accepted === before ? quiet + 1 : 0
    }
    expect(accepted).toBeLessThan(100)
    gate.resolve()
    await sending
    await b.until('all frames', () => received.length === 400)
    expect(received).toEqual(Array.from({ length: 400 }, (_, i) => i))
  })
})

/** A port that was free a moment ago. */
async function freePort(): Promise<string> {
  const peer = new TestPeer()
  await peer.transport.start()
  const port = /\/tcp\/(\d+)/.exec(peer.address)?.[1] ?? ''
  await peer.transport.stop()
  return port
}
