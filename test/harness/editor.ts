import { appendFileSync, closeSync, existsSync, ftruncateSync, openSync, renameSync, rmSync, writeFileSync, writeSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'

/** How programs save a file. */
export const SAVE_STYLES = ['in-place', 'truncate', 'slowly', 'rename-over', 'vim-like', 'sed-like', 'checkout'] as const
export type SaveStyle = (typeof SAVE_STYLES)[number]

/** The longest pause that was seen between two writes of one save. */
const SLOW_MS = 15

/** True when a save of this style leaves another inode behind. */
export function isNewInode(style: SaveStyle): boolean {
  return style !== 'in-place' && style !== 'truncate' && style !== 'slowly'
}

/** Saves `text` at `path`, which must exist; false when it was gone by then and nothing was done. */
export function save(path: string, text: string, style: SaveStyle): boolean {
  const bytes = Buffer.from(text)
  try {
    switch (style) {
      case 'in-place':
        return overwrite(path, bytes)
      case 'truncate':
        return rewrite(path, bytes)
      case 'slowly':
        return rewrite(path, bytes, SLOW_MS)
      case 'rename-over':
        return renameOver(path, bytes, `.goutputstream-${basename(path).slice(0, 100)}`)
      case 'sed-like':
        return renameOver(path, bytes, `sed${Date.now().toString(36).slice(-6)}`)
      case 'checkout':
        return checkOut(path, bytes)
      case 'vim-like':
        return likeVim(path, bytes)
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false
    throw error
  }
}

/** As `>>` does. */
export function append(path: string, text: string): boolean {
  if (!existsSync(path)) return false
  appendFileSync(path, text)
  return true
}

/** Overwrites, then cuts what is left: never an empty file. */
function overwrite(path: string, bytes: Uint8Array): boolean {
  const file = openSync(path, 'r+')
  try {
    writeAll(file, bytes)
    ftruncateSync(file, bytes.length)
  } finally {
    closeSync(file)
  }
  return true
}

/** Empties it, then writes in two pieces. */
function rewrite(path: string, bytes: Uint8Array, pauseMs = 0): boolean {
  const file = openSync(path, 'r+')
  try {
    ftruncateSync(file, 0)
    writeAll(file, bytes, pauseMs)
  } finally {
    closeSync(file)
  }
  return true
}

function writeAll(file: number, bytes: Uint8Array, pauseMs = 0): void {
  const half = bytes.length >> 1
  if (pauseMs > 0) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, pauseMs)
  writeSync(file, bytes, 0, half, 0)
  if (pauseMs > 0) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, pauseMs)
  writeSync(file, bytes, half, bytes.length - half, half)
}

function renameOver(path: string, bytes: Uint8Array, name: string): boolean {
  const temporary = join(dirname(path), name)
  writeFileSync(temporary, bytes)
  if (existsSync(path)) {
    renameSync(temporary, path)
    return true
  }
  rmSync(temporary)
  return false
}

/** Takes the old file away, then makes a new one, as git does. */
function checkOut(path: string, bytes: Uint8Array): boolean {
  rmSync(path)
  writeFileSync(path, bytes)
  return true
}

/** The old file goes to a backup name, the new one is written, the backup goes. */
function likeVim(path: string, bytes: Uint8Array): boolean {
  renameSync(path, `${path}~`)
  writeFileSync(path, bytes)
  rmSync(`${path}~`)
  return true
}
