import { eventText } from './event-text.js'
import { clockTime, paintFor } from './format.js'
import type { Io } from './io.js'
import type { CollabEvent } from './json-events.js'
import { MORE_OF_THE_SAME, Repetition } from './repetition.js'
import type { Reporter } from './reporter.js'
import type { Heading } from './view.js'

/** One line per event. */
export class LineReporter implements Reporter {
  readonly #io: Io
  readonly #now: () => number
  readonly #repetition = new Repetition()
  #lastSynced = ''

  constructor(io: Io, now: () => number = Date.now) {
    this.#io = io
    this.#now = now
  }

  begin({ topic, rights, folder }: Heading): void {
    this.#line(folder === undefined ? `holding ${topic}` : `syncing ${folder} with ${topic} (${rights}); Ctrl-C stops`)
  }

  tell(event: CollabEvent): void {
    const verdict = this.#repetition.judge(event, this.#now())
    if (verdict === 'quiet') return
    const text = verdict === 'more' ? MORE_OF_THE_SAME : eventText(event, paintFor(false))
    if (text === undefined) return
    // After every exchange the peers are in sync again; a reader wants to know it once.
    if (event.type === 'synced' && text === this.#lastSynced) return
    if (event.type === 'synced') this.#lastSynced = text
    if (event.type === 'peer') this.#lastSynced = ''
    if (event.type === 'plan') this.#io.line(text)
    else for (const line of text.split('\n')) this.#line(line)
  }

  ending(): void {
    // What comes is told as it comes.
  }

  end(): void {
    // Nothing is held back.
  }

  #line(text: string): void {
    this.#io.line(`${clockTime(this.#now())} ${text}`)
  }
}
