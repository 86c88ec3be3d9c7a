import type { NodeInternals, NoiseCrypto, TransportFactories } from './create-libp2p.js'

/** What the system under a transport offers. */
export interface NetPlatform {
  readonly transports: TransportFactories
  /** Where to listen unless told; empty where nobody can be listened for. */
  readonly defaultListen: readonly string[]
  /** What connections are encrypted with. @default the Noise package's own */
  readonly noiseCrypto?: NoiseCrypto
  /** Looks for peers on the local network. @default nobody can */
  readonly discover?: (init: DiscoveryInit) => Discovery
  /** Calls back when the network is there again, until the returned function is called. @default nobody tells */
  readonly whenOnline?: (back: () => void) => () => void
  /** Connects to peers that nobody can dial. @default it cannot */
  readonly direct?: Direct
}

export interface DiscoveryInit {
  readonly components: NodeInternals
  /** Label that only holders of D can compute. */
  readonly tag: string
  readonly discovered: (peer: string, addresses: readonly string[]) => void
  /** It does not work here; told once. */
  readonly failed: (cause: string) => void
}

export interface Discovery {
  start(): Promise<void>
  stop(): Promise<void>
}

/** Connections between peers that nobody can dial: arranged by letters through a peer that both know, then without it. */
export interface Direct {
  /** For one node. */
  open(init: DirectInit): DirectLink
}

export interface DirectInit {
  /** Sends a letter to `peer`; false when nobody is there to carry it. Letters may be lost, and read by who carries them. */
  readonly send: (peer: string, letter: Uint8Array) => boolean
}

export interface DirectLink {
  /** Dials addresses as `directAddress` gives them. */
  readonly transports: TransportFactories
  /** A letter came; who carried it says that it is from `peer`. */
  received(peer: string, letter: Uint8Array): void
}

/** Where `peer` is dialled directly. */
export function directAddress(peer: string): string {
  return `/webrtc/p2p/${peer}`
}
