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
  }

  /** Deletes the manifests of a blob, less those that are part of another one too: a version of a file shares most of them. */
  async drop(blob: BlobId): Promise<void> {
    this.#lists.delete(blob)
    const root = await this.#kv.get(MANIFEST, blob)
    if (root === undefined) return
    const parts = childrenOf(root)
    const shared = parts.length === 0 ? new Set<string>() : await this.#partsOfOthers(blob)
    await this.#kv.commit([blob, ...parts.filter((part) => !shared.has(part))].map((key): KvOp => ({ table: MANIFEST, key })))
  }

  /** Of everything kept: the blobs, and the manifests that are part of one. */
  async all(): Promise<readonly BlobId[]> {
    const rows = await this.#kv.scan(MANIFEST)
    const parts = new Set(rows.flatMap(([, bytes]) => childrenOf(bytes)))
    return rows.filter(([hash]) => !parts.has(hash)).map(([hash]) => parseBlobId(hash))
  }

  async #partsOfOthers(blob: BlobId): Promise<ReadonlySet<string>> {
    const rows = await this.#kv.scan(MANIFEST)
    return new Set(rows.flatMap(([hash, bytes]) => (hash === blob ? [] : childrenOf(bytes))))
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
