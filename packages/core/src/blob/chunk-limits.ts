/** Every number of chunks and manifests, each with its reason. Sizes in bytes. */

const KiB = 1024

/**
 * Chunks are cut between these sizes: one edit costs about one chunk of the mean size, and 1 GiB is 4,000 of them. The
 * three numbers decide where a file is cut, so they are part of the format.
 */
export const MIN_CHUNK_BYTES = 64 * KiB
export const MEAN_CHUNK_BYTES = 256 * KiB
export const MAX_CHUNK_BYTES = 1024 * KiB
/** What sealing adds: the tag that the key comes from, and the cipher's own. */
export const SEAL_BYTES = 32 + 16
export const MAX_SEALED_BYTES = MAX_CHUNK_BYTES + SEAL_BYTES
/** Items of one manifest: about 160 KiB, less than a chunk; two levels hold more than `MAX_BLOB_CHUNKS`. */
export const MAX_MANIFEST_ITEMS = 4096
/** An item is a hash and a size, at most 40 bytes. */
export const MAX_MANIFEST_BYTES = MAX_MANIFEST_ITEMS * 40 + 16
/** Chunks of one blob, about 256 GiB: 40 MiB of memory for what a transfer must know of them. */
export const MAX_BLOB_CHUNKS = 2 ** 20
