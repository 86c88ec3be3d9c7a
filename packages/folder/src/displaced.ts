import { isInDoubt } from './base-row.js'
import type { FileRow } from './base-row.js'
import type { FolderContext } from './folder-context.js'
import { lookOnce, placementProblem } from './folder-context.js'
import type { Rename } from './rename-detect.js'
import type { RelPath } from './rel-path.js'
import { sameContentState } from './signature.js'
import type { DiskFact } from './signature.js'
import { decodeText, hashText, isAlike, keepsLines } from './text-content.js'
import { isEditOf } from './unsettled.js'

/** Known files whose place another has taken, moved or made there. They are as gone as those with nothing in their place. */
export interface Displaced {
  readonly rows: readonly FileRow[]
  /** What known files took: where they went. */
  readonly taken: ReadonlyMap<RelPath, DiskFact>
  /** Where those were. */
  readonly left: readonly RelPath[]
  /** Where what is in such a place is still being written. */
  readonly unsure: readonly RelPath[]
  /** What was moved by a run that ended before it noted that. */
  readonly carried: readonly Rename[]
}

/**
 * Tells a file that was moved over another, or away with a new one in its place, from one that was edited. An edit is
 * what leaves most of the text, whatever inode it is saved to: programs save to new files, and leave the old one as a
 * backup.
 */
export async function findDisplaced(context: FolderContext, due: readonly RelPath[]): Promise<Displaced> {
  const rows = new Map<RelPath, FileRow>()
  const taken = new Map<RelPath, DiskFact>()
  const left: RelPath[] = []
  const unsure: RelPath[] = []
  const carried: Rename[] = []
  for (const path of context.index.files === 0 ? [] : due) {
    const fact = lookOnce(context, path)
    if (fact.kind !== 'file') continue
    const row = context.index.at(path)
    const to = row?.type === 'file' ? await carriedTo(context, row, fact) : undefined
    if (to === 'unsure') unsure.push(path)
    else if (to !== undefined) {
      carried.push({ type: 'file', from: path, to })
      taken.set(to, lookOnce(context, to))
    }
    if (to !== undefined) continue
    const moved = movedOwner(context, path, fact)
    const placed = moved === undefined && row?.type === 'file' ? await placedOwner(context, row, fact) : undefined
    if (placed === 'unsure') {
      unsure.push(path)
      continue
    }
    const owner = moved ?? placed?.owner
    if (owner === undefined) continue
    const leaves = moved === undefined ? isAlike : leavesLines
    if (row?.type === 'file' && !(await isEdit(context, row, placed?.text ?? (await textOf(context, owner)), leaves))) {
      rows.set(path, row)
      taken.set(path, fact)
      left.push(owner.path)
    }
    // What the owner's own place holds now: another known file, which is looked at in its turn, or a new one.
    const there = lookOnce(context, owner.path)
    if (there.kind !== 'file' || rows.has(owner.path) || movedOwner(context, owner.path, there) !== undefined) continue
    const text = await readText(context, owner.path)
    if (text === undefined) unsure.push(owner.path)
    else if (!(await isEdit(context, owner, text.text))) rows.set(owner.path, owner)
  }
  for (const row of await displacedUnsettled(context)) if (!rows.has(row.path)) rows.set(row.path, row)
  return { rows: [...rows.values()], taken, left, unsure, carried }
}

/**
 * Where a file is that a peer moved, when a run that was cut off had carried that out: what is there resembles it and is no
 * other known file, and what is in its old place is another one. Both may have been saved to as new files since, under whatever inode.
 */
async function carriedTo(context: FolderContext, row: FileRow, { signature }: Extract<DiskFact, { kind: 'file' }>): Promise<RelPath | 'unsure' | undefined> {
  const { index, workspace } = context
  const entry = workspace.tree.get(row.node)
  if (entry?.node !== row.node || entry.path === row.path || placementProblem(context, entry.path, false) !== undefined) return undefined
  const to = entry.path as RelPath
  if (isInDoubt(row) || row.signature === undefined || sameContentState(row.signature, signature) || index.at(to) !== undefined) return undefined
  const there = lookOnce(context, to)
  // A known one is found by its inode.
  if (there.kind !== 'file' || movedOwner(context, to, there) !== undefined || (index.ofInode(there.signature.ino) ?? row) !== row) return undefined
  const [before, old, now] = [await textOf(context, row), await readText(context, row.path), await readText(context, to)]
  if (old === undefined || now === undefined) return 'unsure'
  const isLike = (text: string | undefined): boolean => before !== undefined && text !== undefined && (isAlike(before, text) || keepsLines(before, text))
  return isLike(now.text) && !isLike(old.text) ? to : undefined
}

/** Files that a crash left unsettled, and in whose place something else is. */
async function displacedUnsettled(context: FolderContext): Promise<readonly FileRow[]> {
  const { index, unsettled, texts } = context
  const rows: FileRow[] = []
  for (const before of unsettled.rows()) {
    const row = index.at(before.path)
    if (row?.type !== 'file' || row.node !== before.node || lookOnce(context, row.path).kind !== 'file') continue
    const text = await readText(context, row.path)
    if (text !== undefined && !(await isEditOf(texts, before, text.text))) rows.push(row)
  }
  return rows
}

/** Undefined while the file is being written; without a text where it is none. */
async function readText({ fs }: FolderContext, path: RelPath): Promise<{ readonly text?: string } | undefined> {
  const result = await fs.read(path)
  if (result.kind === 'unstable') return undefined
  if (result.kind !== 'stable') return {}
  const decoded = decodeText(result.bytes)
  return 'text' in decoded ? decoded : {}
}

/** The known file that a file at `path` is, where it is no longer at its own. */
function movedOwner(context: FolderContext, path: RelPath, { signature }: Extract<DiskFact, { kind: 'file' }>): FileRow | undefined {
  const owner = context.index.ofInode(signature.ino)
  if (owner?.type !== 'file' || owner.path === path || owner.ignored || owner.signature === undefined) return undefined
  const there = lookOnce(context, owner.path)
  const isGone = there.kind === 'absent' || (there.kind === 'file' && there.signature.ino !== signature.ino)
  return isGone && sameContentState(owner.signature, signature) ? owner : undefined
}

/** The known file, with its text, that a crash left unsettled and that is now where `row` was: its inode was never noted. */
async function placedOwner(context: FolderContext, row: FileRow, { signature }: Extract<DiskFact, { kind: 'file' }>): Promise<{ readonly owner: FileRow; readonly text: string } | 'unsure' | undefined> {
  const { unsettled, index } = context
  if (unsettled.size === 0 || (row.signature !== undefined && sameContentState(row.signature, signature))) return undefined
  const read = await readText(context, row.path)
  if (read === undefined) return 'unsure'
  const { text } = read
  if (text === undefined || text === '') return undefined
  const hash = hashText(text)
  const before = unsettled.rows().find(({ node, wanted }) => node !== row.node && wanted?.hash === hash)
  const owner = before === undefined ? undefined : index.at(before.path)
  return owner?.type === 'file' && owner.node === before?.node ? { owner, text } : undefined
}

async function isEdit(context: FolderContext, row: FileRow, text: string | undefined, leaves = isAlike): Promise<boolean> {
  const before = await textOf(context, row)
  return before !== undefined && text !== undefined && leaves(before, text)
}

/** For a known file in the place of another: two files of one kind resemble each other letter by letter. */
function leavesLines(before: string, after: string): boolean {
  return isAlike(before, after) && keepsLines(before, after)
}

async function textOf({ texts }: FolderContext, { doc, agreed }: FileRow): Promise<string | undefined> {
  return agreed === undefined ? undefined : await texts.read(doc, agreed)
}
