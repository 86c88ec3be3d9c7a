import type { Clock } from '@collab/core'

/** Longest stretch in which nothing else runs, in milliseconds: peers, and who asks for the status, are heard in between. */
const SLICE_MS = 5

/** Cuts long work of one thread into slices. */
export class Slices {
  readonly #clock: Clock
  #end = 0
  /** Everything else had its turn since the slice began, because the work itself waited for something. */
  #isHeard = false

  constructor(clock: Clock) {
    this.#clock = clock
    this.#begin()
  }

  get isOver(): boolean {
    return this.#clock.monotonic() >= this.#end
  }

  /** Lets everything else have its turn, unless it had one. */
  async next(): Promise<void> {
    if (!this.#isHeard) await new Promise((resolve) => setImmediate(resolve))
    this.#begin()
  }

  #begin(): void {
    this.#end = this.#clock.monotonic() + SLICE_MS
    this.#isHeard = false
    setImmediate(() => (this.#isHeard = true))
  }
}
