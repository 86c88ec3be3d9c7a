import type { Clock } from '../base/clock.js'
import type { Crypto } from '../base/crypto.js'
import { errorMessage } from '../base/errors.js'
import type { Emitter } from '../base/events.js'
import type { Logger } from '../base/log.js'
import type { WorkspaceKeys } from '../keys/workspace-keys.js'
import type { Entry } from '../log/entry.js'
import type { Log } from '../log/log.js'
import type { Transport, TransportHandlers } from '../net/transport.js'
import type { Peers } from './attached-document.js'
import type { BlobDriver } from './blob-driver.js'
import type { HeldBlobs } from './held-blobs.js'
import type { Holdings } from './holdings.js'
import { Presence } from './presence.js'
import { isPresence } from './presence-message.js'
import type { Replica } from './replica.js'
import type { Outcome } from './replica-types.js'
import { SyncDriver } from './sync-driver.js'
import type { WorkspaceEvents, WorkspaceStatus } from './workspace-types.js'

export interface WorkspaceNetworkInit {
  readonly crypto: Crypto
  readonly keys: WorkspaceKeys
  readonly log: Log
  readonly replica: Replica
  readonly events: Emitter<WorkspaceEvents>
  readonly clock: Clock
  readonly logger: Logger
  readonly blobs: BlobDriver
  /** What one that cannot read holds of them; who can fetches what the tree shows. */
  readonly held: HeldBlobs | undefined
  /** What this peer calls itself. */
  readonly name: string
  /** @default never */
  readonly pruneAfterMs?: number | undefined
}

/** What the workspace does about what its peers do. */
export interface NetworkOwner {
  /** Entries came and are stored. */
  readonly onReceived: (outcome: Outcome) => void
  /** All connected peers and this one hold the same. */
  readonly onSynced: () => void
  /** A peer came, went or confirmed something. */
  readonly onChanged: () => void
  /** Storing failed: nothing more can be taken in. */
  readonly onFailure: (error: unknown) => void
}

/** The peers of a workspace: what comes from them goes to its replica, its blobs and its presence; how far each of them is. */
export class WorkspaceNetwork implements Peers {
  readonly presence: Presence
  readonly #init: WorkspaceNetworkInit
  readonly #owner: NetworkOwner
  readonly #driver: SyncDriver
  readonly #peers = new Map<string, { synced: boolean; isLacking: boolean }>()
  readonly #waiters = new Set<() => void>()
  #transport: Transport | undefined

  constructor(init: WorkspaceNetworkInit, owner: NetworkOwner) {
    const { crypto, keys, log, replica, events, logger } = init
    this.#init = init
    this.#owner = owner
    this.#driver = new SyncDriver({
      crypto,
      log,
      clock: init.clock,
      logger: logger.scope('sync'),
      prunes: init.pruneAfterMs !== undefined || !log.pruned.isEmpty,
      receive: (entries) => this.#receive(entries),
      putBack: async (run) => (await replica.left?.putBack(run)) === true,
      onLacking: (peer) => this.#onLacking(peer),
      onSynced: (peer, synced) => this.#onSynced(peer, synced),
      onProgress: (received, expected) => events.emit('progress', { received, expected }),
      onConfirmed: () => this.#wake(),
      onRefused: (peer, reason) => events.emit('peer', { peer, name: undefined, state: 'refused', reason }),
      onFailure: owner.onFailure
    })
    if (replica.left !== undefined) replica.left.recall = (run) => this.#driver.recall(run)
    this.presence = new Presence({
      ...init,
      logger: logger.scope('presence'),
      peer: crypto.signer(replica.identity.peerSeed),
      author: () => (keys.rights === 'write' ? replica.identity.author : undefined),
      isMember: (author) => log.vector.has(author),
      publish: (data) => void this.#transport?.publish(data).catch((error: unknown) => this.#onLost(error)),
      onName: (peer) => this.#onName(peer)
    })
  }

  get holdings(): Holdings {
    return this.#driver.holdings
  }

  /** A connected peer keeps everything, and holds all that is held here. */
  get isKept(): boolean {
    return this.#driver.isKept
  }

  get status(): Pick<WorkspaceStatus, 'peerId' | 'listening' | 'peers'> {
    const connections = this.#transport?.peers() ?? []
    return {
      peerId: this.#transport?.peerId ?? '',
      listening: this.#transport?.addresses() ?? [],
      peers: connections.map(({ peer, address, direction }) => ({
        peer,
        name: this.presence.nameOf(peer),
        address,
        direction,
        synced: this.#peers.get(peer)?.synced ?? false
      }))
    }
  }

  async start(transport: (peerSeed: Uint8Array, handlers: TransportHandlers) => Transport): Promise<void> {
    const { replica, log, held, blobs } = this.#init
    this.#transport = transport(replica.identity.peerSeed, this.#handlers())
    await held?.start([...(await log.headers()).values()].flatMap((header) => header.blobs))
    this.#driver.start(this.#transport)
    blobs.start(this.#transport)
    await this.#transport.start()
  }

  async stop(): Promise<void> {
    this.#driver.stop()
    this.#init.held?.stop()
    this.#init.blobs.stop()
    await this.#transport?.stop()
  }

  dial(addresses: readonly string[]): void {
    this.#transport?.dial?.(addresses)
  }

  /** Tells the peers of new own entries. */
  publish(entries: readonly Entry[]): void {
    this.#driver.published(entries)
  }

  connected(): readonly string[] {
    return [...this.#peers.keys()]
  }

  synced(): boolean {
    return this.#peers.size > 0 && [...this.#peers.values()].every(({ synced }) => synced)
  }

  async changed(signal: AbortSignal | undefined): Promise<void> {
    signal?.throwIfAborted()
    await new Promise<void>((resolve) => {
      const wake = () => {
        this.#waiters.delete(wake)
        signal?.removeEventListener('abort', wake)
        resolve()
      }
      this.#waiters.add(wake)
      signal?.addEventListener('abort', wake)
    })
    signal?.throwIfAborted()
  }

  #handlers(): TransportHandlers {
    const { events, blobs } = this.#init
    return {
      joined: (peer) => {
        this.#peers.set(peer, { synced: false, isLacking: false })
        events.emit('peer', { peer, name: undefined, state: 'connected' })
        this.#driver.joined(peer)
        this.presence.joined()
        this.#wake()
      },
      left: (peer, reason) => {
        this.#peers.delete(peer)
        this.#driver.left(peer)
        this.presence.left(peer)
        events.emit('peer', { peer, name: this.presence.nameOf(peer), state: 'disconnected', reason })
        this.#wake()
      },
      frame: (peer, frame) => this.#driver.frame(peer, frame),
      gossip: async (peer, data) => (isPresence(data) ? this.presence.gossip(peer, data) : await this.#driver.gossip(data)),
      listening: (addresses) => events.emit('listening', { addresses }),
      trouble: (code, message) => events.emit('warning', { code, message }),
      blobs
    }
  }

  async #receive(entries: readonly Entry[]): Promise<Outcome> {
    const outcome = await this.#init.replica.receive(entries)
    this.#owner.onReceived(outcome)
    const named = outcome.staged.accepted.flatMap(({ header }) => header.blobs)
    if (named.length > 0) this.#init.held?.named(named).catch((error: unknown) => this.#owner.onFailure(error))
    return outcome
  }

  #onSynced(peer: string, synced: boolean): void {
    const known = this.#peers.get(peer)
    if (known === undefined || known.synced === synced) return
    known.synced = synced
    if (!this.synced()) return
    this.#owner.onSynced()
    this.#init.events.emit('synced', { peers: this.#peers.size })
    this.#wake()
  }

  /** Told once for each connection. */
  #onLacking(peer: string): void {
    const known = this.#peers.get(peer)
    if (known === undefined || known.isLacking) return
    known.isLacking = true
    const message = 'a peer wants old edits that this one has left to others; it gets them as soon as it meets one that keeps everything'
    this.#init.events.emit('warning', { code: 'pruned-missing', message })
  }

  /** Told again, now with the name. */
  #onName(peer: string): void {
    if (this.#peers.has(peer)) this.#init.events.emit('peer', { peer, name: this.presence.nameOf(peer), state: 'named' })
  }

  #onLost(error: unknown): void {
    this.#init.logger.debug('presence was not sent', { reason: errorMessage(error) })
  }

  #wake(): void {
    for (const wake of this.#waiters) wake()
    this.#owner.onChanged()
  }
}
