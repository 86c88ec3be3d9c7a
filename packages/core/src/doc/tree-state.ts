import { toHex } from '../base/bytes.js'
import { ROOT_NODE, type AuthorId, type DocId, type NodeId, type OpId } from '../base/ids.js'
import type { AbsorbChange, TreeChange } from '../log/change.js'
import { Deletions } from './tree-deletions.js'
import { isBeyond, join, raise, type Touches } from './touches.js'
import { compareFiles, compareText, TreeNode, type Creation, type TreeDoc } from './tree-node.js'

/** One operation of the log on the tree. */
export interface TreeOp {
  readonly id: OpId
  readonly author: AuthorId
  readonly seq: number
  readonly change: TreeChange | AbsorbChange
}

/**
 * What the operations say about each node, folded so that neither their order nor their repetition matters:
 * sets, maxima, and the smallest of several creations.
 */
export class TreeState {
  readonly root = new TreeNode(ROOT_NODE)
  readonly #nodes = new Map<NodeId, TreeNode>([[ROOT_NODE, this.root]])
  readonly #docs = new Map<DocId, TreeDoc>()
  /** Nodes with several values for their content; they may be equal. */
  readonly contested = new Set<TreeNode>()
  /** Nodes whose text became something else. */
  readonly retiring = new Set<TreeNode>()
  readonly #begun = new Map<string, number>()
  readonly #deletions = new Deletions()
  #changed = new Set<TreeNode>()

  /** The record of a node, made when an operation names it for the first time. */
  node(id: NodeId): TreeNode {
    const known = this.#nodes.get(id)
    if (known !== undefined) return known
    const node = new TreeNode(id)
    this.#nodes.set(id, node)
    return node
  }

  find(id: NodeId): TreeNode | undefined {
    return this.#nodes.get(id)
  }

  /** Nodes that hold or held `doc`. */
  nodesOf(doc: DocId): readonly TreeNode[] {
    return this.#docs.get(doc)?.nodes ?? []
  }

  begun(path: string, type: 'file' | 'directory', contentHash: Uint8Array | null): number {
    return this.#begun.get(beginning(type, path, contentHash)) ?? 0
  }

  /** Folds one valid operation in. */
  apply({ id, author, seq, change }: TreeOp): void {
    if (change.kind === 'absorb') return this.#absorb(change)
    const node = this.node(change.node)
    this.#changed.add(node)
    if (change.deleted !== undefined) return this.#deletions.add(node, id, change.deleted.seen)
    raise(node.touches, author, seq)
    if (change.place !== undefined && change.create === undefined) this.#deletions.moved(node, author, seq)
    if (change.place !== undefined) node.place.assign(id, change.place)
    if (change.executable !== undefined) node.executable.assign(id, change.executable)
    if (change.content !== undefined) {
      if (change.content.value.kind === 'blob') this.#retire(node, id, change.content.replaces)
      node.content.assign(id, change.content)
      if (node.content.values.length > 1) this.contested.add(node)
      else this.contested.delete(node)
      if (change.content.value.kind === 'text') this.#hold(node, change.content.value.doc)
    }
    this.#create(node, id, author, change)
  }

  /** An entry edited `doc`. */
  touch(id: DocId, author: AuthorId, seq: number): void {
    const doc = this.#doc(id)
    raise((doc.touches ??= new Map()), author, seq)
    // A node that nobody deleted stays alive whatever happens.
    for (const node of doc.nodes) if (node.covered !== undefined || node.into !== undefined) this.#changed.add(node)
  }

  /** Nodes that operations changed since the last call, with the absorb forest and liveness brought up to date. */
  takeChanged(): ReadonlySet<TreeNode> {
    const changed = this.#changed
    this.#changed = new Set()
    // The loop also visits what it adds.
    for (const node of changed) {
      chooseWinner(node, changed)
      for (const suitor of node.suitors ?? []) changed.add(suitor)
    }
    for (const node of changed) changed.add(groupOf(node))
    for (const node of changed) node.alive = node.created !== undefined && node.into === undefined && isGroupAlive(node)
    return changed
  }

  /**
   * Nodes that live after all, or no longer, because of where they are: what was deleted with a directory that another
   * moved.
   *
   * @param touched - Those of the last `takeChanged`, and all that have another place since.
   */
  takeSpared(touched: ReadonlySet<TreeNode>): readonly TreeNode[] {
    const changed: TreeNode[] = []
    if (![...touched].some(maySpare)) return changed
    const groups = new Set([...this.#deletions.contested()].map(groupOf))
    for (const node of groups) {
      const alive = node.created !== undefined && isGroupAlive(node, (at) => this.#deletions.coverOf(at, node))
      if (alive !== node.alive) changed.push(node)
      node.alive = alive
    }
    return changed
  }

  /** Nodes in `directory` that an entry deleted together with it, and that are gone. */
  deletedWith(directory: TreeNode): readonly TreeNode[] {
    return [...this.#deletions.deletedWith(directory)].filter((node) => node !== directory && !groupOf(node).alive && this.#isPlacedIn(node, directory))
  }

  get hasChanges(): boolean {
    return this.#changed.size > 0
  }

  /** By the places that nodes were given: what is gone is at none. */
  #isPlacedIn(node: TreeNode, directory: TreeNode): boolean {
    const met = new Set<TreeNode>()
    for (let at = groupOf(node); !met.has(at); ) {
      if (at === directory) return true
      met.add(at)
      const parent = at.place.shown?.parent
      at = (parent === undefined ? undefined : this.#nodes.get(parent)) ?? at
    }
    return false
  }

  /** Content that is not text takes the place of texts; several such operations may, at once. */
  #retire(node: TreeNode, by: OpId, replaces: readonly OpId[]): void {
    for (const { op, value } of node.content.values) {
      if (value.kind === 'text' && replaces.includes(op)) (node.replacedTexts ??= new Map()).set(op, value.doc)
    }
    for (const op of replaces) {
      const doc = node.replacedTexts?.get(op)
      if (doc === undefined) continue
      node.retired ??= new Map()
      node.retired.set(doc, (node.retired.get(doc) ?? new Set()).add(by))
      this.retiring.add(node)
    }
  }

  /** Entries that edited `doc`. */
  touchesOf(doc: DocId): Touches | undefined {
    return this.#docs.get(doc)?.touches
  }

  /** Not a touch: peers append it by themselves, and nobody's deletion is to be undone by that. */
  #absorb(change: AbsorbChange): void {
    const winner = this.node(change.winner)
    const loser = this.node(change.loser)
    loser.winners = (loser.winners ?? new Set()).add(winner)
    winner.suitors = (winner.suitors ?? new Set()).add(loser)
    this.#changed.add(loser).add(winner)
  }

  #create(node: TreeNode, op: OpId, author: AuthorId, { create, place, content }: TreeChange): void {
    if (create === undefined || place === undefined) return
    const old = node.created
    if (old !== undefined && old.op <= op) return
    const doc = content?.value.kind === 'text' ? content.value.doc : undefined
    const contentHash = create.contentHash ?? new Uint8Array()
    const created: Creation = { op, author, type: create.type, path: create.path, contentHash, place: place.value, doc }
    if (old !== undefined) this.#count(old, -1)
    this.#count(created, 1)
    node.created = created
  }

  #count({ type, path, contentHash }: Creation, by: 1 | -1): void {
    const key = beginning(type, path, contentHash)
    this.#begun.set(key, (this.#begun.get(key) ?? 0) + by)
  }

  #hold(node: TreeNode, id: DocId): void {
    const doc = this.#doc(id)
    if (node.docs.has(doc)) return
    node.docs.add(doc)
    const after = doc.nodes.findIndex((other) => compareText(other.id, node.id) > 0)
    doc.nodes = doc.nodes.toSpliced(after < 0 ? doc.nodes.length : after, 0, node)
  }

  #doc(id: DocId): TreeDoc {
    const known = this.#docs.get(id)
    if (known !== undefined) return known
    const doc: TreeDoc = { id, touches: undefined, nodes: [] }
    this.#docs.set(id, doc)
    return doc
  }
}

/** The file that shows `node`: itself, or the end of the chain of winners. */
export function groupOf(node: TreeNode): TreeNode {
  let at = node
  while (at.into !== undefined) at = at.into
  return at
}

/** Whether it may depend on `node` whether something that was deleted lives on: itself, what it shows, or what is in it. */
function maySpare(node: TreeNode): boolean {
  return node.deletions !== undefined || node.directory || node.into !== undefined || (node.losers?.size ?? 0) > 0
}

/** `node` and everything absorbed into it. */
export function groupMembers(node: TreeNode): readonly TreeNode[] {
  const members = [node]
  for (const member of members) for (const loser of member.losers ?? []) members.push(loser)
  return members
}

/** Adds every touch of `node` and of the documents it ever held. */
export function addTouches(to: Touches, node: TreeNode): void {
  for (const [author, seq] of node.touches) raise(to, author, seq)
  for (const doc of node.docs) for (const [author, seq] of doc.touches ?? []) raise(to, author, seq)
}

/**
 * Picks the winner that `node` is shown as: the first in the order of files that comes before `node`. A winner
 * that comes after it cannot be meant by an honest writer, and leaving it out makes cycles impossible.
 * A file whose content was replaced since is more than its first text, so it stands for itself.
 */
function chooseWinner(node: TreeNode, changed: Set<TreeNode>): void {
  let best: TreeNode | undefined
  if (node.isFirstText) {
    for (const winner of node.winners ?? []) {
      if (winner.isFirstText && compareFiles(winner, node) < 0 && (best === undefined || compareFiles(winner, best) < 0)) best = winner
    }
  }
  if (best === node.into) return
  if (node.into !== undefined) {
    node.into.losers?.delete(node)
    changed.add(node.into)
  }
  node.into = best
  if (best === undefined) return
  best.losers = (best.losers ?? new Set()).add(node)
  changed.add(best)
}

/**
 * Alive while some member of the group has a touch that no deletion saw. A deletion of a file covers what was
 * absorbed into it, and not the other way round: who deleted a loser did not ask for its winner's end.
 */
function isGroupAlive(winner: TreeNode, coverOf = (node: TreeNode): Touches | undefined => node.covered): boolean {
  const open: { node: TreeNode; covered: Touches | undefined }[] = [{ node: winner, covered: coverOf(winner) }]
  for (const { node, covered } of open) {
    if (covered === undefined || isUncovered(node, covered)) return true
    for (const loser of node.losers ?? []) open.push({ node: loser, covered: join(covered, coverOf(loser)) })
  }
  return false
}

function isUncovered(node: TreeNode, covered: Touches): boolean {
  if (isBeyond(node.touches, covered)) return true
  for (const doc of node.docs) if (isBeyond(doc.touches, covered)) return true
  return false
}

function beginning(type: 'file' | 'directory', path: string, contentHash: Uint8Array | null): string {
  return `${type} ${toHex(contentHash ?? new Uint8Array())} ${path}`
}
