import { describeError } from './cli-error.js'
import { Home, homeDirectory } from './home.js'
import { Io } from './io.js'
import { run } from './run.js'
import { show } from './show.js'
import { stopOnSignals } from './signals.js'

/** Runs the program in `process`, to its end. */
export async function main(process: NodeJS.Process): Promise<never> {
  const { env, stdout, stderr, stdin } = process
  const debug = env['COLLAB_DEBUG'] === '1'
  const stop = stopOnSignals(process)
  const io = new Io({ stdout, stderr, color: env['NO_COLOR'] === undefined || env['NO_COLOR'] === '' })

  // The reader of a pipe went away: an end like any other.
  stdout.on('error', () => {
    io.close()
    stop.abort()
  })
  stderr.on('error', () => undefined)
  // A failure that nobody waited for must not take the process down, nor go unseen.
  process.on('unhandledRejection', (error) => {
    io.error(`collab: internal error, please report it: ${show(describeError(error))}`)
    if (debug) io.error(String(error instanceof Error ? error.stack : error))
  })

  const home = new Home(homeDirectory(env, process.platform, process.cwd()))
  const system = { io, stdin, cwd: process.cwd(), env, home, stop: stop.signal }
  const code = await run(process.argv.slice(2), system, debug)
  await Promise.all([flushed(stdout), flushed(stderr)])
  return process.exit(code)
}

async function flushed(stream: NodeJS.WriteStream): Promise<void> {
  if (!stream.writable) return
  await new Promise<void>((resolve) => stream.write('', () => resolve()))
}
