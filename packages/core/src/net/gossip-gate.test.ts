import type { Connection, PeerId, Stream, StreamHandler, Topology } from '@libp2p/interface'
import type { GossipSubComponents } from '@libp2p/gossipsub'
import { beforeEach, describe, expect, it } from 'vitest'
import { systemClock } from '../base/clock.js'
import { GossipGate } from './gossip-gate.js'

const remotePeer = { toString: () => 'Z' } as PeerId

describe('GossipGate', () => {
  let calls: string[]
  let admitted: Set<Connection>
  let tick: () => void
  let gate: GossipGate
  let incoming: StreamHandler

  const connection = (id: string): Connection => ({ id, remotePeer, streams: [], status: 'open' }) as unknown as Connection
  const stream = (direction: string, remoteWriteStatus = 'writable'): Stream => {
    return { direction, protocol: '/meshsub/1.2.0', remoteWriteStatus, abort: () => calls.push('abort') } as unknown as Stream
  }

  beforeEach(async () => {
    calls = []
    admitted = new Set()
    tick = () => undefined
    const clock = { ...systemClock, after: (_ms: number, run: () => void) => ((tick = run), () => undefined) }
    gate = new GossipGate(clock, connection => admitted.has(connection))
    const inner = { handle: async (_protocol: string, handler: StreamHandler) => void (incoming = handler) }
    const registrar = gate.wrap(inner as unknown as GossipSubComponents['registrar'])
    const topology: Topology = {
      onConnect: (_peer, connection) => void calls.push(`connect ${connection.id}`),
      onDisconnect: () => void calls.push('disconnect')
    }
    for (const version of ['1.0', '1.1', '1.2']) await registrar.register(version, topology)
    await registrar.handle('/meshsub/1.2.0', (_stream, connection) => void calls.push(`stream ${connection.id}`))
    gate.start()
  })

  it('[GATE1] gossipsub learns of a peer once per binding, and of the change when another connection takes over', () => {
    const [x, y] = [connection('x'), connection('y')]
    gate.attach(x)
    gate.attach(x)
    gate.attach(y)
    gate.detach(x)
    gate.detach(y)
    expect(calls).toEqual(['connect x', 'disconnect', 'connect y', 'disconnect'])
  })

  it('[GATE2] a stream before admission is reset; one just before the binding waits for it, a few at most', async () => {
    const x = connection('x')
    await incoming(stream('inbound'), x)
    expect(calls.splice(0)).toEqual(['abort'])
    admitted.add(x)
    for (let i = 0; i < 5; i++) await incoming(stream('inbound'), x)
    expect(calls.splice(0)).toEqual(['abort', 'abort', 'abort'])
    gate.attach(x)
    expect(calls).toEqual(['connect x', 'stream x', 'stream x'])
  })

  it('[GATE3] a missing outbound stream is renewed, and after three looks gossipsub starts over with the peer', () => {
    const x = connection('x')
    gate.attach(x)
    calls = []
    for (let i = 0; i < 3; i++) tick()
    expect(calls).toEqual(['connect x', 'connect x', 'disconnect', 'connect x'])
  })

  it('[GATE4] a healthy stream is left alone; one that the other side has let go of is replaced', () => {
    const x = connection('x')
    gate.attach(x)
    calls = []
    x.streams.push(stream('outbound'))
    tick()
    expect(calls).toEqual([])
    x.streams.splice(0, 1, stream('outbound', 'closed'))
    tick()
    expect(calls).toEqual(['abort', 'connect x'])
  })
})
