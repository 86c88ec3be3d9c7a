import type { DocId, NodeId } from '../base/ids.js'
import type { FileContent } from '../log/change.js'

/** One file or directory as a user sees it. */
export interface TreeEntry {
  readonly node: NodeId
  /** Slash-separated, relative, NFC; '' for the root. */
  readonly path: string
  readonly name: string
  /** Of directories that share one path, the one that the others are shown in. */
  readonly parent: NodeId
  readonly type: 'file' | 'directory'
  /** Of a file; undefined for a directory. */
  readonly content: FileContent | undefined
  readonly executable: boolean
}

/** The path view: a pure function of the operations held, the same on every peer. */
export interface TreeView {
  /** Entries shown, the root not counted. */
  readonly size: number
  /** Those that are files. */
  readonly files: number
  at(path: string): TreeEntry | undefined
  /** The entry that shows `node`: for an absorbed file its winner's, for a merged directory the shown one's. */
  get(node: NodeId): TreeEntry | undefined
  /** Entries directly below `node`, by name. */
  children(node: NodeId): readonly TreeEntry[]
  /** Everything but the root, parents before children, by name. */
  entries(): Iterable<TreeEntry>
  /** Contents that a file was given at the same time as the one shown. */
  conflicts(node: NodeId): readonly FileContent[]
  /** The node whose content is `doc`, shown or not. */
  nodeOf(doc: DocId): NodeId | undefined
}
