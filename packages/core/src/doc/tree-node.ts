import { compareBytes } from '../base/bytes.js'
import type { AuthorId, DocId, NodeId, OpId } from '../base/ids.js'
import type { Assign, FileContent, Place } from '../log/change.js'
import type { Touches } from './touches.js'
import type { Folder } from './tree-folder.js'

/** What a node is and how it began: of several creations of one id, the one with the smallest operation id. */
export interface Creation {
  readonly op: OpId
  readonly author: AuthorId
  readonly type: 'file' | 'directory'
  readonly path: string
  /** Empty for a directory. */
  readonly contentHash: Uint8Array
  readonly place: Place
  /** The document that a text file began with. */
  readonly doc: DocId | undefined
}

/** A document as far as the tree knows it. */
export interface TreeDoc {
  readonly id: DocId
  /** Undefined until it is edited. */
  touches: Touches | undefined
  /** Nodes that hold it or ever did, in the order of their ids. */
  nodes: readonly TreeNode[]
}

/** A place that a node may be shown at. */
export interface Choice {
  readonly parent: TreeNode
  readonly name: string
  readonly op: OpId
}

/** The place that a node is given, after cycles, strays and limits. */
export interface Spot {
  readonly parent: TreeNode
  readonly name: string
  /** Components of the path, this one included. */
  readonly depth: number
  /** Of the path by the nodes' own names, in UTF-8. */
  readonly bytes: number
}

/**
 * A multi-value register: the values whose operations nobody replaced. Independent of the order of arrival;
 * an operation may come again.
 */
export class Register<T> {
  #values: readonly { readonly op: OpId; readonly value: T }[] = []
  #replaced: Set<OpId> | undefined

  /** Current values, the one shown (greatest operation id) first. */
  get values(): readonly { readonly op: OpId; readonly value: T }[] {
    return this.#values
  }

  get shown(): T | undefined {
    return this.#values[0]?.value
  }

  assign(op: OpId, { value, replaces }: Assign<T>): void {
    for (const old of replaces) this.#replaced = (this.#replaced ?? new Set()).add(old)
    const kept = replaces.length === 0 ? this.#values : this.#values.filter((current) => !replaces.includes(current.op))
    if (this.#replaced?.has(op) === true || kept.some((current) => current.op === op)) return void (this.#values = kept)
    const before = kept.findIndex((current) => current.op < op)
    // A new array is as long as it must be; one that grows has room for 16 more, in each of tens of thousands.
    this.#values = kept.toSpliced(before < 0 ? kept.length : before, 0, { op, value })
  }
}

/**
 * One node and everything derived about it. Each group of fields has one owner that writes it:
 * the operations (TreeState), the absorb forest (TreeState), the shape (TreeShape), the view (TreeFolders).
 */
export class TreeNode {
  readonly id: NodeId

  created: Creation | undefined
  readonly place = new Register<Place>()
  readonly content = new Register<FileContent>()
  readonly executable = new Register<boolean>()
  readonly touches: Touches = new Map()
  /** Its moves among them, its beginning aside. */
  moves: Touches | undefined
  /** What its deletions have seen; undefined while there is none. */
  covered: Touches | undefined
  /** The same by the entry that deleted it. */
  deletions: Map<string, Touches> | undefined
  /** Every document it ever held: edits to any of them keep it alive. */
  readonly docs = new Set<TreeDoc>()
  /** Operations that gave it a text and that content which is not text took the place of, and the texts. */
  replacedTexts: Map<OpId, DocId> | undefined
  /** Those texts, and the operations that took their place. */
  retired: Map<DocId, Set<OpId>> | undefined
  /** Named as winners by absorb operations on this node, and the nodes that name this one. */
  winners: Set<TreeNode> | undefined
  suitors: Set<TreeNode> | undefined

  /** The file that this one is shown as, and the files shown as this one. */
  into: TreeNode | undefined
  losers: Set<TreeNode> | undefined
  alive = false

  directory = false
  choices: readonly Choice[] = []
  choice = 0
  wants: TreeNode | undefined
  claimants: Set<TreeNode> | undefined
  spot: Spot | undefined

  /** Where it hangs in the view's forest, shown or not. */
  parent: TreeNode | undefined
  name = ''
  kids: Set<TreeNode> | undefined
  /** `alive` as the view has counted it in. */
  living = false
  shownKids = 0
  /** The folder it is shown in, and for a directory the folder it is shown as; undefined while not shown. */
  home: Folder | undefined
  folder: Folder | undefined
  /** The name it is shown under when its own is taken. */
  alias: string | undefined
  /** The file at the same path that shows it, before an absorb operation says so. */
  mergedInto: TreeNode | undefined

  constructor(id: NodeId) {
    this.id = id
  }

  get shown(): boolean {
    return this.living || this.shownKids > 0
  }

  /** A file whose content still is the text document it began with: what may be merged with another. */
  get isFirstText(): boolean {
    const content = this.content.shown
    return this.created?.type === 'file' && content?.kind === 'text' && content.doc === this.created.doc
  }
}

const NOTHING = new Uint8Array()

/** The order of files at one path, from what they began as and nothing else: first content's hash, then id. */
export function compareFiles(a: TreeNode, b: TreeNode): number {
  const byContent = compareBytes(a.created?.contentHash ?? NOTHING, b.created?.contentHash ?? NOTHING)
  return byContent === 0 ? compareText(a.id, b.id) : byContent
}

/** Order by UTF-16 units: the same everywhere, whatever the locale. */
export function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

export function sameContent(a: FileContent, b: FileContent): boolean {
  if (a.kind === 'text') return b.kind === 'text' && a.doc === b.doc
  return b.kind === 'blob' && a.size === b.size && compareBytes(a.hash, b.hash) === 0
}
