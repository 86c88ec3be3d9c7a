import { ChunkThread, toHex } from '@collab/core'
import type { BlobId, Clock, NodeId, TreeEntry, Unsubscribe, Workspace } from '@collab/core'
import { parseBlobId } from '@collab/core'
import type { BaseIndex } from './base-index.js'
import { BlobFiles } from './blob-files.js'
import { BlobScanner } from './blob-scanner.js'
import type { ScanResult } from './blob-scanner.js'
import { BlobWaiters } from './blob-waiters.js'
import { ChunkTags } from './chunk-tags.js'
import type { FolderFs } from './folder-fs.js'
import type { RelPath } from './rel-path.js'
import type { Signature } from './signature.js'

export interface BlobPolicy {
  /** Whether files that are not text are synced at all. @default true */
  readonly enabled?: boolean
  /** Larger ones are neither fetched nor sent. @default no limit */
  readonly maxBytes?: number
}

export interface FolderBlobsInit {
  readonly workspace: Workspace
  readonly fs: FolderFs
  readonly index: BaseIndex
  readonly clock: Clock
  readonly policy: BlobPolicy
  readonly mark: (path: RelPath) => void
}

/** What the folder does with content that is not text: says what a file is, fetches what it lacks, keeps track of both. */
export class FolderBlobs {
  readonly #init: FolderBlobsInit
  readonly #scanner: BlobScanner | undefined
  readonly #threads: readonly ChunkThread[] = []
  readonly files: BlobFiles | undefined
  readonly #waiters = new BlobWaiters()
  #undo: Unsubscribe = () => undefined
  #started = false

  constructor(init: FolderBlobsInit) {
    this.#init = init
    const { workspace, fs, index, clock } = init
    const { keys } = workspace.blobs
    if (keys === undefined) return
    // What peers wait for does not wait until a large file was cut.
    const [cutting, moving] = [new ChunkThread(keys), new ChunkThread(keys)]
    const tags = new ChunkTags()
    this.#threads = [cutting, moving]
    this.#scanner = new BlobScanner({ workspace, fs, clock, thread: cutting, tags, done: init.mark })
    this.files = new BlobFiles({ workspace, fs, index, clock, thread: moving, tags, waitingFor: (blob) => this.#waiters.nodesOf(blob) })
  }

  start(): void {
    const { workspace, mark } = this.#init
    this.#started = true
    if (this.files !== undefined) workspace.blobs.use(this.files)
    this.#undo = workspace.blobs.onWhole((blob) => {
      for (const path of this.#waiters.pathsOf(blob)) mark(path)
    })
  }

  async stop(): Promise<void> {
    this.#undo()
    this.#scanner?.stop()
    this.files?.stop()
    for (const thread of this.#threads) await thread.stop()
  }

  /** Files whose content is on its way. */
  get waiting(): number {
    return this.#waiters.size
  }

  /** Where a file waits for its content. */
  waitingPath(node: NodeId): RelPath | undefined {
    return this.#waiters.pathOf(node)
  }

  /** Which blob the file at `path` is. */
  scan(path: RelPath, signature: Signature): ScanResult {
    return this.#scanner?.scan(path, signature) ?? { reason: 'the link does not grant reading' }
  }

  /** Resolves when a look at the path makes sense again, after `retryAfterMs` or when it is known what the file is. */
  async lookAgain(path: RelPath, retryAfterMs: number): Promise<void> {
    const later = new Promise<void>((resolve) => void this.#init.clock.after(retryAfterMs, resolve))
    await Promise.race(this.#scanner === undefined ? [later] : [later, this.#scanner.scanned(path)])
  }

  /** Why content of this size is not synced here; undefined when it is. */
  refusal(size: number): string | undefined {
    const { enabled = true, maxBytes = Infinity } = this.#init.policy
    if (!enabled) return 'not text, and --no-blobs was given'
    return size > maxBytes ? `larger than --max-blob (${(size / 1024 ** 2).toFixed(1)} MiB)` : undefined
  }

  /** Whether the content of a file is here to be placed; when not it is fetched, and the path marked once it came. */
  ready(path: RelPath, entry: TreeEntry): boolean {
    // A rehearsal fetches nothing, and says what would be put on the disk.
    if (entry.content?.kind !== 'blob' || !this.#started) return true
    const blob = parseBlobId(entry.content.hash)
    if (this.files?.isReady(blob) === true) return true
    for (const other of this.#waiters.add({ path, node: entry.node, blob })) this.#release(other)
    this.#init.workspace.blobs.want(blob, entry.content.size)
    return false
  }

  /** A path needs nothing any more: its file was placed, deleted, or became another. */
  settled(path: RelPath): void {
    const blob = this.#waiters.remove(path)
    if (blob !== undefined) this.#release(blob)
  }

  /** The content of `blob` was placed at `path`: others that wait for it copy it from there, and one that kept it may give it up. */
  placed(path: RelPath, blob: BlobId): void {
    this.#waiters.remove(path)
    this.files?.placed(blob)
    this.#init.workspace.blobs.changed(blob)
    for (const other of this.#waiters.pathsOf(blob)) this.#init.mark(other)
    for (const row of this.#init.index.ofBlob(blob)) if (row.path !== path) this.#init.mark(row.path)
  }

  /**
   * Whether the disk has this content at `path` only, and the workspace shows it elsewhere, or beside the one that is
   * shown here: it must have been copied before it makes room.
   */
  isLastCopy(path: RelPath, node: NodeId, blob: BlobId): boolean {
    const { workspace, index } = this.#init
    for (const row of index.ofBlob(blob)) if (row.path !== path) return false
    const isIt = (hash: Uint8Array): boolean => toHex(hash) === blob
    if (workspace.tree.conflicts(node).some((content) => content.kind === 'blob' && isIt(content.hash))) return true
    for (const entry of workspace.tree.entries()) {
      if (entry.node !== node && entry.content?.kind === 'blob' && isIt(entry.content.hash) && this.refusal(entry.content.size) === undefined) return true
    }
    return false
  }

  /** What nobody wants any more goes: parts of files, and lists of chunks of content that is nowhere in the tree. */
  async sweep(): Promise<void> {
    const { workspace } = this.#init
    const shown = new Set<BlobId>()
    for (const entry of workspace.tree.entries()) {
      for (const content of [entry.content, ...workspace.tree.conflicts(entry.node)]) if (content?.kind === 'blob') shown.add(parseBlobId(content.hash))
    }
    this.files?.sweep((blob) => shown.has(blob as BlobId))
    await workspace.blobs.keepOnly(shown)
  }

  #release(blob: BlobId): void {
    this.#init.workspace.blobs.unwant(blob)
    if (this.files?.isReady(blob) === true) void this.files.drop(blob)
  }
}
