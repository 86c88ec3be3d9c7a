import type { Crypto } from '../base/crypto.js'

/** A peer whose sync stream is open. */
export interface TransportPeer {
  readonly peer: string
  readonly address: string
  readonly direction: 'inbound' | 'outbound'
}

/** What carries frames and gossip between the peers of one workspace. Peers are named by their libp2p peer id. */
export interface Transport {
  readonly peerId: string
  /** @throws {ListenError} when a listen address cannot be used. */
  start(): Promise<void>
  /** Flushes what it can and closes everything within two seconds; may be called twice. */
  stop(): Promise<void>
  /**
   * Dials further addresses, and keeps dialling them; a transport that cannot lacks it.
   *
   * @throws {PeerAddressError} when one of them is no multiaddr.
   */
  dial?(addresses: readonly string[]): void
  /** Full dialable multiaddrs, /p2p/<id> included. */
  addresses(): readonly string[]
  /**
   * One frame on the sync stream to `peer`; resolves when the stream can take more (backpressure), rejects when the
   * peer is gone. Frames to one peer keep their order.
   */
  send(peer: string, frame: Uint8Array): Promise<void>
  /** Best effort to everyone subscribed. Never rejects for lack of peers. The same bytes twice within two minutes go out once. */
  publish(data: Uint8Array): Promise<void>
  /** Closes all connections to `peer` and refuses it for a time that grows with every repetition. */
  disconnect(peer: string, reason: string): void
  peers(): readonly TransportPeer[]
  /** The stream for blobs beside each sync stream; a transport without it moves no blobs. */
  readonly blobs?: BlobChannel | undefined
}

export interface BlobChannel {
  /** As `Transport.send`, on the stream for blobs; the parts are one frame, and are not copied. */
  send(peer: string, ...parts: readonly Uint8Array[]): Promise<void>
}

/** What a transport tells of its streams for blobs; as in `TransportHandlers`. */
export interface BlobChannelHandlers {
  joined(peer: string): void
  left(peer: string): void
  frame(peer: string, frame: Uint8Array): Promise<void>
}

export type GossipVerdict = 'accept' | 'ignore' | 'reject'

/** What a transport tells its owner. */
export interface TransportHandlers {
  /** The peer proved that it holds D and its sync stream is open. Once until `left`. */
  joined(peer: string): void
  left(peer: string, reason: string): void
  /**
   * The next frame from `peer`; the transport reads no further frame of this peer until it resolves (backpressure).
   * A rejection disconnects the peer.
   */
  frame(peer: string, frame: Uint8Array): Promise<void>
  /** A gossip message; the verdict decides forwarding. Synchronous-fast, under 100 ms. */
  gossip(peer: string, data: Uint8Array): Promise<GossipVerdict>
  listening(addresses: readonly string[]): void
  /** Someone connected who did not prove the key, or a dial problem worth a sentence. */
  trouble(code: TroubleCode, message: string): void
  /** @default no stream for blobs is opened or taken */
  readonly blobs?: BlobChannelHandlers
}

export type TroubleCode = 'not-admitted' | 'dial-failed' | 'mdns-failed'

/** What the parts of a libp2p transport share. */
export interface TransportKeys {
  readonly crypto: Crypto
  /** D: everything public about the workspace derives from it. */
  readonly discoveryKey: Uint8Array
}
