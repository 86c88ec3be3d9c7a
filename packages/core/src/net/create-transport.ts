import { privateKeyFromRaw } from '@libp2p/crypto/keys'
import type { Connection, PrivateKey } from '@libp2p/interface'
import { peerIdFromPrivateKey, peerIdFromString } from '@libp2p/peer-id'
import { multiaddr } from '@multiformats/multiaddr'
import { concat } from '../base/bytes.js'
import { systemClock } from '../base/clock.js'
import type { Clock } from '../base/clock.js'
import type { Crypto } from '../base/crypto.js'
import { silentLogger } from '../base/log.js'
import type { Logger } from '../base/log.js'
import { systemRandom } from '../base/random.js'
import type { Random } from '../base/random.js'
import { errorMessage } from '../base/errors.js'
import { gossipTopic, mdnsTag } from '../keys/public-names.js'
import { Admission } from './admission.js'
import { createNode } from './create-libp2p.js'
import type { Node, NodeFactory } from './create-libp2p.js'
import { peerOfAddress } from './dial-addresses.js'
import { BlobStreams } from './blob-streams.js'
import { Dialer } from './dialer.js'
import { GossipGate } from './gossip-gate.js'
import { Gossip } from './gossip.js'
import { checkListenAddresses, listenError } from './listen-addresses.js'
import { MeetingPoint } from './meeting-point.js'
import { Meetings } from './meetings.js'
import { DIRECT_DIAL_MS, STOP_STEP_MS } from './net-limits.js'
import { directAddress } from './net-platform.js'
import type { DirectLink, Discovery, NetPlatform } from './net-platform.js'
import { Refusals } from './refusals.js'
import { SyncStreams } from './sync-streams.js'
import type { BlobChannel, Transport, TransportHandlers, TransportPeer } from './transport.js'

export interface TransportInit {
  /** 32-byte Ed25519 seed of the peer key. */
  readonly privateKey: Uint8Array
  readonly crypto: Crypto
  /** D of the workspace. */
  readonly discoveryKey: Uint8Array
  /** What the system offers. */
  readonly platform: NetPlatform
  /** Multiaddrs to listen on; none: where the platform does unless told. */
  readonly listen: readonly string[]
  /** Multiaddrs to dial, and to keep dialling. */
  readonly peers: readonly string[]
  /** Whether to find peers on the LAN; everyone there then sees that this machine runs libp2p. */
  readonly mdns: boolean
  readonly handlers: TransportHandlers
  /** @default the system's */
  readonly clock?: Clock
  /** @default the system's */
  readonly random?: Random
  /** @default silent */
  readonly logger?: Logger
  /** Time a peer has to prove D, in milliseconds. @default 10 s */
  readonly admissionDeadlineMs?: number
  /** Makes the libp2p node from the options that it is given and an app's own. @default libp2p's createLibp2p */
  readonly libp2p?: NodeFactory
}

/** The transport over libp2p: nothing happens before `start`. */
export function createTransport(init: TransportInit): Transport {
  const publicKey = init.crypto.signer(init.privateKey).publicKey
  return new Libp2pTransport(init, privateKeyFromRaw(concat(init.privateKey, publicKey)))
}

/** Wiring: libp2p's events to admission, from there to sync streams and gossip, and from all of them to the dialer. */
class Libp2pTransport implements Transport {
  readonly peerId: string
  readonly #init: TransportInit
  readonly #key: PrivateKey
  /** Who could not prove D. */
  readonly #refusals: Refusals
  /** Who proved it and did wrong: proving it once more makes up for nothing. */
  readonly #faults: Refusals
  readonly #admission: Admission
  readonly #gate: GossipGate
  readonly #streams: SyncStreams
  readonly #blobs: BlobStreams | undefined
  readonly #dialer: Dialer
  readonly #meetingPoint: MeetingPoint
  readonly #direct: DirectLink | undefined
  readonly #meetings: Meetings | undefined
  /** Connected peers that were admitted. */
  readonly #members = new Set<string>()
  #node: Node | undefined
  #gossip: Gossip | undefined
  #discovery: Discovery | undefined
  #stopping: Promise<void> | undefined
  #unlisten: (() => void) | undefined
  #announced = ''

  constructor(init: TransportInit, key: PrivateKey) {
    this.peerId = peerIdFromPrivateKey(key).toString()
    this.#init = init
    this.#key = key
    const clock = init.clock ?? systemClock
    const random = init.random ?? systemRandom
    this.#refusals = new Refusals(clock)
    this.#faults = new Refusals(clock)
    this.#gate = new GossipGate(clock, connection => this.#admission.isAdmitted(connection))
    this.#admission = new Admission({
      self: this.peerId,
      keys: init,
      clock,
      refusals: this.#refusals,
      admitted: connection => this.#admitted(connection),
      refused: (connection, cause) => this.#refused(connection, cause),
      ...(init.admissionDeadlineMs !== undefined && { deadlineMs: init.admissionDeadlineMs })
    })
    this.#streams = new SyncStreams({
      self: this.peerId,
      admission: this.#admission,
      gate: this.#gate,
      handlers: {
        joined: peer => this.#joined(peer),
        left: (peer, reason) => this.#left(peer, reason),
        frame: (peer, frame) => init.handlers.frame(peer, frame)
      },
      disconnect: (peer, reason) => this.disconnect(peer, reason),
      clock,
      random
    })
    const disconnect = (peer: string, reason: string): void => this.disconnect(peer, reason)
    const { blobs: handlers } = init.handlers
    this.#blobs = handlers && new BlobStreams({ self: this.peerId, admission: this.#admission, handlers, disconnect, clock, random })
    this.#dialer = new Dialer({
      self: this.peerId,
      dial: addresses => this.#dial(addresses),
      connected: peer => this.#connectionsTo(peer).length > 0,
      refused: peer => this.#isRefused(peer),
      own: () => this.addresses(),
      unreachable: (address, cause) => this.#unreachable(address, cause),
      clock,
      random
    })
    this.#meetingPoint = new MeetingPoint({ admission: this.#admission, disconnect, clock })
    const direct = init.platform.direct?.open({ send: (peer, letter) => this.#meetings?.send(peer, letter) ?? false })
    this.#direct = direct
    this.#meetings = direct && new Meetings({
      met: peer => this.#dialer.met(peer, [directAddress(peer)]),
      received: (peer, letter) => direct.received(peer, letter),
      disconnect,
      clock,
      random
    })
  }

  async start(): Promise<void> {
    checkListenAddresses(this.#init.listen)
    for (const address of this.#init.peers) peerOfAddress(address)
    const node = await this.#createNode()
    this.#node = node
    await this.#admission.start(node)
    await this.#streams.start(node)
    await this.#blobs?.start(node)
    await this.#meetingPoint.start(node)
    node.addEventListener('connection:close', event => this.#streams.closed(event.detail))
    node.addEventListener('peer:disconnect', event => void this.#disconnected(event.detail.toString()))
    node.addEventListener('self:peer:update', () => this.#announce())
    await this.#listen(node)
    this.#gossip = new Gossip({
      pubsub: node.services.pubsub,
      topic: gossipTopic(this.#init.crypto, this.#init.discoveryKey),
      handlers: this.#init.handlers,
      logger: this.#init.logger ?? silentLogger
    })
    this.#gossip.start()
    this.#gate.start()
    this.#announce()
    this.#dialer.start(this.#init.peers)
    this.#unlisten = this.#init.platform.whenOnline?.(() => this.#dialer.hurry())
    if (this.#init.mdns) await this.#discover(node, this.#init.platform)
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#stop()
    return this.#stopping
  }

  dial(addresses: readonly string[]): void {
    if (this.#stopping === undefined) this.#dialer.start(addresses)
  }

  addresses(): readonly string[] {
    const listening = this.#node?.services.internals.listening() ?? []
    // Link-local IPv6 needs an interface name that only the other machine knows.
    const dialable = listening.filter(address => !address.startsWith('/ip6/fe80:'))
    return [...new Set(dialable)].map(address => (address.includes('/p2p/') ? address : `${address}/p2p/${this.peerId}`))
  }

  send(peer: string, frame: Uint8Array): Promise<void> {
    return this.#streams.send(peer, frame)
  }

  async publish(data: Uint8Array): Promise<void> {
    await this.#gossip?.publish(data)
  }

  disconnect(peer: string, reason: string): void {
    this.#faults.failed(peer)
    const connections = this.#connectionsTo(peer)
    this.#streams.drop(peer, reason)
    for (const connection of connections) connection.abort(new Error(reason))
  }

  get blobs(): BlobChannel | undefined {
    return this.#blobs
  }

  peers(): readonly TransportPeer[] {
    return this.#streams.peers()
  }

  #createNode(): Promise<Node> {
    const { crypto, discoveryKey, listen, platform, libp2p } = this.#init
    return createNode({
      privateKey: this.#key,
      topic: gossipTopic(crypto, discoveryKey),
      gate: this.#gate,
      refused: peer => this.#isRefused(peer),
      listen,
      defaultListen: platform.defaultListen,
      transports: [...platform.transports, ...(this.#direct?.transports ?? [])],
      addressDialMs: this.#direct && DIRECT_DIAL_MS,
      ...(platform.noiseCrypto !== undefined && { noiseCrypto: platform.noiseCrypto }),
      ...(libp2p !== undefined && { create: libp2p })
    })
  }

  async #listen(node: Node): Promise<void> {
    try {
      await node.start()
    } catch (error) {
      await this.stop()
      throw listenError(this.#init.listen, error)
    }
    if (this.addresses().length > 0 || this.#init.listen.length + this.#init.platform.defaultListen.length === 0) return
    await this.stop()
    throw listenError([], new Error('no network interface can be used; give an address with --listen'))
  }

  async #discover(node: Node, { discover }: NetPlatform): Promise<void> {
    this.#discovery = discover?.({
      components: node.services.internals,
      tag: mdnsTag(this.#init.crypto, this.#init.discoveryKey),
      discovered: (peer, addresses) => this.#dialer.discovered(peer, addresses),
      failed: cause => this.#trouble('mdns-failed', `Cannot look for peers on the local network (${cause}); use --peer instead.`)
    })
    await this.#discovery?.start()
  }

  async #dial(addresses: readonly string[]): Promise<string> {
    const connection = await this.#running().dial(addresses.map(address => multiaddr(address)))
    return connection.remotePeer.toString()
  }

  #isRefused(peer: string): boolean {
    return this.#refusals.refused(peer) || this.#faults.refused(peer)
  }

  #connectionsTo(peer: string): readonly Connection[] {
    return this.#node?.getConnections(peerIdFromString(peer)) ?? []
  }

  #running(): Node {
    if (this.#node === undefined) throw new Error('the transport is not started')
    return this.#node
  }

  #announce(): void {
    const addresses = this.addresses()
    if (this.#stopping !== undefined || addresses.length === 0 || addresses.join() === this.#announced) return
    this.#announced = addresses.join()
    this.#init.handlers.listening(addresses)
  }

  #admitted(connection: Connection): void {
    this.#members.add(connection.remotePeer.toString())
    this.#streams.admitted(connection)
  }

  #joined(peer: string): void {
    this.#dialer.joined(peer)
    this.#init.handlers.joined(peer)
    const connection = this.#streams.connectionOf(peer)
    if (connection === undefined) return
    this.#blobs?.joined(peer, connection)
    this.#meetings?.joined(peer, connection)
  }

  #left(peer: string, reason: string): void {
    this.#blobs?.left(peer)
    this.#meetings?.left(peer)
    this.#init.handlers.left(peer, reason)
  }

  #refused(connection: Connection, cause: string): void {
    const [peer, address] = [connection.remotePeer.toString(), connection.remoteAddr.toString()]
    const what = connection.direction === 'inbound' ? 'connected from' : 'answered at'
    const message = `Peer ${peer} ${what} ${address} but did not prove that it shares this topic (${cause}); it was disconnected.`
    this.#trouble('not-admitted', message)
  }

  #unreachable(address: string, cause: string): void {
    this.#trouble('dial-failed', `Cannot reach ${address} (${cause}); still trying. Is that peer running, and its port open?`)
  }

  #trouble(code: 'not-admitted' | 'dial-failed' | 'mdns-failed', message: string): void {
    if (this.#stopping === undefined) this.#init.handlers.trouble(code, message)
  }

  /** The last connection to `peer` is closed. What libp2p noted about strangers is forgotten, so that they cannot fill it. */
  async #disconnected(peer: string): Promise<void> {
    if (this.#stopping !== undefined) return
    const wasMember = this.#members.delete(peer)
    const { peerStore } = this.#running()
    const id = peerIdFromString(peer)
    const through = wasMember && this.#meetings?.reaches(peer) === true ? [directAddress(peer)] : []
    try {
      const known = wasMember ? (await peerStore.get(id)).addresses.map(({ multiaddr }) => multiaddr.toString()) : []
      if (!wasMember) await peerStore.delete(id)
      this.#dialer.left(peer, known, through)
    } catch (error) {
      this.#init.logger?.debug('no addresses of a peer that left', { peer, error: errorMessage(error) })
      this.#dialer.left(peer, [], through)
    }
  }

  async #stop(): Promise<void> {
    this.#unlisten?.()
    this.#dialer.stop()
    this.#admission.stop()
    this.#gate.stop()
    this.#blobs?.stop()
    this.#meetings?.stop()
    this.#meetingPoint.stop()
    await this.#streams.stop(STOP_STEP_MS)
    for (const connection of this.#node?.getConnections() ?? []) connection.abort(new Error('stopping'))
    const clock = this.#init.clock ?? systemClock
    await Promise.race([this.#stopNode(), new Promise<void>(resolve => void clock.after(STOP_STEP_MS, resolve))])
  }

  async #stopNode(): Promise<void> {
    try {
      await Promise.all([this.#discovery?.stop(), this.#node?.stop()])
    } catch (error) {
      this.#init.logger?.warn('the network did not stop cleanly', { error: errorMessage(error) })
    }
  }
}
