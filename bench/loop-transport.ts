import type { Transport, TransportHandlers } from '@collab/core'

interface Link {
  readonly transport: (peer: string, handlers: TransportHandlers) => Transport
  readonly connect: (a: string, b: string) => void
  /** Of all frames so far. */
  readonly bytes: () => number
}

/** Peers in one process, joined by nothing but function calls. */
export function makeLink(): Link {
  const nodes = new Map<string, TransportHandlers>()
  let sent = 0
  const queues = new Map<string, Promise<void>>()
  const transport = (peer: string, handlers: TransportHandlers): Transport => ({
    peerId: peer,
    start: () => Promise.resolve(void nodes.set(peer, handlers)),
    stop: () => Promise.resolve(),
    addresses: () => [],
    async send(to, frame) {
      sent += frame.length
      const turn = (queues.get(to) ?? Promise.resolve()).then(() => nodes.get(to)?.frame(peer, frame))
      queues.set(to, turn)
      await turn
    },
    publish: () => Promise.resolve(),
    disconnect: () => undefined,
    peers: () => []
  })
  const connect = (a: string, b: string): void => {
    nodes.get(a)?.joined(b)
    nodes.get(b)?.joined(a)
  }
  return { transport, connect, bytes: () => sent }
}
