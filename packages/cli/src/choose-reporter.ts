import type { Io } from './io.js'
import { JsonReporter } from './json-reporter.js'
import { LineReporter } from './line-reporter.js'
import { LiveReporter } from './live-reporter.js'
import type { Reporter } from './reporter.js'

/** A live display in a terminal, lines elsewhere, JSON when asked for. */
export function chooseReporter(io: Io, json: boolean): Reporter {
  if (json) return new JsonReporter(io)
  return io.isTerminal ? new LiveReporter(io) : new LineReporter(io)
}
