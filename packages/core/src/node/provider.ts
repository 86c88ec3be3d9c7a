import { ObservableV2 } from 'lib0/observable'
import { Awareness } from 'y-protocols/awareness'
import type * as Y from 'yjs'
import type { DocumentStatus, OpenDocument } from './open-document.js'
import type { PresentMember } from './presence.js'
import type { Shared } from './shared-workspaces.js'
import type { Workspace } from './workspace-types.js'

/** What a provider takes beside what is needed to join. */
export interface ProviderOptions {
  /** Name of the document in the workspace. @default 'default' */
  readonly document?: string
  /** Path of a text file of the workspace, to open that instead. */
  readonly path?: string
  /** As of `OpenTextOptions`. @default 'now' */
  readonly create?: 'now' | 'when-synced'
  /** null for none. @default a new one */
  readonly awareness?: Awareness | null
  /** Connects at once. @default true */
  readonly connect?: boolean
  /** As of `OpenDocumentOptions`. @default 25 */
  readonly coalesceMs?: number
}

export type ProviderStatus = 'connecting' | 'connected' | 'disconnected'

export interface ProviderEvents {
  /** `connecting` until a peer is there: what is written meanwhile is saved here, and goes to whoever comes. */
  status: (event: { readonly status: ProviderStatus; readonly connected: boolean }) => void
  /** True once a peer answered and nothing that it has is missing here; false when the last peer is gone. */
  sync: (synced: boolean) => void
  synced: (synced: boolean) => void
  /** What is saved here, and at which peers. */
  'sync-status': (status: DocumentStatus) => void
  peers: (event: { readonly added: readonly string[]; readonly removed: readonly string[]; readonly peers: readonly string[] }) => void
  /** Nothing was lost from the Y.Doc, but something is not shared: the sentence says what. */
  error: (error: Error) => void
}

/** What a provider needs of a workspace. */
export type DocumentHost = Pick<Workspace, 'openDoc' | 'openText' | 'on' | 'status'>

/** What a connection holds, to be undone in reverse. */
interface Connection {
  readonly workspace: DocumentHost
  readonly opened: OpenDocument
  readonly undos: (() => unknown)[]
}

/**
 * One document of a workspace in the shape that editor bindings for Yjs expect of a provider. Transactions that bring
 * what others wrote have the provider as their origin.
 */
export abstract class DocumentProvider<Options extends ProviderOptions> extends ObservableV2<ProviderEvents> {
  readonly doc: Y.Doc
  readonly awareness: Awareness | null
  readonly #target: string | DocumentHost
  readonly #options: Options
  readonly #ownsAwareness: boolean
  #connection: Promise<Connection | undefined> | undefined
  #opened: OpenDocument | undefined
  #status: ProviderStatus = 'disconnected'
  #synced = false
  #loaded = false
  #destroyed = false
  #peers: readonly string[] = []
  /** Connecting and leaving, one after the other. */
  #connected: Promise<void> = Promise.resolve()
  /** Counts both, so that what comes late is known to be late. */
  #round = 0

  /** @param target a topic or link, which is joined, or a workspace, which stays its owner's. */
  constructor(target: string | DocumentHost, doc: Y.Doc, options: Options) {
    super()
    this.#target = target
    this.#options = options
    this.doc = doc
    this.#ownsAwareness = options.awareness === undefined
    this.awareness = options.awareness === undefined ? new Awareness(doc) : options.awareness
    doc.on('destroy', this.#onDocDestroy)
    if (options.connect !== false) this.connect()
  }

  get synced(): boolean {
    return this.#synced
  }

  /** At least one peer is connected. */
  get connected(): boolean {
    return this.#status === 'connected'
  }

  get shouldConnect(): boolean {
    return this.#connection !== undefined
  }

  get status(): ProviderStatus {
    return this.#status
  }

  /** What is saved here and at which peers; undefined before it was loaded. */
  get syncStatus(): DocumentStatus | undefined {
    return this.#opened?.status
  }

  /** What was saved here before is in the Y.Doc: the gate for an app that works offline. */
  get whenLoaded(): Promise<void> {
    return this.#loaded ? Promise.resolve() : this.doc.whenLoaded.then(() => undefined)
  }

  get whenSynced(): Promise<void> {
    return this.#synced ? Promise.resolve() : new Promise((resolve) => this.#onceSynced(resolve))
  }

  connect(): void {
    if (this.#destroyed || this.#connection !== undefined) return
    const round = ++this.#round
    this.#setStatus('connecting')
    const connection: Promise<Connection | undefined> = this.#connected.then(() => this.#open(round))
    this.#connection = connection
    this.#connected = connection.then(
      () => undefined,
      (error: unknown) => this.#failed(connection, error)
    )
  }

  /** Saves what is left and leaves; what is written from now on comes along with the next `connect`. */
  disconnect(): void {
    const connection = this.#connection
    if (connection === undefined) return
    this.#round++
    this.#connection = undefined
    this.#opened = undefined
    this.#connected = this.#connected.then(async () => await this.#close(await connection.catch(() => undefined)))
    this.#setPeers([])
    this.#setSynced(false)
    this.#setStatus('disconnected')
  }

  /** Everything in the Y.Doc is durable here, or also at a peer. */
  async flush(options?: Parameters<OpenDocument['flush']>[0]): Promise<void> {
    const connection = await this.#connection
    await connection?.opened.flush(options)
  }

  /** Everything is saved and closed, after `disconnect` or `destroy`. */
  get whenClosed(): Promise<void> {
    return this.#connected
  }

  /** Who shows itself under this client id: proven, unlike what an awareness state itself says. */
  memberOf(client: number): PresentMember | undefined {
    return this.#opened?.memberOf(client)
  }

  /** Leaves for good. */
  override destroy(): void {
    if (this.#destroyed) return
    this.disconnect()
    this.#destroyed = true
    this.doc.off('destroy', this.#onDocDestroy)
    if (this.#ownsAwareness) this.awareness?.destroy()
    super.destroy()
  }

  /** Joins the topic, or takes part in what was joined already. */
  protected abstract join(topic: string, options: Options): Promise<Shared<DocumentHost>>

  readonly #onDocDestroy = (): void => this.destroy()

  async #open(round: number): Promise<Connection | undefined> {
    if (round !== this.#round) return undefined
    const { document = 'default', path, create, coalesceMs } = this.#options
    const undos: (() => unknown)[] = []
    try {
      const workspace = await this.#join(undos)
      const options = { doc: this.doc, origin: this, ...(coalesceMs !== undefined && { coalesceMs }) }
      const opened = await (path === undefined ? workspace.openDoc(document, options) : workspace.openText(path, { ...options, ...(create !== undefined && { create }) }))
      undos.push(() => opened.close())
      const connection = { workspace, opened, undos }
      if (round === this.#round) this.#attach(connection)
      return connection
    } catch (error) {
      await undo(undos)
      throw error
    }
  }

  async #join(undos: (() => unknown)[]): Promise<DocumentHost> {
    if (typeof this.#target !== 'string') return this.#target
    const shared = await this.join(this.#target, this.#options)
    undos.push(() => shared.release())
    return shared.workspace
  }

  #attach({ workspace, opened, undos }: Connection): void {
    this.#opened = opened
    if (this.awareness !== null) opened.attachAwareness(this.awareness)
    undos.push(
      opened.on('error', (error) => this.emit('error', [error])),
      opened.on('status', (status) => this.emit('sync-status', [status])),
      workspace.on('peer', () => this.#onPeers(workspace)),
      workspace.on('synced', () => void this.#onSynced(opened))
    )
    this.#loaded = true
    this.doc.emit('load', [this.doc])
    this.#onPeers(workspace)
    if (workspace.status().peers.some(({ synced }) => synced)) void this.#onSynced(opened)
  }

  /** A workspace is synced before its documents are told so. */
  async #onSynced(opened: OpenDocument): Promise<void> {
    await opened.pull()
    if (this.#opened === opened && this.#peers.length > 0) this.#setSynced(true)
  }

  #onPeers(workspace: DocumentHost): void {
    this.#setPeers(workspace.status().peers.map(({ peer }) => peer))
    this.#setStatus(this.#peers.length > 0 ? 'connected' : 'connecting')
    if (this.#peers.length === 0) this.#setSynced(false)
  }

  #setPeers(peers: readonly string[]): void {
    const added = peers.filter((peer) => !this.#peers.includes(peer))
    const removed = this.#peers.filter((peer) => !peers.includes(peer))
    this.#peers = peers
    if (added.length + removed.length > 0) this.emit('peers', [{ added, removed, peers }])
  }

  #setStatus(status: ProviderStatus): void {
    if (status === this.#status) return
    this.#status = status
    this.emit('status', [{ status, connected: status === 'connected' }])
  }

  #setSynced(synced: boolean): void {
    if (synced === this.#synced) return
    this.#synced = synced
    this.emit('sync', [synced])
    this.emit('synced', [synced])
    this.doc.emit('sync', [synced, this.doc])
  }

  #onceSynced(resolve: () => void): void {
    const listener = (synced: boolean): void => {
      if (!synced) return
      this.off('sync', listener)
      resolve()
    }
    this.on('sync', listener)
  }

  /** Joining or opening failed: said once, and `connect` may be called again. */
  #failed(connection: Promise<Connection | undefined>, error: unknown): void {
    if (this.#connection !== connection) return
    this.#connection = undefined
    this.#setStatus('disconnected')
    this.emit('error', [error instanceof Error ? error : new Error(String(error))])
  }

  async #close(connection: Connection | undefined): Promise<void> {
    if (connection !== undefined) await undo(connection.undos)
  }
}

/** Backwards; what cannot be undone any more (a store that failed) was told by an event. */
async function undo(undos: (() => unknown)[]): Promise<void> {
  for (const step of undos.splice(0).toReversed()) await Promise.allSettled([step()])
}
