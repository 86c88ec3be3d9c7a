import type { Clock } from '../base/clock.js'
import type { Crypto } from '../base/crypto.js'
import type { RefusedChangeError } from '../base/errors.js'
import type { AuthorId, DocId, NodeId } from '../base/ids.js'
import type { KvOp, KvStore } from '../base/kv.js'
import type { UpdatingChange } from '../doc/gate.js'
import type { WorkspaceKeys } from '../keys/workspace-keys.js'
import type { Log, Staged } from '../log/log.js'
import type { Applied } from './applier.js'
import type { DocUpdates, Pace } from './document-types.js'
import type { Identity } from './identity.js'
import type { TextChange } from './workspace-types.js'

export interface ReplicaInit {
  readonly kv: KvStore
  readonly log: Log
  readonly crypto: Crypto
  readonly clock: Clock
  readonly keys: WorkspaceKeys
  readonly identity: Identity
  /** What this author calls itself. */
  readonly name: string
  readonly pace?: Pace | undefined
}

/** What changed by one receipt or one edit. */
export interface Outcome {
  readonly staged: Staged
  readonly nodes: readonly NodeId[]
  readonly texts: readonly TextChange[]
  /** Documents that were changed, those without a file too. */
  readonly docs: ReadonlySet<DocId>
  readonly voids: Applied['voids']
}

/** A Y.Doc that an app writes into: what it has to say is taken in the replica's turn. */
export interface LiveSource {
  readonly doc: DocId
  /** Takes what is not saved yet, under the client id of the author so far. */
  take(): readonly UpdatingChange[]
  /** Rows that are to be durable with what was taken. */
  rows(): readonly KvOp[]
  /** Another author signs from now on, so another client id is needed. */
  changeAuthor(author: AuthorId): void
  /** What it had to say is not to be had by anyone. */
  refused(error: RefusedChangeError): void
  /** More of the document may be held. */
  pull(): Promise<void>
  /** How many steps of the document it has. */
  readonly position: number
  /** What others wrote behind those: on its way to the disk. Nothing may be thrown. */
  show(news: DocUpdates): void
}
