import type { BlobId, NodeId } from '@collab/core'
import type { RelPath } from './rel-path.js'

interface Waiter {
  readonly path: RelPath
  readonly node: NodeId
  readonly blob: BlobId
}

/** The files that wait for their content: each by its path, one path per node, several for one content. */
export class BlobWaiters {
  readonly #byPath = new Map<RelPath, Waiter>()
  readonly #byNode = new Map<NodeId, Waiter>()
  readonly #byBlob = new Map<BlobId, Set<Waiter>>()

  get size(): number {
    return this.#byPath.size
  }

  pathOf(node: NodeId): RelPath | undefined {
    return this.#byNode.get(node)?.path
  }

  /** Gives the blobs that nothing waits for any more. */
  add(waiter: Waiter): readonly BlobId[] {
    const known = this.#byPath.get(waiter.path)
    if (known?.node === waiter.node && known.blob === waiter.blob) return []
    const others = [known, this.#byNode.get(waiter.node)].filter((other) => other !== undefined)
    for (const other of others) this.#drop(other)
    this.#byPath.set(waiter.path, waiter)
    this.#byNode.set(waiter.node, waiter)
    this.#byBlob.set(waiter.blob, (this.#byBlob.get(waiter.blob) ?? new Set()).add(waiter))
    return others.map(({ blob }) => blob).filter((blob) => !this.#byBlob.has(blob))
  }

  /** Gives the blob that nothing waits for any more, if that is so. */
  remove(path: RelPath): BlobId | undefined {
    const waiter = this.#byPath.get(path)
    if (waiter === undefined) return undefined
    this.#drop(waiter)
    return this.#byBlob.has(waiter.blob) ? undefined : waiter.blob
  }

  *pathsOf(blob: BlobId): Generator<RelPath> {
    for (const { path } of this.#byBlob.get(blob) ?? []) yield path
  }

  *nodesOf(blob: BlobId): Generator<NodeId> {
    for (const { node } of this.#byBlob.get(blob) ?? []) yield node
  }

  #drop(waiter: Waiter): void {
    if (this.#byPath.get(waiter.path) === waiter) this.#byPath.delete(waiter.path)
    if (this.#byNode.get(waiter.node) === waiter) this.#byNode.delete(waiter.node)
    const same = this.#byBlob.get(waiter.blob)
    same?.delete(waiter)
    if (same?.size === 0) this.#byBlob.delete(waiter.blob)
  }
}
