import { Awareness } from 'y-protocols/awareness'
import * as Y from 'yjs'
import { CollabError } from '../base/errors.js'
import { NO_CLIENT } from '../doc/client-id.js'
import { decodeUpdate } from '../doc/update-codec.js'
import type { OpenDocument } from '../node/open-document.js'
import type { PresentMember } from '../node/presence.js'
import type { DocumentHost } from '../node/provider.js'
import { toldError } from './tab-message.js'
import type { Answer, Call, Opening, ToTab } from './tab-message.js'

/** Origin of what the tab wrote. */
const TAB = 'tab'
/** As of an Awareness that is attached. */
const PRESENCE = 'presence'

type Told = ToTab extends infer M ? (M extends ToTab ? Omit<M, 'to' | 'host' | 'doc'> : never) : never

/**
 * A document of one tab, at the host: a Y.Doc that holds the same as the tab's and writes nothing itself. What the tab
 * wrote is taken under the client id that is leased to it, so the tab's Y.Doc is one more replica.
 */
export class HostedDocument {
  readonly #y = new Y.Doc()
  readonly #tell: (message: Told) => void
  /** Of the tab's updates, how many are in. */
  #count = 0
  #opened: OpenDocument | undefined
  /** Under which the tab wrote before, and nobody signs any more. */
  #former: number | undefined
  #error: CollabError | undefined
  #awareness: Awareness | undefined
  #detach: (() => void) | undefined

  constructor(tell: (message: Told) => void) {
    this.#tell = tell
  }

  async open(host: DocumentHost, { target, coalesceMs, state, count, client, lease }: Opening): Promise<void> {
    this.#apply(state)
    this.#y.clientID = client
    this.#count = count
    const options = { doc: this.#y, lease, outlives: true, ...(coalesceMs !== undefined && { coalesceMs }) }
    const opened = await ('name' in target ? host.openDoc(target.name, options) : host.openText(target.path, { ...options, create: target.create }))
    this.#opened = opened
    const leased = opened.lease?.client
    if (lease?.client !== leased) this.#former = lease?.client
    const update = Y.encodeStateAsUpdate(this.#y, Y.encodeStateVectorFromUpdate(state))
    this.#tell({ type: 'opened', id: opened.id, update, lease: opened.lease })
    this.#y.on('update', (bytes: Uint8Array, origin: unknown) => {
      if (origin !== TAB) this.#tell({ type: 'update', update: bytes })
    })
    opened.on('status', () => this.#tellStatus())
    opened.on('error', (error) => this.#tell({ type: 'failed', error: toldError(error), isFinal: error.name !== 'NotPermittedError' }))
    opened.on('client', () => {
      // What is on its way from the tab still stands under the id before.
      if (opened.lease?.client !== leased) this.#fail('this store was put back to an earlier state')
    })
    this.#tellStatus()
  }

  update(bytes: Uint8Array, count: number): void {
    // It would be left out, and what follows would hang on it.
    if (this.#former !== undefined && decodeUpdate(bytes, 'any').structs.some(({ client }) => client === this.#former)) return this.#fail('the tab that had the store ended before it said so')
    this.#apply(bytes)
    this.#count = count
    if (this.#opened?.status.saved === true) this.#tellStatus()
  }

  show(state: string | null | undefined): void {
    if (state === undefined) return this.#hide()
    this.#awareness ??= this.#attach()
    this.#awareness.setLocalState(state === null ? null : (JSON.parse(state) as Record<string, unknown>))
  }

  async answer(call: Call): Promise<Answer> {
    if (call.ask !== 'close' && this.#error !== undefined) throw this.#error
    const opened = this.#open()
    if (call.ask === 'flush') await opened.flush({ to: call.to })
    else if (call.ask === 'pull') await opened.pull()
    else if (call.ask === 'authorsOf') return await opened.authorsOf(this.#y.get(call.of))
    else if (call.ask === 'close') await this.close()
    return undefined
  }

  /** Saves what is left. */
  async close(): Promise<void> {
    this.#hide()
    const opened = this.#opened
    this.#opened = undefined
    try {
      await opened?.close()
    } finally {
      this.#y.destroy()
    }
  }

  /** Yjs takes what comes in under a Y.Doc's own id for a stranger's, and would draw another one. */
  #apply(update: Uint8Array): void {
    const { clientID } = this.#y
    this.#y.clientID = NO_CLIENT
    Y.applyUpdate(this.#y, update, TAB)
    this.#y.clientID = clientID
  }

  #open(): OpenDocument {
    if (this.#opened === undefined) throw new CollabError('ClosedError', 'the document is closed')
    return this.#opened
  }

  #tellStatus(): void {
    if (this.#opened === undefined || this.#error !== undefined) return
    const { error: _, ...status } = this.#opened.status
    this.#tell({ type: 'status', count: this.#count, status })
  }

  /** What the tab wrote last is not to be had by anyone: it is told so, and never that it is saved. */
  #fail(reason: string): void {
    if (this.#opened === undefined || this.#error !== undefined) return
    this.#error = new CollabError('AuthorChangedError', `${reason}; open the document again to go on`)
    this.#tell({ type: 'failed', error: toldError(this.#error), isFinal: true })
  }

  #attach(): Awareness {
    const awareness = new Awareness(this.#y)
    awareness.on('update', ({ added, updated, removed }: Record<'added' | 'updated' | 'removed', number[]>, origin: unknown) => {
      if (origin === PRESENCE) this.#tellShown(awareness, [...added, ...updated, ...removed])
    })
    this.#detach = this.#open().attachAwareness(awareness)
    return awareness
  }

  #tellShown(awareness: Awareness, clients: readonly number[]): void {
    const members = new Map<number, PresentMember>()
    const states = clients.map((client) => {
      const state = awareness.getStates().get(client)
      const member = this.#opened?.memberOf(client)
      if (member !== undefined) members.set(client, member)
      return { client, clock: awareness.meta.get(client)?.clock ?? 0, state: state === undefined ? null : JSON.stringify(state) }
    })
    this.#tell({ type: 'shown', states, members })
  }

  #hide(): void {
    this.#detach?.()
    this.#detach = undefined
    this.#awareness?.destroy()
    this.#awareness = undefined
  }
}
