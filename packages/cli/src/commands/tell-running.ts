import type { Request } from '../args.js'
import { FailureError } from '../cli-error.js'
import { askRunning } from '../control-client.js'
import { EXIT } from '../exit-code.js'
import type { ExitCode } from '../exit-code.js'
import { findStore } from '../find-store.js'
import type { System } from '../system.js'

const NOT_RUNNING = 'no process is syncing this folder; start it with collab join'

/** Lets go on what a guard stopped. */
export async function confirm({ folder }: Extract<Request, { command: 'confirm' }>, system: System): Promise<ExitCode> {
  const { record } = findStore(folder, system)
  const answer = await askRunning(system.home.storeDirectory(record.id), { ask: 'confirm' })
  if (answer === undefined) throw new FailureError(NOT_RUNNING)
  system.io.line(answer.confirmed ? 'confirmed; it goes on' : 'nothing waits for confirmation')
  return EXIT.ok
}

/** Ends the process that syncs a folder, as Ctrl-C would. */
export async function stop({ folder }: Extract<Request, { command: 'stop' }>, system: System): Promise<ExitCode> {
  const { record } = findStore(folder, system)
  const answer = await askRunning(system.home.storeDirectory(record.id), { ask: 'stop' })
  if (answer === undefined) throw new FailureError(NOT_RUNNING)
  system.io.line('stopping')
  return EXIT.ok
}
