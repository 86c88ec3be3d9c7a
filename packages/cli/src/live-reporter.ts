import { eventText } from './event-text.js'
import { clockTime, paintFor, widthOf, wrap } from './format.js'
import type { Io } from './io.js'
import type { CollabEvent } from './json-events.js'
import { MORE_OF_THE_SAME, Repetition } from './repetition.js'
import type { Reporter } from './reporter.js'
import { EMPTY_VIEW, nextView, render } from './view.js'
import type { Heading, Snapshot, View } from './view.js'

/** Faster than this nobody reads. */
const FRAME_MS = 100
/** Rates, the state of peers and files go on changing without an event. */
const IDLE_FRAME_MS = 1_000

/** What stays in the scroll-back above the display; the rest is in the display itself. */
const KEPT = new Set<CollabEvent['type']>(['conflict', 'skipped', 'guard', 'warning', 'plan', 'stopped'])

/** A block of lines at the bottom of the terminal, redrawn in place. */
export class LiveReporter implements Reporter {
  readonly #io: Io
  readonly #repetition = new Repetition()
  #view: View = EMPTY_VIEW
  #shown: (() => readonly string[]) | undefined
  /** Lines on the screen that the next frame replaces. */
  #drawn: readonly string[] = []
  #drawnColumns = 0
  #timer: NodeJS.Timeout | undefined
  #dueAt = Infinity

  constructor(io: Io) {
    this.#io = io
  }

  begin(heading: Heading, snapshot: () => Snapshot | undefined): void {
    const { color } = this.#io
    this.#shown = () => render({ heading, color, snapshot: snapshot(), view: this.#view, now: Date.now(), columns: this.#io.columns })
    this.#drawLater(0)
  }

  tell(event: CollabEvent): void {
    this.#view = nextView(this.#view, event, Date.now())
    const text = KEPT.has(event.type) ? this.#keptText(event) : undefined
    if (text !== undefined) this.#print(event.type === 'plan' ? text : wrap(`${clockTime(Date.now())} ${text}`, this.#io.columns).join('\n'))
    this.#drawLater(FRAME_MS)
  }

  #keptText(event: CollabEvent): string | undefined {
    const verdict = this.#repetition.judge(event, Date.now())
    if (verdict === 'quiet') return undefined
    return verdict === 'more' ? MORE_OF_THE_SAME : eventText(event, paintFor(this.#io.color))
  }

  ending(): void {
    if (this.#shown !== undefined) this.#draw()
    this.end()
    this.#drawn = []
    // What the terminal shows of Ctrl-C.
    this.#io.raw('\r\u001b[K')
  }

  /** Leaves the last frame on the screen. */
  end(): void {
    clearTimeout(this.#timer)
    this.#shown = undefined
  }

  #print(text: string): void {
    this.#io.raw(`${this.#erasure()}${text}\n`)
    this.#drawn = []
    this.#drawLater(0)
  }

  #drawLater(ms: number): void {
    if (this.#shown === undefined || Date.now() + ms >= this.#dueAt) return
    clearTimeout(this.#timer)
    this.#dueAt = Date.now() + ms
    this.#timer = setTimeout(() => this.#draw(), ms)
    this.#timer.unref()
  }

  #draw(): void {
    this.#dueAt = Infinity
    if (this.#shown === undefined) return
    // A block higher than the screen could not be taken back.
    const lines = this.#shown().slice(0, Math.max(1, this.#io.rows - 1))
    const isNew = this.#drawnColumns !== this.#io.columns || lines.join('\n') !== this.#drawn.join('\n')
    if (isNew) this.#io.raw(`${this.#erasure()}${lines.join('\n')}\n`)
    this.#drawn = lines
    this.#drawnColumns = this.#io.columns
    this.#drawLater(IDLE_FRAME_MS)
  }

  /** After the window became narrower, long lines of the last frame take more than one row. */
  #erasure(): string {
    const rows = this.#drawn.reduce((sum, line) => sum + Math.max(1, Math.ceil(widthOf(line) / Math.max(1, this.#io.columns))), 0)
    return rows === 0 ? '' : `\u001b[${rows}F\u001b[J`
  }
}
