import type * as Y from 'yjs'
import type { Clock } from '../base/clock.js'
import type { Crypto } from '../base/crypto.js'
import { CollabError, NotPermittedError, RefusedChangeError, errorMessage } from '../base/errors.js'
import { Emitter } from '../base/events.js'
import type { AuthorId, DocId } from '../base/ids.js'
import type { KvOp } from '../base/kv.js'
import { IMPORT_END } from '../doc/client-id.js'
import { isLease, leaseClient, randomClient } from '../doc/client-lease.js'
import type { ClientLease } from '../doc/client-lease.js'
import type { UpdatingChange } from '../doc/gate.js'
import { joinUpdates } from '../doc/join-updates.js'
import { decodeUpdate } from '../doc/update-codec.js'
import type { ShownType } from '../doc/y-document.js'
import type { DecodedUpdate } from '../doc/update-codec.js'
import { applyAll, madeMeanwhile, ownContent, shownUnits } from '../doc/y-document.js'
import type { AuthoredRange } from './attribution.js'
import type { DocUpdates } from './document-types.js'
import { liveChanges } from './live-changes.js'
import type { Replica } from './replica.js'
import type { LiveSource, Outcome } from './replica-types.js'
import { UndoKeeper } from './undo-keeper.js'

/** So much is not kept waiting for more. */
const MAX_WAITING_BYTES = 64 * 1024

export interface LiveDocumentInit {
  readonly crypto: Crypto
  readonly clock: Clock
  readonly replica: Replica
  readonly doc: DocId
  /** Of an app's document; none for the text of a file. */
  readonly name: string | undefined
  readonly y: Y.Doc
  /** Origin of the transactions that bring what others wrote. */
  readonly origin: unknown
  readonly coalesceMs: number
  readonly mayWrite: boolean
  /** To be taken up again; another one is drawn when it is not of this author and document. @default none */
  readonly lease?: ClientLease | undefined
  /** What can be undone outlives the Y.Doc. @default false */
  readonly undo?: boolean | undefined
  /** The Y.Doc outlives this process: it is shown only what is durable. @default false */
  readonly outlives?: boolean | undefined
  readonly onListenerError: (error: unknown) => void
  /** Tells peers and listeners what was saved. */
  readonly publish: (outcome: Outcome) => void
}

export interface LiveEvents {
  /** Everything in the Y.Doc is durable here, or no longer. */
  saved: boolean
  /** The Y.Doc writes under another client id. */
  client: number
  /** Nothing more is saved or taken in; the Y.Doc holds what it held. For a reader: an edit that stays in its Y.Doc. */
  error: Error
}

/** Nobody can sign them, and what is written next to them names them as neighbours, which others would not know. */
const FOREIGN_CONTENT =
  'this Y.Doc holds edits that were signed elsewhere and are not held here; open a new Y.Doc and copy the content, or keep the workspace in a file instead of the Y.Doc'

/** Y.Docs that are attached: two would write under one client id. */
const attached = new WeakSet<Y.Doc>()
/** What a Y.Doc wrote under before it was let go: it may hold edits that were not saved yet. */
const formerLeases = new WeakMap<Y.Doc, ClientLease[]>()

/**
 * An app's Y.Doc as one more replica of a document. Its transactions become entries: the first after a pause at
 * once, what follows within `coalesceMs` together. What others wrote is applied in the order in which it was here.
 *
 * Invariant: what is unsaved was made under the lease's client id, or is an existing history under uint32 ids.
 */
export class LiveDocument implements LiveSource {
  readonly doc: DocId
  readonly y: Y.Doc
  readonly #init: LiveDocumentInit
  readonly #events: Emitter<LiveEvents>
  #lease: ClientLease
  /** How many steps of the document are in the Y.Doc. */
  #position = 0
  #unsaved: DecodedUpdate[] = []
  #unsavedBytes = 0
  /** How often something was taken for an entry, and up to which time that is durable. */
  #taken = 0
  #durable = 0
  #applying: readonly Uint8Array[] = []
  #lastSave = -Infinity
  #cancelTimer: (() => void) | undefined
  #state: 'opening' | 'open' | 'closed' | 'failed' = 'opening'
  #error: Error | undefined
  #undo: UndoKeeper | undefined
  #untrack: (() => void) | undefined
  /** What can be undone changed, without an edit. */
  #isUndoUnsaved = false

  constructor(init: LiveDocumentInit) {
    this.#init = init
    this.#events = new Emitter<LiveEvents>(init.onListenerError)
    this.doc = init.doc
    this.y = init.y
    const { id } = init.replica.identity.author
    this.#lease = init.lease !== undefined && isLease(init.crypto, init.lease, id, init.doc) ? init.lease : leaseClient(init.crypto, id, init.doc)
  }

  /** Proves that the client id is this author's; null for a reader. */
  get nonce(): number | null {
    return this.#init.mayWrite ? this.#lease.nonce : null
  }

  /** What the Y.Doc writes under; none for a reader. */
  get lease(): ClientLease | undefined {
    return this.#init.mayWrite ? this.#lease : undefined
  }

  /** Everything in the Y.Doc is durable here. */
  get isSaved(): boolean {
    return this.#unsaved.length === 0 && this.#durable === this.#taken && this.#state === 'open'
  }

  on<Name extends keyof LiveEvents>(name: Name, listener: (payload: LiveEvents[Name]) => void): () => void {
    return this.#events.on(name, listener)
  }

  /** Brings the Y.Doc up to what is held here; what it held before becomes part of the document. */
  async open(): Promise<void> {
    if (attached.has(this.y)) throw new CollabError('AlreadyAttachedError', 'this Y.Doc is open already; use what that returned, or another Y.Doc')
    attached.add(this.y)
    try {
      const { replica } = this.#init
      if (this.#init.undo === true) this.#undo = await this.#loadUndo()
      const held = await this.#held(replica)
      const end = this.#replaced()
      if (end !== undefined) throw end
      this.#begin(held)
    } catch (error) {
      attached.delete(this.y)
      throw error
    }
  }

  async #held(replica: Replica): Promise<DocUpdates> {
    // Who keeps deleted content wants all of it; what can be undone is younger than what was left to others.
    if (!this.y.gc) return await replica.updatesFrom(this.doc, 0)
    return this.#undo?.needsContent === true ? await replica.kept(this.doc) : await replica.merged(this.doc)
  }

  /** Resolves when everything that the Y.Doc holds now is durable here. */
  async save(): Promise<void> {
    this.#cancelTimer?.()
    this.#cancelTimer = undefined
    this.#checkNotFailed()
    if ((this.isSaved && !this.#isUndoUnsaved) || this.#state !== 'open') return
    await this.#save()
    // What was taken before may have failed meanwhile.
    this.#checkNotFailed()
  }

  /** Saves what is left and lets go of the Y.Doc. */
  async close(): Promise<void> {
    if (this.#state === 'closed') return
    try {
      if (this.#state === 'open') await this.save()
    } finally {
      this.#end('closed')
    }
  }

  /** Who wrote what of a type of this Y.Doc. */
  async authorsOf(type: ShownType): Promise<readonly AuthoredRange[]> {
    return await this.#init.replica.authorsOf(this.doc, () => shownUnits(type))
  }

  take(): readonly UpdatingChange[] {
    if (this.#unsaved.length === 0) return []
    const update = joinUpdates(this.#unsaved)
    this.#unsaved = []
    this.#unsavedBytes = 0
    this.#taken++
    return liveChanges(update, { ...this.#init, lease: this.#lease, leaseOf: (client) => this.#leaseOf(client) })
  }

  rows(): readonly KvOp[] {
    this.#isUndoUnsaved = false
    return this.#undo?.changes() ?? []
  }

  /** Gives `manager` what can be undone since runs before, and keeps what it has from now on. */
  trackUndo(manager: Y.UndoManager): void {
    if (this.#undo === undefined || manager.doc !== this.y) throw new TypeError('for the undo manager of this Y.Doc, opened with `undo`')
    this.#untrack?.()
    this.#untrack = this.#undo.track(manager, () => {
      if (!this.#init.mayWrite) return
      this.#isUndoUnsaved = true
      this.#schedule()
    })
  }

  changeAuthor(author: AuthorId): void {
    this.#lease = leaseClient(this.#init.crypto, author, this.doc)
    this.#useLease()
    this.#schedule()
  }

  refused(error: RefusedChangeError): void {
    this.#fail(error)
  }

  get position(): number {
    return this.#position
  }

  show(news: DocUpdates): void {
    // What ends the document is the business of `pull`.
    if (this.#state !== 'open' || this.#init.outlives === true || endOf(news, this.#position) !== undefined) return
    try {
      this.#apply(news)
    } catch (error) {
      this.#fail(error)
    }
  }

  async pull(): Promise<void> {
    if (this.#state !== 'open') return
    try {
      const replaced = this.#replaced()
      if (replaced !== undefined) return await this.#finish(replaced)
      const news = await this.#init.replica.updatesFrom(this.doc, this.#position)
      if (this.#state !== 'open') return
      const end = endOf(news, this.#position)
      if (end === undefined) return this.#apply(news)
      await this.#finish(end)
    } catch (error) {
      this.#fail(error)
    }
  }

  /** What was typed until now still belongs to this document. */
  async #finish(end: Error): Promise<void> {
    while (this.#state === 'open' && !this.isSaved) await this.#save()
    this.#fail(end)
  }

  #replaced(): Error | undefined {
    if (!this.#init.replica.applier.tree.isReplaced(this.doc)) return undefined
    return new CollabError('ReplacedDocumentError', 'something that is not text took the place of this text; what was typed is kept in a file beside it')
  }

  async #loadUndo(): Promise<UndoKeeper> {
    const { replica } = this.#init
    for (const other of replica.live) {
      if (other instanceof LiveDocument && other.doc === this.doc && other.#undo !== undefined) throw new CollabError('AlreadyAttachedError', 'what can be undone in this document is kept for another Y.Doc; close that first')
    }
    return await replica.look(async (batch) => await UndoKeeper.load(batch, this.doc))
  }

  #checkNotFailed(): void {
    if (this.#state !== 'failed') return
    throw new CollabError('NotSavedError', 'this document failed before; open it again to go on', { cause: this.#error })
  }

  #begin(held: DocUpdates): void {
    const { y } = this
    const hadContent = y.store.clients.size > 0
    const before = y.clientID
    applyAll(y, held.updates, this.#init.origin, (transaction) => this.#undo?.keep(transaction))
    const own = hadContent || y.store.clients.has(before) ? ownContent(y, held.updates) : undefined
    if (own?.structs.some(({ client }) => client >= IMPORT_END && this.#leaseOf(client) === undefined) === true) {
      throw new CollabError('ForeignContentError', FOREIGN_CONTENT)
    }
    this.#position = held.count
    this.#state = 'open'
    this.#init.replica.live.add(this)
    // What observers wrote while they were shown the content counts too.
    if (own !== undefined) this.#add(own)
    this.#useLease()
    y.on('update', this.#onUpdate)
    y.on('destroy', this.#onDestroy)
  }

  /** A reader keeps the random id: it signs nothing. */
  #useLease(): void {
    if (!this.#init.mayWrite) return
    this.y.clientID = this.#lease.client
    this.#events.emit('client', this.#lease.client)
  }

  /** Called by Yjs inside of the app's own transaction, where nothing may be thrown. */
  readonly #onUpdate = (bytes: Uint8Array, origin: unknown): void => {
    try {
      const update = decodeUpdate(bytes, 'any')
      this.#add(origin === this.#init.origin ? this.#meanwhile(update) : update, bytes.length)
    } catch (error) {
      this.#fail(new RefusedChangeError(`an edit cannot be shared: ${errorMessage(error)}`, { cause: error }))
    }
  }

  #meanwhile(update: DecodedUpdate): DecodedUpdate {
    const applied = this.#applying.map((part) => decodeUpdate(part, 'any'))
    return madeMeanwhile(this.y, this.#lease.client, update, applied)
  }

  readonly #onDestroy = (): void => {
    void this.close().catch((error: unknown) => this.#fail(error))
  }

  #add(update: DecodedUpdate, bytes = 0): void {
    // Another provider may bring what a third one wrote: it is not ours to sign.
    const structs = update.structs.filter(({ client }) => client < IMPORT_END || this.#leaseOf(client) !== undefined)
    if (structs.length === 0 && update.deletes.length === 0) return
    if (!this.#init.mayWrite) return this.#refuse(structs.length > 0)
    const wasSaved = this.isSaved
    this.#unsaved.push({ structs, deletes: update.deletes })
    this.#unsavedBytes += bytes
    if (wasSaved) this.#events.emit('saved', false)
    this.#schedule()
  }

  /** Deletions alone may be Yjs' own: every peer tidies up overlapping formats. */
  #refuse(isEdit: boolean): void {
    if (isEdit) this.#events.emit('error', new NotPermittedError('this link can read but not write: the edit stays in this Y.Doc only'))
  }

  #schedule(): void {
    if (this.#state !== 'open') return
    const { clock, coalesceMs } = this.#init
    const isMuch = this.#unsavedBytes > MAX_WAITING_BYTES
    if (this.#cancelTimer !== undefined && !isMuch) return
    this.#cancelTimer?.()
    const wait = isMuch ? 0 : this.#lastSave + coalesceMs - clock.monotonic()
    const save = (): void => {
      this.#cancelTimer = undefined
      void this.#save().catch(() => undefined)
    }
    this.#cancelTimer = wait > 0 ? clock.after(wait, save) : clock.soon(save)
  }

  async #save(): Promise<void> {
    this.#lastSave = this.#init.clock.monotonic()
    try {
      // Saves run one after the other, so what was taken up to the own turn is durable after it.
      let taken = 0
      const take = (): readonly UpdatingChange[] => {
        const changes = this.take()
        taken = this.#taken
        return changes
      }
      const saved = await this.#init.replica.save({ doc: this.doc, take, rows: () => this.rows() })
      if (saved !== undefined && this.#position === saved.before) this.#position = saved.after
      this.#durable = Math.max(this.#durable, taken)
      if (saved !== undefined) this.#init.publish(saved.outcome)
      if (this.isSaved) this.#events.emit('saved', true)
    } catch (error) {
      this.#fail(error)
      throw error
    }
  }

  /** The lease of this author under which the Y.Doc wrote as `client`. */
  #leaseOf(client: number): ClientLease | undefined {
    if (client === this.#lease.client) return this.#lease
    return formerLeases.get(this.y)?.find((lease) => lease.client === client && lease.author === this.#lease.author && lease.doc === this.doc)
  }

  #apply({ count, updates }: DocUpdates): void {
    if (count <= this.#position) return
    this.#position = count
    this.#applying = updates
    try {
      applyAll(this.y, updates, this.#init.origin)
    } finally {
      this.#applying = []
      // Yjs takes an observer's own writes in such a transaction for those of a stranger with the same id.
      if (this.#init.mayWrite) this.y.clientID = this.#lease.client
    }
  }

  #fail(error: unknown): void {
    if (this.#state !== 'open') return
    this.#error = error instanceof Error ? error : new Error(String(error))
    this.#end('failed')
    this.#events.emit('error', this.#error)
  }

  #end(state: 'closed' | 'failed'): void {
    this.#state = state
    this.#cancelTimer?.()
    this.#init.replica.live.delete(this)
    if (this.#init.mayWrite) {
      // What is written from now on is a history of its own, which comes along when the Y.Doc is opened again.
      formerLeases.set(this.y, [...(formerLeases.get(this.y) ?? []), this.#lease])
      this.y.clientID = randomClient(this.#init.crypto)
      this.#events.emit('client', this.y.clientID)
    }
    this.#untrack?.()
    this.y.off('update', this.#onUpdate)
    this.y.off('destroy', this.#onDestroy)
    attached.delete(this.y)
  }
}

/** Why a Y.Doc that holds what was there at `position`, and cannot be built anew in place, has to be opened again. */
function endOf({ count, contested, into }: DocUpdates, position: number): Error | undefined {
  if (into.length > 0) return new CollabError('MergedDocumentError', 'this text became part of another file of the same name; open the file again')
  if (!contested || count <= position) return undefined
  return new CollabError('ContestedDocumentError', 'what others wrote cannot be added to this document any more; open it again to see it as everyone does')
}
