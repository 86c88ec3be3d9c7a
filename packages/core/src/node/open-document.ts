import type { Awareness } from 'y-protocols/awareness'
import type * as Y from 'yjs'
import type { Unsubscribe } from '../base/events.js'
import type { DocId } from '../base/ids.js'
import type { ClientLease } from '../doc/client-lease.js'
import type { ShownType } from '../doc/y-document.js'
import type { AuthoredRange } from './attribution.js'
import type { PresentMember } from './presence.js'

/** How far what is in a document has come. */
export interface DocumentStatus {
  /** Everything in the Y.Doc is durable on this machine. */
  readonly saved: boolean
  /** Connected peers that hold everything that is saved here. */
  readonly heldBy: readonly string[]
  readonly connected: number
  /** Why nothing more is saved or taken in. */
  readonly error: Error | undefined
}

export interface DocumentEvents {
  status: DocumentStatus
  /**
   * Nothing more is saved or taken in; the Y.Doc keeps what it holds. Open it again to go on. With a link that only
   * reads: the edit just made is nobody else's, all else goes on.
   */
  error: Error
  /** The client id under which the Y.Doc writes: awareness must use it too. */
  client: number
}

export interface OpenDocumentOptions {
  /** What it already holds becomes part of the document. @default a new Y.Doc */
  readonly doc?: Y.Doc
  /** `transaction.origin` of what others wrote. @default an object of the workspace */
  readonly origin?: unknown
  /**
   * An edit after a pause is saved and sent at once; what follows within this time, in milliseconds, together. Each
   * time costs about 400 bytes in the store of every peer, for ever. The default makes no keystroke wait; a
   * stream of 60 edits a second (something that is dragged) makes a quarter of the entries with 100, and comes later.
   *
   * @default 25
   */
  readonly coalesceMs?: number
  /**
   * For a Y.Doc that stands for one elsewhere, in another tab say: the `lease` that an earlier opening gave it, if only
   * that one wrote under it since and what it wrote is in `doc`.
   *
   * @default a new one
   */
  readonly lease?: ClientLease | undefined
  /**
   * The Y.Doc outlives this process, as one of another tab does: it is shown nothing that a crash could take back.
   *
   * @default false
   */
  readonly outlives?: boolean
  /**
   * What can be undone is kept, for `trackUndo`.
   *
   * @default false
   */
  readonly undo?: boolean
}

export interface OpenTextOptions extends OpenDocumentOptions {
  /**
   * When a file that is not there is made. `'when-synced'` waits until it comes, or is known to be at no connected peer:
   * two who make it apart have two files, of which one then gets a conflict name.
   *
   * @default 'now'
   */
  readonly create?: 'now' | 'when-synced'
}

/** A live Y.Doc: everything written into it is saved and shared, everything that others write appears in it. */
export interface OpenDocument {
  readonly id: DocId
  readonly doc: Y.Doc
  readonly status: DocumentStatus
  /** The right to write under the client id of the Y.Doc; none for a reader. */
  readonly lease: ClientLease | undefined
  on<Name extends keyof DocumentEvents>(name: Name, listener: (payload: DocumentEvents[Name]) => void): Unsubscribe
  /**
   * Resolves when what the Y.Doc holds now is durable here (`disk`), and also held by at least one peer or by all that
   * are connected, one at least.
   *
   * @default to: 'disk'
   */
  flush(options?: { readonly to?: 'disk' | 'one-peer' | 'all-connected'; readonly signal?: AbortSignal }): Promise<void>
  /** Who wrote what `type`, a text or list of this Y.Doc, shows: ranges of its positions, in order. */
  authorsOf(type: ShownType): Promise<readonly AuthoredRange[]>
  /**
   * An empty `manager`, of this Y.Doc, gets what could be undone and redone when the document was closed last, or the
   * process ended, up to 200 steps of each; from now on what it has is stored with the edits. What a binding notes at a
   * step (`meta`) is not. One at a time.
   *
   * @throws {TypeError} when the document was not opened with `undo`.
   * @throws {NotSupportedError} in browser tabs that share a store.
   */
  trackUndo(manager: Y.UndoManager): void
  /** Resolves when everything of this document that is held here is in the Y.Doc. */
  pull(): Promise<void>
  /**
   * Shows what the others show of themselves in this document, and shows them what `awareness` does, until the returned
   * function is called. The client id of `awareness` becomes that of the Y.Doc.
   */
  attachAwareness(awareness: Awareness): Unsubscribe
  /** Who shows itself under this client id: proven, unlike what the state itself says. */
  memberOf(client: number): PresentMember | undefined
  /** Saves what is left and lets go of the Y.Doc, which may be opened again. */
  close(): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}
