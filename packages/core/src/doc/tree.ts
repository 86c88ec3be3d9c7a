import type { AuthorId, DocId, NodeId, OpId } from '../base/ids.js'
import type { FileContent } from '../log/change.js'
import { checkTreeChange, MAX_REPLACES } from './tree-check.js'
import { TreeEntries } from './tree-entries.js'
import type { Slot } from './tree-folder.js'
import { TreeFolders } from './tree-folders.js'
import { TreeNames, type Verdict } from './tree-names.js'
import type { Touches } from './touches.js'
import { compareFiles, compareText, sameContent, type TreeNode } from './tree-node.js'
import { TreeShape } from './tree-shape.js'
import { addTouches, groupMembers, groupOf, TreeState, type TreeOp } from './tree-state.js'
import type { TreeView } from './tree-view.js'

export interface TreeInit {
  /** What an author calls itself, for conflict names. After it changes for an author call `renameAuthor`. */
  readonly authorName: (author: AuthorId) => string | undefined
}

/** Two documents whose first contents are to be compared. */
export interface DocPair {
  readonly a: DocId
  readonly b: DocId
}

/** A file with several contents at once. */
export interface Contested {
  readonly node: { readonly id: NodeId; readonly parent: NodeId }
  readonly path: string
  readonly shown: FileContent
  readonly values: readonly { readonly op: OpId; readonly value: FileContent }[]
}

/** A text that content which is not text took the place of. */
export interface Retired {
  readonly node: { readonly id: NodeId; readonly parent: NodeId }
  readonly path: string
  /** Where the file was made. */
  readonly began: string
  readonly doc: DocId
  /** Operations that took its place, in order. */
  readonly by: readonly OpId[]
  /** Newest edit of the text per author, in order. */
  readonly touches: readonly (readonly [AuthorId, number])[]
}

export interface Absorption {
  readonly winner: NodeId
  readonly loser: NodeId
}

/**
 * The tree of files and directories: a fold over the operations of the log. The same operations, touches,
 * verdicts and author names give the same view, in whatever order and however often they come.
 *
 * Operations only mark nodes as changed; the view is brought up to date when it is next looked at, at a cost
 * that follows what changed and not the size of the tree.
 */
export class Tree {
  readonly #state = new TreeState()
  readonly #verdicts = new Map<string, Verdict>()
  readonly #names: TreeNames
  readonly #shape: TreeShape
  readonly #folders: TreeFolders
  readonly #entries: TreeEntries
  #unsettled = false

  constructor({ authorName }: TreeInit) {
    const verdict = (a: DocId, b: DocId): Verdict | undefined => this.#verdicts.get(pairKey(a, b))
    this.#names = new TreeNames({ authorName, verdict })
    this.#shape = new TreeShape(this.#state.root, (id) => this.#state.node(id))
    this.#folders = new TreeFolders(this.#state.root, this.#names)
    this.#entries = new TreeEntries({ state: this.#state, folders: this.#folders, names: this.#names, refresh: () => this.#refresh() })
  }

  /** The path view; live. */
  get view(): TreeView {
    return this.#entries
  }

  /** Folds an operation in. Returns why it is void, judged from the change alone, or undefined when it applies. */
  apply(op: TreeOp): string | undefined {
    const reason = checkTreeChange(op.change)
    if (reason === undefined) this.#state.apply(op)
    return reason
  }

  /** Entry `seq` of `author` edited `doc`: its file is kept alive unless a deletion has seen that entry. */
  touch(doc: DocId, author: AuthorId, seq: number): void {
    this.#state.touch(doc, author, seq)
  }

  /** An author's display name changed: conflict copies of its files may be called otherwise now. */
  renameAuthor(author: AuthorId): void {
    this.#refresh()
    for (const slot of this.#names.contested) {
      if (!slot.files.some((file) => file.created?.author === author)) continue
      this.#names.markStale(slot)
      this.#unsettled = true
    }
  }

  /**
   * Nodes whose entry may have changed since the last call, hidden ones too: what was removed, what is shown
   * as another, and everything below a moved directory.
   */
  takeDirty(): readonly NodeId[] {
    this.#refresh()
    const ids = new Set<NodeId>()
    for (const node of this.#names.dirty) for (const member of groupMembers(node)) ids.add(member.id)
    this.#names.dirty.clear()
    return [...ids]
  }

  /** Text files at one path whose first contents must be compared; until then one of each pair has a conflict name. */
  unjudged(): readonly DocPair[] {
    const pairs = new Map<string, DocPair>()
    for (const { winner, other } of this.#collisions()) {
      const a = winner.created?.doc
      const b = other.created?.doc
      if (a === undefined || b === undefined || this.#names.verdictOn(winner, other) !== undefined) continue
      pairs.set(pairKey(a, b), { a, b })
    }
    return [...pairs.values()]
  }

  /** How the first contents of `a` and `b` relate. They never change, so the first verdict stands for ever. */
  judge(a: DocId, b: DocId, verdict: Verdict): void {
    const key = pairKey(a, b)
    if (this.#verdicts.has(key)) return
    this.#refresh()
    this.#verdicts.set(key, verdict)
    for (const node of this.#state.nodesOf(a)) this.#folders.refresh(node)
    this.#unsettled = true
  }

  /** Files shown as another at the same path that no absorb operation says so of yet: a writer should append one. */
  pendingAbsorbs(): readonly Absorption[] {
    return this.#collisions().flatMap(({ winner, other }) => (other.mergedInto === winner ? [{ winner: winner.id, loser: other.id }] : []))
  }

  /** The file that `node` was absorbed into, at the end of any chain; undefined when it was not. */
  absorbedInto(node: NodeId): NodeId | undefined {
    this.#refresh()
    const found = this.#state.find(node)
    return found?.into === undefined ? undefined : groupOf(found).id
  }

  /**
   * The other shown nodes that the entry of `node` stands for: directories at the same path, files about to be
   * absorbed. Who moves the entry means them too; who deletes it, the directories only.
   */
  shownWith(node: NodeId): readonly NodeId[] {
    this.#refresh()
    const found = this.#state.find(node)
    if (found === undefined) return []
    const members = found.folder?.members ?? this.#mergedWith(groupOf(found))
    return [...members].map(({ id }) => id).filter((id) => id !== node).sort(compareText)
  }

  /** Operations whose values a new assignment replaces. */
  replaces(node: NodeId, register: 'place' | 'content' | 'executable'): readonly OpId[] {
    const values = this.#state.find(node)?.[register].values ?? []
    return values.slice(0, MAX_REPLACES).map(({ op }) => op)
  }

  /** Operations that gave a file `base`: what a content made from it replaces. What came beside it stays, as a conflict. */
  replacesContent(node: NodeId, base: FileContent): readonly OpId[] {
    const values = this.#state.find(node)?.content.values ?? []
    return values.filter(({ value }) => sameContent(value, base)).map(({ op }) => op)
  }

  /** Files that are shown and were given several contents at once, by path. */
  contested(): readonly Contested[] {
    this.#refresh()
    const found: Contested[] = []
    for (const node of this.#state.contested) {
      const { values, shown } = node.content
      const entry = this.view.get(node.id)
      if (shown === undefined || entry?.node !== node.id || values.every(({ value }) => sameContent(value, shown))) continue
      found.push({ node: { id: node.id, parent: entry.parent }, path: entry.path, shown, values })
    }
    return found.sort((a, b) => compareText(a.path, b.path))
  }

  /** Texts of shown files that became something else, and who edited them when. */
  retired(): readonly Retired[] {
    this.#refresh()
    const found: Retired[] = []
    for (const node of this.#state.retiring) {
      const entry = this.view.get(node.id)
      if (entry?.node !== node.id || node.created === undefined) continue
      for (const [doc, by] of node.retired ?? []) {
        const touches = this.#state.touchesOf(doc)
        if (touches === undefined || node.content.values.some(({ value }) => value.kind === 'text' && value.doc === doc)) continue
        const sorted = [...touches].sort(([a], [b]) => compareText(a, b))
        found.push({ node: { id: node.id, parent: entry.parent }, path: entry.path, began: node.created.path, doc, by: [...by].sort(compareText), touches: sorted })
      }
    }
    return found.sort((a, b) => compareText(a.path, b.path) || compareText(a.doc, b.doc))
  }

  /** Whether content that is not text took the place of this text somewhere. */
  isRetired(doc: DocId): boolean {
    return this.#state.nodesOf(doc).some((node) => node.retired?.has(doc) === true)
  }

  /** Whether this text was retired, and no file has it any more. */
  isReplaced(doc: DocId): boolean {
    const holds = ({ content }: TreeNode): boolean => content.values.some(({ value }) => value.kind === 'text' && value.doc === doc)
    return this.isRetired(doc) && !this.#state.nodesOf(doc).some(holds)
  }

  /** The path at which a node was made. */
  began(node: NodeId): string | undefined {
    return this.#state.find(node)?.created?.path
  }

  /** Whether a node was ever made. */
  knows(node: NodeId): boolean {
    return this.#state.find(node)?.created !== undefined
  }

  /** Concurrent contents of a file other than the one shown, greatest operation first. */
  conflicts(node: NodeId): readonly FileContent[] {
    return this.#entries.conflicts(node)
  }

  /**
   * Touches known, for a deletion: of the node, its documents, and what was absorbed into it. Not of a file about to
   * be absorbed: its text is not shown yet, so nobody who deletes the entry has seen it.
   */
  seen(node: NodeId): readonly (readonly [AuthorId, number])[] {
    this.#refresh()
    const found = this.#state.find(node)
    if (found === undefined) return []
    const seen: Touches = new Map()
    for (const member of groupMembers(found)) addTouches(seen, member)
    return [...seen].sort(([a], [b]) => compareText(a, b))
  }

  /** How many nodes known here began at `path` with this content. */
  begun(path: string, type: 'file' | 'directory', contentHash: Uint8Array | null): number {
    return this.#state.begun(path, type, contentHash)
  }

  /** What the node was made as; undefined for what was never made. */
  typeOf(node: NodeId): 'file' | 'directory' | undefined {
    return this.#state.find(node)?.created?.type
  }

  /** Whether no deletion covers all that was done to the node; of an absorbed file, to its winner's group. */
  isAlive(node: NodeId): boolean {
    this.#refresh()
    const found = this.#state.find(node)
    return found !== undefined && groupOf(found).alive
  }

  /**
   * What is gone because it was deleted with a directory that stayed or came back. A move of the directory would bring it
   * back too, unless it says again that this is deleted.
   */
  deletedWith(directory: NodeId): readonly NodeId[] {
    this.#refresh()
    const found = this.#state.find(directory)
    return found === undefined ? [] : this.#state.deletedWith(found).map(({ id }) => id)
  }

  /** Where a node is, or was when it was last shown, by the nodes' own names; undefined for what was never made. */
  lastPath(node: NodeId): string | undefined {
    this.#refresh()
    const found = this.#state.find(node)
    if (found?.created === undefined) return undefined
    const names: string[] = []
    for (let at = groupOf(found); at !== this.#state.root; at = at.spot.parent) {
      if (at.spot === undefined) return undefined
      names.push(at.spot.name)
    }
    return names.reverse().join('/')
  }

  /** What a file holds, or held when it was last shown; undefined for a directory. */
  lastContent(node: NodeId): FileContent | undefined {
    const found = this.#state.find(node)
    return found === undefined ? undefined : groupOf(found).content.shown
  }

  /** Other entries whose names a case-insensitive or normalising file system cannot tell from this one's, by name. */
  clashes(node: NodeId): readonly NodeId[] {
    return this.#entries.clashes(node)
  }

  #refresh(): void {
    if (this.#state.hasChanges) {
      const changed = this.#state.takeChanged()
      const touched = new Set([...changed, ...this.#shape.update(changed)])
      this.#folders.update(new Set([...touched, ...this.#state.takeSpared(touched)]))
    } else if (!this.#unsettled) return
    this.#unsettled = false
    this.#names.settle()
  }

  /** Pairs of files at one path: the first in order, and each other. */
  #collisions(): readonly { readonly winner: TreeNode; readonly other: TreeNode }[] {
    this.#refresh()
    return [...this.#names.contested].flatMap(pairsOf).sort((a, b) => compareFiles(a.winner, b.winner) || compareFiles(a.other, b.other))
  }

  /** A shown file and the files that it shows as well. */
  #mergedWith(file: TreeNode): readonly TreeNode[] {
    const winner = file.mergedInto ?? file
    const files = winner.home?.slots.get(winner.name)?.files ?? []
    return [winner, ...files.filter((other) => other.mergedInto === winner)]
  }
}

function pairsOf({ files: [winner, ...others] }: Slot): readonly { readonly winner: TreeNode; readonly other: TreeNode }[] {
  return winner === undefined ? [] : others.map((other) => ({ winner, other }))
}

function pairKey(a: DocId, b: DocId): string {
  return a < b ? `${a} ${b}` : `${b} ${a}`
}
