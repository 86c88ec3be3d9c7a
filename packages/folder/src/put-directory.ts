import type { BaseRow, DirectoryRow } from './base-row.js'
import type { Subject } from './facts.js'
import { isIgnored } from './folder-context.js'
import type { FolderContext } from './folder-context.js'
import type { Blocked } from './folder-fs.js'
import type { RelPath } from './rel-path.js'
import type { DiskFact } from './signature.js'

/** A refusal of the disk (no room, no permission) is tried again after this time, or when the path changes. */
export const BLOCKED_RETRY_MS = 5_000
/** What is below a directory leaves it on its own turns, within a few rounds. */
const EMPTYING_RETRY_MS = 50

export function noteBlocked(context: FolderContext, path: RelPath, { reason, isFull }: Blocked): void {
  const { skipped, emit, dirty, makeRoom } = context
  if (isFull === true) makeRoom()
  if (skipped.add(path, reason)) emit('warning', { code: 'blocked', message: `${path} could not be changed on disk: ${reason}` })
  dirty.add(path, BLOCKED_RETRY_MS, true)
}

/** Each is noted soon after it was made: one that is not noted counts as the user's own. */
const NOTED_TOGETHER = 32

/** Makes directories, parents first. */
export async function makeDirectories(context: FolderContext, subjects: readonly Subject[]): Promise<void> {
  for (let at = 0; at < subjects.length; at += NOTED_TOGETHER) {
    const made: DirectoryRow[] = []
    for (const { path, entry } of subjects.slice(at, at + NOTED_TOGETHER)) {
      if (entry !== undefined && (await makeDirectory(context, path))) made.push({ type: 'directory', path, node: entry.node, ignored: false })
    }
    await context.index.save(made)
    for (const { path } of made) context.emit('change', { path, what: 'created', from: 'peer' })
  }
}

async function makeDirectory(context: FolderContext, path: RelPath): Promise<boolean> {
  const result = await context.fs.makeDirectory(path)
  if (result.kind === 'blocked') noteBlocked(context, path, result)
  else if (result.kind === 'exists') context.dirty.add(path)
  return result.kind === 'made'
}

export async function removeDirectory(context: FolderContext, { path, base }: Subject): Promise<void> {
  const { fs, index, emit, dirty, skipped } = context
  if (base === undefined) return
  const result = await fs.removeDirectory(path)
  if (result.kind === 'blocked') return noteBlocked(context, path, result)
  if (result.kind === 'not-empty') return noteNotEmpty(context, path)
  await index.save([], [index.at(path)?.node ?? base.node])
  skipped.delete(path)
  dirty.add(path)
  if (result.kind === 'removed') emit('change', { path, what: 'deleted', from: 'peer' })
}

/**
 * A directory moves to where one stands already: another peer's of the same name, or one that was made on the way to
 * a file. All that is below goes there by itself; the empty shell goes last.
 */
export async function moveInto(context: FolderContext, base: BaseRow, to: RelPath): Promise<void> {
  const { fs, index, emit, dirty, skipped } = context
  const from = base.path
  const result = await fs.removeDirectory(from)
  if (result.kind === 'blocked') return noteBlocked(context, from, result)
  if (result.kind === 'not-empty') {
    for (const below of index.below(from)) dirty.add(below.path)
    return noteNotEmpty(context, from)
  }
  if (index.at(to) === undefined) await index.save([{ ...base, path: to }])
  else await index.save([], [index.at(from)?.node ?? base.node])
  skipped.delete(from)
  dirty.add(to)
  emit('change', { path: to, what: 'moved', from: 'peer', was: from })
}

function noteNotEmpty(context: FolderContext, path: RelPath): void {
  const { index, emit, dirty, skipped } = context
  const fresh = newBelow(context, path)
  for (const child of fresh) dirty.add(child)
  if (index.below(path).size + fresh.length > 0) return dirty.add(path, EMPTYING_RETRY_MS)
  if (skipped.add(path, 'deleted by a peer, but it holds files that are not synced')) {
    emit('warning', { code: 'directory-kept', message: `${path} was deleted by a peer; it stays because it holds files that are not synced` })
  }
  dirty.add(path, BLOCKED_RETRY_MS, true)
}

/** What somebody has just put into a directory, and what is going to be taken from there. */
function newBelow(context: FolderContext, path: RelPath): readonly RelPath[] {
  const { fs, index, skipped } = context
  const isNew = ([child, { kind }]: readonly [RelPath, DiskFact]): boolean => {
    if ((kind !== 'file' && kind !== 'directory') || index.at(child) !== undefined || skipped.has(child)) return false
    return !isIgnored(context, child, kind === 'directory')
  }
  return [...(fs.list(path)?.entries ?? [])].filter(isNew).map(([child]) => child)
}
