import type { AuthorId, DocId, EntryHash } from '../base/ids.js'
import type { Cause, Past } from './past.js'

/** How a document's history is kept short; small numbers are for tests. */
export interface Pace {
  /** Steps that are applied one by one at opening before a snapshot is made. @default 1024: about 80 ms */
  readonly snapshotSteps: number
  /** Steps in one row, once there are so many. @default 256: about 10 KB */
  readonly pageSteps: number
}

export const DEFAULT_PACE: Pace = { snapshotSteps: 1024, pageSteps: 256 }

/** Where a change stands in the log. */
export interface Provenance {
  readonly entry: EntryHash
  readonly index: number
  readonly author: AuthorId
  readonly seq: number
  readonly weight: number
  readonly past: Past
  readonly includes: (cause: Cause) => Promise<boolean>
}

/** What a document is made of from one of its steps on. */
export interface DocUpdates {
  readonly count: number
  readonly updates: readonly Uint8Array[]
  /** Differing structs overlap: only a document built anew from all updates, in this order, is right. */
  readonly contested: boolean
  /** Documents that absorbed this one. */
  readonly into: readonly DocId[]
}
