import type { AuthorId, DocId, EntryHash } from '../base/ids.js'
import { DEFAULT_PACKING } from '../log/packing.js'
import type { PackingPace } from '../log/packing.js'
import type { Cause, Past } from './past.js'

/** When history is put together; small numbers are for tests. */
export interface Pace extends PackingPace {
  /** Steps that are applied one by one at opening before a snapshot is made. @default 1024: about 80 ms */
  readonly snapshotSteps: number
  /** Steps in one row, once there are so many. @default 256: about 10 KB */
  readonly pageSteps: number
}

export const DEFAULT_PACE: Pace = { snapshotSteps: 1024, pageSteps: 256, ...DEFAULT_PACKING }

/** Where a change stands in the log. */
export interface Provenance {
  readonly entry: EntryHash
  readonly index: number
  readonly author: AuthorId
  readonly seq: number
  readonly weight: number
  readonly past: Past
  readonly includes: (cause: Cause) => Promise<boolean>
  /** Which entries of an author whose log forked are in the past. */
  readonly branches: (author: AuthorId) => Promise<(cause: Pick<Cause, 'seq' | 'entry'>) => boolean>
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
