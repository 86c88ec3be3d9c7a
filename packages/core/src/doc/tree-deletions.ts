import type { AuthorId, OpId } from '../base/ids.js'
import { isBeyond, raise, type Touches } from './touches.js'
import type { TreeNode } from './tree-node.js'

/** An operation's id begins with this much of its entry's hash. */
const ENTRY_DIGITS = 32

/**
 * Who deletes a directory deletes what is in it because it is in there. Where another moved the directory at that time,
 * the move keeps the directory, and what was deleted with it: by the same entry, at a place at or below it.
 */
export class Deletions {
  /** Entry -> nodes that it deleted. */
  readonly #deleted = new Map<string, Set<TreeNode>>()
  /** Entry -> those of them that were moved without its having seen it. */
  readonly #moved = new Map<string, Set<TreeNode>>()

  add(node: TreeNode, op: OpId, seen: readonly (readonly [AuthorId, number])[]): void {
    const entry = op.slice(0, ENTRY_DIGITS)
    const deletions = (node.deletions ??= new Map<string, Touches>())
    const own = deletions.get(entry) ?? new Map()
    deletions.set(entry, own)
    node.covered ??= new Map()
    for (const [of, newest] of seen) {
      raise(own, of, newest)
      raise(node.covered, of, newest)
    }
    addTo(this.#deleted, entry, node)
    this.#compare(node, entry, own)
  }

  /** An entry gave `node` another place. */
  moved(node: TreeNode, author: AuthorId, seq: number): void {
    raise((node.moves ??= new Map()), author, seq)
    for (const [entry, seen] of node.deletions ?? []) this.#compare(node, entry, seen)
  }

  /** Nodes of which a deletion may not count, or counts again. */
  contested(): ReadonlySet<TreeNode> {
    const nodes = new Set<TreeNode>()
    for (const [entry, moved] of this.#moved) {
      for (const node of this.#deleted.get(entry) ?? []) nodes.add(node)
      if (moved.size === 0) this.#moved.delete(entry)
    }
    return nodes
  }

  /** Nodes that an entry deleted together with `node`. */
  *deletedWith(node: TreeNode): Generator<TreeNode> {
    for (const entry of node.deletions?.keys() ?? []) yield* this.#deleted.get(entry) ?? []
  }

  /** What the deletions of `node` that count have seen, where `shown` is the node that it is shown as; undefined when none counts. */
  coverOf(node: TreeNode, shown: TreeNode): Touches | undefined {
    let covered: Touches | undefined
    for (const [entry, seen] of node.deletions ?? []) {
      if (isAtOrBelow(shown, this.#moved.get(entry))) continue
      covered ??= new Map()
      for (const [of, newest] of seen) raise(covered, of, newest)
    }
    return covered
  }

  #compare(node: TreeNode, entry: string, seen: Touches): void {
    if (isBeyond(node.moves, seen)) addTo(this.#moved, entry, node)
    else this.#moved.get(entry)?.delete(node)
  }
}

function isAtOrBelow(node: TreeNode, directories: ReadonlySet<TreeNode> | undefined): boolean {
  if (directories === undefined || directories.size === 0) return false
  // The root is above itself.
  for (let at: TreeNode | undefined = node; at !== undefined; at = at.spot?.parent === at ? undefined : at.spot?.parent) if (directories.has(at)) return true
  return false
}

function addTo(map: Map<string, Set<TreeNode>>, key: string, node: TreeNode): void {
  const known = map.get(key)
  if (known === undefined) map.set(key, new Set([node]))
  else known.add(node)
}
