import { closeSync, constants, fchmodSync, fstatSync, lstatSync, openSync, renameSync, rmdirSync, unlinkSync } from 'node:fs'
import { errorCode, forgetAnchors, makeAnchor, openAnchor, openIfThere } from './anchor.js'
import { lookAt, signatureOf } from './disk-fact.js'
import { isOneName, linkNew, moveBack, syncDirectory } from './durable.js'
import type {
  ExecutableResult,
  Expected,
  MakeDirectoryResult,
  MoveDirectoryResult,
  MoveResult,
  RemoveDirectoryResult,
  RemoveResult
} from './folder-fs.js'
import { settleMove } from './recover-move.js'
import type { RelPath } from './rel-path.js'
import { namesOf } from './rel-path.js'
import { lookAtNamed } from './second-names.js'
import type { Signature } from './signature.js'
import { equalSignature, sameContentState } from './signature.js'
import type { TrashNote } from './trash.js'
import type { DiskContext } from './write.js'
import { blocked, isBack, settle, statsAt, syncParents, takeAside, withExecutable } from './write.js'

/** Moves the file into the trash; see `FolderFs.remove`. */
export async function removeFile(context: DiskContext, path: RelPath, expected: Expected): Promise<RemoveResult> {
  const { expect } = expected
  try {
    const before = statsAt(context, path)
    if (before === undefined) return lookAtNamed(context, path).kind === 'absent' ? { kind: 'absent' } : { kind: 'changed' }
    if (!equalSignature(signatureOf(before), expect)) return { kind: 'changed' }
    const id = context.trash.newId()
    const note: TrashNote = { path, why: 'removed', at: context.clock.now(), seen: expect, changed: false }
    await context.trash.begin(id, note)
    const taken = attempt(() => takeNamed(context, path, id, expected))
    const kept = !(taken.error !== undefined && isBack(context, id, path)) && settle(context, id, note)
    if (taken.error !== undefined) return blocked(taken.error)
    if (kept) await syncParents(context, path)
    return taken.value === true && kept ? { kind: 'removed', held: id } : { kind: 'changed' }
  } catch (error) {
    return blocked(error)
  }
}

function takeNamed(context: DiskContext, path: RelPath, id: string, expected: Expected): boolean {
  using parent = openIfThere(context.root, context.spelling.names(path).slice(0, -1))
  if (parent === undefined) return false
  using trash = context.trash.anchor()
  return takeAside(parent.entry(context.spelling.names(path).at(-1) ?? ''), trash.entry(id), expected)
}

/** Gives the file its new name, then takes the old one away; see `FolderFs.move`. */
export async function moveFile(context: DiskContext, from: RelPath, to: RelPath, expect: Signature): Promise<MoveResult> {
  try {
    const before = statsAt(context, from)
    if (before === undefined) return { kind: 'absent' }
    if (!equalSignature(signatureOf(before), expect)) return { kind: 'changed' }
    const id = context.trash.newId()
    const note: TrashNote = { path: from, why: 'moved', to, links: Number(before.nlink), at: context.clock.now(), seen: expect, changed: false }
    await context.trash.begin(id, note)
    const result = attempt(() => relink(context, from, to, id, expect))
    if (result.error !== undefined) {
      context.stuck.add([from, to], () => settleMove(context, id, note))
      return blocked(result.error)
    }
    settle(context, id, { ...note, why: 'removed' })
    if (result.value?.kind === 'moved') await syncParents(context, from, to)
    return result.value ?? { kind: 'changed' }
  } catch (error) {
    return blocked(error)
  }
}

/** The file has both names for a moment, so that it is at no moment without one. */
function relink(context: DiskContext, from: RelPath, to: RelPath, id: string, expect: Signature): MoveResult {
  const fromNames = context.spelling.names(from)
  const toNames = context.spelling.names(to)
  using source = openIfThere(context.root, fromNames.slice(0, -1))
  if (source === undefined) return { kind: 'absent' }
  using destination = makeAnchor(context.root, toNames.slice(0, -1))
  using trash = context.trash.anchor()
  const old = source.entry(fromNames.at(-1) ?? '')
  const fresh = destination.entry(toNames.at(-1) ?? '')
  try {
    return linkNew(old, fresh) ? takeOldName(old, fresh, trash.entry(id), expect) : checkRenamed(old, fresh, expect)
  } catch (error) {
    if (errorCode(error) === 'EEXIST') return { kind: 'exists' }
    if (errorCode(error) === 'ENOENT') return { kind: 'absent' }
    throw error
  }
}

function takeOldName(old: string, fresh: string, aside: string, expect: Signature): MoveResult {
  const linked = lstatSync(fresh, { bigint: true })
  const state = signatureOf(linked)
  if (!linked.isFile() || !sameContentState(state, expect) || !takeAside(old, aside, { expect: state })) {
    undoNewName(fresh, aside)
    return { kind: 'changed' }
  }
  unlinkSync(aside)
  return { kind: 'moved', signature: signatureOf(lstatSync(fresh, { bigint: true })) }
}

/** The new name goes; if it is the last one that the file has by now, into the trash. */
function undoNewName(fresh: string, aside: string): void {
  if (lstatSync(fresh, { bigint: true }).nlink > 1n) unlinkSync(fresh)
  else if (lookAt(aside).kind === 'absent') renameSync(fresh, aside)
}

/** Where it could not have both names: another file than the expected one goes back. */
function checkRenamed(old: string, fresh: string, expect: Signature): MoveResult {
  const renamed = lstatSync(fresh, { bigint: true })
  if (renamed.isFile() && sameContentState(signatureOf(renamed), expect)) return { kind: 'moved', signature: signatureOf(renamed) }
  moveBack(fresh, old)
  return { kind: 'changed' }
}

/** Renames a directory to a path where nothing is. */
export async function moveDirectory(context: DiskContext, from: RelPath, to: RelPath): Promise<MoveDirectoryResult> {
  try {
    const fromNames = context.spelling.names(from)
    const toNames = context.spelling.names(to)
    using source = openAnchor(context.root, fromNames.slice(0, -1))
    const old = source.entry(fromNames.at(-1) ?? '')
    if (lookAt(old).kind !== 'directory') return { kind: 'absent' }
    using destination = makeAnchor(context.root, toNames.slice(0, -1))
    const fresh = destination.entry(toNames.at(-1) ?? '')
    if (lookAt(fresh).kind !== 'absent' && !isOneName(old, fresh)) return { kind: 'exists' }
    renameSync(old, fresh)
    forgetAnchors()
    await Promise.all([syncDirectory(source), syncDirectory(destination)])
    return { kind: 'moved' }
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return { kind: 'absent' }
    if (errorCode(error) === 'ENOTEMPTY' || errorCode(error) === 'EEXIST') return { kind: 'exists' }
    return blocked(error)
  }
}

export async function makeDirectory(context: DiskContext, path: RelPath): Promise<MakeDirectoryResult> {
  try {
    if (lookAtNamed(context, path).kind === 'directory') return { kind: 'exists' }
    const names = context.spelling.names(path)
    using _ = makeAnchor(context.root, names)
    await syncParents(context, ...pathsAbove(path))
    return { kind: 'made' }
  } catch (error) {
    return blocked(error)
  }
}

function pathsAbove(path: RelPath): RelPath[] {
  return namesOf(path).map((_, depth, names) => names.slice(0, depth + 1).join('/') as RelPath)
}

/** Removes the directory if nothing is in it, ignored files included. */
export async function removeDirectory(context: DiskContext, path: RelPath): Promise<RemoveDirectoryResult> {
  try {
    const names = context.spelling.names(path)
    using parent = openAnchor(context.root, names.slice(0, -1))
    rmdirSync(parent.entry(names.at(-1) ?? ''))
    forgetAnchors()
    await syncDirectory(parent)
    return { kind: 'removed' }
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return { kind: 'absent' }
    if (errorCode(error) === 'ENOTEMPTY' || errorCode(error) === 'EEXIST') return { kind: 'not-empty' }
    return blocked(error)
  }
}

export async function setExecutable(
  context: DiskContext,
  path: RelPath,
  executable: boolean,
  expect: Signature
): Promise<ExecutableResult> {
  try {
    const names = context.spelling.names(path)
    using parent = openAnchor(context.root, names.slice(0, -1))
    const fd = openSync(parent.entry(names.at(-1) ?? ''), constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0))
    try {
      const before = fstatSync(fd, { bigint: true })
      if (!before.isFile() || !equalSignature(signatureOf(before), expect)) return { kind: 'changed' }
      fchmodSync(fd, withExecutable(Number(before.mode & 0o777n), executable))
      return { kind: 'set', signature: signatureOf(fstatSync(fd, { bigint: true })) }
    } finally {
      closeSync(fd)
    }
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return { kind: 'absent' }
    return errorCode(error) === 'ELOOP' ? { kind: 'changed' } : blocked(error)
  }
}

function attempt<T>(run: () => T): { readonly value?: T; readonly error?: unknown } {
  try {
    return { value: run() }
  } catch (error) {
    return { error }
  }
}
