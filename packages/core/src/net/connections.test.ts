import { connect, createServer } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import { describe, expect, it } from 'vitest'
import { utf8 } from '../base/bytes.js'
import { systemClock } from '../base/clock.js'
import { CROSSING_DIAL_MS } from './net-limits.js'
import { TestNet, allJoined, orderedKeys, portOf } from './test-peers.js'
import type { TestPeer } from './test-peers.js'

async function talkBothWays(a: TestPeer, b: TestPeer, word: string): Promise<void> {
  for (const [from, to] of [[a, b], [b, a]] as const) {
    await from.until('joined', () => from.peers.includes(to.id))
    await from.publishUntilHeard(`${word} ${from.id}`, [to])
  }
  const before = b.frames.length
  await a.transport.send(b.id, utf8(word))
  await b.until('the frame', () => b.frames.length > before)
}

describe('connections between one pair of peers', () => {
  for (const [who, order] of [['smaller', 0], ['larger', 1]] as const) {
    it(`[CONN1] of two connections that the ${who} peer id dials either may break, and both ways still work`, async () => {
      await using net = new TestNet()
      const keys = orderedKeys()
      const listener = await net.peer({ privateKey: keys[order === 0 ? 1 : 0] })
      const relays = [await relayTo(net, listener), await relayTo(net, listener)] as const
      const dialer = await net.peer({ privateKey: keys[order], peers: relays.map(relay => relay.address) })
      await talkBothWays(listener, dialer, 'at first')
      for (const [i, relay] of relays.entries()) {
        relay.cut()
        await talkBothWays(listener, dialer, `after cut ${i}`)
      }
    })
  }

  it('[CONN2] a peer that connects anew takes over from its dead connection', async () => {
    await using net = new TestNet()
    const [smaller, larger] = orderedKeys()
    let skew = 0
    const clock = { ...systemClock, monotonic: () => performance.now() + skew }
    const keeper = await net.peer({ privateKey: smaller, clock })
    const relay = await relayTo(net, keeper)
    const before = await net.peer({ privateKey: larger, peers: [relay.address] })
    await allJoined([keeper, before])
    relay.freeze()
    skew = CROSSING_DIAL_MS + 1
    const after = await net.peer({ privateKey: larger, peers: [keeper.address] })
    await keeper.until('joined anew', () => keeper.joined.length === 2)
    await talkBothWays(keeper, after, 'anew')
    expect(keeper.left.map(({ peer }) => peer)).toEqual([before.id])
  })
})

/** A relay to the listener of `peer`. */
async function relayTo(net: TestNet, peer: TestPeer): Promise<Relay> {
  const relay = new Relay(portOf(peer))
  net.defer(() => relay.stop())
  await relay.start()
  return relay
}

/** A TCP relay to a port of this machine, whose connections can be cut or frozen. */
class Relay {
  readonly #target: number
  readonly #sockets = new Set<Socket>()
  readonly #server = createServer(socket => this.#accept(socket))

  constructor(target: number) {
    this.#target = target
  }

  get address(): string {
    return `/ip4/127.0.0.1/tcp/${(this.#server.address() as AddressInfo).port}`
  }

  async start(): Promise<void> {
    await new Promise<void>(resolve => this.#server.listen(0, '127.0.0.1', resolve))
  }

  cut(): void {
    for (const socket of this.#sockets) socket.destroy()
  }

  /** Keeps connections open and carries nothing more. */
  freeze(): void {
    for (const socket of this.#sockets) socket.unpipe().pause()
  }

  stop(): void {
    this.cut()
    this.#server.close()
  }

  #accept(socket: Socket): void {
    const other = connect(this.#target, '127.0.0.1')
    for (const [from, to] of [[socket, other], [other, socket]] as const) {
      this.#sockets.add(from)
      from.on('error', () => to.destroy())
      from.on('close', () => this.#sockets.delete(from) && to.destroy())
      from.pipe(to)
    }
  }
}
