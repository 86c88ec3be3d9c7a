import { tcp } from '@libp2p/tcp'
import { webSockets } from '@libp2p/websockets'
import { createTransport as createOn } from './create-transport.js'
import type { TransportInit } from './create-transport.js'
import { LanDiscovery } from './discovery.js'
import type { NetPlatform } from './net-platform.js'
import { noiseCrypto } from './node-noise-crypto.js'
import type { Transport } from './transport.js'

export interface NodeTransportInit extends Omit<TransportInit, 'platform'> {
  /** @default TCP, and WebSockets for browsers */
  readonly platform?: NetPlatform
}

export const NODE: NetPlatform = {
  transports: [tcp(), webSockets()],
  noiseCrypto,
  // All interfaces, at a port that the system chooses; a machine may lack one of the two families.
  defaultListen: ['/ip4/0.0.0.0/tcp/0', '/ip6/::/tcp/0'],
  discover: (init) => new LanDiscovery(init)
}

/** The transport over libp2p in Node: nothing happens before `start`. */
export function createTransport(init: NodeTransportInit): Transport {
  return createOn({ platform: NODE, ...init })
}
