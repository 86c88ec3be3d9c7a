import { readSync, writeSync } from 'node:fs'
import { parentPort, workerData } from 'node:worker_threads'
import { equalBytes } from '../base/bytes.js'
import { assertNever, errorMessage } from '../base/errors.js'
import type { BlobKeys } from '../blob/blob-keys.js'
import { isChunk } from '../blob/blob-place.js'
import type { Kept } from '../blob/blob-place.js'
import { MAX_CHUNK_BYTES } from '../blob/chunk-limits.js'
import { cutChunk } from '../blob/cut-chunk.js'
import type { Item } from '../blob/manifest.js'
import { openChunk, sealChunk, tagOf } from '../blob/seal-chunk.js'
import { nodeCrypto } from './node-crypto.js'
import { collectYoungEvery } from './node-young-collection.js'

/** A chunk of the file behind a descriptor. */
export interface ChunkAt {
  readonly fd: number
  readonly at: number
  readonly size: number
  readonly hash: Uint8Array
}

/** What the thread is asked, of files that stay open meanwhile. */
export type ChunkTask =
  /** Cut the file. */
  | { readonly type: 'cut'; readonly fd: number; readonly size: number }
  /** Which of these chunks are at their places? */
  | { readonly type: 'match'; readonly fd: number; readonly expected: readonly Item[] }
  /** Read a chunk, and seal it if it is still the one; its tag where that is known, which saves hashing it. */
  | ({ readonly type: 'seal'; readonly tag: Uint8Array | undefined } & ChunkAt)
  /** Check a sealed chunk, open it, and write it. */
  | ({ readonly type: 'open'; readonly sealed: Uint8Array } & ChunkAt)
  /** Read a chunk, and write it to places of another file if it is still the one. */
  | ({ readonly type: 'copy'; readonly to: number; readonly places: readonly number[] } & ChunkAt)

export type ChunkJob = ChunkTask & { readonly id: number }

export type ChunkResult =
  /** Tags: 32 bytes each. */
  | { readonly items: readonly Item[]; readonly tags: Uint8Array }
  | { readonly matches: readonly boolean[] }
  | { readonly sealed: Uint8Array | undefined }
  | { readonly kept: Kept }
  | { readonly copied: boolean }
  | { readonly error: string }

export type ChunkAnswer = ChunkResult & { readonly id: number }

/** Read at once: several chunks, so that few calls are made. */
const WINDOW_BYTES = 4 * MAX_CHUNK_BYTES

const keys = workerData as BlobKeys
const passed = collectYoungEvery()
/** What is read into it is sealed before anything else is. */
const scratch = new Uint8Array(MAX_CHUNK_BYTES)

function cut(fd: number, size: number): ChunkResult {
  const items: Item[] = []
  const tags: Uint8Array[] = []
  const window = new Uint8Array(Math.min(size, WINDOW_BYTES))
  let from = 0
  let filled = 0
  for (let at = 0; at < size; ) {
    if (filled - from < MAX_CHUNK_BYTES && at + (filled - from) < size) {
      window.copyWithin(0, from, filled)
      filled -= from
      from = 0
      filled += fill(fd, window, filled, at + filled)
    }
    const rest = window.subarray(from, filled)
    if (rest.length === 0) throw new Error('the file is shorter than it was')
    const length = cutChunk(rest, keys.gear)
    const sealed = sealOne(rest.subarray(0, length))
    items.push({ hash: nodeCrypto.sha256(sealed), size: length })
    tags.push(tagOf(sealed).slice())
    from += length
    at += length
  }
  return { items, tags: new Uint8Array(Buffer.concat(tags)) }
}

function match(fd: number, expected: readonly Item[]): ChunkResult {
  let at = 0
  const matches = expected.map(({ hash, size }) => {
    const plain = scratch.subarray(0, size)
    const count = fill(fd, plain, 0, at)
    at += size
    // What was never written is a hole: no need to hash it, unless zeros are meant, which are then fetched again.
    if (count < size || plain.every((byte) => byte === 0)) return false
    return isChunk(nodeCrypto, sealOne(plain), hash)
  })
  return { matches }
}

function seal({ fd, at, size, hash, tag }: ChunkAt & { readonly tag: Uint8Array | undefined }): ChunkResult {
  const plain = scratch.subarray(0, size)
  if (fill(fd, plain, 0, at) < size) return { sealed: undefined }
  const sealed = sealOne(plain)
  // The key, and so every byte, follows from the tag.
  const isSame = tag === undefined ? isChunk(nodeCrypto, sealed, hash) : equalBytes(tagOf(sealed), tag)
  return { sealed: isSame ? sealed : undefined }
}

function open({ fd, at, size, hash, sealed }: ChunkAt & { readonly sealed: Uint8Array }): ChunkResult {
  passed(sealed.length)
  if (!isChunk(nodeCrypto, sealed, hash)) return { kept: 'false-hash' }
  const plain = openChunk(nodeCrypto, keys, sealed)
  if (plain?.length !== size) return { kept: 'does-not-open' }
  writeAll(fd, plain, at)
  return { kept: 'kept' }
}

function copy({ fd, at, size, hash, to, places }: ChunkTask & { readonly type: 'copy' }): ChunkResult {
  const plain = scratch.subarray(0, size)
  if (fill(fd, plain, 0, at) < size || !isChunk(nodeCrypto, sealOne(plain), hash)) return { copied: false }
  for (const place of places) writeAll(to, plain, place)
  return { copied: true }
}

function writeAll(fd: number, bytes: Uint8Array, at: number): void {
  for (let done = 0; done < bytes.length; ) done += writeSync(fd, bytes, done, bytes.length - done, at + done)
}

function sealOne(plain: Uint8Array): Uint8Array {
  passed(plain.length)
  return sealChunk(nodeCrypto, keys, plain)
}

function fill(fd: number, window: Uint8Array, from: number, at: number): number {
  let filled = from
  while (filled < window.length) {
    const count = readSync(fd, window, filled, window.length - filled, at + filled - from)
    if (count === 0) break
    filled += count
  }
  return filled - from
}

function run(job: ChunkJob): ChunkResult {
  switch (job.type) {
    case 'cut':
      return cut(job.fd, job.size)
    case 'match':
      return match(job.fd, job.expected)
    case 'seal':
      return seal(job)
    case 'open':
      return open(job)
    case 'copy':
      return copy(job)
    default:
      return assertNever(job)
  }
}

function attempt(job: ChunkJob): ChunkResult {
  try {
    return run(job)
  } catch (error) {
    return { error: errorMessage(error) }
  }
}

parentPort?.on('message', (job: ChunkJob) => {
  const answer: ChunkAnswer = { id: job.id, ...attempt(job) }
  // Handed over, not copied.
  const buffers = 'sealed' in answer && answer.sealed !== undefined ? [answer.sealed.buffer as ArrayBuffer] : []
  parentPort?.postMessage(answer, buffers)
})
