import { Doc, applyUpdate, encodeStateAsUpdate } from 'yjs'
import type { AbstractType } from 'yjs'
import type { Awareness } from 'y-protocols/awareness'
import { CollabError, RefusedChangeError, errorMessage } from '../base/errors.js'
import { Emitter } from '../base/events.js'
import type { Unsubscribe } from '../base/events.js'
import type { DocId } from '../base/ids.js'
import { randomClient } from '../doc/client-lease.js'
import type { ClientLease } from '../doc/client-lease.js'
import { decodeUpdate, encodeUpdate } from '../doc/update-codec.js'
import { madeMeanwhile } from '../doc/y-document.js'
import { nobleCrypto } from '../keys/noble-crypto.js'
import type { AuthoredRange } from '../node/attribution.js'
import { AwarenessLink } from '../node/awareness-link.js'
import type { DocumentEvents, DocumentStatus, OpenDocument, OpenDocumentOptions } from '../node/open-document.js'
import type { Participant, PresentMember } from '../node/presence.js'
import { errorFrom } from './tab-message.js'
import type { Answer, Call, Opening, ToHost, ToTab } from './tab-message.js'

type OfDocument<Message> = Message extends { readonly doc: number } ? Omit<Message, 'to' | 'tab' | 'host' | 'doc'> : never

export interface TabDocumentInit {
  readonly target: Opening['target']
  readonly options: OpenDocumentOptions
  /** To the host, if there is one now. */
  readonly send: (message: OfDocument<Exclude<ToHost, { type: 'call' }>>) => void
  /** To this host or the next one. */
  readonly call: (call: Call) => Promise<Answer>
  readonly onListenerError: (error: unknown) => void
}

/** What is shown between host and tab is of one document, so which one is not said. */
const OF_THIS_ONE = '' as DocId

const attached = new WeakSet<Doc>()
/** What each Y.Doc wrote under last: it goes on under it, whoever is the host. */
const leases = new WeakMap<Doc, ClientLease>()

/**
 * A Y.Doc in a tab, by way of the host. It outlives hosts: what it holds and how far it came is told to each new one,
 * which takes what the last one had not saved.
 */
export class TabDocument implements OpenDocument {
  readonly doc: Doc
  readonly #init: TabDocumentInit
  readonly #origin: unknown
  readonly #events: Emitter<DocumentEvents>
  readonly #links = new Map<Awareness, () => void>()
  readonly #participants = new Set<Participant>()
  readonly #members = new Map<number, PresentMember>()
  /** Clocks of those that are shown here. */
  readonly #others = new Map<number, number>()
  readonly #opened = Promise.withResolvers<void>()
  #id: DocId | undefined
  /** Updates made here so far, and those that the host has in. */
  #made = 0
  #taken = 0
  #told: Omit<DocumentStatus, 'error'> = { saved: false, heldBy: [], connected: 0 }
  #error: Error | undefined
  #applying: readonly Uint8Array[] = []
  #state: 'open' | 'failed' | 'closed' = 'open'
  #closing: Promise<void> | undefined

  constructor(init: TabDocumentInit) {
    this.#init = init
    this.doc = init.options.doc ?? new Doc()
    this.#origin = init.options.origin ?? this
    this.#events = new Emitter<DocumentEvents>(init.onListenerError)
  }

  get id(): DocId {
    if (this.#id === undefined) throw new CollabError('NotOpenError', 'the document is not open yet')
    return this.#id
  }

  get lease(): ClientLease | undefined {
    return leases.get(this.doc)
  }

  get status(): DocumentStatus {
    return { ...this.#told, saved: this.#told.saved && this.#taken === this.#made && this.#state === 'open', error: this.#error }
  }

  on<Name extends keyof DocumentEvents>(name: Name, listener: (payload: DocumentEvents[Name]) => void): Unsubscribe {
    return this.#events.on(name, listener)
  }

  /** Resolves when what is held in this profile is in the Y.Doc. */
  async open(hasHost: boolean): Promise<void> {
    if (attached.has(this.doc)) throw new CollabError('AlreadyAttachedError', 'this Y.Doc is open already; use what that returned, or another Y.Doc')
    attached.add(this.doc)
    this.doc.on('update', this.#onUpdate)
    this.doc.on('destroy', this.#onDestroy)
    if (hasHost) this.attach()
    await this.#opened.promise
  }

  /** A host is there, which knows nothing of this document. */
  attach(): void {
    if (this.#state !== 'open') return
    const { target, options } = this.#init
    this.#init.send({ type: 'open', target, coalesceMs: options.coalesceMs, state: encodeStateAsUpdate(this.doc), count: this.#made, client: this.doc.clientID, lease: this.lease })
    this.#tellShown()
  }

  take(message: OfDocument<ToTab>): void {
    if (message.type === 'opened') this.#begin(message)
    else if (message.type === 'update') this.#apply(message.update)
    else if (message.type === 'status') this.#setStatus(message.count, message.status)
    else if (message.type === 'shown') this.#show(message)
    else if (message.isFinal) this.#fail(errorFrom(message.error))
    else this.#events.emit('error', errorFrom(message.error))
  }

  async flush({ to = 'disk', signal }: { to?: 'disk' | 'one-peer' | 'all-connected'; signal?: AbortSignal } = {}): Promise<void> {
    if (this.#error !== undefined) throw this.#error
    if (this.#state === 'closed') return
    const aborted = new Promise<never>((_, reject) => signal?.addEventListener('abort', () => reject(signal.reason as Error)))
    signal?.throwIfAborted()
    await Promise.race([this.#init.call({ ask: 'flush', to }), aborted])
  }

  async authorsOf(type: Parameters<OpenDocument['authorsOf']>[0]): Promise<readonly AuthoredRange[]> {
    const name = [...this.doc.share].find(([, shared]) => shared === (type as AbstractType<unknown>))?.[0]
    if (name === undefined) throw new RangeError('in a tab this is known of the types of the Y.Doc itself only, not of those inside of others')
    return (await this.#init.call({ ask: 'authorsOf', of: name })) as readonly AuthoredRange[]
  }

  /** What can be undone would have to be written with the edits, by the tab that has the store. */
  trackUndo(): void {
    throw new CollabError('NotSupportedError', 'in tabs that share a store, what can be undone does not outlive the tab')
  }

  async pull(): Promise<void> {
    if (this.#state === 'open') await this.#init.call({ ask: 'pull' })
  }

  attachAwareness(awareness: Awareness): Unsubscribe {
    const known = this.#links.get(awareness)
    if (known !== undefined) return known
    const stop = new AwarenessLink(awareness, this.#shown, { attach: (participant) => this.#participate(participant), changed: () => this.#tellShown() }).start()
    const undo = (): void => {
      if (this.#links.delete(awareness)) stop()
    }
    this.#links.set(awareness, undo)
    return undo
  }

  memberOf(client: number): PresentMember | undefined {
    return this.#members.get(client)
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  async #close(): Promise<void> {
    // Who leaves sees nobody any more, before nobody sees who left.
    this.#show({ states: [...this.#others].map(([client, clock]) => ({ client, clock, state: null })), members: new Map() })
    try {
      if (this.#state === 'open') await this.#init.call({ ask: 'close' })
    } finally {
      this.#end('closed')
      for (const undo of this.#links.values()) undo()
    }
  }

  /** What an Awareness is linked to: this document. */
  get #shown() {
    return { doc: OF_THIS_ONE, nonce: this.lease?.nonce ?? null, y: this.doc, on: (name: 'client', listener: () => void) => this.on(name, listener) }
  }

  #begin({ id, update, lease }: { readonly id: DocId; readonly update: Uint8Array; readonly lease: ClientLease | undefined }): void {
    this.#id = id
    if (lease !== undefined) leases.set(this.doc, lease)
    this.#apply(update)
    if (lease !== undefined) this.#events.emit('client', lease.client)
    this.#opened.resolve()
  }

  #apply(update: Uint8Array): void {
    this.#applying = [update]
    try {
      applyUpdate(this.doc, update, this.#origin)
    } finally {
      this.#applying = []
      // Yjs takes an observer's own writes in such a transaction for those of a stranger with the same id.
      if (this.lease !== undefined) this.doc.clientID = this.lease.client
    }
  }

  /** Called by Yjs inside of the app's own transaction, where nothing may be thrown. */
  readonly #onUpdate = (bytes: Uint8Array, origin: unknown): void => {
    try {
      if (origin !== this.#origin) this.#share(bytes)
      else this.#madeMeanwhile(bytes)
    } catch (error) {
      this.#fail(new RefusedChangeError(`an edit cannot be shared: ${errorMessage(error)}`, { cause: error }))
    }
  }

  /** What observers wrote while they were shown what others did. */
  #madeMeanwhile(bytes: Uint8Array): void {
    const applied = this.#applying.map((part) => decodeUpdate(part, 'any'))
    const own = madeMeanwhile(this.doc, this.doc.clientID, decodeUpdate(bytes, 'any'), applied)
    if (own.structs.length + own.deletes.length > 0) this.#share(encodeUpdate(own))
  }

  #share(update: Uint8Array): void {
    this.#made++
    this.#init.send({ type: 'update', count: this.#made, update })
    this.#events.emit('status', this.status)
  }

  readonly #onDestroy = (): void => {
    void this.close().catch((error: unknown) => this.#fail(error))
  }

  #setStatus(count: number, told: Omit<DocumentStatus, 'error'>): void {
    this.#taken = count
    this.#told = told
    this.#events.emit('status', this.status)
  }

  #participate(participant: Participant): () => void {
    this.#participants.add(participant)
    this.#tellShown()
    return () => {
      this.#participants.delete(participant)
      this.#tellShown()
    }
  }

  /** One Awareness for a document is what bindings use; of several the last one is shown. */
  #tellShown(): void {
    const [participant] = [...this.#participants].slice(-1)
    if (participant !== undefined || this.#id !== undefined) this.#init.send({ type: 'show', state: participant?.local()?.state ?? (participant === undefined ? undefined : null) })
  }

  #show({ states, members }: { readonly states: readonly { client: number; clock: number; state: string | null }[]; readonly members: ReadonlyMap<number, PresentMember> }): void {
    for (const { client, clock, state } of states) {
      this.#members.delete(client)
      if (state === null) this.#others.delete(client)
      else this.#others.set(client, clock)
    }
    for (const [client, member] of members) this.#members.set(client, member)
    for (const participant of this.#participants) participant.show(states.map((state) => ({ ...state, doc: OF_THIS_ONE, nonce: null })))
  }

  #fail(error: unknown): void {
    if (this.#state !== 'open') return
    this.#error = error instanceof Error ? error : new Error(String(error))
    this.#end('failed')
    this.#opened.reject(this.#error)
    this.#events.emit('error', this.#error)
    this.#events.emit('status', this.status)
  }

  #end(state: 'failed' | 'closed'): void {
    this.#state = state
    this.doc.off('update', this.#onUpdate)
    this.doc.off('destroy', this.#onDestroy)
    attached.delete(this.doc)
    if (this.lease === undefined) return
    // What is written from now on is a history of its own, which comes along when the Y.Doc is opened again.
    this.doc.clientID = randomClient(nobleCrypto)
    this.#events.emit('client', this.doc.clientID)
  }
}
