import { DatabaseSync } from 'node:sqlite'
import { AlreadyRunningError } from '@collab/core'
import { CONTROL_DIRECTORY } from './rel-path.js'

const LOCK_FILE = 'lock'
/** SQLite's codes for a file that another process has locked. */
const TAKEN = new Set([5, 6])

/**
 * Keeps every other process off the folder, whichever store it has: two that write to one folder would take each
 * other's files for a user's. The system drops the lock however a process ends.
 *
 * @throws {AlreadyRunningError} when another process has it
 */
export function lockFolder(root: string): Disposable {
  const db = new DatabaseSync(`${root}/${CONTROL_DIRECTORY}/${LOCK_FILE}`)
  try {
    db.exec('BEGIN EXCLUSIVE')
  } catch (error) {
    db.close()
    // A file system without locks is no reason not to sync.
    if (!TAKEN.has((error as { errcode?: number }).errcode ?? 0)) return { [Symbol.dispose]: () => undefined }
    throw new AlreadyRunningError(`another process syncs ${root}, with private state in another place (COLLAB_HOME); stop it first`, { cause: error })
  }
  return { [Symbol.dispose]: () => db.close() }
}
