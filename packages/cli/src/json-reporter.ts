import type { Io } from './io.js'
import type { CollabEvent } from './json-events.js'
import type { Reporter } from './reporter.js'

/** One JSON object per line. */
export class JsonReporter implements Reporter {
  readonly #io: Io

  constructor(io: Io) {
    this.#io = io
  }

  begin(): void {
    // Events say it all.
  }

  tell(event: CollabEvent): void {
    this.#io.line(JSON.stringify(event))
  }

  ending(): void {
    // What comes is told as it comes.
  }

  end(): void {
    // Nothing is held back.
  }
}
