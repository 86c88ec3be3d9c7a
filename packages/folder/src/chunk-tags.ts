import type { BlobId, ChunkList } from '@collab/core'

const TAG_BYTES = 32
/** Tags kept, 32 bytes each: of 64 GiB. */
const MAX_TAGS = 2 ** 18

/**
 * The tags of chunks that were sealed here before. Whether a file still holds a chunk shows when it is sealed again: by
 * its tag alone, or, where that is not known, by the hash of all of it.
 */
export class ChunkTags {
  readonly #tags = new Map<BlobId, Uint8Array>()
  #count = 0

  keep(blob: BlobId, tags: Uint8Array): void {
    this.#forget(blob)
    this.#tags.set(blob, tags)
    this.#count += tags.length / TAG_BYTES
    for (const oldest of this.#tags.keys()) {
      if (this.#count <= MAX_TAGS || oldest === blob) break
      this.#forget(oldest)
    }
  }

  of({ blob }: ChunkList, index: number): Uint8Array | undefined {
    return this.#tags.get(blob)?.slice(index * TAG_BYTES, (index + 1) * TAG_BYTES)
  }

  #forget(blob: BlobId): void {
    this.#count -= (this.#tags.get(blob)?.length ?? 0) / TAG_BYTES
    this.#tags.delete(blob)
  }
}
