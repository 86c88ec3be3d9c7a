import type { DocId, NodeId } from '../base/ids.js'
import type { FileContent } from '../log/change.js'
import { Folder } from './tree-folder.js'
import type { TreeFolders } from './tree-folders.js'
import type { TreeNames } from './tree-names.js'
import type { TreeNode } from './tree-node.js'
import { groupOf, type TreeState } from './tree-state.js'
import type { TreeEntry, TreeView } from './tree-view.js'

export interface EntriesInit {
  readonly state: TreeState
  readonly folders: TreeFolders
  readonly names: TreeNames
  /** Brings everything up to date; called before each answer. */
  readonly refresh: () => void
}

/** The path view over the shown folders. Entries are made when asked for, so none can be out of date. */
export class TreeEntries implements TreeView {
  readonly #init: EntriesInit

  constructor(init: EntriesInit) {
    this.#init = init
  }

  get size(): number {
    this.#init.refresh()
    return this.#init.names.size
  }

  get files(): number {
    this.#init.refresh()
    return this.#init.names.files
  }

  at(path: string): TreeEntry | undefined {
    this.#init.refresh()
    let item: Folder | TreeNode | undefined = this.#init.folders.root
    if (path === '') return entryOf(item, '')
    for (const name of path.split('/')) item = item instanceof Folder ? item.at(name) : undefined
    return item === undefined ? undefined : entryOf(item, path)
  }

  get(id: NodeId): TreeEntry | undefined {
    const item = this.#itemOf(id)
    return item === undefined ? undefined : entryOf(item, pathOf(item))
  }

  children(id: NodeId): readonly TreeEntry[] {
    const item = this.#itemOf(id)
    if (!(item instanceof Folder)) return []
    const path = pathOf(item)
    return item.items.map((child) => entryOf(child, joined(path, child)))
  }

  *entries(): Generator<TreeEntry> {
    this.#init.refresh()
    const open: { item: Folder | TreeNode; path: string }[] = []
    const push = (folder: Folder, path: string): void => {
      for (const item of folder.items.toReversed()) open.push({ item, path: joined(path, item) })
    }
    push(this.#init.folders.root, '')
    for (let next = open.pop(); next !== undefined; next = open.pop()) {
      yield entryOf(next.item, next.path)
      if (next.item instanceof Folder) push(next.item, next.path)
    }
  }

  conflicts(id: NodeId): readonly FileContent[] {
    return (this.#init.state.find(id)?.content.values ?? []).slice(1).map(({ value }) => value)
  }

  nodeOf(doc: DocId): NodeId | undefined {
    const nodes = this.#init.state.nodesOf(doc)
    const current = nodes.find(({ content }) => content.shown?.kind === 'text' && content.shown.doc === doc)
    return (current ?? nodes[0])?.id
  }

  /** Other entries whose names some file systems cannot tell from this one's, by name. */
  clashes(id: NodeId): readonly NodeId[] {
    const item = this.#itemOf(id)
    if (item?.home === undefined) return []
    const { home } = item
    return home.clashing(nameOf(item)).flatMap((name) => {
      const other = home.at(name)
      return other === undefined ? [] : [idOf(other)]
    })
  }

  /** What shows a node: of an absorbed file its winner, of a directory the folder it is part of. */
  #itemOf(id: NodeId): Folder | TreeNode | undefined {
    this.#init.refresh()
    const node = this.#init.state.find(id)
    if (node === undefined) return undefined
    if (node.folder !== undefined) return node.folder
    const shown = groupOf(node)
    return shown.home === undefined ? undefined : (shown.mergedInto ?? shown)
  }
}

function entryOf(item: Folder | TreeNode, path: string): TreeEntry {
  const folder = item instanceof Folder
  return {
    node: idOf(item),
    path,
    name: nameOf(item),
    parent: item.home?.lead.id ?? idOf(item),
    type: folder ? 'directory' : 'file',
    content: folder ? undefined : item.content.shown,
    executable: folder ? false : (item.executable.shown ?? false)
  }
}

function idOf(item: Folder | TreeNode): NodeId {
  return item instanceof Folder ? item.lead.id : item.id
}

function nameOf(item: Folder | TreeNode): string {
  return item instanceof Folder ? item.name : (item.alias ?? item.name)
}

function joined(path: string, item: Folder | TreeNode): string {
  return path === '' ? nameOf(item) : `${path}/${nameOf(item)}`
}

function pathOf(item: Folder | TreeNode): string {
  const names: string[] = []
  for (let at: Folder | TreeNode | undefined = item; at?.home !== undefined; at = at.home) names.push(nameOf(at))
  return names.reverse().join('/')
}
