import type { AuthorId, EntryHash } from '../base/ids.js'
import type { Entry } from '../log/entry.js'
import type { VersionVector } from '../log/version-vector.js'
import type { Message } from './message.js'

/** What happens to the machine. */
export type SyncEvent =
  /** A stream to `peer` is open and admission is proven. A second one replaces the first. */
  | { readonly type: 'connected'; readonly peer: string }
  | { readonly type: 'disconnected'; readonly peer: string }
  | { readonly type: 'message'; readonly peer: string; readonly message: Message }
  /**
   * What the local log holds now: once at the start, and after every growth. For what a delivery brought, this comes
   * before its `delivered`. `vector` is read at once and not kept.
   */
  | { readonly type: 'grown'; readonly vector: VersionVector; readonly digest: string }
  /**
   * Answers `load` with the run from its `from`: at least one entry unless there is none. `next` is the seq to go on
   * from, undefined at the end of what was asked. `pruned`: what comes next was left to others.
   */
  | { readonly type: 'loaded'; readonly peer: string; readonly request: number; readonly entries: readonly Entry[]; readonly next: number | undefined; readonly pruned?: boolean }
  /**
   * Answers `deliver`: everything is durable (or held already), or something in it has a fault of its envelope. Of the authors
   * in `lacking` nothing can be taken before somebody is there who has what was left to others.
   */
  | { readonly type: 'delivered'; readonly peer: string; readonly bytes: number; readonly outcome: 'ok' | 'fault'; readonly lacking?: readonly AuthorId[] }
  /** The run that ends in `head`, which was left to others, is needed again; it takes `bytes`. */
  | { readonly type: 'recall'; readonly request: number; readonly author: AuthorId; readonly head: EntryHash; readonly from: number; readonly to: number; readonly bytes: number }
  /** Answers `check`; presumed: something is held in its place, and what is not known any more. */
  | { readonly type: 'checked'; readonly peer: string; readonly author: AuthorId; readonly head: EntryHash; readonly held: boolean; readonly presumed?: boolean }
  | { readonly type: 'tick' }

/** What the machine wants done. */
export type SyncEffect =
  | { readonly type: 'send'; readonly peer: string; readonly message: Message }
  /** Read `from`..`to` of the branch that ends in `head` from the log, up to about `maxBytes`; one `load` per peer at a time. */
  | {
      readonly type: 'load'
      readonly peer: string
      readonly request: number
      readonly author: AuthorId
      readonly head: EntryHash
      readonly from: number
      readonly to: number
      readonly maxBytes: number
      /** The peer holds later entries of the author: what it wants is the way to another branch, which nobody else may have. */
      readonly toFork: boolean
    }
  /** Verify and store; ascending seq per author, several authors possible. One `deliver` per peer and per author at a time. */
  | { readonly type: 'deliver'; readonly peer: string; readonly entries: readonly Entry[]; readonly bytes: number }
  /** Answers `recall`: the whole run, which joins together up to its head; undefined when no peer has it. */
  | { readonly type: 'recalled'; readonly request: number; readonly entries: readonly Entry[] | undefined }
  /** Is `head`, which is `author`'s entry `seq`, held on any branch? `isOnly`: the peer names no other head of the author. */
  | { readonly type: 'check'; readonly peer: string; readonly author: AuthorId; readonly head: EntryHash; readonly seq: number; readonly isOnly: boolean }
  /** Give a `tick` at this time; the newest timer replaces the one before. */
  | { readonly type: 'timer'; readonly at: number }
  /** Both sides hold the same entries, or no longer. */
  | { readonly type: 'synced'; readonly peer: string; readonly synced: boolean }
  /** Entries stored of those known to be missing, since nothing was missing last. */
  | { readonly type: 'progress'; readonly received: number; readonly expected: number }
  /** Close the stream after what was sent; the machine has forgotten the peer. */
  | { readonly type: 'disconnect'; readonly peer: string; readonly reason: string }

/** What a step found wrong with the peer, as the end of "the peer ...", or nothing. */
export type Fault = string | undefined

export type Emit = (effect: SyncEffect) => void

/** Numbers of the protocol; the defaults are for the network, others for tests. */
export interface SyncOptions {
  /** Old entries may be missing here: peers are told, so that none relies on them. @default false */
  readonly prunes?: boolean
  /** Whether an entry has the body that its header names: asked of what is fetched back. @default it has */
  readonly isWhole?: (entry: Entry) => boolean
  /** Growth is announced this long after its first entry: gossip is faster, and one message carries all of it. @default 200 */
  readonly announceAfterMs?: number
  /** A want that blocks an author's log goes to another peer after this long without progress. @default 15_000 */
  readonly stallAfterMs?: number
  /** Bytes of entries under way per direction of a stream. @default STREAM_CREDIT_BYTES */
  readonly creditBytes?: number
  /** Bytes of one frame of small entries. @default TARGET_FRAME_BYTES */
  readonly frameBytes?: number
  /** Bytes that one piece of a large catch-up should come to. @default TARGET_FRAME_BYTES */
  readonly pieceBytes?: number
}

/** What one entry counts against the credit: the same number on both sides. */
export function entryBytes(entry: Entry): number {
  return entry.headerBytes.length + entry.signature.length + entry.body.length
}

export function totalBytes(entries: readonly Entry[]): number {
  let bytes = 0
  for (const entry of entries) bytes += entryBytes(entry)
  return bytes
}
