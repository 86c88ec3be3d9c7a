import { parseBlobId } from '../base/ids.js'
import type { BlobId } from '../base/ids.js'
import type { KvOp, KvStore } from '../base/kv.js'
import { ChunkList, childrenOf } from '../blob/chunk-list.js'
import type { ManifestNode } from '../blob/manifest.js'

/** hash -> manifest. */
const MANIFEST = 'manifest'
/** Lists kept in memory: one of a large file is some 100 KiB, and files are served one after the other. */
const MAX_CACHED = 32

/** The manifests that are known, and the lists of chunks that they are. */
export class BlobLists {
  readonly #kv: KvStore
  readonly #lists = new Map<BlobId, ChunkList>()
  /** Blobs of several manifests, and the parts of each: few. Read when first asked for. */
  #parts: Promise<Map<string, readonly string[]>> | undefined

  constructor(kv: KvStore) {
    this.#kv = kv
  }

  async list(blob: BlobId): Promise<ChunkList | undefined> {
    const known = this.#lists.get(blob)
    if (known !== undefined) return known
    const root = await this.manifest(blob, 0)
    if (root === undefined) return undefined
    const nodes = [root]
    for (const child of childrenOf(root)) {
      const node = await this.#kv.get(MANIFEST, child)
      if (node === undefined) return undefined
      nodes.push(node)
    }
    return this.#remember(ChunkList.of(blob, nodes))
  }

  /** The root, or a manifest that it names from 1 on. */
  async manifest(blob: BlobId, index: number): Promise<Uint8Array | undefined> {
    const root = await this.#kv.get(MANIFEST, blob)
    if (root === undefined || index === 0) return root
    const child = childrenOf(root)[index - 1]
    return child === undefined ? undefined : await this.#kv.get(MANIFEST, child)
  }

  async keep(nodes: readonly ManifestNode[]): Promise<void> {
    await this.#kv.commit(nodes.map(({ hash, bytes }): KvOp => ({ table: MANIFEST, key: hash, value: bytes })))
    const known = await this.#parts
    if (known !== undefined) addParts(known, nodes.map(({ hash, bytes }) => [hash, bytes]))
  }

  /**
   * Deletes the manifests of a blob, less those that are part of another one too: a version of a file shares most of them.
   * A part may also be a blob itself, which stays where it `isKept`.
   */
  async drop(blob: BlobId, isKept: (blob: BlobId) => boolean): Promise<void> {
    this.#lists.delete(blob)
    const root = await this.#kv.get(MANIFEST, blob)
    if (root === undefined) return
    const known = await this.#allParts()
    known.delete(blob)
    const shared = new Set([...known.values()].flat())
    const gone = [blob, ...childrenOf(root).filter((part) => !isKept(parseBlobId(part)))].filter((hash) => !shared.has(hash))
    await this.#kv.commit(gone.map((key): KvOp => ({ table: MANIFEST, key })))
  }

  /** Of everything kept: the blobs, and the manifests that are part of one. */
  async all(): Promise<readonly BlobId[]> {
    const rows = await this.#kv.scan(MANIFEST)
    const parts = new Set(rows.flatMap(([, bytes]) => childrenOf(bytes)))
    return rows.filter(([hash]) => !parts.has(hash)).map(([hash]) => parseBlobId(hash))
  }

  async #allParts(): Promise<Map<string, readonly string[]>> {
    this.#parts ??= this.#kv.scan(MANIFEST).then((rows) => addParts(new Map(), rows))
    return await this.#parts
  }

  #remember(list: ChunkList): ChunkList {
    this.#lists.set(list.blob, list)
    for (const oldest of this.#lists.keys()) {
      if (this.#lists.size <= MAX_CACHED) break
      this.#lists.delete(oldest)
    }
    return list
  }
}

function addParts(known: Map<string, readonly string[]>, rows: readonly (readonly [hash: string, bytes: Uint8Array])[]): Map<string, readonly string[]> {
  for (const [hash, bytes] of rows) {
    const parts = childrenOf(bytes)
    if (parts.length > 0) known.set(hash, parts)
  }
  return known
}
