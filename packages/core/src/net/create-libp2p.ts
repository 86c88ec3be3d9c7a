import { noise } from '@chainsafe/libp2p-noise'
import type { ICryptoInterface } from '@chainsafe/libp2p-noise'
import type { GossipSub } from '@libp2p/gossipsub'
import { identify } from '@libp2p/identify'
import type { Identify } from '@libp2p/identify'
import { FaultTolerance } from '@libp2p/interface'
import type { ConnectionGater, Libp2p, PeerId, PrivateKey } from '@libp2p/interface'
import type { MulticastDNSComponents } from '@libp2p/mdns'
import { ping } from '@libp2p/ping'
import type { Ping } from '@libp2p/ping'
import { yamux } from '@libp2p/yamux'
import { createLibp2p } from 'libp2p'
import type { Libp2pOptions } from 'libp2p'
import { gatedGossipsub } from './gossip.js'
import type { GossipGate } from './gossip-gate.js'
import * as limits from './net-limits.js'

/** What the transport uses of libp2p beyond its public face. */
export interface NodeInternals extends MulticastDNSComponents {
  readonly listening: () => readonly string[]
}

export type Services = { identify: Identify; ping: Ping; pubsub: GossipSub; internals: NodeInternals }
export type Node = Libp2p<Services>
export type NoiseCrypto = ICryptoInterface
export type TransportFactories = NonNullable<Libp2pOptions['transports']>
/** What a workspace asks of its libp2p node: keys, gater, limits, and the services that it uses. */
export type NodeOptions = Libp2pOptions<Services>
/** Makes the node, not started, from these options and whatever an app adds: transports, discovery, services. */
export type NodeFactory = (options: NodeOptions) => Promise<Node>

export interface NodeInit {
  readonly privateKey: PrivateKey
  readonly topic: string
  readonly gate: GossipGate
  readonly refused: (peer: string) => boolean
  /** Empty for `defaultListen`, of which all but one may fail. */
  readonly listen: readonly string[]
  readonly defaultListen: readonly string[]
  readonly transports: TransportFactories
  /** Time to connect to one address, in milliseconds. @default ADDRESS_DIAL_MS */
  readonly addressDialMs?: number | undefined
  /** @default the package's own */
  readonly noiseCrypto?: NoiseCrypto
  /** @default libp2p's own */
  readonly create?: NodeFactory
}

/** A libp2p node, not started: Noise, yamux; only Ed25519 peers; gossip behind `gate`. */
export async function createNode(init: NodeInit): Promise<Node> {
  return await (init.create ?? createLibp2p)(optionsOf(init))
}

function optionsOf(init: NodeInit): NodeOptions {
  return {
    start: false,
    privateKey: init.privateKey,
    // Nothing that tells a version or a system.
    nodeInfo: { name: 'collab', version: '1', userAgent: 'collab' },
    addresses: { listen: init.listen.length > 0 ? [...init.listen] : [...init.defaultListen] },
    transports: init.transports,
    // Without IPv6, or without IPv4, the other default address is enough.
    transportManager: { faultTolerance: init.listen.length > 0 ? FaultTolerance.FATAL_ALL : FaultTolerance.NO_FATAL },
    connectionEncrypters: [noise(init.noiseCrypto === undefined ? {} : { crypto: init.noiseCrypto })],
    streamMuxers: [muxer()],
    connectionGater: gater(init.refused),
    connectionManager: {
      maxConnections: limits.MAX_CONNECTIONS,
      inboundConnectionThreshold: limits.INBOUND_PER_SECOND_PER_HOST,
      maxIncomingPendingConnections: limits.MAX_PENDING_INBOUND,
      addressDialTimeout: init.addressDialMs ?? limits.ADDRESS_DIAL_MS,
      dialTimeout: limits.DIAL_MS,
      maxPeerAddrsToDial: limits.MAX_ADDRESSES_PER_PEER
    },
    // Notices a dead link within about ten seconds, and lets a busy process pause for five.
    connectionMonitor: { pingInterval: 5_000, pingTimeout: { minTimeout: 5_000, maxTimeout: 15_000 } },
    services: {
      identify: identify(),
      ping: ping(),
      pubsub: gatedGossipsub(init.topic, init.gate),
      internals: ({ addressManager, logger, transportManager }) => ({
        addressManager,
        logger,
        listening: () => transportManager.getAddrs().map(String)
      })
    }
  }
}

function muxer() {
  return yamux({
    maxInboundStreams: limits.MAX_INBOUND_STREAMS,
    streamOptions: { maxStreamWindowSize: limits.MAX_STREAM_WINDOW_BYTES }
  })
}

/** RSA keys cost much to verify and nobody here has one. */
function gater(refused: (peer: string) => boolean): ConnectionGater {
  const deny = (peer: PeerId): boolean => peer.type !== 'Ed25519'
  return {
    denyDialMultiaddr: () => false,
    denyInboundEncryptedConnection: peer => deny(peer) || refused(peer.toString()),
    denyOutboundEncryptedConnection: deny
  }
}
