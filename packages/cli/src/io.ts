/** A stream as far as this program uses one. */
export interface Sink {
  write(text: string): unknown
  cork?(): void
  uncork?(): void
  readonly isTTY?: boolean | undefined
  readonly columns?: number | undefined
  readonly rows?: number | undefined
}

export interface IoInit {
  readonly stdout: Sink
  readonly stderr: Sink
  readonly color: boolean
}

/** The only writer to standard output and standard error. Texts of strangers go through `show` before they come here. */
export class Io {
  readonly #init: IoInit
  #isClosed = false
  #isCorked = false

  constructor(init: IoInit) {
    this.#init = init
  }

  get isTerminal(): boolean {
    return this.#init.stdout.isTTY === true
  }

  get color(): boolean {
    return this.#init.color && this.isTerminal
  }

  get columns(): number {
    return this.#init.stdout.columns ?? 80
  }

  get rows(): number {
    return this.#init.stdout.rows ?? 24
  }

  /** A line on standard output. */
  line(text: string): void {
    this.raw(`${text}\n`)
  }

  /** Standard output as it is. */
  raw(text: string): void {
    if (this.#isClosed) return
    this.#cork()
    this.#init.stdout.write(text)
  }

  /** What is written in one turn goes out as one. */
  #cork(): void {
    if (this.#isCorked) return
    this.#isCorked = true
    this.#init.stdout.cork?.()
    queueMicrotask(() => {
      this.#isCorked = false
      this.#init.stdout.uncork?.()
    })
  }

  /** A line on standard error. */
  error(text: string): void {
    this.#init.stderr.write(`${text}\n`)
  }

  /** The reader of standard output is gone: nothing more is written to it. */
  close(): void {
    this.#isClosed = true
  }
}
