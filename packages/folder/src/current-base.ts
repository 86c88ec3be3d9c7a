import type { TreeEntry } from '@collab/core'
import type { BaseRow, FileRow } from './base-row.js'
import { lookOnce } from './folder-context.js'
import type { FolderContext } from './folder-context.js'
import type { RelPath } from './rel-path.js'
import { decodeText, isAlike, keepsLines } from './text-content.js'

export interface CurrentBase {
  readonly base: BaseRow | undefined
  /** Where the base's node is now; without a base, what is shown at the path. */
  readonly entry: TreeEntry | undefined
}

/** What is at the path is being written. */
interface Unsure {
  readonly retryAfterMs: number
}

/**
 * The base of what is at `path`, with the node that now stands for it: a node that another absorbed hands its place on,
 * unless the other has one already; a directory that was deleted and made again is the new one.
 */
export async function currentBase(context: FolderContext, path: RelPath): Promise<CurrentBase | Unsure> {
  const { index, workspace } = context
  const base = index.at(path)
  const shown = workspace.tree.at(path)
  if (base === undefined) return shown === undefined ? { base, entry: shown } : await newcomer(context, path, shown)
  const entry = workspace.tree.get(base.node)
  if (entry?.node === base.node) return { base, entry }
  const heir = entry ?? (base.type === 'directory' && shown?.type === 'directory' ? shown : undefined)
  if (heir === undefined || heir.type !== base.type || index.of(heir.node) !== undefined) return { base, entry: undefined }
  return { base: { ...base, node: heir.node }, entry: heir }
}

/**
 * What is shown at a path that has no base: unknown here, or a file whose base is elsewhere. Where nothing is left at
 * that other place, the file was moved here, by a run that a crash cut off or by somebody who had the same idea; or
 * somebody made another here, and moved that one elsewhere.
 */
async function newcomer(context: FolderContext, path: RelPath, shown: TreeEntry): Promise<CurrentBase | Unsure> {
  const row = context.index.of(shown.node)
  if (row === undefined) return { base: undefined, entry: shown }
  const isFree = row.type === shown.type && lookOnce(context, path).kind === row.type && lookOnce(context, row.path).kind === 'absent'
  const isHere = isFree && (row.type === 'directory' || (await mayBe(context, row, path)))
  if (typeof isHere !== 'boolean') return isHere
  return isHere ? { base: { ...row, path }, entry: shown } : { base: undefined, entry: undefined }
}

/** Whether the file at `path` may be that of `row`, by its inode, or as a program saved it since to a new file. */
async function mayBe(context: FolderContext, { signature, agreed, doc }: FileRow, path: RelPath): Promise<boolean | Unsure> {
  const fact = lookOnce(context, path)
  if (signature === undefined || agreed === undefined || fact.kind !== 'file' || fact.signature.ino === signature.ino) return true
  const read = await context.fs.read(path)
  if (read.kind === 'unstable') return { retryAfterMs: read.retryAfterMs }
  const decoded = read.kind === 'stable' ? decodeText(read.bytes) : undefined
  if (decoded === undefined || !('text' in decoded)) return false
  const before = await context.texts.read(doc, agreed)
  return isAlike(before, decoded.text) || keepsLines(before, decoded.text)
}
