import { constants, copyFileSync, existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { alreadyRunning } from './cli-error.js'
import { askRunning } from './control-client.js'

/**
 * Copies a store that no process uses, so that it can be looked at without a change to it.
 *
 * @throws {FailureError} when a process is using it.
 */
export async function copyStore(from: string, to: string, folder: string | undefined): Promise<void> {
  if ((await askRunning(from, { ask: 'addresses' })) !== undefined) throw alreadyRunning(folder)
  if (!existsSync(from)) return
  for (const name of readdirSync(from).filter((name) => /^store\.sqlite(?:-wal)?$/.test(name))) {
    copyFileSync(join(from, name), join(to, name), constants.COPYFILE_FICLONE)
  }
}
