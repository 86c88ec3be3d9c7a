import { CollabError } from '../base/errors.js'
import type { Workspace, WorkspaceEvents } from '../node/workspace-types.js'
import { holdLock } from '../store/indexeddb-lock.js'
import { HostedDocument } from './hosted-document.js'
import { ALL_TABS, tabLock, toldError } from './tab-message.js'
import type { Answer, Call, ToHost, ToTab, WorkspaceEvent } from './tab-message.js'

/** What tabs are told of the workspace. */
const EVENTS: readonly (keyof WorkspaceEvents)[] = ['tree', 'text', 'listening', 'peer', 'synced', 'progress', 'failed', 'warning']

interface Hosted {
  readonly document: HostedDocument
  /** What the tab said, in its order; what it says while the document is opened waits. */
  turn: Promise<void>
}

type Told = ToTab extends infer M ? (M extends ToTab ? Omit<M, 'to' | 'host'> : never) : never

/** Of what is closed already, or failed. */
async function notOpen({ ask }: Call): Promise<Answer> {
  if (ask !== 'close') throw new CollabError('ClosedError', 'the document is closed')
  return undefined
}

/** Serves the documents of all tabs of a profile from the one workspace that is open. */
export class TabHost {
  readonly #workspace: Workspace
  readonly #channel: BroadcastChannel
  readonly #id = crypto.randomUUID()
  readonly #tabs = new Map<string, Map<number, Hosted>>()
  readonly #closing = new AbortController()
  readonly #undos: (() => void)[] = []

  constructor(workspace: Workspace, channel: BroadcastChannel) {
    this.#workspace = workspace
    this.#channel = channel
  }

  start(): void {
    const signal = this.#closing.signal
    this.#channel.addEventListener('message', ({ data }: MessageEvent<ToHost | ToTab>) => data.to === 'host' && this.#take(data as ToHost), { signal })
    for (const name of EVENTS) this.#undos.push(this.#workspace.on(name, (payload) => this.#relay({ name, payload } as WorkspaceEvent)))
    this.#introduce(ALL_TABS)
  }

  /** Saves what the tabs have written by now; what follows is for the next host. */
  async stop(): Promise<void> {
    this.#closing.abort()
    for (const undo of this.#undos) undo()
    await Promise.allSettled([...this.#tabs.keys()].map((tab) => this.#gone(tab)))
  }

  #introduce(tab: string): void {
    const { session } = this.#workspace
    this.#send(tab, { type: 'host', session, status: this.#workspace.status() })
  }

  #greet({ tab, peers }: ToHost & { type: 'hello' }): void {
    this.#introduce(tab)
    this.#workspace.dial(peers)
  }

  #relay(event: WorkspaceEvent): void {
    // An error may hold what cannot be sent.
    const sent = event.name === 'failed' ? { ...event, payload: { error: toldError(event.payload.error) } } : event
    this.#send(ALL_TABS, { type: 'event', event: sent, status: this.#workspace.status() })
  }

  #take(message: ToHost): void {
    const documents = this.#documentsOf(message.tab)
    if (message.type === 'hello') return this.#greet(message)
    if (message.type === 'open') return this.#open(documents, message)
    if (message.type === 'call' && message.doc === 0) return void this.#answer(message, this.#ask(message.asked))
    const hosted = documents.get(message.doc)
    if (hosted === undefined) return void (message.type === 'call' && this.#answer(message, notOpen(message.asked)))
    const { document } = hosted
    hosted.turn = hosted.turn.then(() => {
      if (message.type === 'update') document.update(message.update, message.count)
      else if (message.type === 'show') document.show(message.state)
      else void this.#answer(message, document.answer(message.asked))
    }).catch((error: unknown) => this.#failed(message, error))
    if (message.type === 'call' && message.asked.ask === 'close') documents.delete(message.doc)
  }

  #open(documents: Map<number, Hosted>, message: ToHost & { type: 'open' }): void {
    const document = new HostedDocument((told) => this.#send(message.tab, { ...told, doc: message.doc } as Told))
    const turn = document.open(this.#workspace, message).catch(async (error: unknown) => {
      this.#failed(message, error)
      await document.close()
    })
    documents.set(message.doc, { document, turn })
  }

  #failed({ tab, doc }: { readonly tab: string; readonly doc: number }, error: unknown): void {
    this.#send(tab, { type: 'failed', doc, error: toldError(error), isFinal: true })
  }

  async #ask({ ask }: Call): Promise<Answer> {
    if (ask === 'documents') return await this.#workspace.documents()
    if (ask === 'whenSynced') await this.#workspace.whenSynced({ signal: this.#closing.signal })
    return undefined
  }

  async #answer({ tab, call }: ToHost & { type: 'call' }, work: Promise<Answer>): Promise<void> {
    try {
      const answer = await work
      this.#send(tab, { type: 'answer', call, answer })
    } catch (error) {
      // The next host is asked again.
      if (!this.#closing.signal.aborted) this.#send(tab, { type: 'refused', call, error: toldError(error) })
    }
  }

  /** What is new is watched until it ends: its lock is free then. */
  #documentsOf(tab: string): Map<number, Hosted> {
    const known = this.#tabs.get(tab)
    if (known !== undefined) return known
    const documents = new Map<number, Hosted>()
    this.#tabs.set(tab, documents)
    void holdLock(tabLock(tab), this.#closing.signal).then(
      async (release) => {
        release()
        await this.#gone(tab)
      },
      () => undefined
    )
    return documents
  }

  async #gone(tab: string): Promise<void> {
    const documents = [...(this.#tabs.get(tab)?.values() ?? [])]
    this.#tabs.delete(tab)
    await Promise.allSettled(documents.map(async ({ document, turn }) => {
      await turn
      await document.close()
    }))
  }

  #send(to: string, message: Told): void {
    this.#channel.postMessage({ ...message, to, host: this.#id } satisfies { to: string; host: string })
  }
}
