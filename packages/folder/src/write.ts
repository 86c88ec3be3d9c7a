import type { BigIntStats } from 'node:fs'
import { closeSync, constants, fchmodSync, fchownSync, fstatSync, lstatSync, openSync, readFileSync, renameSync, unlinkSync } from 'node:fs'
import type { Clock } from '@collab/core'
import type { Anchor } from './anchor.js'
import { diskReason, errorCode, makeAnchor, openAnchor, openIfThere } from './anchor.js'
import { partEntry } from './part-name.js'
import { lookAt, signatureOf } from './disk-fact.js'
import { linkNew, moveBack, syncAndClose, syncDirectory, unlinkIfThere, writeNew } from './durable.js'
import type { Blocked, Expected, HeldId, ReplaceOptions, ReplaceResult } from './folder-fs.js'
import type { HeldInodes } from './held.js'
import type { RelPath } from './rel-path.js'
import { CONTROL_DIRECTORY } from './rel-path.js'
import type { Signature } from './signature.js'
import { equalSignature, sameContentState } from './signature.js'
import type { Spelling } from './spelling.js'
import type { StuckPaths } from './stuck.js'
import { hashBytes } from './text-content.js'
import type { Trash, TrashNote } from './trash.js'
import { TEMP_DIRECTORY } from './trash.js'

/** What every operation that writes needs. */
export interface DiskContext {
  readonly root: string
  readonly spelling: Spelling
  readonly clock: Clock
  readonly trash: Trash
  readonly held: HeldInodes
  readonly stuck: StuckPaths
  /** Permissions of a new file here, as the user's umask has them. */
  readonly newFileMode: number
}

/** What placing a new file needs. */
export type PlaceContext = Omit<DiskContext, 'held' | 'stuck'>

type Place = Pick<DiskContext, 'root' | 'spelling'>

/** Permissions without the set-user-id kind: what a peer wrote must not run as the owner. */
const PERMISSIONS = 0o777n

const FULL: ReadonlySet<string> = new Set(['ENOSPC', 'EDQUOT'])

export function blocked(error: unknown): Blocked {
  const reason = diskReason(error)
  return FULL.has(errorCode(error) ?? '') ? { kind: 'blocked', reason, isFull: true } : { kind: 'blocked', reason }
}

export function tempAnchor(root: string): Anchor {
  return openAnchor(root, [CONTROL_DIRECTORY, TEMP_DIRECTORY])
}

/** Puts a new content at a path; see `FolderFs.replace`. */
export async function replaceFile(context: DiskContext, path: RelPath, content: Content, options: ReplaceOptions): Promise<ReplaceResult> {
  try {
    if (options.expect === 'absent') return await placeFile(context, path, content, options.executable)
    return await swapFile(context, path, content, options, options.expect)
  } catch (error) {
    return blocked(error)
  }
}

async function placeFile(context: DiskContext, path: RelPath, content: Content, executable: boolean): Promise<ReplaceResult> {
  const temp = await makeTemp(context, content, { mode: modeOf(context, undefined, executable) })
  try {
    using temps = tempAnchor(context.root)
    const placed = placeTemp(context, temps, path, temp)
    if (placed.kind === 'written') await syncParents(context, path)
    return placed
  } catch (error) {
    return blockedAfter(context, path, temp, error)
  } finally {
    dropTemp(context, temp)
  }
}

/** Why the disk refused, and whether that was before or after the file had its place. */
export function blockedAfter(context: Place, path: RelPath, temp: Temp, error: unknown): Blocked {
  return isThere(context, path, temp.signature) ? { ...blocked(error), isPlaced: true } : blocked(error)
}

function isThere(context: Place, path: RelPath, { ino }: Signature): boolean {
  try {
    return statsAt(context, path)?.ino === ino
  } catch {
    return false
  }
}

/** Links a temporary file in at a path where nothing was, making missing parents. */
export function placeTemp(context: PlaceContext, temps: Anchor, path: RelPath, temp: Temp): ReplaceResult {
  const parents = context.spelling.names(path)
  const name = parents.pop() ?? ''
  using parent = openOrMake(context.root, parents)
  try {
    if (linkNew(temps.entry(temp.id), parent.entry(name))) unlinkSync(temps.entry(temp.id))
  } catch (error) {
    if (errorCode(error) === 'EEXIST') return { kind: 'exists' }
    throw error
  }
  return { kind: 'written', signature: placedSignature(parent.entry(name), temp) }
}

function openOrMake(root: string, names: readonly string[]): Anchor {
  return openIfThere(root, names) ?? makeAnchor(root, names)
}

/**
 * Aside and link: the old file is renamed into the trash, which takes whatever is there at that moment, and the new
 * one is linked in, which never overwrites. What was taken is compared with what was expected in between.
 */
async function swapFile(
  context: DiskContext,
  path: RelPath,
  content: Content,
  options: ReplaceOptions,
  expect: Signature
): Promise<ReplaceResult> {
  const before = statsAt(context, path)
  if (before === undefined || !equalSignature(signatureOf(before), expect)) return { kind: 'changed' }
  const id = context.trash.newId()
  const isPart = 'part' in content
  const tempId = isPart ? partEntry(content.part) : context.trash.newId()
  // The log keeps every text, and nothing else keeps what other content was.
  const keep = isPart ? { keep: true } : {}
  const note: TrashNote = { path, why: 'replaced', at: context.clock.now(), seen: expect, changed: false, temp: tempId, ...keep }
  const model = options.keepMode === false ? undefined : before
  const temp = await prepareSwap(context, id, note, content, {
    id: tempId,
    mode: modeOf(context, model, options.executable),
    ...(model && { owner: model })
  })
  try {
    const result = exchange(context, path, temp, id, { expect, hash: options.hash })
    if (result.kind === 'exists') await options.onGap?.()
    const held = settle(context, id, note)
    if (result.kind === 'written' || held) await syncParents(context, path)
    return held && (result.kind === 'written' || result.kind === 'exists') ? { ...result, held: id } : result
  } catch (error) {
    const result = blockedAfter(context, path, temp, error)
    putBackLater(context, id, note, options.onGap)
    return result
  } finally {
    // To recovery its absence says that it was placed.
    if (!context.stuck.has(path)) dropTemp(context, temp)
  }
}

/** Closes the journal after a failure: nothing may be left aside that has nothing in its place, and what was made there meanwhile is told. */
function putBackLater(context: DiskContext, id: HeldId, note: TrashNote, onGap: ReplaceOptions['onGap']): void {
  const path = note.path as RelPath
  const tell = untilTold(onGap)
  context.stuck.add([path], () => {
    const isAside = context.trash.stateOf(id) !== undefined && !isPlaced(context, note)
    if (isAside && !isBack(context, id, path) && !putBack(context, id, path)) tell()
    settle(context, id, note)
  })
}

function putBack(context: DiskContext, id: HeldId, path: RelPath): boolean {
  if (statsAt(context, path) !== undefined) return false
  using parent = openAnchor(context.root, context.spelling.names(path).slice(0, -1))
  using trash = context.trash.anchor()
  return moveBack(trash.entry(id), parent.entry(context.spelling.names(path).at(-1) ?? ''))
}

/** Whether the file was being put back, and has both names: then it loses the one in the trash. */
export function isBack(context: DiskContext, id: HeldId, path: RelPath): boolean {
  const aside = context.trash.stateOf(id)
  if (aside === undefined || !isThere(context, path, aside)) return false
  context.trash.drop(id)
  return true
}

/** Throws until the gap is told; each call tries again. */
function untilTold(onGap: ReplaceOptions['onGap']): () => void {
  let state: 'untold' | 'under way' | 'told' = onGap === undefined ? 'told' : 'untold'
  let reason: unknown = new Error('It is not told yet that a file was made here.')
  return () => {
    if (state === 'untold') {
      state = 'under way'
      onGap?.().then(() => (state = 'told'), (error: unknown) => ([state, reason] = ['untold', error]))
    }
    if (state !== 'told') throw reason
  }
}

/** Whether what was to take the file's place was there already, and whoever moved it from there knew what they did. */
export function isPlaced(context: DiskContext, { temp }: TrashNote): boolean {
  if (temp === undefined) return false
  using temps = tempAnchor(context.root)
  const waiting = lookAt(temps.entry(temp))
  return waiting.kind === 'absent' || (waiting.kind === 'file' && waiting.links > 1)
}

/** The new file and the note, both durable, or neither. */
async function prepareSwap(context: DiskContext, id: HeldId, note: TrashNote, content: Content, options: TempOptions): Promise<Temp> {
  const writing = makeTemp(context, content, options)
  writing.catch(() => undefined)
  try {
    await context.trash.begin(id, note)
    return await writing
  } catch (error) {
    const [temp] = await Promise.allSettled([writing])
    if (temp.status === 'fulfilled') dropTemp(context, temp.value)
    context.trash.abandon(id)
    throw error
  }
}

function exchange(context: DiskContext, path: RelPath, temp: Temp, id: HeldId, expected: Expected): ReplaceResult {
  const parents = context.spelling.names(path)
  const name = parents.pop() ?? ''
  using parent = openIfThere(context.root, parents)
  if (parent === undefined) return { kind: 'changed' }
  using trash = context.trash.anchor()
  using temps = tempAnchor(context.root)
  const target = parent.entry(name)
  if (!takeAside(target, trash.entry(id), expected)) return { kind: 'changed' }
  try {
    if (linkNew(temps.entry(temp.id), target)) unlinkSync(temps.entry(temp.id))
  } catch (error) {
    if (errorCode(error) === 'EEXIST') return { kind: 'exists' }
    throw error
  }
  return { kind: 'written', signature: placedSignature(target, temp) }
}

/** Renames the file aside if it is the expected one; whatever else it took goes back to its place when that is free. */
export function takeAside(target: string, aside: string, { expect, hash }: Expected): boolean {
  const present = lstatSync(target, { bigint: true, throwIfNoEntry: false })
  if (present === undefined || !present.isFile() || !equalSignature(signatureOf(present), expect)) return false
  try {
    renameSync(target, aside)
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return false
    throw error
  }
  try {
    const taken = lstatSync(aside, { bigint: true })
    const isSame = taken.isFile() && sameContentState(signatureOf(taken), expect)
    // Nobody can change it unseen any more: here its name is known to nobody else.
    if (isSame && (hash === undefined || hashBytes(readFileSync(aside)) === hash)) return true
  } catch (error) {
    moveBack(aside, target)
    throw error
  }
  moveBack(aside, target)
  return false
}

/** Closes the journal: true when a displaced file is kept, which is then watched. */
export function settle(context: DiskContext, id: HeldId, note: TrashNote): boolean {
  using trash = context.trash.anchor()
  if (lstatSync(trash.entry(id), { throwIfNoEntry: false }) === undefined) {
    context.trash.abandon(id)
    return false
  }
  context.trash.finish(id)
  context.held.hold(id, note)
  return true
}

/** Resolves when the directory of each path, and the trash, are on the disk. */
export async function syncParents(context: PlaceContext, ...paths: readonly RelPath[]): Promise<void> {
  const directories = paths.map((path) => () => openAnchor(context.root, context.spelling.names(path).slice(0, -1)))
  await Promise.all([...directories, () => context.trash.anchor()].map(syncOpened))
}

/** Fails by its promise only, so that none of several at once fails unseen. */
async function syncOpened(open: () => Anchor): Promise<void> {
  using directory = open()
  await syncDirectory(directory)
}

export function statsAt(context: Place, path: RelPath): BigIntStats | undefined {
  const parents = context.spelling.names(path)
  const name = parents.pop() ?? ''
  try {
    using parent = openAnchor(context.root, parents)
    const stats = lstatSync(parent.entry(name), { bigint: true, throwIfNoEntry: false })
    return stats?.isFile() === true ? stats : undefined
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined
    throw error
  }
}

/** A whole, durable file that has no place yet. */
export interface Temp {
  readonly id: string
  readonly signature: Signature
  /** It stays when it could not be placed. */
  readonly keep?: true
}

export interface TempOptions {
  /** @default a new one */
  readonly id?: string
  readonly mode: number
  /** Whose file it replaces. */
  readonly owner?: { readonly uid: bigint; readonly gid: bigint }
}

/** A new content: bytes, or a part in `.collab/temp` that is whole. */
export type Content = Uint8Array | { readonly part: string }

function makeTemp(context: DiskContext, content: Content, options: TempOptions): Promise<Temp> {
  return 'part' in content ? adoptPart(context, content.part, options) : writeTemp(context, content, options)
}

/** Makes a part durable, with the permissions that it is to have. */
async function adoptPart(context: DiskContext, part: string, options: TempOptions): Promise<Temp> {
  using temps = tempAnchor(context.root)
  const id = partEntry(part)
  const fd = openSync(temps.entry(id), constants.O_RDWR | (constants.O_NOFOLLOW ?? 0))
  try {
    if (options.owner !== undefined) giveTo(fd, options.owner)
    fchmodSync(fd, options.mode)
  } catch (error) {
    closeSync(fd)
    throw error
  }
  const signature = signatureOf(fstatSync(fd, { bigint: true }))
  await syncAndClose(fd)
  return { id, signature, keep: true }
}

async function writeTemp(context: DiskContext, bytes: Uint8Array, options: TempOptions): Promise<Temp> {
  using temps = tempAnchor(context.root)
  const { temp, fd } = startTemp(context, temps, bytes, options)
  try {
    await syncAndClose(fd)
  } catch (error) {
    dropTemp(context, temp)
    throw error
  }
  return temp
}

/** Writes the file and leaves it open, to be synced together with others. */
export function startTemp(context: PlaceContext, temps: Anchor, bytes: Uint8Array, options: TempOptions): { temp: Temp; fd: number } {
  const id = options.id ?? context.trash.newId()
  const fd = writeNew(temps.entry(id), bytes)
  try {
    if (options.owner !== undefined) giveTo(fd, options.owner)
    fchmodSync(fd, options.mode)
    return { temp: { id, signature: signatureOf(fstatSync(fd, { bigint: true })) }, fd }
  } catch (error) {
    closeSync(fd)
    unlinkIfThere(temps.entry(id))
    throw error
  }
}

export function dropTemp(context: PlaceContext, temp: Temp): void {
  if (temp.keep === true) return
  try {
    using temps = tempAnchor(context.root)
    unlinkIfThere(temps.entry(temp.id))
  } catch {
    // The folder is gone; the next start clears its temporary files.
  }
}

function giveTo(fd: number, { uid, gid }: { readonly uid: bigint; readonly gid: bigint }): void {
  const own = fstatSync(fd, { bigint: true })
  if (own.uid === uid && own.gid === gid) return
  try {
    fchownSync(fd, Number(uid), Number(gid))
  } catch {
    // Only the administrator may give files away; the content matters more.
  }
}

/** Permissions of the new file: those of `model` or of a new file, with the executable bit as asked. */
export function modeOf(context: PlaceContext, model: BigIntStats | undefined, executable: boolean): number {
  return withExecutable(model === undefined ? context.newFileMode : Number(model.mode & PERMISSIONS), executable)
}

/** Whoever may read may execute, or nobody may. An unchanged owner's bit leaves the others as they are. */
export function withExecutable(mode: number, executable: boolean): number {
  if (((mode & 0o100) !== 0) === executable) return mode
  return executable ? mode | 0o100 | ((mode & 0o444) >> 2) : mode & ~0o111
}

/** The state after placing; if the file was already written to again, a state that the disk no longer has. */
function placedSignature(address: string, temp: Temp): Signature {
  const stats = lstatSync(address, { bigint: true, throwIfNoEntry: false })
  if (stats === undefined) return temp.signature
  const now = signatureOf(stats)
  return sameContentState(now, temp.signature) ? now : temp.signature
}
