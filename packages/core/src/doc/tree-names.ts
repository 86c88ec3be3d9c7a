import type { AuthorId, DocId } from '../base/ids.js'
import { conflictName } from './conflict-name.js'
import { Folder } from './tree-folder.js'
import type { Slot } from './tree-folder.js'
import { compareFiles, compareText, type TreeNode } from './tree-node.js'

/** How the first contents of two documents relate: equal, sharing most lines, or neither. */
export type Verdict = 'same' | 'merge' | 'separate'

export interface NamesInit {
  readonly authorName: (author: AuthorId) => string | undefined
  /** The verdict on two documents' first contents, once there is one. */
  readonly verdict: (a: DocId, b: DocId) => Verdict | undefined
}

/** Settles who is shown under which name, slot by slot, after claims came or went. */
export class TreeNames {
  /** Nodes whose entry may have changed since the owner last emptied it. */
  readonly dirty = new Set<TreeNode>()
  /** Slots that several nodes claim, anywhere. */
  readonly contested = new Set<Slot>()
  #size = 0
  #files = 0
  readonly #stale = new Set<Slot>()
  readonly #authorName: NamesInit['authorName']
  readonly #verdict: NamesInit['verdict']

  constructor({ authorName, verdict }: NamesInit) {
    this.#authorName = authorName
    this.#verdict = verdict
  }

  /** Entries shown, the root not counted. */
  get size(): number {
    return this.#size
  }

  get files(): number {
    return this.#files
  }

  markStale(slot: Slot): void {
    this.#stale.add(slot)
  }

  settle(): void {
    const homes = new Set<Folder>()
    for (const slot of this.#stale) {
      this.#arrange(slot)
      homes.add(slot.home)
    }
    this.#stale.clear()
    for (const home of homes) if (home.contested.size > 0 || home.conflicts.size > 0) this.#nameConflicts(home)
  }

  /** Of two files at one path; undefined while their first contents are still to be compared. */
  verdictOn(winner: TreeNode, other: TreeNode): Verdict | undefined {
    const a = winner.created?.doc
    const b = other.created?.doc
    if (!winner.isFirstText || !other.isFirstText || a === undefined || b === undefined) return 'separate'
    return a === b ? 'same' : this.#verdict(a, b)
  }

  #arrange(slot: Slot): void {
    const { home, name, files, folder } = slot
    files.sort(compareFiles)
    const winner = files[0]
    const losers = winner === undefined ? [] : this.#losers(winner, files)
    const front = folder ?? winner
    slot.others = folder !== undefined && winner !== undefined ? [winner, ...losers] : losers
    for (const file of files) this.dirty.add(file)
    if ((front === undefined) === (slot.front === undefined)) home.noteItem()
    else {
      home.noteName(name, front !== undefined)
      this.#size += front === undefined ? -1 : 1
    }
    this.#files += countFile(front) - countFile(slot.front)
    slot.front = front
    this.#file(slot)
  }

  /** Those of `files` that the winner does not show as well. */
  #losers(winner: TreeNode, files: readonly TreeNode[]): readonly TreeNode[] {
    winner.mergedInto = undefined
    return files.slice(1).filter((file) => {
      const verdict = this.verdictOn(winner, file)
      file.mergedInto = verdict === 'same' || verdict === 'merge' ? winner : undefined
      return file.mergedInto === undefined
    })
  }

  #file(slot: Slot): void {
    const claims = slot.files.length + (slot.folder === undefined ? 0 : 1)
    if (claims === 0) slot.home.slots.delete(slot.name)
    for (const set of [this.contested, slot.home.contested]) {
      if (claims > 1) set.add(slot)
      else set.delete(slot)
    }
  }

  /** Names all of a folder's conflict copies anew: in one order, so that who gets which name depends on nothing else. */
  #nameConflicts(home: Folder): void {
    const before = new Map(home.conflicts)
    home.conflicts.clear()
    // One that left may have its new name already.
    for (const node of before.values()) if (node.home === home) node.alias = undefined
    for (const slot of [...home.contested].sort((a, b) => compareText(a.name, b.name))) {
      for (const node of slot.others) home.conflicts.set(this.#freeName(home, node), node)
    }
    for (const [name, node] of home.conflicts) {
      node.alias = name
      if (before.get(name) !== node) this.dirty.add(node)
      if (!before.has(name)) home.noteName(name, true)
    }
    for (const name of before.keys()) if (!home.has(name)) home.noteName(name, false)
    home.noteItem()
    this.#size += home.conflicts.size - before.size
    this.#files += home.conflicts.size - before.size
  }

  #freeName(home: Folder, node: TreeNode): string {
    const author = node.created?.author
    const who = author === undefined ? undefined : this.#authorName(author)
    for (let attempt = 1; ; attempt++) {
      const name = conflictName(node.name, who, node.id, attempt)
      if (!home.has(name)) return name
    }
  }
}

function countFile(shown: Folder | TreeNode | undefined): number {
  return shown === undefined || shown instanceof Folder ? 0 : 1
}
