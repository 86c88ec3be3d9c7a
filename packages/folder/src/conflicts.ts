import { readdirSync } from 'node:fs'
import { CollabError, assertNever, diffText, mergeLines, parseConflictName } from '@collab/core'
import type { DocVersion, LocalChange, NodeId, SeenFile, TreeEntry, Workspace } from '@collab/core'
import { freePath } from './free-path.js'
import { isLocalEditName } from './read-only.js'
import { CONTROL_DIRECTORY } from './rel-path.js'

/** A file that is kept beside another because both claimed one name. */
export interface ConflictItem {
  readonly path: string
  /** The name that both claimed; something else may be there, or nothing any more. */
  readonly original: string
  /** What the one calls itself whose file it is; hostile until shown escaped. */
  readonly who: string
  /** What has the name now. */
  readonly kind: 'text' | 'file' | 'directory' | 'free'
  /** When the copy was last changed, in milliseconds since 1970 as whoever did it claims; only where it was asked for. */
  readonly at?: number
}

/** Conflicts of which it is looked up when they were changed. */
const MAX_DATED = 100

export type Keep = 'original' | 'copy' | 'both'

/** Both texts of a conflict, for somebody who makes one of them. */
export interface ConflictTexts {
  readonly original: string
  readonly copy: string
  /** Every line of both. */
  readonly merged: string
  /** The state of the original's document; `original` is its text. */
  readonly base: DocVersion
}

/** What is asked for cannot be done with this conflict; one sentence with advice. */
export class NotResolvableError extends CollabError {
  constructor(message: string) {
    super('NotResolvableError', message)
  }
}

/** Every file with a conflict name, by path. */
export function listConflicts({ tree }: Pick<Workspace, 'tree'>): readonly ConflictItem[] {
  const items: ConflictItem[] = []
  for (const entry of tree.entries()) {
    const item = conflictOf(tree, entry)
    if (item !== undefined) items.push(item)
  }
  return items.sort((a, b) => (a.path < b.path ? -1 : 1))
}

/** The same, each with when it was last changed, as far as the log's recent past tells. */
export async function datedConflicts(workspace: Pick<Workspace, 'tree' | 'history'>): Promise<readonly ConflictItem[]> {
  const items: ConflictItem[] = []
  for (const [index, item] of listConflicts(workspace).entries()) {
    const [latest] = index < MAX_DATED ? await workspace.history({ path: item.path, limit: 1 }) : []
    items.push(latest === undefined ? item : { ...item, at: latest.time })
  }
  return items
}

/** Files of this disk that were kept beside because the link does not allow to send them. */
export function listLocalEdits(root: string): readonly string[] {
  return readdirSync(root, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && isLocalEditName(entry.name))
    .map((entry) => `${entry.parentPath}/${entry.name}`.slice(root.length + 1))
    .filter((path) => !path.startsWith(`${CONTROL_DIRECTORY}/`))
    .sort()
}

/**
 * Ends a conflict: one of the two goes (it can be restored), or both stay under plain names. Returns where the copy is
 * now; undefined when it is gone.
 *
 * @throws {NotResolvableError} and {NotPermittedError} with a link that only reads
 */
export async function resolveConflict(workspace: Workspace, path: string, keep: Keep): Promise<string | undefined> {
  const { tree } = workspace
  const { item, copy } = find(workspace, path)
  const original = tree.at(item.original)
  switch (keep) {
    case 'original':
      if (original === undefined) throw new NotResolvableError(`${item.original} is not there any more; keep the copy, or delete it yourself`)
      await workspace.edit([await deletionOf(workspace, copy)])
      return undefined
    case 'copy': {
      if (original?.type === 'directory') throw new NotResolvableError(`${item.original} is a folder now; keep both`)
      const changes: LocalChange[] = original === undefined ? [] : [await deletionOf(workspace, original)]
      await workspace.edit([...changes, { type: 'move', node: copy.node, path: item.original }])
      return item.original
    }
    case 'both': {
      const to = freePath(item.original, item.who, (other) => tree.at(other) !== undefined)
      await workspace.edit([{ type: 'move', node: copy.node, path: to }])
      return to
    }
    default:
      return assertNever(keep)
  }
}

/** @throws {NotResolvableError} when they are not both texts */
export async function readConflict(workspace: Workspace, path: string): Promise<ConflictTexts> {
  const { original, copy } = findTexts(workspace, path)
  const [live, other] = [await workspace.readText(original.doc), await workspace.readText(copy.doc)]
  return { original: live.text, copy: other.text, merged: mergeLines(live.text, other.text), base: live.version }
}

/** Ends a conflict with one text for both; what was written to the original meanwhile is merged. */
export async function mergeConflict(workspace: Workspace, path: string, base: DocVersion, text: string): Promise<void> {
  const { original, copy } = findTexts(workspace, path)
  const edits = diffText(await workspace.readTextAt(original.doc, base), text)
  const edit: LocalChange = { type: 'edit', doc: original.doc, base, edits, machine: true }
  await workspace.edit([...(edits.length > 0 ? [edit] : []), await deletionOf(workspace, copy.entry)])
}

function conflictOf(tree: Workspace['tree'], entry: TreeEntry): ConflictItem | undefined {
  const parsed = entry.type === 'file' ? parseConflictName(entry.name) : undefined
  if (parsed === undefined) return undefined
  const original = entry.path.slice(0, entry.path.length - entry.name.length) + parsed.original
  const there = tree.at(original)
  const kind = there === undefined ? 'free' : there.type === 'directory' ? 'directory' : there.content?.kind === 'text' ? 'text' : 'file'
  return { path: entry.path, original, who: parsed.who, kind }
}

function find({ tree }: Pick<Workspace, 'tree'>, path: string): { item: ConflictItem; copy: TreeEntry } {
  const copy = tree.at(path)
  const item = copy === undefined ? undefined : conflictOf(tree, copy)
  if (copy === undefined || item === undefined) throw new NotResolvableError(`${path} is no conflict copy; collab conflicts lists them`)
  return { item, copy }
}

function findTexts(workspace: Workspace, path: string) {
  const { item, copy } = find(workspace, path)
  const original = workspace.tree.at(item.original)
  if (original?.content?.kind !== 'text' || copy.content?.kind !== 'text') throw new NotResolvableError(`${item.original} and its copy are not both texts; keep one of them, or both`)
  return { original: { doc: original.content.doc }, copy: { doc: copy.content.doc, entry: copy } }
}

/** A deletion of what is there now: what comes meanwhile lives on. */
async function deletionOf(workspace: Workspace, { node, content }: TreeEntry): Promise<LocalChange> {
  if (content?.kind !== 'text') return { type: 'delete', node }
  const { version } = await workspace.readText(content.doc)
  return { type: 'delete', node, seen: new Map<NodeId, SeenFile | undefined>([[node, { doc: content.doc, version }]]) }
}
