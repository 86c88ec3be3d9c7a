import { parseArgs } from './args.js'
import type { Request } from './args.js'
import { describeError, exitCodeOf } from './cli-error.js'
import { EXIT } from './exit-code.js'
import type { ExitCode } from './exit-code.js'
import { show } from './show.js'
import type { System } from './system.js'
import { readVersion } from './version.js'

/** Runs one command line; a failure is one line on standard error, never more unless `debug`. */
export async function run(argv: readonly string[], system: System, debug: boolean): Promise<ExitCode> {
  try {
    return await dispatch(parseArgs(argv, readVersion()), system)
  } catch (error) {
    system.io.error(`collab: ${show(describeError(error))}`)
    if (debug && error instanceof Error) system.io.error(error.stack ?? '')
    return exitCodeOf(error)
  }
}

/** Each command is loaded when it is asked for: help and status need none of the network's code. */
async function dispatch(request: Request, system: System): Promise<ExitCode> {
  switch (request.command) {
    case 'text':
      system.io.raw(request.text)
      return EXIT.ok
    case 'completion':
      system.io.raw((await import('./completion.js')).completionScript(request.shell))
      return EXIT.ok
    case 'join':
      return await (await import('./commands/join.js')).join(request, system)
    case 'hold':
      return await (await import('./commands/hold.js')).hold(request, system)
    case 'new':
      return await (await import('./commands/new.js')).makeNew(request, system)
    case 'link':
      return await (await import('./commands/link.js')).link(request, system)
    case 'status':
      return await (await import('./commands/status.js')).status(request, system)
    case 'peers':
      return await (await import('./commands/status.js')).peers(request, system)
    case 'log':
      return await (await import('./commands/log.js')).log(request, system)
    case 'restore':
      return await (await import('./commands/restore.js')).restore(request, system)
    case 'conflicts':
      return await (await import('./commands/conflicts.js')).conflicts(request, system)
    case 'doctor':
      return await (await import('./commands/doctor.js')).doctor(request, system)
    case 'trash':
      return await (await import('./commands/trash.js')).trash(request, system)
    case 'confirm':
      return await (await import('./commands/tell-running.js')).confirm(request, system)
    case 'stop':
      return await (await import('./commands/tell-running.js')).stop(request, system)
  }
}
