import { checkPath, isCurrent } from '@collab/core'
import type { Clock, Logger, NodeId, TextChange, Workspace } from '@collab/core'
import type { BaseIndex } from './base-index.js'
import type { DirtySet } from './dirty-set.js'
import type { EmitFolderEvent } from './folder-events.js'
import type { FolderBlobs } from './folder-blobs.js'
import type { FolderFs } from './folder-fs.js'
import type { HeldBases } from './held-bases.js'
import type { IgnoreRules } from './ignore.js'
import { isLocalEditName } from './read-only.js'
import type { RelPath } from './rel-path.js'
import { parentOf } from './rel-path.js'
import type { DiskFact } from './signature.js'
import type { SkippedPaths } from './skipped.js'
import type { StaleTexts } from './stale-texts.js'
import type { BaseTexts } from './text-content.js'
import type { Unsettled } from './unsettled.js'

/** What the parts of one folder's loop share. */
export interface FolderContext {
  readonly workspace: Workspace
  readonly fs: FolderFs
  readonly clock: Clock
  readonly logger: Logger
  readonly emit: EmitFolderEvent
  readonly index: BaseIndex
  readonly texts: BaseTexts
  readonly held: HeldBases
  readonly blobs: FolderBlobs
  readonly dirty: DirtySet<RelPath>
  readonly skipped: SkippedPaths
  readonly stale: StaleTexts
  readonly unsettled: Unsettled
  /** Monotonic time at which a file was last put on disk. */
  readonly writtenAt: Map<RelPath, number>
  /** Monotonic time at which a file was read whole, or written, by us. */
  readonly verifiedAt: Map<RelPath, number>
  /** What was found at the paths of the round under way; what changes after the look marks its path anew. */
  readonly found: Map<RelPath, DiskFact>
  rules: IgnoreRules
  /** The disk is full: the trash gives some of it back. */
  readonly makeRoom: () => void
}

/** How paths compare on the folder's file system. */
export function foldOf(fs: Pick<FolderFs, 'caseSensitive' | 'normalising'>): (path: string) => string {
  if (!fs.caseSensitive) return (path) => path.normalize('NFC').toLowerCase()
  return fs.normalising ? (path) => path.normalize('NFC') : (path) => path
}

/** What is at a path, looked at once a round. */
export function lookOnce(context: FolderContext, path: RelPath): DiskFact {
  const { fs, found } = context
  const known = found.get(path)
  if (known !== undefined) return known
  const parent = parentOf(path)
  const fact: DiskFact = parent !== '' && lookOnce(context, parent).kind === 'absent' ? { kind: 'absent' } : fs.fact(path)
  found.set(path, fact)
  return fact
}

/** Whether nothing at this path is synced here. */
export function isIgnored(context: Pick<FolderContext, 'rules'>, path: RelPath, isDirectory: boolean): boolean {
  return isLocalEditName(path) || context.rules.ignores(path, isDirectory)
}

/** Why the workspace's `path` cannot be placed on this disk; undefined when it can. */
export function placementProblem(context: FolderContext, path: string, isDirectory: boolean): string | undefined {
  const problem = checkPath(path)
  if (problem !== undefined) return `cannot be created here: ${problem}`
  if (isIgnored(context, path as RelPath, isDirectory)) return 'ignored here'
  return undefined
}

/** Marks everything that a change of `node` in the tree may touch; nothing where the base is what the tree shows. */
export function markTree(context: FolderContext, node: NodeId): void {
  const waiting = context.blobs.waitingPath(node)
  if (waiting !== undefined) context.dirty.add(waiting)
  if (!isAsShown(context, node)) markNode(context, node)
}

/** Marks a file whose text changed; nothing where the base knows of the change, because it came from this disk. */
export function markText(context: FolderContext, { node, doc, changes }: TextChange): void {
  const row = context.index.of(node)
  if (row?.type === 'file' && row.doc === doc && row.agreed !== undefined && isCurrent(row.agreed.version, changes)) return
  context.stale.mark(node, row?.type === 'file' && row.doc !== doc ? undefined : changes)
  markNode(context, node)
}

/** What is shown at a path that has just become free here, and stands elsewhere on this disk, can come now. */
export function markHeir({ index, workspace, dirty }: FolderContext, path: RelPath): void {
  const shown = workspace.tree.at(path)
  const row = shown === undefined ? undefined : index.of(shown.node)
  if (row !== undefined && row.path !== path) dirty.add(row.path)
}

/** Marks what is shown at a path, with all below it. */
export function markShown(context: FolderContext, path: RelPath): void {
  const shown = context.workspace.tree.at(path)
  if (shown === undefined) context.dirty.add(path)
  else markEntries(context, shown.node)
}

function isAsShown({ index, workspace }: FolderContext, node: NodeId): boolean {
  const row = index.of(node)
  const entry = workspace.tree.get(node)
  if (row === undefined || row.ignored || entry?.node !== node || entry.path !== row.path || entry.type !== row.type) return false
  if (row.type === 'directory') return true
  return row.executable === entry.executable && entry.content?.kind === 'text' && entry.content.doc === row.doc
}

function markNode(context: FolderContext, node: NodeId): void {
  const { index, workspace, dirty } = context
  const row = index.of(node)
  const entry = workspace.tree.get(node)
  if (row !== undefined) dirty.add(row.path)
  if (row?.type === 'directory') for (const below of index.below(row.path)) dirty.add(below.path)
  if (entry !== undefined) markEntries(context, entry.node)
}

function markEntries(context: FolderContext, top: NodeId): void {
  const todo = [top]
  for (const node of todo) {
    const entry = context.workspace.tree.get(node)
    if (entry === undefined || entry.path === '') continue
    if (checkPath(entry.path) === undefined) context.dirty.add(entry.path as RelPath)
    else context.skipped.add(entry.path, `cannot be created here: ${checkPath(entry.path) ?? ''}`)
    const row = context.index.of(entry.node)
    if (row !== undefined) context.dirty.add(row.path)
    if (entry.type === 'directory') for (const child of context.workspace.tree.children(entry.node)) todo.push(child.node)
  }
}
