import { appendFileSync, closeSync, existsSync, ftruncateSync, openSync, renameSync, rmSync, writeFileSync, writeSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'

/** How programs save a file. */
export const SAVE_STYLES = ['in-place', 'truncate', 'rename-over', 'vim-like'] as const
export type SaveStyle = (typeof SAVE_STYLES)[number]

/** True when a save of this style leaves another inode behind. */
export function isNewInode(style: SaveStyle): boolean {
  return style === 'rename-over' || style === 'vim-like'
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
      case 'rename-over':
        return renameOver(path, bytes)
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
function rewrite(path: string, bytes: Uint8Array): boolean {
  const file = openSync(path, 'r+')
  try {
    ftruncateSync(file, 0)
    writeAll(file, bytes)
  } finally {
    closeSync(file)
  }
  return true
}

function writeAll(file: number, bytes: Uint8Array): void {
  const half = bytes.length >> 1
  writeSync(file, bytes, 0, half, 0)
  writeSync(file, bytes, half, bytes.length - half, half)
}

function renameOver(path: string, bytes: Uint8Array): boolean {
  const temporary = join(dirname(path), `.goutputstream-${basename(path).slice(0, 100)}`)
  writeFileSync(temporary, bytes)
  if (existsSync(path)) {
    renameSync(temporary, path)
    return true
  }
  rmSync(temporary)
  return false
}

/** The old file goes to a backup name, the new one is written, the backup goes. */
function likeVim(path: string, bytes: Uint8Array): boolean {
  renameSync(path, `${path}~`)
  writeFileSync(path, bytes)
  rmSync(`${path}~`)
  return true
}
