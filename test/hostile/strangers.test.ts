import { randomBytes } from 'node:crypto'
import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { keysFromName, nodeCrypto, encodeLink } from '@collab/core'
import { eventually } from '../harness/eventually.js'
import { ADMISSION, GOSSIP, MEET, RawPeer, SYNC, frame, lengthPrefix, sendUntilReset } from '../harness/raw-peer.js'
import { Siege } from '../harness/siege.js'

/** Every protocol that a stranger may try, ours and libp2p's. */
const PROTOCOLS = [ADMISSION, SYNC, ...GOSSIP, '/ipfs/ping/1.0.0', '/ipfs/id/1.0.0', '/ipfs/id/push/1.0.0', '/collab/blob/1', MEET, '/nothing/1'] as const

/** HTTP, TLS, nothing at all. */
const FOREIGN = ['GET / HTTP/1.1\r\nHost: x\r\n\r\n', '\x16\x03\x01\x02\x00', '\x00'.repeat(100_000)] as const

let siege: Siege
beforeAll(async () => {
  siege = await Siege.lay()
})
afterAll(async () => {
  await siege[Symbol.asyncDispose]()
})

/** What a stranger was given: nothing but the public steps of the proof. */
function gained(peer: RawPeer): number {
  return [...peer.received].filter(([protocol]) => protocol !== ADMISSION && !protocol.startsWith('/ipfs/')).reduce((sum, [, parts]) => sum + Buffer.concat(parts).length, 0)
}

describe('strangers over real sockets', () => {
  it('[HOST1] one with another topic gets nothing and is disconnected', async () => {
    await using stranger = await RawPeer.make(siege.target.address)
    const other = encodeLink(nodeCrypto, await keysFromName(nodeCrypto, 'another topic'))
    void stranger.join(other).catch(() => undefined)
    await eventually('it has spoken', () => stranger.bytesOf(ADMISSION).length > 0)
    await stranger.disconnected()
    expect(gained(stranger)).toBe(0)
    expect(stranger.bytesOf(ADMISSION).length).toBe(36)
    await siege.stands()
  })

  it('[HOST2] one without a topic that says nothing is disconnected, with all that it opened', async () => {
    await using stranger = await RawPeer.make(siege.target.address)
    await Promise.allSettled(PROTOCOLS.map((protocol) => stranger.open(protocol)))
    await siege.honestGoOn()
    await stranger.disconnected()
    expect(gained(stranger)).toBe(0)
    await siege.stands()
  })

  it('[HOST3] garbage on every protocol, from many at once, costs little', async () => {
    const strangers = await Promise.all(Array.from({ length: 12 }, () => RawPeer.make(siege.target.address)))
    try {
      const attacks = strangers.flatMap((stranger) => PROTOCOLS.map((protocol) => garbage(stranger, protocol)))
      await Promise.all([Promise.allSettled(attacks), siege.honestGoOn()])
      for (const stranger of strangers) {
        await stranger.disconnected()
        expect(gained(stranger)).toBe(0)
      }
    } finally {
      await Promise.all(strangers.map((stranger) => stranger[Symbol.asyncDispose]()))
    }
    await siege.stands()
  })

  it('[HOST4] oversized lengths and endless streams before the proof end the connection', async () => {
    for (const prefix of [0xffffffff, 0x7fffffff, 65, 0]) {
      await using stranger = await RawPeer.make(siege.target.address)
      // So many came before that for a second no more of this host are let in.
      const stream = await eventually('it is let in', () => stranger.open(ADMISSION).catch(() => undefined))
      stream.send(lengthPrefix(prefix))
      await sendUntilReset(stream, () => randomBytes(65_536))
      await stranger.disconnected()
      expect(stranger.bytesOf(ADMISSION).length).toBe(0)
    }
    await siege.stands()
  })

  it('[HOST5] sockets that stop in the middle of the handshake, trickle, or speak something else, keep nobody out', async () => {
    const sockets = [
      ...Array.from({ length: 80 }, (_, index) => slowSocket(siege.target.port, index % 2 === 0)),
      ...FOREIGN.map((text) => socketThatSays(siege.target.port, text))
    ]
    try {
      await siege.honestGoOn()
      // A newcomer still gets in.
      await using member = await RawPeer.make(siege.target.address)
      await member.join(siege.crowd.links.blind)
      expect(member.connected).toBe(true)
      await eventually('all of them are cut off', () => sockets.every((socket) => socket.destroyed || socket.readableEnded), { deadlineMs: 55_000 })
    } finally {
      for (const socket of sockets) socket.destroy()
    }
    await siege.stands()
  })
})

async function garbage(stranger: RawPeer, protocol: string): Promise<void> {
  const stream = await stranger.open(protocol)
  await sendUntilReset(stream, () => (randomBytes(1)[0] ?? 0) % 2 === 0 ? frame(randomBytes(40)) : randomBytes(20_000), 2e6)
}

function socketThatSays(port: number, text: string): Socket {
  const socket = connect(port, '127.0.0.1')
  socket.on('error', () => undefined)
  socket.resume().write(text, 'latin1')
  return socket
}

/** Says the first words of the handshake, then nothing, or one byte after another without end. */
function slowSocket(port: number, trickles: boolean): Socket {
  const socket = socketThatSays(port, '\x13/multistream/1.0.0\n')
  if (trickles) {
    const timer = setInterval(() => socket.write('\x07'), 500)
    socket.once('close', () => clearInterval(timer))
  }
  return socket
}
