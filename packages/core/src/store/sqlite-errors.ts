import { AlreadyRunningError, CollabError, errorMessage, StoreDamagedError } from '../base/errors.js'
import { StoreWriteError } from './store-rules.js'

/** SQLite's primary result codes. */
const BUSY = 5
const LOCKED = 6
const CORRUPT = 11
const FULL = 13
const NOT_A_DATABASE = 26

function resultCode(error: unknown): number | undefined {
  if (!(error instanceof Error) || !('errcode' in error) || typeof error.errcode !== 'number') return undefined
  return error.errcode & 0xff
}

/** Whether the file, or a row of it, is not what was written. */
export function isDamage(error: unknown): boolean {
  if (error instanceof StoreDamagedError) return true
  const code = resultCode(error)
  return code === CORRUPT || code === NOT_A_DATABASE
}

export function damaged(error: unknown): StoreDamagedError {
  if (error instanceof StoreDamagedError) return error
  return new StoreDamagedError(`the store is damaged: ${errorMessage(error)}`, { cause: error })
}

/** What a failure to open the store at `path` is called. */
export function openError(error: unknown, path: string): unknown {
  if (error instanceof CollabError) return error
  const code = resultCode(error)
  if (code === BUSY || code === LOCKED) {
    return new AlreadyRunningError(`another process uses the store ${path}; stop it first`, { cause: error })
  }
  if (isDamage(error)) return damaged(error)
  if (code === undefined || code === FULL) return writeError(error)
  return new StoreWriteError(`the store ${path} cannot be opened: ${errorMessage(error)}; check its permissions and the disk`, { cause: error })
}

/** What a failed transaction is called. */
export function writeError(error: unknown): unknown {
  if (isDamage(error)) return damaged(error)
  const cause = { cause: error }
  if (resultCode(error) === FULL) return new StoreWriteError('the disk is full; free some space and try again', cause)
  if (resultCode(error) === undefined) return error
  return new StoreWriteError(`the store could not be written: ${errorMessage(error)}; check the disk`, cause)
}
