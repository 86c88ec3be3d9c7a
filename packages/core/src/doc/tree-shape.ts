import { utf8 } from '../base/bytes.js'
import type { NodeId } from '../base/ids.js'
import { MAX_DEPTH, MAX_PATH_BYTES } from '../base/limits.js'
import { compareText, type Choice, type Spot, type TreeNode } from './tree-node.js'

/**
 * Gives every node one place, so that the whole is a tree whatever was moved where.
 *
 * A node has choices: its current places, greatest operation first, then the place of its creation, then the
 * root. All start at their first choice. Wherever directories form a cycle, the one in it whose choice has the
 * greatest operation id goes on to its next. Cycles that exist together share no node, and breaking one leaves
 * the others as they are, so the result is the same in whatever order they are found.
 *
 * A parent that was never created, or is a file, counts as the root; so does any parent where the path would
 * get too deep or too long.
 */
export class TreeShape {
  readonly #root: TreeNode
  readonly #nodeOf: (id: NodeId) => TreeNode
  /** Directories that are not at their first choice. */
  #displaced = new Set<TreeNode>()

  constructor(root: TreeNode, nodeOf: (id: NodeId) => TreeNode) {
    this.#root = root
    this.#nodeOf = nodeOf
    root.directory = true
    root.spot = { parent: root, name: '', depth: 0, bytes: 0 }
  }

  /** Recomputes the spots that depend on `changed`; returns the nodes whose spot may be another now. */
  update(changed: Iterable<TreeNode>): ReadonlySet<TreeNode> {
    const stale = new Set<TreeNode>()
    const directories = new Set<TreeNode>()
    for (const node of changed) {
      if (node === this.#root) continue
      if (node.directory || node.created?.type === 'directory') directories.add(node)
      this.#read(node, stale)
    }
    if (directories.size > 0) this.#breakCycles(directories, stale)
    return this.#place(stale)
  }

  /** Takes a node's type and choices from its facts. */
  #read(node: TreeNode, stale: Set<TreeNode>): void {
    const directory = node.created?.type === 'directory'
    if (directory !== node.directory) for (const claimant of node.claimants ?? []) stale.add(claimant)
    node.directory = directory
    node.choices = this.#choicesOf(node)
    choose(node, 0)
    stale.add(node)
  }

  #choicesOf(node: TreeNode): readonly Choice[] {
    const { created } = node
    if (created === undefined) return []
    const places = node.place.values.map(({ op, value }) => ({ parent: this.#nodeOf(value.parent), name: value.name, op }))
    const { op, place } = created
    const born = { parent: this.#nodeOf(place.parent), name: place.name, op }
    return places.concat(born, { parent: this.#root, name: places[0]?.name ?? place.name, op })
  }

  /**
   * Starts over from first choices, but only where that can differ: a cycle must pass through an edge that
   * changed, or through one that an earlier cycle had displaced.
   */
  #breakCycles(directories: Set<TreeNode>, stale: Set<TreeNode>): void {
    for (const node of this.#displaced) {
      directories.add(node)
      stale.add(node)
      choose(node, 0)
    }
    this.#displaced = new Set()
    const open = [...directories]
    const safe = new Set([this.#root])
    for (let node = open.pop(); node !== undefined; node = open.pop()) {
      const cycle = cycleFrom(node, safe)
      if (cycle === undefined) continue
      const last = cycle.reduce((a, b) => (compareShown(a, b) > 0 ? a : b))
      choose(last, last.choice + 1)
      this.#displaced.add(last)
      stale.add(last)
      open.push(node, last)
    }
  }

  /** Parents come before their children where both are stale, so that a large batch is one walk. */
  #place(stale: Set<TreeNode>): ReadonlySet<TreeNode> {
    const moved = new Set<TreeNode>()
    for (const first of stale) {
      const open = [first]
      // Only directories are free of cycles: a file may well claim to be in a file that claims to be in it.
      for (let up = first.wants; up?.directory === true && stale.has(up) && !moved.has(up); up = up.wants) open.push(up)
      for (let node = open.pop(); node !== undefined; node = open.pop()) {
        const before = node.spot
        node.spot = this.#spotOf(node)
        moved.add(node)
        if (before?.depth === node.spot?.depth && before?.bytes === node.spot?.bytes) continue
        for (const claimant of node.claimants ?? []) if (!stale.has(claimant) || moved.has(claimant)) open.push(claimant)
      }
    }
    return moved
  }

  /** Undefined for what is not shown on its own: not created, or absorbed. */
  #spotOf(node: TreeNode): Spot | undefined {
    const { wants } = node
    if (node.created === undefined || node.into !== undefined || wants === undefined) return undefined
    const name = node.choices[node.choice]?.name ?? ''
    const parent = wants.directory ? wants : this.#root
    return below(parent, node, name) ?? below(this.#root, node, name)
  }
}

/**
 * The cycle that going up from `start` ends in, if it does. `safe` gathers directories that are known to lead to
 * the root: breaking a cycle changes no edge above them.
 */
function cycleFrom(start: TreeNode, safe: Set<TreeNode>): readonly TreeNode[] | undefined {
  if (start.claimants === undefined || start.claimants.size === 0) return undefined
  const passed = new Set<TreeNode>()
  for (let at: TreeNode | undefined = start; at?.directory === true && !safe.has(at); at = at.wants) {
    if (passed.has(at)) {
      const way = [...passed]
      return way.slice(way.indexOf(at))
    }
    passed.add(at)
  }
  for (const node of passed) safe.add(node)
  return undefined
}

function below(parent: TreeNode, node: TreeNode, name: string): Spot | undefined {
  const { depth, bytes } = parent.spot ?? { depth: 0, bytes: 0 }
  const directories = depth + (node.directory ? 1 : 0)
  const total = bytes + (depth > 0 ? 1 : 0) + utf8(name).length
  if (directories > MAX_DEPTH || total > MAX_PATH_BYTES) return undefined
  return { parent, name, depth: depth + 1, bytes: total }
}

function choose(node: TreeNode, choice: number): void {
  node.choice = choice
  const wants = node.choices[choice]?.parent
  if (wants === node.wants) return
  node.wants?.claimants?.delete(node)
  node.wants = wants
  if (wants !== undefined) wants.claimants = (wants.claimants ?? new Set()).add(node)
}

function compareShown(a: TreeNode, b: TreeNode): number {
  return compareText(a.choices[a.choice]?.op ?? '', b.choices[b.choice]?.op ?? '') || compareText(a.id, b.id)
}
