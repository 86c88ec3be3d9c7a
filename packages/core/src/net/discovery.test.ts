import { createSocket } from 'node:dgram'
import { describe, expect, it } from 'vitest'
import { OTHER_D, TestNet } from './test-peers.js'

/** Whether a multicast packet that this machine sends comes back to it. */
async function multicastWorks(): Promise<boolean> {
  const socket = createSocket({ type: 'udp4', reuseAddr: true })
  try {
    return await new Promise<boolean>(resolve => {
      socket.on('error', () => resolve(false))
      socket.on('message', () => resolve(true))
      socket.bind(0, () => {
        socket.addMembership('224.0.0.251')
        socket.setMulticastLoopback(true)
        socket.send('collab', socket.address().port, '224.0.0.251', error => error !== null && resolve(false))
      })
      setTimeout(() => resolve(false), 2_000)
    })
  } catch {
    return false
  } finally {
    socket.close()
  }
}

describe('discovery on the LAN', () => {
  it('[LAN1] peers of one topic find each other and nobody else', async context => {
    if (!(await multicastWorks())) context.skip('no multicast on this machine')
    await using net = new TestNet()
    const init = { mdns: true, listen: [] }
    const a = await net.peer(init)
    const other = await net.peer({ ...init, discoveryKey: OTHER_D })
    const b = await net.peer(init)
    await Promise.all([a, b].map(peer => peer.until('joined', () => peer.peers.length === 1)))
    await a.publishUntilHeard('hello', [b])
    expect([a.peers, b.peers, other.peers]).toEqual([[b.id], [a.id], []])
    expect([...a.troubles, ...b.troubles, ...other.troubles]).toEqual([])
  })

  it('[LAN2] where multicast cannot be had, that is told once and the rest works', async context => {
    const taken = createSocket({ type: 'udp4', reuseAddr: false })
    const alone = await new Promise<boolean>(resolve => {
      taken.on('error', () => resolve(false))
      taken.bind(5353, () => resolve(true))
    })
    if (!alone) context.skip('another program uses the multicast port')
    await using net = new TestNet()
    const a = await net.peer({ mdns: true })
    const b = await net.peer({ peers: [a.address] })
    await b.until('joined', () => b.peers.length === 1)
    await a.until('trouble', () => a.troubles.length > 0)
    taken.close()
    expect(a.troubles.map(({ code }) => code)).toEqual(['mdns-failed'])
  })
})
