import { MAX_CHUNK_BYTES, MEAN_CHUNK_BYTES, MIN_CHUNK_BYTES } from './chunk-limits.js'

/** Bits of the rolling hash that must be zero: 20 of them before the mean size, 16 after it, so that sizes gather there. */
const RARE = 12
const OFTEN = 16

/**
 * How many of `bytes` the first chunk takes. A cut depends on the 32 bytes before it and on the distance from the last
 * cut only (FastCDC, Xia et al. 2016), so an edit changes the chunks around it and no others.
 *
 * @param bytes the rest of the content, or at least `MAX_CHUNK_BYTES` of it
 * @param gear `BlobKeys.gear`: without it nobody can tell from the sizes of chunks which known file they are
 */
export function cutChunk(bytes: Uint8Array, gear: Uint32Array): number {
  const end = Math.min(bytes.length, MAX_CHUNK_BYTES)
  const mean = Math.min(end, MEAN_CHUNK_BYTES)
  let hash = 0
  let at = Math.min(end, MIN_CHUNK_BYTES)
  for (; at < mean; at++) {
    hash = ((hash << 1) + (gear[bytes[at] ?? 0] ?? 0)) | 0
    if (hash >>> RARE === 0) return at + 1
  }
  for (; at < end; at++) {
    hash = ((hash << 1) + (gear[bytes[at] ?? 0] ?? 0)) | 0
    if (hash >>> OFTEN === 0) return at + 1
  }
  return end
}
