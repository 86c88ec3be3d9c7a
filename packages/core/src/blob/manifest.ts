import { toHex } from '../base/bytes.js'
import { CborFields, decodeCbor, encodeCbor } from '../base/cbor.js'
import type { Crypto } from '../base/crypto.js'
import { MalformedError } from '../base/errors.js'
import { parseBlobId } from '../base/ids.js'
import type { BlobId } from '../base/ids.js'
import { MAX_BLOB_CHUNKS, MAX_CHUNK_BYTES, MAX_MANIFEST_BYTES, MAX_MANIFEST_ITEMS } from './chunk-limits.js'

/** A chunk or a manifest: the hash of its bytes, and how much content it stands for. */
export interface Item {
  readonly hash: Uint8Array
  readonly size: number
}

/** Part of a blob's list of chunks. On level 0 the items are chunks, above it manifests of the level below. */
export interface Manifest {
  readonly level: number
  readonly items: readonly Item[]
}

/** A manifest as it is kept and sent. */
export interface ManifestNode {
  /** SHA-256 of `bytes`, hexadecimal. */
  readonly hash: string
  readonly bytes: Uint8Array
}

/** What a list of chunks comes to: the blob, and its manifests from the leaves to the root. */
export interface BuiltManifest {
  readonly blob: BlobId
  readonly size: number
  readonly nodes: readonly ManifestNode[]
}

/** Levels above the leaves: with one there is room for 16 million chunks. */
const MAX_LEVEL = 1

/**
 * The manifests of a blob. They are lists of hashes in the clear: who cannot read the content must still know which
 * chunks to hold.
 *
 * @throws {RangeError} for more chunks than a blob may have.
 */
export function buildManifest(crypto: Crypto, chunks: readonly Item[]): BuiltManifest {
  if (chunks.length > MAX_BLOB_CHUNKS) throw new RangeError(`a file of more than ${MAX_BLOB_CHUNKS} chunks`)
  const nodes: ManifestNode[] = []
  let items = chunks
  for (let level = 0; ; level++) {
    const parts = items.length === 0 ? [[]] : pages(items)
    items = parts.map((part) => {
      const bytes = encodeManifest({ level, items: part })
      const hash = crypto.sha256(bytes)
      nodes.push({ hash: toHex(hash), bytes })
      return { hash, size: totalSize(part) }
    })
    const [root] = items
    if (items.length === 1 && root !== undefined) return { blob: parseBlobId(root.hash), size: root.size, nodes }
  }
}

/** Canonical CBOR of [level, [* [hash, size]]]. */
export function encodeManifest({ level, items }: Manifest): Uint8Array {
  return encodeCbor([level, items.map(({ hash, size }) => [hash, size])])
}

/** @throws {MalformedError} when the bytes are anything else. */
export function decodeManifest(bytes: Uint8Array): Manifest {
  if (bytes.length > MAX_MANIFEST_BYTES) throw new MalformedError('a manifest larger than the limit')
  const fields = new CborFields(decodeCbor(bytes), 2)
  const level = fields.uint(MAX_LEVEL)
  const most = level === 0 ? MAX_CHUNK_BYTES : MAX_MANIFEST_ITEMS * MAX_CHUNK_BYTES
  const items = fields.list(MAX_MANIFEST_ITEMS).map((value) => {
    const item = new CborFields(value, 2)
    const read = { hash: item.bytes({ length: 32 }), size: item.uint(most) }
    if (read.size === 0) throw new MalformedError('a manifest with an empty item')
    return read
  })
  if (level > 0 && items.length < 2) throw new MalformedError('a manifest above another without need')
  return { level, items }
}

export function totalSize(items: readonly Item[]): number {
  return items.reduce((sum, { size }) => sum + size, 0)
}

function* pagesOf(items: readonly Item[]): Generator<readonly Item[]> {
  for (let at = 0; at < items.length; at += MAX_MANIFEST_ITEMS) yield items.slice(at, at + MAX_MANIFEST_ITEMS)
}

function pages(items: readonly Item[]): readonly (readonly Item[])[] {
  return [...pagesOf(items)]
}
