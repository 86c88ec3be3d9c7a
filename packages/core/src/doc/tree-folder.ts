import { compareText, type TreeNode } from './tree-node.js'
import { foldName } from './tree-path.js'

/** Everything that claims one name in one folder. */
export interface Slot {
  readonly home: Folder
  readonly name: string
  /** The directories of this name, shown as one. */
  folder: Folder | undefined
  /** In the order of files once settled. */
  files: TreeNode[]
  /** What is shown under the name itself. */
  front: Folder | TreeNode | undefined
  /** Files that need another name. */
  others: readonly TreeNode[]
}

/**
 * A directory as it is shown: all shown directories at one path, led by the one with the smallest id.
 * A name belongs to its slot's front; conflict names never take a slot's name.
 */
export class Folder {
  readonly name: string
  readonly home: Folder | undefined
  readonly members = new Set<TreeNode>()
  readonly slots = new Map<string, Slot>()
  readonly conflicts = new Map<string, TreeNode>()
  /** Slots that more than one node claims. */
  readonly contested = new Set<Slot>()
  #lead: TreeNode
  #folded = new Map<string, string[]>()
  #sorted: readonly (Folder | TreeNode)[] | undefined

  constructor(first: TreeNode, home: Folder | undefined, name: string) {
    this.#lead = first
    this.home = home
    this.name = name
    this.members.add(first)
  }

  /** The node that stands for the folder. */
  get lead(): TreeNode {
    return this.#lead
  }

  /** Takes a member in or out; true when another node leads now. */
  setMember(node: TreeNode, member: boolean): boolean {
    if (member) this.members.add(node)
    else this.members.delete(node)
    const before = this.#lead
    if (member && node.id < before.id) this.#lead = node
    if (!member && node === before) this.#lead = firstById(this.members) ?? before
    return this.#lead !== before
  }

  slot(name: string): Slot {
    const known = this.slots.get(name)
    if (known !== undefined) return known
    const slot: Slot = { home: this, name, folder: undefined, files: [], front: undefined, others: [] }
    this.slots.set(name, slot)
    return slot
  }

  /** What is shown under `name`. */
  at(name: string): Folder | TreeNode | undefined {
    return this.slots.get(name)?.front ?? this.conflicts.get(name)
  }

  /** Whether `name` is in use or claimed. */
  has(name: string): boolean {
    return this.slots.has(name) || this.conflicts.has(name)
  }

  /** Everything shown here, by name. */
  get items(): readonly (Folder | TreeNode)[] {
    this.#sorted ??= this.#shownNames().sort(compareText).flatMap((name) => this.at(name) ?? [])
    return this.#sorted
  }

  /** A name came into or went out of use. */
  noteName(name: string, used: boolean): void {
    this.#sorted = undefined
    const key = foldName(name)
    const names = (this.#folded.get(key) ?? []).filter((other) => other !== name)
    if (used) names.push(name)
    if (names.length > 0) this.#folded.set(key, names)
    else this.#folded.delete(key)
  }

  /** What a name stands for changed, the name did not. */
  noteItem(): void {
    this.#sorted = undefined
  }

  /** Other names here that some file systems cannot tell from `name`, sorted. */
  clashing(name: string): readonly string[] {
    return (this.#folded.get(foldName(name)) ?? []).filter((other) => other !== name).sort(compareText)
  }

  #shownNames(): string[] {
    const names = [...this.conflicts.keys()]
    for (const slot of this.slots.values()) if (slot.front !== undefined) names.push(slot.name)
    return names
  }
}

function firstById(nodes: Iterable<TreeNode>): TreeNode | undefined {
  let first: TreeNode | undefined
  for (const node of nodes) if (first === undefined || node.id < first.id) first = node
  return first
}
