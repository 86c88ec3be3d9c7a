import { readSync } from 'node:fs'
import { parentPort } from 'node:worker_threads'
import type { BlobKeys } from '../blob/blob-keys.js'
import { MAX_CHUNK_BYTES } from '../blob/chunk-limits.js'
import { cutChunk } from '../blob/cut-chunk.js'
import type { Item } from '../blob/manifest.js'
import { sealChunk } from '../blob/seal-chunk.js'
import { nodeCrypto } from './node-crypto.js'

/** What the thread is asked: to cut the file behind a descriptor, or which of the chunks that it should have it has. */
export interface ChunkJob {
  readonly id: number
  readonly fd: number
  readonly size: number
  readonly keys: BlobKeys
  /** @default cut it */
  readonly expected?: readonly Item[]
}

export type ChunkAnswer = { readonly id: number } & (
  | { readonly items: readonly Item[] }
  | { readonly matches: readonly boolean[] }
  | { readonly error: string }
)

/** Read at once: several chunks, so that few calls are made. */
const WINDOW_BYTES = 8 * MAX_CHUNK_BYTES

function cut({ fd, size, keys }: ChunkJob): readonly Item[] {
  const items: Item[] = []
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
    items.push(itemOf(keys, rest.subarray(0, length)))
    from += length
    at += length
  }
  return items
}

function match({ fd, keys }: ChunkJob, expected: readonly Item[]): readonly boolean[] {
  const window = new Uint8Array(MAX_CHUNK_BYTES)
  let at = 0
  return expected.map(({ hash, size }) => {
    const plain = window.subarray(0, size)
    const count = fill(fd, plain, 0, at)
    at += size
    // What was never written is a hole: no need to hash it, unless zeros are meant, which are then fetched again.
    if (count < size || plain.every((byte) => byte === 0)) return false
    return Buffer.compare(itemOf(keys, plain).hash, hash) === 0
  })
}

function itemOf(keys: BlobKeys, plain: Uint8Array): Item {
  return { hash: nodeCrypto.sha256(sealChunk(nodeCrypto, keys, plain)), size: plain.length }
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

parentPort?.on('message', (job: ChunkJob) => {
  try {
    const answer = job.expected === undefined ? { items: cut(job) } : { matches: match(job, job.expected) }
    parentPort?.postMessage({ id: job.id, ...answer } satisfies ChunkAnswer)
  } catch (error) {
    parentPort?.postMessage({ id: job.id, error: error instanceof Error ? error.message : String(error) } satisfies ChunkAnswer)
  }
})
