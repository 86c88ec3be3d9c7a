import { Emitter } from '../base/events.js'
import type { Unsubscribe } from '../base/events.js'
import type { KvStore } from '../base/kv.js'
import type { OpenDocument, OpenDocumentOptions, OpenTextOptions } from '../node/open-document.js'
import type { DocumentHost } from '../node/provider.js'
import type { Workspace, WorkspaceEvents, WorkspaceStatus } from '../node/workspace-types.js'
import { heldLocks, holdLock } from '../store/indexeddb-lock.js'
import { openIndexedDbStore } from '../store/indexeddb-store.js'
import { SessionMarker } from './session-marker.js'
import { TabDocument } from './tab-document.js'
import { TabHost } from './tab-host.js'
import { channelName, errorFrom, seenLock, sessionSeen, tabLock } from './tab-message.js'
import type { Answer, Call, Opening, ToHost, ToTab } from './tab-message.js'

/** The documents of a workspace, in a tab that need not be the only one. */
export interface Documents extends DocumentHost, AsyncDisposable {
  /** Names of the documents of apps that hold something. */
  documents(): Promise<readonly string[]>
  /** As of `Workspace`. */
  whenSynced(): Promise<void>
  /** Saves and closes everything of this tab; the other tabs go on. */
  stop(): Promise<void>
}

export interface TabDocumentsInit {
  readonly database: string
  /** What this tab wants to be dialled, whoever is the host. */
  readonly peers: readonly string[]
  /** Opens the workspace, for all tabs; `witnessed` as of `openWorkspace`. Closes the store when it throws. */
  readonly join: (store: KvStore, witnessed: (session: number) => boolean) => Promise<Workspace>
  readonly onListenerError: (error: unknown) => void
}

type Message = ToHost extends infer M ? (M extends ToHost ? Omit<M, 'to' | 'tab'> : never) : never

interface Waiting {
  readonly doc: number
  readonly asked: Call
  readonly resolve: (answer: Answer) => void
  readonly reject: (error: Error) => void
}

/**
 * One tab among those of a profile. Whoever gets the lock of the store is the host: it opens the workspace and serves
 * the others, until its tab ends and the lock goes to the next, which each tab then tells what it holds.
 */
export class TabDocuments implements Documents {
  readonly #init: TabDocumentsInit
  readonly #tab = crypto.randomUUID()
  readonly #channel: BroadcastChannel
  readonly #events: Emitter<WorkspaceEvents>
  readonly #open = new Map<number, TabDocument>()
  readonly #waiting = new Map<number, Waiting>()
  readonly #closing = new AbortController()
  readonly #ready = Promise.withResolvers<void>()
  #host: string | undefined
  #status: WorkspaceStatus | undefined
  /** Lets go of the lock that says which run of the store this tab saw. */
  #releaseSeen: (() => void) | undefined
  #count = 0
  #hosting: Promise<(() => Promise<void>) | undefined> = Promise.resolve(undefined)
  #stopping: Promise<void> | undefined
  #releaseTab: (() => void) | undefined

  constructor(init: TabDocumentsInit) {
    this.#init = init
    this.#channel = new BroadcastChannel(channelName(init.database))
    this.#events = new Emitter(init.onListenerError)
  }

  /** Resolves when there is a host, in this tab or another one. */
  async start(): Promise<void> {
    this.#releaseTab = await holdLock(tabLock(this.#tab))
    this.#channel.addEventListener('message', ({ data }: MessageEvent<ToHost | ToTab>) => {
      if (data.to !== 'host') this.#take(data as ToTab)
    })
    this.#hosting = this.#hostWhenFree()
    this.#send({ type: 'hello', peers: this.#init.peers })
    await this.#ready.promise
  }

  async openDoc(name: string, options: OpenDocumentOptions = {}): Promise<OpenDocument> {
    return await this.#openOne({ name }, options)
  }

  async openText(path: string, { create = 'now', ...options }: OpenTextOptions = {}): Promise<OpenDocument> {
    return await this.#openOne({ path, create }, options)
  }

  on<Name extends keyof WorkspaceEvents>(name: Name, listener: (payload: WorkspaceEvents[Name]) => void): Unsubscribe {
    return this.#events.on(name, listener)
  }

  status(): WorkspaceStatus {
    if (this.#status === undefined) throw new Error('not started')
    return this.#status
  }

  async documents(): Promise<readonly string[]> {
    return (await this.#call(0, { ask: 'documents' })) as readonly string[]
  }

  async whenSynced(): Promise<void> {
    await this.#call(0, { ask: 'whenSynced' })
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#stop()
    return this.#stopping
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
  }

  async #stop(): Promise<void> {
    await Promise.allSettled([...this.#open.values()].map((document) => document.close()))
    this.#closing.abort()
    await (await this.#hosting)?.()
    this.#channel.close()
    this.#releaseSeen?.()
    this.#releaseTab?.()
  }

  async #openOne(target: Opening['target'], options: OpenDocumentOptions): Promise<OpenDocument> {
    const doc = ++this.#count
    const document = new TabDocument({
      target,
      options,
      send: (message) => this.#send({ ...message, doc }),
      call: (asked) => this.#call(doc, asked),
      onListenerError: this.#init.onListenerError
    })
    this.#open.set(doc, document)
    try {
      await document.open(this.#host !== undefined)
      return document
    } catch (error) {
      this.#open.delete(doc)
      throw error
    }
  }

  /** Waits for its turn. A host that could not begin leaves the place to the next one. */
  async #hostWhenFree(): Promise<(() => Promise<void>) | undefined> {
    const { database, join } = this.#init
    try {
      const store = await openIndexedDbStore({ name: database, wait: this.#closing.signal })
      const marker = new SessionMarker(database)
      const ended = marker.take()
      const seen = sessionSeen(database, await heldLocks())
      const workspace = await join(store, (session) => session === ended || session >= seen)
      const unmark = marker.keep(workspace.session)
      const channel = new BroadcastChannel(channelName(database))
      const host = new TabHost(workspace, channel)
      host.start()
      return async () => {
        await host.stop()
        unmark()
        await workspace.stop()
        channel.close()
      }
    } catch (error) {
      this.#ready.reject(error)
      if (!this.#closing.signal.aborted) this.#events.emit('failed', { error })
      return undefined
    }
  }

  #take(message: ToTab): void {
    if (message.to !== this.#tab && message.to !== 'tabs') return
    if (message.type === 'host') return this.#follow(message)
    if (message.host !== this.#host) return
    if (message.type === 'event') return this.#relay(message)
    if (message.type === 'answer') return this.#settle(message.call, ({ resolve }) => resolve(message.answer))
    if (message.type === 'refused') return this.#settle(message.call, ({ reject }) => reject(errorFrom(message.error)))
    this.#open.get(message.doc)?.take(message)
  }

  #follow({ host, session, status }: ToTab & { type: 'host' }): void {
    if (host === this.#host) return
    const before = this.#status?.peers ?? []
    this.#host = host
    this.#send({ type: 'hello', peers: this.#init.peers })
    if (this.#releaseSeen === undefined) void this.#witness(session)
    this.#status = status
    for (const document of this.#open.values()) document.attach()
    for (const [call, { doc, asked }] of this.#waiting) this.#send({ type: 'call', doc, call, asked })
    for (const { peer, name } of before) this.#events.emit('peer', { peer, name, state: 'disconnected', reason: 'another tab goes on' })
    this.#ready.resolve()
  }

  async #witness(session: number): Promise<void> {
    this.#releaseSeen = () => undefined
    this.#releaseSeen = await holdLock(seenLock(this.#init.database, session), this.#closing.signal, 'shared').catch(() => undefined)
  }

  #relay({ event, status }: ToTab & { type: 'event' }): void {
    this.#status = status
    const payload = event.name === 'failed' ? { error: errorFrom(event.payload.error as { name: string; message: string }) } : event.payload
    this.#events.emit(event.name, payload)
  }

  #settle(call: number, how: (waiting: Waiting) => void): void {
    const waiting = this.#waiting.get(call)
    this.#waiting.delete(call)
    if (waiting === undefined) return
    if (waiting.asked.ask === 'close') this.#open.delete(waiting.doc)
    how(waiting)
  }

  async #call(doc: number, asked: Call): Promise<Answer> {
    const call = ++this.#count
    return await new Promise<Answer>((resolve, reject) => {
      this.#waiting.set(call, { doc, asked, resolve, reject })
      if (this.#host !== undefined) this.#send({ type: 'call', doc, call, asked })
    })
  }

  /** Nobody hears it while there is no host; the next one is told everything. */
  #send(message: Message): void {
    this.#channel.postMessage({ ...message, to: 'host', tab: this.#tab })
  }
}
