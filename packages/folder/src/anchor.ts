import { closeSync, constants, fstatSync, lstatSync, mkdirSync, openSync } from 'node:fs'
import type { DiskFact } from './signature.js'

const { O_RDONLY, O_DIRECTORY, O_NOFOLLOW } = constants

/** A directory held open, so that swapping one of its parents for a symlink cannot redirect what is done in it. */
export interface Anchor extends Disposable {
  /** Prefix that addresses the directory itself. */
  readonly at: string
  /** Address of an entry, to be used while the anchor is open and not followed. */
  entry(name: string): string
}

/**
 * Opens the directory `names` below `root`, no component followed if it is a symlink. On Linux through descriptors;
 * elsewhere each parent is looked at first, which leaves a short race.
 *
 * @throws errno errors: ENOENT, ENOTDIR (also for a symlink), EACCES...
 */
export function openAnchor(root: string, names: readonly string[]): Anchor {
  return process.platform === 'linux' ? openDescriptors(root, names) : openByName(root, names)
}

/** As `openAnchor`; undefined when the directory is not there, because somebody moved it for example. */
export function openIfThere(root: string, names: readonly string[]): Anchor | undefined {
  try {
    return openAnchor(root, names)
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined
    throw error
  }
}

/** A directory that stays open for a moment, for the operations that follow on each other's heels. */
interface Kept {
  readonly fd: number
  readonly dev: bigint
  readonly ino: bigint
  users: number
  /** Whether the next operation may still find it; otherwise its last user closes it. */
  kept: boolean
}

/** A burst of operations in one directory opens it once. */
const KEPT_MS = 20
const kept = new Map<string, Kept>()
let closing: NodeJS.Timeout | undefined

function openDescriptors(root: string, names: readonly string[]): Anchor {
  // The root itself is opened anew each time: that it is gone must show at once.
  if (names.length === 0) return lend({ fd: openSync(root, O_RDONLY | O_DIRECTORY), dev: 0n, ino: 0n, users: 0, kept: false })
  const key = [root, ...names].join('/')
  const known = kept.get(key)
  if (known !== undefined && isStillAt(known, key)) return lend(known)
  if (known !== undefined) release(key, known)
  const fresh: Kept = { ...opened(root, names), users: 0, kept: true }
  kept.set(key, fresh)
  closing ??= setTimeout(forgetAnchors, KEPT_MS).unref()
  return lend(fresh)
}

function opened(root: string, names: readonly string[]): Pick<Kept, 'fd' | 'dev' | 'ino'> {
  const fd = openBelow(root, names)
  try {
    const { dev, ino } = fstatSync(fd, { bigint: true })
    return { fd, dev, ino }
  } catch (error) {
    closeSync(fd)
    throw error
  }
}

/** Whether the directory has not been moved away from its path meanwhile. */
function isStillAt({ dev, ino }: Kept, path: string): boolean {
  const stats = lstatSync(path, { bigint: true, throwIfNoEntry: false })
  return stats?.dev === dev && stats.ino === ino
}

function openBelow(root: string, names: readonly string[]): number {
  using parent = openDescriptors(root, names.slice(0, -1))
  return openSync(parent.entry(names.at(-1) ?? ''), O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
}

function lend(one: Kept): Anchor {
  one.users++
  const at = `/proc/self/fd/${one.fd}`
  return { at, entry: (name) => `${at}/${name}`, [Symbol.dispose]: () => giveBack(one) }
}

function giveBack(one: Kept): void {
  one.users--
  if (one.users === 0 && !one.kept) closeSync(one.fd)
}

function release(key: string, one: Kept): void {
  kept.delete(key)
  one.kept = false
  if (one.users === 0) closeSync(one.fd)
}

/** Lets go of directories that are open for reuse: after any of them was moved or removed. */
export function forgetAnchors(): void {
  clearTimeout(closing)
  closing = undefined
  for (const [key, one] of kept) release(key, one)
}

function openByName(root: string, names: readonly string[]): Anchor {
  let at = root
  for (const name of names) {
    at = `${at}/${name}`
    if (!lstatSync(at).isDirectory()) throw errnoError('ENOTDIR', at)
  }
  return { at, entry: (name) => `${at}/${name}`, [Symbol.dispose]: () => undefined }
}

/** As `openAnchor`, making what is missing. */
export function makeAnchor(root: string, names: readonly string[]): Anchor {
  for (let depth = 1; depth <= names.length; depth++) {
    using parent = openAnchor(root, names.slice(0, depth - 1))
    makeEntry(parent, names[depth - 1] ?? '')
  }
  return openAnchor(root, names)
}

function makeEntry(parent: Anchor, name: string): void {
  try {
    mkdirSync(parent.entry(name))
  } catch (error) {
    if (errorCode(error) !== 'EEXIST') throw error
  }
}

/** What stands in the way when a parent among `names` is no directory. */
export function parentFact(root: string, names: readonly string[]): DiskFact {
  for (let depth = 1; depth <= names.length; depth++) {
    try {
      using _ = openAnchor(root, names.slice(0, depth))
    } catch (error) {
      const code = errorCode(error)
      if (code === 'ENOENT') return { kind: 'absent' }
      if (code !== 'ENOTDIR' && code !== 'ELOOP') return { kind: 'unreadable', reason: diskReason(error) }
      return isSymlink(root, names.slice(0, depth)) ? { kind: 'other', what: 'symlink' } : { kind: 'absent' }
    }
  }
  return { kind: 'absent' }
}

function isSymlink(root: string, names: readonly string[]): boolean {
  try {
    using parent = openAnchor(root, names.slice(0, -1))
    return lstatSync(parent.entry(names.at(-1) ?? '')).isSymbolicLink()
  } catch {
    return false
  }
}

/** The errno name of a failed call, such as ENOENT. */
export function errorCode(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined
}

export function errnoError(code: string, path: string): Error {
  return Object.assign(new Error(`${code}: ${path}`), { code })
}

const REASONS: Readonly<Record<string, string>> = {
  ENOSPC: 'The disk is full. Free some space; it goes on by itself.',
  EDQUOT: 'Your quota on this disk is used up. Free some space; it goes on by itself.',
  EACCES: 'Permission is missing. Check who owns the file and its directory.',
  EPERM: 'The system does not permit it. Check who owns the file and its directory.',
  EROFS: 'The disk is mounted read-only.',
  EIO: 'The disk reports an error. Check it before you go on.',
  EXDEV: 'Another file system is mounted inside the folder; files cannot be placed there.',
  ENAMETOOLONG: 'The name is too long for this file system.',
  EILSEQ: 'This file system does not take such a name.',
  EINVAL: 'This file system does not take such a name.',
  ENOTDIR: 'A file or a symlink stands where a directory should be.',
  ELOOP: 'A symlink stands in the way.',
  EISDIR: 'A directory stands where a file should be.',
  EBUSY: 'Another program keeps it busy.',
  ETXTBSY: 'It is a program that is running.',
  EMFILE: 'Too many files are open.',
  ENFILE: 'Too many files are open on this machine.',
  ENOENT: 'The folder or its .collab directory is missing.'
}

/** A failed call in a sentence for the user. */
export function diskReason(error: unknown): string {
  const code = errorCode(error)
  const known = code === undefined ? undefined : REASONS[code]
  return known ?? `The disk refused it (${code ?? (error instanceof Error ? error.message : String(error))}).`
}
