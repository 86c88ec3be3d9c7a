import type { Connection, Stream, StreamHandler, Topology } from '@libp2p/interface'
import type { GossipSubComponents } from '@libp2p/gossipsub'
import type { Clock } from '../base/clock.js'
import { HEAL_MS } from './net-limits.js'

type Registrar = GossipSubComponents['registrar']

/** A gossip stream is named so, whatever its version. */
const isGossip = (stream: Stream): boolean => stream.protocol.startsWith('/meshsub/')

/** Gossip streams held until their connection is bound; an honest peer opens one. */
const MAX_EARLY_STREAMS = 2
/** Opening a stream takes a round trip or two, so one empty look means nothing. */
const LOOKS_BEFORE_RESET = 3

type WholeStream = Stream & { readonly remoteWriteStatus?: string }

/**
 * Stands between gossipsub and libp2p's registrar. Gossipsub tells its subscriptions to everyone who connects, so here
 * it learns of a peer only when that is `attach`ed, and its streams from other connections are refused.
 *
 * It also heals: gossipsub uses one connection per peer and does not notice when that one closes and another is
 * open. Each peer is bound to one connection here, re-bound when told, and looked at once a second.
 */
export class GossipGate {
  readonly #clock: Clock
  readonly #isAdmitted: (connection: Connection) => boolean
  readonly #topologies = new Map<string, Topology>()
  /** By peer. */
  readonly #bound = new Map<string, Connection>()
  /** Streams that came before this side had bound their connection: the other side may be a little ahead. */
  readonly #early = new WeakMap<Connection, (() => unknown)[]>()
  /** By peer: looks in a row that found no outbound stream. */
  readonly #missing = new Map<string, number>()
  #nextId = 0
  #cancelTick: (() => void) | undefined

  constructor(clock: Clock, isAdmitted: (connection: Connection) => boolean) {
    this.#clock = clock
    this.#isAdmitted = isAdmitted
  }

  /** The registrar that gossipsub gets instead of libp2p's. */
  wrap(registrar: Registrar): Registrar {
    const gate: Pick<Registrar, 'handle' | 'register' | 'unregister'> = {
      handle: (protocol, handler, options) => registrar.handle(protocol, this.#guard(handler), options),
      register: (protocol, topology) => Promise.resolve(this.#register(topology)),
      unregister: id => void this.#topologies.delete(id)
    }
    return new Proxy(registrar, {
      get(target, name) {
        const own: unknown = Reflect.get(gate, name)
        const value: unknown = own ?? Reflect.get(target, name, target)
        return typeof value === 'function' && own === undefined ? (value.bind(target) as unknown) : value
      }
    })
  }

  start(): void {
    this.#cancelTick = this.#clock.after(HEAL_MS, () => {
      this.#heal()
      this.start()
    })
  }

  stop(): void {
    this.#cancelTick?.()
  }

  /** Gossip with this connection's peer runs over this connection from now on. */
  attach(connection: Connection): void {
    const peer = connection.remotePeer.toString()
    const before = this.#bound.get(peer)
    if (before === connection) return
    if (before !== undefined) this.detach(before)
    this.#bound.set(peer, connection)
    this.#connect(connection)
    for (const handle of this.#early.get(connection) ?? []) handle()
    this.#early.delete(connection)
  }

  /** No more gossip over this connection. */
  detach(connection: Connection): void {
    const peer = connection.remotePeer.toString()
    if (this.#bound.get(peer) !== connection) return
    this.#bound.delete(peer)
    this.#missing.delete(peer)
    this.#disconnect(connection)
    for (const stream of connection.streams.filter(isGossip)) stream.abort(new Error('gossip goes elsewhere'))
  }

  #register(topology: Topology): string {
    const id = `gossip-${this.#nextId++}`
    this.#topologies.set(id, topology)
    return id
  }

  #guard(handler: StreamHandler): StreamHandler {
    return (stream, connection) => {
      const bound = this.#bound.get(connection.remotePeer.toString())
      if (bound === connection) return handler(stream, connection)
      const early = this.#early.get(connection) ?? []
      if (!this.#isAdmitted(connection) || early.length >= MAX_EARLY_STREAMS) {
        return stream.abort(new Error('no gossip with this peer over this connection'))
      }
      this.#early.set(connection, [...early, () => handler(stream, connection)])
    }
  }

  #connect(connection: Connection): void {
    // Gossipsub registers one topology under each of its protocol versions.
    for (const topology of new Set(this.#topologies.values())) void topology.onConnect?.(connection.remotePeer, connection)
  }

  #disconnect(connection: Connection): void {
    for (const topology of new Set(this.#topologies.values())) void topology.onDisconnect?.(connection.remotePeer)
  }

  /** Renews an outbound stream that is missing, or that the other side has let go of. */
  #heal(): void {
    for (const connection of this.#bound.values()) {
      const outbound = connection.streams.filter(stream => stream.direction === 'outbound' && isGossip(stream)) as WholeStream[]
      const dropped = outbound.filter(stream => (stream.remoteWriteStatus ?? 'writable') !== 'writable')
      for (const stream of dropped) stream.abort(new Error('the other side let go of gossip'))
      if (outbound.length > dropped.length || connection.status !== 'open') this.#missing.delete(connection.remotePeer.toString())
      else this.#renew(connection)
    }
  }

  /** Gossipsub may hold on to a stream that died before it listened; then it must first forget the peer. */
  #renew(connection: Connection): void {
    const peer = connection.remotePeer.toString()
    const looks = (this.#missing.get(peer) ?? 0) + 1
    this.#missing.set(peer, looks)
    if (looks % LOOKS_BEFORE_RESET === 0) this.#disconnect(connection)
    this.#connect(connection)
  }
}
