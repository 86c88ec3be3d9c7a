import { Folder } from './tree-folder.js'
import type { TreeNames } from './tree-names.js'
import type { TreeNode } from './tree-node.js'

/**
 * Keeps the shown folders in line with the nodes' spots and liveness, at the cost of what changed: a node is
 * shown while it is alive or above something shown, and directories at one path are one folder. Walks are loops,
 * never recursion: depth is a stranger's to choose.
 */
export class TreeFolders {
  readonly root: Folder
  readonly #names: TreeNames
  #appearing: TreeNode[] = []

  constructor(root: TreeNode, names: TreeNames) {
    this.#names = names
    this.root = new Folder(root, undefined, '')
    root.living = true
    root.folder = this.root
  }

  /** All of `nodes` leave before any arrives, so that no two directories are ever below one another on the way. */
  update(nodes: ReadonlySet<TreeNode>): void {
    const moving = [...nodes].filter(isMisplaced)
    for (const node of moving) this.#unlink(node)
    for (const node of nodes) this.#count(node)
    for (const node of moving) this.#link(node)
    for (const node of this.#appearing) this.#attachFrom(node)
    this.#appearing = []
    for (const node of nodes) this.refresh(node)
  }

  /** What `node` holds changed, or how it compares to the files beside it. */
  refresh(node: TreeNode): void {
    this.#names.dirty.add(node)
    if (node.folder !== undefined) return
    const slot = node.home?.slots.get(node.name)
    if (slot !== undefined && (slot.files.length > 1 || slot.folder !== undefined)) this.#names.markStale(slot)
  }

  #unlink(node: TreeNode): void {
    for (const shown of shownTree(node).reverse()) this.#detach(shown)
    const { parent } = node
    if (parent === undefined) return
    parent.kids?.delete(node)
    node.parent = undefined
    if (node.shown) this.#lower(parent)
  }

  #link(node: TreeNode): void {
    const { spot } = node
    if (spot === undefined) return
    node.parent = spot.parent
    node.name = spot.name
    spot.parent.kids = (spot.parent.kids ?? new Set()).add(node)
    if (!node.shown) return
    this.#raise(spot.parent)
    this.#appearing.push(node)
  }

  /** Counts a node's liveness in. */
  #count(node: TreeNode): void {
    const before = node.shown
    node.living = node.alive
    if (before === node.shown) return
    if (node.shown) {
      this.#appearing.push(node)
      if (node.parent !== undefined) this.#raise(node.parent)
    } else {
      this.#detach(node)
      if (node.parent !== undefined) this.#lower(node.parent)
    }
  }

  /** One more shown child, which may make the directory shown, and so on upwards. */
  #raise(directory: TreeNode): void {
    for (let at: TreeNode | undefined = directory; at !== undefined; at = at.parent) {
      const before = at.shown
      at.shownKids++
      if (before) return
      this.#appearing.push(at)
    }
  }

  #lower(directory: TreeNode): void {
    for (let at: TreeNode | undefined = directory; at !== undefined; at = at.parent) {
      at.shownKids--
      if (at.shown) return
      this.#detach(at)
    }
  }

  /** Attaches `node` and what is shown below it, from the highest ancestor that is not attached yet. */
  #attachFrom(node: TreeNode): void {
    if (!node.shown || node.home !== undefined) return
    let top = node
    while (top.parent !== undefined && top.parent.folder === undefined) top = top.parent
    const open = [top]
    for (let at = open.pop(); at !== undefined; at = open.pop()) {
      if (at.home === undefined) this.#attach(at)
      for (const kid of at.kids ?? []) if (kid.shown && kid.home === undefined) open.push(kid)
    }
  }

  #attach(node: TreeNode): void {
    const home = node.parent?.folder
    if (home === undefined) return
    const slot = home.slot(node.name)
    node.home = home
    this.#names.dirty.add(node)
    this.#names.markStale(slot)
    if (!node.directory) {
      slot.files = slot.files.concat(node)
      return
    }
    slot.folder ??= new Folder(node, home, node.name)
    node.folder = slot.folder
    this.#setMember(slot.folder, node, true)
  }

  #detach(node: TreeNode): void {
    const { home, folder } = node
    if (home === undefined) return
    const slot = home.slot(node.name)
    node.home = node.folder = node.alias = node.mergedInto = undefined
    this.#names.dirty.add(node)
    this.#names.markStale(slot)
    if (folder === undefined) {
      slot.files.splice(slot.files.indexOf(node), 1)
      return
    }
    this.#setMember(folder, node, false)
    if (folder.members.size === 0) slot.folder = undefined
  }

  /** The entries of a folder and of all in it name its lead. */
  #setMember(folder: Folder, node: TreeNode, member: boolean): void {
    if (!folder.setMember(node, member)) return
    folder.home?.noteItem()
    const { dirty } = this.#names
    for (const other of folder.members) dirty.add(other)
    for (const slot of folder.slots.values()) {
      for (const file of slot.files) dirty.add(file)
      for (const below of slot.folder?.members ?? []) dirty.add(below)
    }
  }
}

/** Whether a node hangs elsewhere than its spot says, or was attached as what it no longer is. */
function isMisplaced(node: TreeNode): boolean {
  const { spot, parent, name, home, folder, directory } = node
  if (spot?.parent !== parent || (spot !== undefined && spot.name !== name)) return true
  return home !== undefined && (folder !== undefined) !== directory
}

/** `node` and what is attached below it, parents first. */
function shownTree(node: TreeNode): TreeNode[] {
  const nodes = [node]
  for (const at of nodes) for (const kid of at.kids ?? []) if (kid.home !== undefined) nodes.push(kid)
  return nodes
}
