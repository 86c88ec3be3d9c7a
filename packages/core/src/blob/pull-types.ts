import type { BlobId } from '../base/ids.js'
import type { Bitfield } from './bitfield.js'
import type { BlobMessage, BlobPart } from './blob-message.js'
import type { ChunkList } from './chunk-list.js'

/** What is here of a blob. */
export interface Held {
  readonly list: ChunkList
  /** Read at once and not kept. */
  readonly chunks: Bitfield
}

/** What happens to the machine. */
export type PullEvent =
  /** A blob stream to `peer` is open. A second one replaces the first. */
  | { readonly type: 'connected'; readonly peer: string }
  | { readonly type: 'disconnected'; readonly peer: string }
  | { readonly type: 'message'; readonly peer: string; readonly message: BlobMessage }
  /** Fetch this blob. */
  | { readonly type: 'wanted'; readonly blob: BlobId }
  | { readonly type: 'unwanted'; readonly blob: BlobId }
  /** Answers `open`, undefined when its manifests are not here, and `listed`. */
  | { readonly type: 'opened'; readonly blob: BlobId; readonly held: Held | undefined }
  /** Answers `look`, and tells that a blob is here which was not: undefined when there is nothing of it. */
  | { readonly type: 'held'; readonly blob: BlobId; readonly held: Held | undefined }
  /** Answers `load`; undefined when it cannot be served. */
  | { readonly type: 'loaded'; readonly peer: string; readonly id: number; readonly bytes: Uint8Array | undefined }
  /** The stream took a piece: the next one may be read. */
  | { readonly type: 'sent'; readonly peer: string }
  /** Answers `store`: durable enough to be served, not the chunk that it should be, or not storable now. */
  | { readonly type: 'stored'; readonly peer: string; readonly blob: BlobId; readonly index: number; readonly bytes: number; readonly outcome: 'ok' | 'bad' | 'failed' }
  | { readonly type: 'tick' }

/** What the machine wants done. */
export type PullEffect =
  | { readonly type: 'send'; readonly peer: string; readonly message: Exclude<BlobMessage, { type: 'unknown' }> }
  /** A wanted blob is begun: make room for it where its manifests are here, and say what is here already. */
  | { readonly type: 'open'; readonly blob: BlobId }
  /** What is here of this blob? */
  | { readonly type: 'look'; readonly blob: BlobId }
  /** The manifests of a wanted blob came, the root first: keep them, make room, and say what is here already. */
  | { readonly type: 'listed'; readonly blob: BlobId; readonly manifests: readonly Uint8Array[]; readonly list: ChunkList }
  /** Read a part of a blob for a peer, and verify it. */
  | { readonly type: 'load'; readonly peer: string; readonly id: number; readonly blob: BlobId; readonly part: BlobPart; readonly index: number }
  /** Verify a sealed chunk, and keep it. */
  | { readonly type: 'store'; readonly peer: string; readonly blob: BlobId; readonly index: number; readonly bytes: Uint8Array }
  /** All chunks are stored; the machine has forgotten the blob. */
  | { readonly type: 'whole'; readonly blob: BlobId }
  /** Give a `tick` at this time; the newest timer replaces the one before. */
  | { readonly type: 'timer'; readonly at: number }
  /** Send the peer away for what it did; the machine has forgotten it. */
  | { readonly type: 'disconnect'; readonly peer: string; readonly reason: string }

export type EmitPull = (effect: PullEffect) => void

/** A blob that is being fetched, for people. */
export interface Transfer {
  readonly blob: BlobId
  /** Bytes of its content here, and in all; 0 in all until its manifest came. */
  readonly doneBytes: number
  readonly totalBytes: number
  /** Peers that it is fetched from now. */
  readonly sources: number
  /** Connected peers that have some of it. */
  readonly holders: number
}
