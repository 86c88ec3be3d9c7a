import type { Readable } from 'node:stream'
import type { Home } from './home.js'
import type { Io } from './io.js'

/** What a command may use of the process it runs in. */
export interface System {
  readonly io: Io
  readonly stdin: Readable
  readonly cwd: string
  readonly env: Readonly<Record<string, string | undefined>>
  readonly home: Home
  /** Aborted when the user wants an end: Ctrl-C, a signal, a closed terminal or pipe. */
  readonly stop: AbortSignal
}
