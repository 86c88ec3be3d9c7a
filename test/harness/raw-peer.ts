import { noise } from '@chainsafe/libp2p-noise'
import { tcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import { multiaddr } from '@multiformats/multiaddr'
import { createHmac, randomBytes } from 'node:crypto'
import { createLibp2p } from 'libp2p'
import { nodeCrypto, parseLink } from '@collab/core'
import { decodeCbor, encodeCbor } from './cbor.js'
import type { Cbor } from './cbor.js'
import { eventually } from './eventually.js'

export const ADMISSION = '/collab/admit/1'
export const SYNC = '/collab/sync/1'
export const MEET = '/collab/meet/1'
export const BLOB = '/collab/blob/1'
export const GOSSIP = ['/meshsub/1.2.0', '/meshsub/1.1.0', '/meshsub/1.0.0', '/floodsub/1.0.0'] as const

type Node = Awaited<ReturnType<typeof createLibp2p>>
export type RawStream = Awaited<ReturnType<Node['dialProtocol']>>

/** A bare libp2p node that does what a test tells it, and keeps what it is sent. */
export class RawPeer implements AsyncDisposable {
  readonly node: Node
  readonly address: string
  /** What came over streams that the other side opened, by protocol. */
  readonly received = new Map<string, Buffer[]>()
  /** Sync streams, whoever opened them. */
  readonly syncStreams: RawStream[] = []
  /** Streams for blobs that the other side opened. */
  readonly blobStreams: RawStream[] = []

  private constructor(node: Node, address: string) {
    this.node = node
    this.address = address
  }

  static async make(address: string): Promise<RawPeer> {
    const node = await createLibp2p({
      transports: [tcp()],
      connectionEncrypters: [noise()],
      streamMuxers: [yamux()],
      // Each dial is meant, also one after a failure.
      connectionManager: { reconnectRetries: 0 }
    })
    const peer = new RawPeer(node, address)
    for (const protocol of [...GOSSIP, SYNC, BLOB]) {
      await node.handle(protocol, (stream) => {
        if (protocol === SYNC) peer.syncStreams.push(stream)
        if (protocol === BLOB) peer.blobStreams.push(stream)
        peer.keep(protocol, stream)
      })
    }
    return peer
  }

  get connected(): boolean {
    return this.node.getConnections().length > 0
  }

  async open(protocol: string): Promise<RawStream> {
    const [connection] = this.node.getConnections()
    const stream = await (connection ?? (await this.node.dial(multiaddr(this.address)))).newStream(protocol)
    this.keep(protocol, stream)
    return stream
  }

  /** Notes what comes over the stream; a stream that nobody reads would hold the sender up. */
  keep(protocol: string, stream: RawStream): void {
    const parts = this.received.get(protocol) ?? []
    this.received.set(protocol, parts)
    stream.addEventListener('message', (event) => parts.push(Buffer.from(event.data.subarray())))
  }

  bytesOf(protocol: string): Buffer {
    return Buffer.concat(this.received.get(protocol) ?? [])
  }

  /** Proves D and gives the sync stream, as a member would. */
  async join(link: string): Promise<RawStream> {
    const { keys } = parseLink(nodeCrypto, link)
    const stream = await this.open(ADMISSION)
    const nonce = randomBytes(32)
    stream.send(frame(nonce))
    const answer = await eventually('a nonce', () => framesOf(this.bytesOf(ADMISSION)).at(0))
    const [connection] = this.node.getConnections()
    const ids = [this.node.peerId.toString(), connection?.remotePeer.toString() ?? ''] as const
    const claim = encodeCbor(['collab/1 admission', 'initiator', ...ids, nonce, answer])
    stream.send(frame(createHmac('sha256', keys.discoveryKey).update(claim).digest()))
    await eventually('a proof', () => framesOf(this.bytesOf(ADMISSION)).length > 1)
    stream.send(frame(Uint8Array.of(1)))
    if (ids[0] < ids[1]) this.syncStreams.push(await this.open(SYNC))
    await eventually('a sync stream', () => this.syncStreams.length > 0)
    return this.syncStreams[0] as RawStream
  }

  /** The stream for blobs of who has joined: the smaller peer id opens it. */
  async joinBlobs(): Promise<RawStream> {
    const [connection] = this.node.getConnections()
    if (this.node.peerId.toString() < (connection?.remotePeer.toString() ?? '')) return await this.open(BLOB)
    return await eventually('a stream for blobs', () => this.blobStreams[0])
  }

  /** What the other side said on the sync streams, or on those of another protocol. */
  messages(protocol = SYNC): readonly (readonly Cbor[])[] {
    return framesOf(this.bytesOf(protocol)).map((bytes) => decodeCbor(bytes) as readonly Cbor[])
  }

  async disconnected(): Promise<void> {
    await eventually('it is disconnected', () => !this.connected)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const connection of this.node.getConnections()) connection.abort(new Error('the end of the test'))
    await this.node.stop()
  }
}

/** A frame as every stream of ours carries them: its length as uint32 first. */
export function frame(bytes: Uint8Array): Uint8Array {
  return Buffer.concat([lengthPrefix(bytes.length), bytes])
}

export function lengthPrefix(length: number): Uint8Array {
  const out = Buffer.alloc(4)
  out.writeUInt32BE(length)
  return out
}

export function message(...fields: readonly Cbor[]): Uint8Array {
  return frame(encodeCbor(fields))
}

/** Sends as much as the other side takes, until it has had enough; gives the bytes sent. */
export async function sendUntilReset(stream: RawStream, chunk: () => Uint8Array, mostBytes = 64e6): Promise<number> {
  let sent = 0
  while (stream.status === 'open' && sent < mostBytes) {
    const bytes = chunk()
    try {
      stream.send(bytes)
    } catch {
      break
    }
    sent += bytes.length
    // Lets the socket and the other process work; a window that is full stops it here.
    if (stream.writableNeedsDrain) await new Promise((resolve) => setImmediate(resolve))
    if (stream.writableNeedsDrain && stream.writeBufferLength > 8e6) break
  }
  return sent
}

export function framesOf(bytes: Buffer): readonly Buffer[] {
  const frames: Buffer[] = []
  for (let at = 0; at + 4 <= bytes.length; ) {
    const length = bytes.readUInt32BE(at)
    if (at + 4 + length > bytes.length) break
    frames.push(bytes.subarray(at + 4, at + 4 + length))
    at += 4 + length
  }
  return frames
}
