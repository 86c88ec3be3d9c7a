import { Doc } from 'yjs'
import { fromUtf8, isLongerInUtf8 } from '../base/bytes.js'
import type { Clock } from '../base/clock.js'
import type { Crypto } from '../base/crypto.js'
import { CollabError, NotPermittedError, errorMessage } from '../base/errors.js'
import type { DocId } from '../base/ids.js'
import type { KvStore } from '../base/kv.js'
import { MAX_DOCUMENT_NAME_BYTES } from '../base/limits.js'
import type { Logger } from '../base/log.js'
import type { WorkspaceKeys } from '../keys/workspace-keys.js'
import { appDocumentId } from '../doc/node-id.js'
import { AttachedDocument } from './attached-document.js'
import type { Peers } from './attached-document.js'
import { LiveDocument } from './live-document.js'
import type { OpenDocument, OpenDocumentOptions, OpenTextOptions } from './open-document.js'
import type { Replica } from './replica.js'
import type { Outcome } from './replica-types.js'

export interface DocumentOpenerInit {
  readonly crypto: Crypto
  readonly clock: Clock
  readonly logger: Logger
  readonly store: Pick<KvStore, 'scan'>
  readonly replica: Replica
  readonly peers: Peers
  readonly keys: WorkspaceKeys
  readonly publish: (outcome: Outcome) => void
}

/** Shorter than any pause between two keystrokes: nobody waits who types, and 60 steps a second become 40 entries. */
const DEFAULT_COALESCE_MS = 25

/** The live documents of one workspace. */
export class DocumentOpener {
  readonly #init: DocumentOpenerInit
  readonly #open = new Set<AttachedDocument>()
  readonly #closing = new AbortController()

  constructor(init: DocumentOpenerInit) {
    this.#init = init
  }

  async openDoc(name: string, options?: OpenDocumentOptions): Promise<OpenDocument> {
    checkDocumentName(name)
    return await this.#attach(appDocumentId(this.#init.crypto, name), name, options)
  }

  async openText(path: string, options: OpenTextOptions = {}): Promise<OpenDocument> {
    const { peers } = this.#init
    while (options.create === 'when-synced' && this.#textAt(path) === undefined && !peers.synced()) await peers.changed(this.#closing.signal)
    return await this.#attach(this.#textAt(path) ?? (await this.#create(path)), undefined, options)
  }

  async names(): Promise<readonly string[]> {
    return (await this.#init.store.scan('app')).map(([, name]) => fromUtf8(name)).toSorted()
  }

  /** More may be held of any document. */
  pull(): void {
    for (const live of this.#init.replica.live) void live.pull()
  }

  refresh(): void {
    for (const document of this.#open) document.refresh()
  }

  /** What cannot be saved any more has been told by an event. */
  async close(): Promise<void> {
    this.#closing.abort(new CollabError('ClosedError', 'the workspace is closed'))
    await Promise.allSettled([...this.#open].map((document) => document.close()))
  }

  async #attach(doc: DocId, name: string | undefined, { doc: y = new Doc(), origin, coalesceMs = DEFAULT_COALESCE_MS, lease, outlives, undo }: OpenDocumentOptions = {}): Promise<OpenDocument> {
    const { crypto, clock, logger, replica, publish, peers, keys } = this.#init
    // Asks for the right to read before anything else is done.
    void replica.applier
    const onListenerError = (error: unknown): void => logger.warn('a listener failed', { reason: errorMessage(error) })
    const mayWrite = keys.rights === 'write'
    const live = new LiveDocument({ crypto, clock, replica, doc, name, y, origin: origin ?? replica, coalesceMs, mayWrite, lease, outlives, undo, publish, onListenerError })
    const document = new AttachedDocument(live, peers, onListenerError, (closed) => this.#open.delete(closed))
    await document.open()
    this.#open.add(document)
    return document
  }

  #textAt(path: string): DocId | undefined {
    const entry = this.#init.replica.applier.tree.view.at(path)
    if (entry === undefined) return undefined
    if (entry.content?.kind !== 'text') throw new CollabError('NotTextError', `${path} is not a text file`)
    return entry.content.doc
  }

  async #create(path: string): Promise<DocId> {
    const { results, outcome } = await this.#init.replica.edit([{ type: 'create-file', path, text: '', executable: false }])
    this.#init.publish(outcome)
    const [created] = results
    if (created?.doc === undefined) throw new NotPermittedError(`${path} could not be created`)
    return created.doc
  }
}

/** @throws {RangeError} for a name that others could not type, or that does not fit into every change. */
function checkDocumentName(name: string): void {
  const isPlain = name !== '' && name.isWellFormed() && name === name.normalize('NFC') && !/\p{Cc}/u.test(name)
  if (!isPlain || isLongerInUtf8(name, MAX_DOCUMENT_NAME_BYTES)) {
    throw new RangeError(`a document's name has 1 to ${MAX_DOCUMENT_NAME_BYTES} bytes of ordinary text`)
  }
}
