import { errorMessage } from '../base/errors.js'
import type { Unsubscribe } from '../base/events.js'
import { shortId } from '../base/ids.js'
import type { DocId } from '../base/ids.js'
import type { KvOp, KvStore } from '../base/kv.js'
import type { TreeView } from '../doc/tree-view.js'
import type { Transport, TransportHandlers } from '../net/transport.js'
import { DocumentOpener } from './document-opener.js'
import type { Blobs } from './blob-types.js'
import { readHistory } from './history.js'
import { Merger } from './merger.js'
import { Pruner } from './pruner.js'
import type { PinSource } from './pruner.js'
import { readDeleted, readPast, readVoids } from './past-view.js'
import type { PastViewInit } from './past-view.js'
import type { OpenDocument, OpenDocumentOptions, OpenTextOptions } from './open-document.js'
import type { Outcome } from './replica-types.js'
import { WorkspaceNetwork } from './workspace-network.js'
import type { WorkspaceNetworkInit } from './workspace-network.js'
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

export interface LiveWorkspaceInit extends WorkspaceNetworkInit {
  readonly store: KvStore
  readonly transport: ((peerSeed: Uint8Array, handlers: TransportHandlers) => Transport) | undefined
}

/** A workspace: a replica, the peers that it is synced with, and what it tells its owner. */
export class LiveWorkspace implements Workspace {
  readonly #init: LiveWorkspaceInit
  readonly #network: WorkspaceNetwork
  readonly #documents: DocumentOpener
  readonly #merger: Merger
  readonly #pruner: Pruner
  #state: 'opened' | 'started' | 'stopped' = 'opened'

  constructor(init: LiveWorkspaceInit) {
    const { keys, replica, logger } = init
    const publish = (outcome: Outcome): void => this.#publish(outcome)
    const onFailure = (error: unknown): void => this.#onFailure(error)
    this.#init = init
    this.#network = new WorkspaceNetwork(init, {
      onReceived: (outcome) => this.#onReceived(outcome),
      // All that the connected peers have is here: what waits may wait for what was left to others.
      onSynced: () => void this.#release({ isOverdue: false }).then(() => this.#merger.merge()).catch(onFailure),
      onChanged: () => this.#documents.refresh(),
      onFailure
    })
    this.#documents = new DocumentOpener({ ...init, peers: this.#network, publish })
    this.#merger = new Merger({ ...init, publish, onFailure })
    this.#pruner = new Pruner({ ...init, left: replica.left, logger: logger.scope('pruner'), pruneAfterMs: keys.rights === 'blind' ? undefined : init.pruneAfterMs, release: () => this.#release({ isOverdue: true }), isKept: () => this.#network.isKept })
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
    this.#merger.start()
    const { transport } = this.#init
    if (transport === undefined) return
    await this.#network.start(transport)
    this.#pruner.start()
  }

  async stop(): Promise<void> {
    if (this.#state === 'stopped') return
    this.#state = 'stopped'
    this.#merger.stop()
    this.#network.presence.stop()
    this.#pruner.stop()
    await this.#documents.close()
    await this.#network.stop()
    await this.#init.replica.close()
    await this.#init.store.close()
  }

  dial(addresses: readonly string[]): void {
    this.#network.dial(addresses)
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
      ...this.#network.status,
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
    while (!this.#network.synced()) await this.#network.changed(signal)
  }

  async #release(options: { readonly isOverdue: boolean }): Promise<void> {
    for (const outcome of await this.#init.replica.release(options)) this.#onReceived(outcome)
  }

  #onReceived(outcome: Outcome): void {
    this.#tell(outcome)
    if (outcome.nodes.length > 0) this.#merger.mergeWhenQuiet()
  }

  #publish(outcome: Outcome): void {
    this.#tell(outcome)
    this.#network.publish(outcome.staged.accepted)
  }

  #tell(outcome: Outcome): void {
    const { events } = this.#init
    if (outcome.nodes.length > 0) events.emit('tree', { nodes: outcome.nodes })
    if (outcome.texts.length > 0) events.emit('text', { files: outcome.texts })
    // A text may have become something else.
    if (outcome.docs.size > 0 || outcome.nodes.length > 0) this.#documents.pull()
    if ([...outcome.docs].some((doc) => this.#init.replica.applier.tree.isRetired(doc))) this.#merger.mergeWhenQuiet()
    for (const { entry, author, reason } of outcome.voids) {
      const message = `a change of author ${shortId(author)} (entry ${shortId(entry)}) is void: ${reason}`
      events.emit('warning', { code: 'void-change', message })
    }
    for (const { author } of outcome.staged.forked) {
      const message = `the log of author ${shortId(author)} has two continuations, both are kept; its store was probably copied`
      events.emit('warning', { code: 'forked-log', message })
    }
  }

  #onFailure(error: unknown): void {
    if (this.#state === 'stopped') return
    this.#init.events.emit('failed', { error })
    this.#init.logger.warn('storing failed', { reason: errorMessage(error) })
  }
}
