import { equalBytes, toHex } from '../base/bytes.js'
import { MalformedError } from '../base/errors.js'
import type { BlobId } from '../base/ids.js'
import { MAX_BLOB_CHUNKS, MAX_MANIFEST_ITEMS } from './chunk-limits.js'
import { decodeManifest } from './manifest.js'
import type { Manifest } from './manifest.js'

const HASH_BYTES = 32

/** All chunks of a blob, in order: 44 bytes each. */
export class ChunkList {
  readonly blob: BlobId
  readonly count: number
  readonly #hashes: Uint8Array
  /** Where each chunk begins, and the end. */
  readonly #starts: Float64Array

  private constructor(blob: BlobId, hashes: Uint8Array, starts: Float64Array) {
    this.blob = blob
    this.count = starts.length - 1
    this.#hashes = hashes
    this.#starts = starts
  }

  /**
   * The chunks of the blob whose manifests are `nodes`: the root first, then those that it names, in its order.
   *
   * @throws {MalformedError} when a manifest does not hold what the root says, or could be cut otherwise.
   */
  static of(blob: BlobId, nodes: readonly Uint8Array[]): ChunkList {
    const [root, ...below] = nodes.map(decodeManifest)
    if (root === undefined) throw new MalformedError('a blob without a manifest')
    const leaves = root.level === 0 ? [root] : below
    if (root.level > 0) checkLeaves(root, leaves)
    const count = leaves.reduce((sum, { items }) => sum + items.length, 0)
    if (count > MAX_BLOB_CHUNKS) throw new MalformedError('a blob of more chunks than the limit')
    const hashes = new Uint8Array(count * HASH_BYTES)
    const starts = new Float64Array(count + 1)
    let at = 0
    for (const { items } of leaves) {
      for (const { hash, size } of items) {
        hashes.set(hash, at * HASH_BYTES)
        starts[at + 1] = (starts[at] ?? 0) + size
        at++
      }
    }
    return new ChunkList(blob, hashes, starts)
  }

  /** Bytes of the whole content. */
  get size(): number {
    return this.startOf(this.count)
  }

  startOf(index: number): number {
    return this.#starts[index] ?? 0
  }

  sizeOf(index: number): number {
    return this.startOf(index + 1) - this.startOf(index)
  }

  hashOf(index: number): Uint8Array {
    return this.#hashes.subarray(index * HASH_BYTES, (index + 1) * HASH_BYTES)
  }

  /** As a key of a map. */
  keyOf(index: number): string {
    return toHex(this.hashOf(index))
  }

  names(index: number, hash: Uint8Array): boolean {
    return equalBytes(this.hashOf(index), hash)
  }
}

/** The hashes of the manifests below a root, hexadecimal; none below one that lists chunks. */
export function childrenOf(root: Uint8Array): readonly string[] {
  const { level, items } = decodeManifest(root)
  return level === 0 ? [] : items.map(({ hash }) => toHex(hash))
}

function checkLeaves(root: Manifest, leaves: readonly Manifest[]): void {
  if (leaves.length !== root.items.length) throw new MalformedError('a blob whose manifests are not all there')
  for (const [index, leaf] of leaves.entries()) {
    const size = leaf.items.reduce((sum, item) => sum + item.size, 0)
    const isLast = index === leaves.length - 1
    if (leaf.level !== 0 || size !== root.items[index]?.size) throw new MalformedError('a manifest that holds other than was said')
    if (!isLast && leaf.items.length !== MAX_MANIFEST_ITEMS) throw new MalformedError('a manifest with room left before the last')
  }
}
