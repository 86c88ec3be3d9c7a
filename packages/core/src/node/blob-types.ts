import type { Unsubscribe } from '../base/events.js'
import type { BlobId } from '../base/ids.js'
import type { BlobKeys } from '../blob/blob-keys.js'
import type { BlobPlace } from '../blob/blob-place.js'
import type { ChunkList } from '../blob/chunk-list.js'
import type { Item } from '../blob/manifest.js'
import type { Transfer } from '../blob/pull-types.js'

export interface BlobLimits {
  /** Bytes per second of blobs that are sent, and taken in, all peers together. @default no limit */
  readonly upBytesPerSecond?: number
  readonly downBytesPerSecond?: number
}

/** What is under way. */
export interface TransferStatus {
  readonly active: readonly Transfer[]
  /** Wanted, and not begun. */
  readonly waiting: number
  /** Blobs that peers are fetching and that are here, in part or whole. */
  readonly serving: number
  /** Bytes of blobs sent and received since the start. */
  readonly sentBytes: number
  readonly receivedBytes: number
  readonly sentPerSecond: number
  readonly receivedPerSecond: number
}

/** Content that is not text: named by its chunks, fetched from all peers that have it. */
export interface Blobs {
  /** What content is cut and sealed with; undefined with a blind link. */
  readonly keys: BlobKeys | undefined
  /** Where chunks lie. Once, before the workspace starts. */
  use(place: BlobPlace): void
  /** Keeps the manifests of content that is cut into `chunks`, and names it. */
  describe(chunks: readonly Item[]): Promise<{ readonly blob: BlobId; readonly size: number }>
  /** The chunks of a blob whose manifests are here. */
  list(blob: BlobId): Promise<ChunkList | undefined>
  /** Fetches a blob from whoever has it, now or later; asking twice is asking once. One of another size is not fetched. */
  want(blob: BlobId, size?: number): void
  unwant(blob: BlobId): void
  /** What is here of a blob changed by other means: its followers are told. */
  changed(blob: BlobId): void
  /** Forgets the manifests of all blobs but these. */
  keepOnly(blobs: ReadonlySet<BlobId>): Promise<void>
  /** A wanted blob is here whole. */
  onWhole(listener: (blob: BlobId) => void): Unsubscribe
  status(): TransferStatus
}
