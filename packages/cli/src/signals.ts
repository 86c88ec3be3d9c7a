import { EXIT } from './exit-code.js'

/** As much of a process as signals need. */
export interface SignalSource {
  on(signal: 'SIGINT' | 'SIGTERM' | 'SIGHUP', listener: () => void): unknown
  exit(code: number): never
}

/** The first signal asks for an orderly end; a second one ends at once. */
export function stopOnSignals(source: SignalSource): AbortController {
  const stop = new AbortController()
  const onSignal = () => {
    if (stop.signal.aborted) source.exit(EXIT.interrupted)
    stop.abort()
  }
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) source.on(signal, onSignal)
  return stop
}
