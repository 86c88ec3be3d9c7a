import type { Clock } from '../base/clock.js'
import type { Crypto } from '../base/crypto.js'
import { errorMessage } from '../base/errors.js'
import type { Emitter, Unsubscribe } from '../base/events.js'
import { shortId } from '../base/ids.js'
import type { DocId } from '../base/ids.js'
import type { KvOp, KvStore } from '../base/kv.js'
import type { Logger } from '../base/log.js'
import type { TreeView } from '../doc/tree-view.js'
import type { WorkspaceKeys } from '../keys/workspace-keys.js'
import type { Entry } from '../log/entry.js'
import type { Log } from '../log/log.js'
import { PrunedError } from '../log/pruned-rows.js'
import type { Transport, TransportHandlers } from '../net/transport.js'
import { DocumentOpener } from './document-opener.js'
import type { BlobDriver } from './blob-driver.js'
import type { HeldBlobs } from './held-blobs.js'
import type { Blobs } from './blob-types.js'
import { readHistory } from './history.js'
import { Pruner } from './pruner.js'
import type { PinSource } from './pruner.js'
import { readDeleted, readPast, readVoids } from './past-view.js'
import type { PastViewInit } from './past-view.js'
import type { OpenDocument, OpenDocumentOptions, OpenTextOptions } from './open-document.js'
import type { Replica } from './replica.js'
import type { Outcome } from './replica-types.js'
import { Presence } from './presence.js'
import { isPresence } from './presence-message.js'
import { SyncDriver } from './sync-driver.js'
import type {
  DeletedFile,
  DocVersion,
  HistoryItem,
  LocalChange,
  LocalResult,
  PastFile,
  PastPoint,
  TextState,
  VoidChange,
  Workspace,
  WorkspaceEvents,
  WorkspaceStatus
} from './workspace-types.js'

export interface LiveWorkspaceInit {
  readonly crypto: Crypto
  readonly keys: WorkspaceKeys
  readonly store: KvStore
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
  readonly transport: ((peerSeed: Uint8Array, handlers: TransportHandlers) => Transport) | undefined
}

/**
 * Collisions are merged for good once every connected peer is synced, or nothing came for this long, in milliseconds:
 * half way through a catch-up, files meet at a path that they have long left.
 */
const MERGE_AFTER_QUIET_MS = 5000

/** A workspace: a replica, the peers that it is synced with, and what it tells its owner. */
export class LiveWorkspace implements Workspace {
  readonly #init: LiveWorkspaceInit
  readonly #driver: SyncDriver
  readonly #peers = new Map<string, { synced: boolean; isLacking: boolean }>()
  readonly #waiters = new Set<() => void>()
  readonly #documents: DocumentOpener
  readonly #presence: Presence
  readonly #pruner: Pruner
  #transport: Transport | undefined
  #cancelMerge: (() => void) | undefined
  #state: 'opened' | 'started' | 'stopped' = 'opened'

  constructor(init: LiveWorkspaceInit) {
    this.#init = init
    this.#driver = new SyncDriver({
      crypto: init.crypto,
      log: init.log,
      clock: init.clock,
      logger: init.logger.scope('sync'),
      prunes: init.pruneAfterMs !== undefined || !init.log.pruned.isEmpty,
      receive: (entries) => this.#receive(entries),
      putBack: async (run) => (await init.replica.left?.putBack(run)) === true,
      onLacking: (peer) => this.#onLacking(peer),
      onSynced: (peer, synced) => this.#onSynced(peer, synced),
      onProgress: (received, expected) => init.events.emit('progress', { received, expected }),
      onConfirmed: () => this.#wake(),
      onRefused: (peer, reason) => init.events.emit('peer', { peer, name: undefined, state: 'refused', reason }),
      onFailure: (error) => this.#onFailure(error)
    })
    const { replica, keys, log } = init
    if (replica.left !== undefined) replica.left.recall = (run) => this.#driver.recall(run)
    this.#pruner = new Pruner({ ...init, left: replica.left, logger: init.logger.scope('pruner'), pruneAfterMs: keys.rights === 'blind' ? undefined : init.pruneAfterMs, isKept: () => this.#driver.isKept })
    this.#presence = new Presence({
      ...init,
      logger: init.logger.scope('presence'),
      peer: init.crypto.signer(replica.identity.peerSeed),
      author: () => (keys.rights === 'write' ? replica.identity.author : undefined),
      isMember: (author) => log.vector.has(author),
      publish: (data) => void this.#transport?.publish(data).catch((error: unknown) => this.#onLost(error)),
      onName: (peer) => this.#onName(peer)
    })
    this.#documents = new DocumentOpener({
      ...init,
      peers: { holdings: this.#driver.holdings, presence: this.#presence, connected: () => [...this.#peers.keys()], synced: () => this.#allSynced(), changed: (signal) => this.#changed(signal) },
      publish: (outcome) => this.#publish(outcome)
    })
  }

  get id() {
    return this.#init.keys.id
  }

  get rights() {
    return this.#init.keys.rights
  }

  get session() {
    return this.#init.replica.identity.session
  }

  get tree(): TreeView {
    return this.#init.replica.applier.tree.view
  }

  get blobs(): Blobs {
    return this.#init.blobs
  }

  get rows(): Pick<KvStore, 'get' | 'scan' | 'commit'> {
    return this.#init.store
  }

  on<Name extends keyof WorkspaceEvents>(name: Name, listener: (payload: WorkspaceEvents[Name]) => void): Unsubscribe {
    return this.#init.events.on(name, listener)
  }

  async start(): Promise<void> {
    if (this.#state !== 'opened') return
    this.#state = 'started'
    this.#mergeWhenQuiet()
    const { transport, replica } = this.#init
    if (transport === undefined) return
    this.#transport = transport(replica.identity.peerSeed, this.#handlers())
    await this.#holdBlobs()
    this.#driver.start(this.#transport)
    this.#init.blobs.start(this.#transport)
    await this.#transport.start()
    this.#pruner.start()
  }

  async stop(): Promise<void> {
    if (this.#state === 'stopped') return
    this.#state = 'stopped'
    this.#cancelMerge?.()
    this.#presence.stop()
    this.#pruner.stop()
    await this.#documents.close()
    this.#driver.stop()
    this.#init.held?.stop()
    this.#init.blobs.stop()
    await this.#transport?.stop()
    await this.#init.replica.close()
    await this.#init.store.close()
  }

  dial(addresses: readonly string[]): void {
    this.#transport?.dial?.(addresses)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
  }

  async openDoc(name: string, options?: OpenDocumentOptions): Promise<OpenDocument> {
    return await this.#documents.openDoc(name, options)
  }

  async openText(path: string, options?: OpenTextOptions): Promise<OpenDocument> {
    return await this.#documents.openText(path, options)
  }

  async documents(): Promise<readonly string[]> {
    return await this.#documents.names()
  }

  async readText(doc: DocId): Promise<TextState> {
    return await this.#init.replica.readText(doc)
  }

  async countChanges(docs: readonly DocId[]): Promise<readonly number[]> {
    return await this.#init.replica.countChanges(docs)
  }

  async readTextAt(doc: DocId, version: DocVersion): Promise<string> {
    return await this.#init.replica.readTextAt(doc, version)
  }

  async edit(changes: readonly LocalChange[], rows?: (results: readonly LocalResult[]) => readonly KvOp[]): Promise<readonly LocalResult[]> {
    const { results, outcome } = await this.#init.replica.edit(changes, rows)
    this.#publish(outcome)
    return results
  }

  status(): WorkspaceStatus {
    const { log, replica, keys } = this.#init
    const readable = keys.rights !== 'blind'
    return {
      workspace: keys.id,
      rights: keys.rights,
      author: keys.rights === 'write' ? replica.identity.author.id : undefined,
      peerId: this.#transport?.peerId ?? '',
      listening: this.#transport?.addresses() ?? [],
      peers: (this.#transport?.peers() ?? []).map(({ peer, address, direction }) => ({
        peer,
        name: this.#presence.nameOf(peer),
        address,
        direction,
        synced: this.#peers.get(peer)?.synced ?? false
      })),
      entries: log.count,
      files: readable ? this.tree.files : 0,
      voids: readable ? replica.applier.voids : 0,
      forks: log.forks.length,
      pruned: log.pruned.count
    }
  }

  async history(options: { path?: string; limit?: number } = {}): Promise<readonly HistoryItem[]> {
    const { log, replica } = this.#init
    return await readHistory({ log, applier: replica.applier, changesOf: (entry) => replica.changesOf(entry) }, options)
  }

  async past(point: PastPoint): Promise<readonly PastFile[]> {
    const { replica } = this.#init
    return await replica.look(async (batch) => await readPast(this.#pastView, batch, point))
  }

  async deleted(): Promise<readonly DeletedFile[]> {
    return await this.#init.replica.look(async () => await readDeleted(this.#pastView))
  }

  async voids(): Promise<readonly VoidChange[]> {
    return await this.#init.replica.look(async () => await readVoids(this.#pastView))
  }

  get #pastView(): PastViewInit {
    const { store, log, replica } = this.#init
    return { kv: store, log, applier: replica.applier }
  }

  async prune(): Promise<number> {
    return await this.#pruner.look()
  }

  pin(source: PinSource): Unsubscribe {
    return this.#pruner.pin(source)
  }

  async releaseMemory(): Promise<void> {
    await this.#init.replica.releaseMemory()
  }

  async whenSynced(options: { signal?: AbortSignal } = {}): Promise<void> {
    const { signal } = options
    while (!this.#allSynced()) await this.#changed(signal)
  }

  /** Resolves when something about the peers changed. */
  async #changed(signal: AbortSignal | undefined): Promise<void> {
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

  #allSynced(): boolean {
    return this.#peers.size > 0 && [...this.#peers.values()].every(({ synced }) => synced)
  }

  #handlers(): TransportHandlers {
    const { events } = this.#init
    return {
      joined: (peer) => {
        this.#peers.set(peer, { synced: false, isLacking: false })
        events.emit('peer', { peer, name: undefined, state: 'connected' })
        this.#driver.joined(peer)
        this.#presence.joined()
        this.#wake()
      },
      left: (peer, reason) => {
        this.#peers.delete(peer)
        this.#driver.left(peer)
        this.#presence.left(peer)
        events.emit('peer', { peer, name: this.#presence.nameOf(peer), state: 'disconnected', reason })
        this.#wake()
      },
      frame: (peer, frame) => this.#driver.frame(peer, frame),
      gossip: async (peer, data) => (isPresence(data) ? this.#presence.gossip(peer, data) : await this.#driver.gossip(data)),
      listening: (addresses) => events.emit('listening', { addresses }),
      trouble: (code, message) => events.emit('warning', { code, message }),
      blobs: this.#init.blobs
    }
  }

  async #receive(entries: readonly Entry[]): Promise<Outcome> {
    const outcome = await this.#init.replica.receive(entries)
    this.#tell(outcome)
    this.#holdNew(outcome)
    if (outcome.nodes.length > 0) this.#mergeWhenQuiet()
    return outcome
  }

  /** What the entries here name. */
  async #holdBlobs(): Promise<void> {
    const { held, log } = this.#init
    await held?.start([...(await log.headers()).values()].flatMap(({ blobs }) => blobs))
  }

  #holdNew({ staged }: Outcome): void {
    const named = staged.accepted.flatMap(({ header }) => header.blobs)
    if (named.length > 0) this.#init.held?.named(named).catch((error: unknown) => this.#onFailure(error))
  }

  #mergeWhenQuiet(): void {
    this.#cancelMerge?.()
    if (this.rights === 'write' && this.#state === 'started') this.#cancelMerge = this.#init.clock.after(MERGE_AFTER_QUIET_MS, () => this.#merge())
  }

  #merge(): void {
    this.#cancelMerge?.()
    if (this.rights !== 'write' || this.#state !== 'started') return
    const { live, applier } = this.#init.replica
    // Their last edits are on the way into the texts that are to be kept.
    if ([...live].some(({ doc }) => applier.tree.isReplaced(doc))) return this.#mergeWhenQuiet()
    const publish = (merges: Outcome | undefined): void => {
      if (merges !== undefined) this.#publish(merges)
    }
    const onError = (error: unknown): void => {
      // Edits that it needs are with peers that are not here now.
      if (error instanceof PrunedError) this.#mergeWhenQuiet()
      else this.#onFailure(error)
    }
    void this.#init.replica.mergeCollisions().then(publish).catch(onError)
  }

  #publish(outcome: Outcome): void {
    this.#tell(outcome)
    this.#driver.published(outcome.staged.accepted)
  }

  #tell(outcome: Outcome): void {
    const { events } = this.#init
    if (outcome.nodes.length > 0) events.emit('tree', { nodes: outcome.nodes })
    if (outcome.texts.length > 0) events.emit('text', { files: outcome.texts })
    // A text may have become something else.
    if (outcome.docs.size > 0 || outcome.nodes.length > 0) this.#documents.pull()
    if ([...outcome.docs].some((doc) => this.#init.replica.applier.tree.isRetired(doc))) this.#mergeWhenQuiet()
    for (const { entry, author, reason } of outcome.voids) {
      const message = `a change of author ${shortId(author)} (entry ${shortId(entry)}) is void: ${reason}`
      events.emit('warning', { code: 'void-change', message })
    }
    for (const { author } of outcome.staged.forked) {
      const message = `the log of author ${shortId(author)} has two continuations, both are kept; its store was probably copied`
      events.emit('warning', { code: 'forked-log', message })
    }
  }

  #onSynced(peer: string, synced: boolean): void {
    const known = this.#peers.get(peer)
    if (known === undefined || known.synced === synced) return
    known.synced = synced
    if (!this.#allSynced()) return
    this.#merge()
    this.#init.events.emit('synced', { peers: this.#peers.size })
    this.#wake()
  }

  #onFailure(error: unknown): void {
    if (this.#state === 'stopped') return
    this.#init.events.emit('failed', { error })
    this.#init.logger.warn('storing failed', { reason: errorMessage(error) })
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
    if (this.#peers.has(peer)) this.#init.events.emit('peer', { peer, name: this.#presence.nameOf(peer), state: 'named' })
  }

  #onLost(error: unknown): void {
    this.#init.logger.debug('presence was not sent', { reason: errorMessage(error) })
  }

  #wake(): void {
    for (const wake of this.#waiters) wake()
    this.#documents.refresh()
  }
}
