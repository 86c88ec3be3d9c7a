import { createMemoryStore, CollabProvider, encodeLink, joinWorkspace, keysFromWriteKey, nodeCrypto } from '@collab/core'
import type { Workspace } from '@collab/core'
import { registerProviderConformance, registerStoreConformance } from '@collab/core/conformance'
import { describe, it } from 'node:test'

/**
 * Holds a store, and a provider of any kind, to what core's own keep. The suites need no more of a test runner than
 * `describe` and `it`: those of Node here, and run by `node --test dist/conformance.js`. Put your own in the places of
 * `createMemoryStore` and `CollabProvider`.
 */

const runner = {
  describe: (name: string, body: () => void): void => void describe(name, body),
  it: (name: string, body: () => Promise<void>): void => void it(name, body)
}

// A new and empty store for each test. One that keeps things also gives `reopen`, and is asked whether it kept them.
registerStoreConformance(runner, 'in memory', async () => ({ store: createMemoryStore() }))

// Providers that reach each other, for each test anew: here two peers on this machine.
registerProviderConformance(runner, 'over libp2p', async () => {
  const link = encodeLink(nodeCrypto, keysFromWriteKey(nodeCrypto, nodeCrypto.randomBytes(32)))
  const peers: Workspace[] = []
  for (let i = 0; i < 3; i++) {
    peers.push(await joinWorkspace(link, { mdns: false, listen: ['/ip4/127.0.0.1/tcp/0'], peers: peers[0]?.status().listening ?? [] }))
  }
  let next = 0
  return {
    connect: (doc) => new CollabProvider(peers[next++ % peers.length] as Workspace, doc),
    dispose: async () => void (await Promise.all(peers.map((peer) => peer.stop())))
  }
})
