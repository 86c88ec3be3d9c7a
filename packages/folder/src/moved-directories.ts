import { checkPath } from '@collab/core'
import type { TreeEntry } from '@collab/core'
import type { FolderContext } from './folder-context.js'
import { lookOnce } from './folder-context.js'
import type { RelPath } from './rel-path.js'
import { nameOf, parentOf } from './rel-path.js'

/*
 * One side moved a directory, and the other does not yet follow.
 */

/** Where in the workspace something new on the disk belongs. */
export function shownPath({ index, workspace }: Pick<FolderContext, 'index' | 'workspace'>, path: RelPath): RelPath {
  for (let at = parentOf(path); at !== ''; at = parentOf(at)) {
    const row = index.at(at)
    if (row === undefined) continue
    const entry = workspace.tree.get(row.node)
    const moved = entry === undefined ? path : ((entry.path + path.slice(at.length)) as RelPath)
    return checkPath(moved) === undefined ? moved : path
  }
  return path
}

/** Whether only the directory was moved, and this disk still has it: what is gone from it was deleted all the same. */
export function isCarried(context: FolderContext, path: RelPath, entry: TreeEntry): boolean {
  const directory = parentOf(path)
  const row = directory === '' ? undefined : context.index.at(directory)
  if (row === undefined || directory === '' || lookOnce(context, directory).kind !== 'directory') return false
  return context.workspace.tree.get(row.node)?.node === entry.parent && entry.name === nameOf(path)
}

/**
 * Whether the directory of a file that a peer made is gone from this disk and nobody knows yet where to: made anew for
 * the file, it could no longer be recognised under its new name.
 */
export function waitsForDirectory(context: FolderContext, path: RelPath): boolean {
  const directory = parentOf(path)
  const row = directory === '' ? undefined : context.index.at(directory)
  if (row === undefined || row.ignored || directory === '' || lookOnce(context, directory).kind !== 'absent') return false
  context.dirty.add(directory)
  return true
}
