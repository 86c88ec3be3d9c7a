import type { DirectoryRow } from './base-row.js'
import type { FolderContext } from './folder-context.js'
import type { RelPath } from './rel-path.js'
import { parentOf } from './rel-path.js'

/**
 * Rows for the directories above `paths` that have none: what is placed makes them on its way. Take them before, and
 * write those that are there afterwards: a directory without a row counts as one that the user made.
 */
export function rowsAbove({ index, workspace }: FolderContext, paths: readonly RelPath[]): readonly DirectoryRow[] {
  const rows = new Map<RelPath, DirectoryRow>()
  for (const path of paths) {
    for (let at = parentOf(path); at !== '' && index.at(at) === undefined && !rows.has(at); at = parentOf(at)) {
      const entry = workspace.tree.at(at)
      if (entry?.type !== 'directory' || index.of(entry.node) !== undefined) continue
      rows.set(at, { type: 'directory', path: at, node: entry.node, ignored: false })
    }
  }
  return [...rows.values()]
}

/** Those of the rows that are on the disk by now and were not written meanwhile. */
export function madeRows({ index, fs }: FolderContext, above: readonly DirectoryRow[]): readonly DirectoryRow[] {
  return above.filter(({ path, node }) => index.at(path) === undefined && index.of(node) === undefined && fs.fact(path).kind === 'directory')
}
