import { closeSync, constants, fstatSync, fsync, linkSync, lstatSync, openSync, renameSync, unlinkSync, writeSync } from 'node:fs'
import { promisify } from 'node:util'
import type { Anchor } from './anchor.js'
import { errnoError, errorCode } from './anchor.js'

/** Resolves when the file behind a descriptor is on the disk. */
export const syncFile = promisify(fsync)
const NO_HARD_LINKS = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK'])
/** File systems that cannot sync a directory say one of these; they promise nothing anyway. */
const NO_DIRECTORY_SYNC = new Set(['EINVAL', 'EPERM', 'ENOTSUP', 'EISDIR', 'EACCES'])

/** Resolves when the file behind `fd` is on the disk; closes it either way. */
export async function syncAndClose(fd: number): Promise<void> {
  try {
    await syncFile(fd)
  } finally {
    closeSync(fd)
  }
}

/** Resolves when the names in the directory are on the disk. The anchor may be closed meanwhile. */
export async function syncDirectory(directory: Anchor): Promise<void> {
  if (process.platform === 'win32') return
  const fd = openSync(directory.entry('.'), constants.O_RDONLY)
  try {
    await syncAndClose(fd)
  } catch (error) {
    if (!NO_DIRECTORY_SYNC.has(errorCode(error) ?? '')) throw error
  }
}

/** Opens a file that must not exist, writes it and leaves it open for `syncAndClose`. */
export function writeNew(address: string, bytes: Uint8Array): number {
  const fd = openSync(address, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | (constants.O_NOFOLLOW ?? 0), 0o600)
  try {
    for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at)
    // Some disks say that they took what they did not take.
    if (fstatSync(fd).size !== bytes.length) throw errnoError('EIO', address)
    return fd
  } catch (error) {
    closeSync(fd)
    unlinkSync(address)
    throw error
  }
}

/**
 * Gives the file a second name, which must be free. Where the file system has no second names, and where the new name
 * is the old one in other letters, the file is renamed.
 *
 * @returns whether it has both names now
 * @throws errno errors; EEXIST when the name is taken
 */
export function linkNew(from: string, to: string): boolean {
  try {
    linkSync(from, to)
    return true
  } catch (error) {
    const isRespelt = errorCode(error) === 'EEXIST' && isOneName(from, to)
    if (!isRespelt && !NO_HARD_LINKS.has(errorCode(error) ?? '')) throw error
    if (!isRespelt && lstatSync(to, { throwIfNoEntry: false }) !== undefined) throw errnoError('EEXIST', to)
    renameSync(from, to)
    return false
  }
}

/** Whether the file system takes both for one name: of a file with a single name, or of a directory. */
export function isOneName(a: string, b: string): boolean {
  const [one, other] = [a, b].map((address) => lstatSync(address, { bigint: true, throwIfNoEntry: false }))
  if (one === undefined || one.dev !== other?.dev || one.ino !== other.ino) return false
  return one.isDirectory() || one.nlink === 1n
}

/** Moves a file that is not ours to overwrite anything with: false when `to` is taken. */
export function moveBack(from: string, to: string): boolean {
  let hasBoth = false
  try {
    hasBoth = linkNew(from, to)
  } catch (error) {
    if (errorCode(error) === 'EEXIST') return false
    if (lstatSync(to, { throwIfNoEntry: false }) !== undefined) return false
    renameSync(from, to)
  }
  if (hasBoth) unlinkSync(from)
  return true
}

/** Deletes a name; one that is not there is fine. */
export function unlinkIfThere(address: string): void {
  try {
    unlinkSync(address)
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw error
  }
}
