import { createHash } from 'node:crypto'
import { lstatSync, mkdirSync } from 'node:fs'
import { platform, tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'

/** `sun_path` has 104 bytes on macOS and 108 on Linux, the zero at its end included. */
const MAX_SOCKET_PATH_BYTES = 103

/** Where the process that has this store open listens: beside the store, or at a short path when that is too deep. */
export function controlPath(storeDirectory: string): string {
  const digest = createHash('sha256').update(storeDirectory).digest('hex').slice(0, 20)
  if (platform() === 'win32') return `\\\\.\\pipe\\collab-${digest}`
  const beside = join(storeDirectory, 'control.sock')
  if (Buffer.byteLength(beside) <= MAX_SOCKET_PATH_BYTES) return beside
  return join(shortDirectory(), `${digest}.sock`)
}

function shortDirectory(): string {
  const { uid } = userInfo()
  const short = join(tmpdir(), `collab-${uid}`)
  return Buffer.byteLength(short) + 30 <= MAX_SOCKET_PATH_BYTES ? short : `/tmp/collab-${uid}`
}

/** The directory of a short path is in a place where others may write: it must be ours alone. */
export function prepareControlPath(path: string, storeDirectory: string): void {
  if (platform() === 'win32' || path.startsWith(`${storeDirectory}/`)) return
  const directory = shortDirectory()
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  const { uid, mode } = lstatSync(directory)
  if (!lstatSync(directory).isDirectory() || uid !== userInfo().uid || (mode & 0o077) !== 0) {
    throw new Error(`${directory} is not a private directory of this user; delete it`)
  }
}

/** What a client must hold before it connects: the same as for a server, without making anything. */
export function isTrusted(path: string, storeDirectory: string): boolean {
  if (platform() === 'win32' || path.startsWith(`${storeDirectory}/`)) return true
  try {
    const { uid, mode } = lstatSync(shortDirectory())
    return uid === userInfo().uid && (mode & 0o077) === 0
  } catch {
    return false
  }
}
