import type { BlobRef, ChunkThread, Clock, Workspace } from '@collab/core'
import { errorMessage } from '@collab/core'
import type { ChunkTags } from './chunk-tags.js'
import type { FolderFs, OpenFile } from './folder-fs.js'
import type { RelPath } from './rel-path.js'
import { equalSignature, isRacy } from './signature.js'
import type { Signature } from './signature.js'

/** A large file is cut when it was left alone for this long: copying one takes a while. */
const QUIET_MS = 500
/** The answer comes by marking the path; this is for the case that it never does. */
const PENDING_MS = 60_000
/** Files cut at once: small ones share the fsync of their manifests. */
const PARALLEL = 16
/** Results kept until they are recorded; a result that was dropped is made again. */
const MAX_KEPT = 4_096

export interface ScannedBlob extends BlobRef {
  readonly racy: boolean
}

export type ScanResult = ScannedBlob | { readonly retryAfterMs: number } | { readonly reason: string }

interface Known {
  readonly signature: Signature
  readonly result: ScannedBlob | { readonly reason: string }
}

export interface BlobScannerInit {
  readonly workspace: Pick<Workspace, 'blobs'>
  readonly fs: FolderFs
  readonly clock: Clock
  readonly thread: ChunkThread
  readonly tags: ChunkTags
  /** A path can be looked at again. */
  readonly done: (path: RelPath) => void
}

/** Says which blob a file is. That takes long, so it is found out beside the loop, and the path is marked again. */
export class BlobScanner {
  readonly #init: BlobScannerInit
  readonly #known = new Map<RelPath, Known>()
  readonly #queue = new Set<RelPath>()
  readonly #waiters = new Map<RelPath, (() => void)[]>()
  #running = 0
  #stopped = false

  constructor(init: BlobScannerInit) {
    this.#init = init
  }

  scan(path: RelPath, signature: Signature): ScanResult {
    const known = this.#known.get(path)
    if (known !== undefined && equalSignature(known.signature, signature)) {
      const { result } = known
      // What was written right after a look can have the same signature: once that is over it is looked at again.
      if (!('racy' in result && result.racy) || isRacy(signature, this.#init.clock.now())) return result
      this.#known.delete(path)
    }
    const age = this.#init.clock.now() - Number((signature.mtimeNs > signature.ctimeNs ? signature.mtimeNs : signature.ctimeNs) / 1_000_000n)
    if (age >= 0 && age < QUIET_MS) return { retryAfterMs: QUIET_MS - age }
    this.#queue.add(path)
    this.#start()
    return { retryAfterMs: PENDING_MS }
  }

  /** Resolves when the answer about a path is there. */
  async scanned(path: RelPath): Promise<void> {
    await new Promise<void>((resolve) => this.#waiters.set(path, [...(this.#waiters.get(path) ?? []), resolve]))
  }

  stop(): void {
    this.#stopped = true
    this.#queue.clear()
  }

  #start(): void {
    for (const path of this.#queue) {
      if (this.#running >= PARALLEL || this.#stopped) return
      this.#queue.delete(path)
      this.#running++
      void this.#run(path)
    }
  }

  async #run(path: RelPath): Promise<void> {
    const file = this.#init.fs.open(path)
    try {
      if (file !== undefined) await this.#cut(path, file)
    } finally {
      file?.close()
      this.#running--
      if (!this.#stopped) this.#init.done(path)
      for (const resolve of this.#waiters.get(path) ?? []) resolve()
      this.#waiters.delete(path)
      this.#start()
    }
  }

  async #cut(path: RelPath, file: OpenFile): Promise<void> {
    const { workspace, thread, clock } = this.#init
    const lookedAt = clock.now()
    const { signature } = file
    try {
      const { items, tags } = await thread.cut(file.fd, Number(signature.size))
      if (!file.isSame()) return
      const ref = await workspace.blobs.describe(items)
      this.#init.tags.keep(ref.blob, tags)
      this.#keep(path, { signature, result: { ...ref, racy: isRacy(signature, lookedAt) } })
    } catch (error) {
      if (!this.#stopped) this.#keep(path, { signature, result: { reason: `cannot be read: ${errorMessage(error)}` } })
    }
  }

  #keep(path: RelPath, known: Known): void {
    this.#known.delete(path)
    this.#known.set(path, known)
    for (const oldest of this.#known.keys()) {
      if (this.#known.size <= MAX_KEPT) return
      this.#known.delete(oldest)
    }
  }
}
