import type { AuthorId, BlobId, DocId, EntryHash, NodeId, WorkspaceId } from '../base/ids.js'
import type { Unsubscribe } from '../base/events.js'
import type { Blobs } from './blob-types.js'
import type { KvOp, KvStore } from '../base/kv.js'
import type { TextEdit } from '../base/text-diff.js'
import type { TreeView } from '../doc/tree-view.js'
import type { OpenDocument, OpenDocumentOptions, OpenTextOptions } from './open-document.js'
import type { FileContent } from '../log/change.js'

/**
 * A state of one document, meaningful in this store only: the first `upTo` changes in the order in which they
 * were applied here, and the changes at the positions `plus` after that.
 */
export interface DocVersion {
  readonly upTo: number
  readonly plus: readonly number[]
}

/** Whether `version` holds all of a document that has so many changes. */
export function isCurrent({ upTo, plus }: DocVersion, changes: number): boolean {
  return upTo + plus.length >= changes
}

/** A file as a replica held it: a version of its document, or other content. */
export type SeenFile = { readonly doc: DocId; readonly version: DocVersion } | { readonly blob: BlobId }

/** Content that is not text, as a file holds it. */
export interface BlobRef {
  readonly blob: BlobId
  readonly size: number
}

export interface TextState {
  readonly text: string
  readonly version: DocVersion
}

/** What a local replica wants done. The changes of one `edit` call become one entry where they fit. */
export type LocalChange =
  /** A new text file; missing parent directories are created. */
  | { readonly type: 'create-file'; readonly path: string; readonly text: string; readonly executable: boolean }
  /** A new file with other content, which `Blobs.describe` named. */
  | { readonly type: 'create-blob'; readonly path: string; readonly content: BlobRef; readonly executable: boolean }
  /**
   * Another content in place of `base`; what was given to the file beside that stays, as a conflict. Of a text, what it
   * holds beyond the version `seen` becomes a file of its own.
   */
  | { readonly type: 'set-blob'; readonly node: NodeId; readonly base: FileContent; readonly seen?: DocVersion | undefined; readonly content: BlobRef }
  | { readonly type: 'set-text'; readonly node: NodeId; readonly base: FileContent; readonly text: string }
  | { readonly type: 'create-directory'; readonly path: string }
  /**
   * Edits to the document as it was at `base`; edits sorted by `at`, not overlapping. `machine` says that
   * the change looks machine-made (several whole lines), so that the same change made elsewhere is the same.
   */
  | { readonly type: 'edit'; readonly doc: DocId; readonly base: DocVersion; readonly edits: readonly TextEdit[]; readonly machine: boolean }
  /** Rename or move; missing parent directories are created. */
  | { readonly type: 'move'; readonly node: NodeId; readonly path: string }
  | { readonly type: 'executable'; readonly node: NodeId; readonly executable: boolean }
  /**
   * Deletes a file, or a directory and everything below it. With `seen` (the nodes that the replica held, files with
   * their document's version) only those, and of the files only those that still read as they did: what came
   * meanwhile lives on.
   */
  | { readonly type: 'delete'; readonly node: NodeId; readonly seen?: ReadonlyMap<NodeId, SeenFile | undefined> }

export interface LocalResult {
  readonly node: NodeId | undefined
  /** For create-file, edit and set-text: the document, and the version that is exactly what was on the disk (base plus this change). */
  readonly doc: DocId | undefined
  readonly version: DocVersion | undefined
}

/** A file whose text may have changed. */
export interface TextChange {
  readonly node: NodeId
  readonly doc: DocId
  /** How many changes the document has by now. */
  readonly changes: number
}

export interface PeerInfo {
  readonly peer: string
  /** What the member calls itself, when known; hostile until shown escaped. */
  readonly name: string | undefined
  readonly address: string
  readonly direction: 'inbound' | 'outbound'
  /** False until both sides hold the same entries. */
  readonly synced: boolean
}

export interface WorkspaceEvents {
  /** These nodes' path, existence, content kind or executable bit may have changed. */
  tree: { readonly nodes: readonly NodeId[] }
  text: { readonly files: readonly TextChange[] }
  listening: { readonly addresses: readonly string[] }
  /** `named`: who is behind a connected peer became known. */
  peer: { readonly peer: string; readonly name: string | undefined; readonly state: 'connected' | 'named' | 'disconnected' | 'refused'; readonly reason?: string }
  /** Everything that the connected peers hold is held and applied here. */
  synced: { readonly peers: number }
  progress: { readonly received: number; readonly expected: number }
  /** Entries could not be stored (a full disk, say): nothing more is taken in; stop and open the workspace anew. */
  failed: { readonly error: unknown }
  /** One sentence for the user, with advice. */
  warning: { readonly code: string; readonly message: string }
}

export interface WorkspaceStatus {
  readonly workspace: WorkspaceId
  readonly rights: 'write' | 'read' | 'blind'
  readonly author: AuthorId | undefined
  readonly peerId: string
  readonly listening: readonly string[]
  readonly peers: readonly PeerInfo[]
  readonly entries: number
  readonly files: number
  readonly voids: number
  readonly forks: number
  /** Of the entries: old ones that were left to peers that keep everything. */
  readonly pruned: number
}

/** A point in the past: claimed milliseconds since 1970, or the beginning of an entry's hash. */
export type PastPoint = { readonly time: number } | { readonly version: string }

/** One file or directory as it was shown at a point in the past. */
export interface PastFile {
  readonly node: NodeId
  readonly path: string
  readonly type: 'file' | 'directory'
  readonly content: FileContent | undefined
  readonly executable: boolean
  /** Of a text, what it read then. */
  readonly version: DocVersion | undefined
}

/** A file that is no longer shown. */
export interface DeletedFile {
  readonly node: NodeId
  /** Where it was last. */
  readonly path: string
  readonly content: FileContent
  /** The deletion: when it claims to be from, whose it is, and its entry. */
  readonly time: number
  readonly author: AuthorId
  readonly name: string | undefined
  readonly entry: EntryHash
}

/** A change that broke the rules, kept and applied nowhere. */
export interface VoidChange {
  readonly entry: EntryHash
  readonly author: AuthorId
  readonly name: string | undefined
  readonly reason: string
}

/** One change as `collab log` shows it. */
export interface HistoryItem {
  /** Names the version that the change led to. */
  readonly entry: EntryHash
  readonly author: AuthorId
  readonly name: string | undefined
  readonly seq: number
  /** Claimed milliseconds since 1970. */
  readonly time: number
  /** `pruned`: edits up to this one were left to peers that keep everything. */
  readonly what: 'created' | 'edited' | 'moved' | 'deleted' | 'restored' | 'mode' | 'merged' | 'joined' | 'void' | 'pruned'
  readonly path: string | undefined
}

/** A workspace opened on this machine: documents, tree and members of one topic, synced while started. */
export interface Workspace {
  readonly id: WorkspaceId
  readonly rights: 'write' | 'read' | 'blind'
  /** Number of this run of the store: its owner keeps it beside its own records, to prove continuity. */
  readonly session: number
  /** Live; changes only between turns of the event loop. */
  readonly tree: TreeView
  /** Pictures, PDFs and other content that is not text. */
  readonly blobs: Blobs
  /** The owner's own rows (tables whose name starts with `folder_`) live in the same store and transactions. */
  readonly rows: Pick<KvStore, 'get' | 'scan' | 'commit'>
  on<Name extends keyof WorkspaceEvents>(name: Name, listener: (payload: WorkspaceEvents[Name]) => void): Unsubscribe
  start(): Promise<void>
  stop(): Promise<void>
  /**
   * Dials further peers, and keeps dialling them, as those given when joining.
   *
   * @throws {CollabError} named PeerAddressError when one of them is no multiaddr.
   */
  dial(addresses: readonly string[]): void
  /** `stop`, for `await using`. */
  [Symbol.asyncDispose](): Promise<void>
  /**
   * Opens the document that this workspace's apps call `name` as a live Y.Doc, with any shared types. Nobody has to
   * create it: whoever opens the same name has the same document, whenever they meet.
   *
   * @throws {NotPermittedError} with a blind link.
   */
  openDoc(name: string, options?: OpenDocumentOptions): Promise<OpenDocument>
  /**
   * Opens the text of a file as a live Y.Doc, whose `Y.Text` named `content` holds plain text. A file that is not there
   * is created.
   *
   * @throws {NotPermittedError} with a blind link, or when the file is not there and nothing may be written.
   * @throws {CollabError} named NotTextError for what is no text file.
   */
  openText(path: string, options?: OpenTextOptions): Promise<OpenDocument>
  /** Names of the documents of apps that hold something. */
  documents(): Promise<readonly string[]>
  readText(doc: DocId): Promise<TextState>
  /** How many changes each document has: cheap, no document is opened. */
  countChanges(docs: readonly DocId[]): Promise<readonly number[]>
  /** The text at an earlier version. */
  readTextAt(doc: DocId, version: DocVersion): Promise<string>
  /**
   * Appends the changes to the own log, durable when it resolves, then publishes. `rows` gives further writes for
   * the same transaction, from the results in the order of `changes`.
   *
   * @throws {NotPermittedError} without write rights.
   */
  edit(changes: readonly LocalChange[], rows?: (results: readonly LocalResult[]) => readonly KvOp[]): Promise<readonly LocalResult[]>
  status(): WorkspaceStatus
  /** Newest first; with `path`, of what is or last was there or below it. */
  history(options?: { readonly path?: string; readonly limit?: number }): Promise<readonly HistoryItem[]>
  /**
   * Everything that was shown at a point in the past, parents before children.
   *
   * @throws {CollabError} named UnknownVersionError
   */
  past(point: PastPoint): Promise<readonly PastFile[]>
  /** Files that are no longer shown, newest deletion first. */
  deleted(): Promise<readonly DeletedFile[]>
  /** Changes that broke the rules, by entry. */
  voids(): Promise<readonly VoidChange[]>
  /**
   * Leaves old edits to peers that keep everything, as a workspace with `pruneAfterMs` does by itself once an hour: only
   * while such a peer is connected and holds everything, and nothing that documents need to be shown, edited and merged.
   *
   * @returns how many entries went; 0 without `pruneAfterMs`.
   */
  prune(): Promise<number>
  /**
   * From now on `source` is asked, before anything is left to others, which old versions its owner may have to read without
   * any peer: document -> the oldest, as `DocVersion.upTo`.
   */
  pin(source: () => Promise<ReadonlyMap<DocId, number>>): Unsubscribe
  /** Lets go of what is in memory only to be found faster: for a program at rest. */
  releaseMemory(): Promise<void>
  /** Resolves when nothing is missing from any connected peer and each has confirmed holding everything of ours. */
  whenSynced(options?: { readonly signal?: AbortSignal }): Promise<void>
}
