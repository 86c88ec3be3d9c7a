import type { Clock } from '../base/clock.js'

/** What is looked back at: long enough to be steady, short enough to follow. */
const SLOTS = 8
const SLOT_MS = 500

/** Counts bytes, and tells how many came a second of late. */
export class RateMeter {
  readonly #clock: Clock
  readonly #slots = new Float64Array(SLOTS)
  #slot = 0
  #total = 0

  constructor(clock: Clock) {
    this.#clock = clock
  }

  get total(): number {
    return this.#total
  }

  get perSecond(): number {
    this.#turn()
    return this.#slots.reduce((sum, bytes) => sum + bytes, 0) / ((SLOTS * SLOT_MS) / 1000)
  }

  add(bytes: number): void {
    this.#turn()
    this.#total += bytes
    this.#slots[this.#slot % SLOTS] = (this.#slots[this.#slot % SLOTS] ?? 0) + bytes
  }

  #turn(): void {
    const slot = Math.floor(this.#clock.monotonic() / SLOT_MS)
    for (let at = Math.max(this.#slot + 1, slot - SLOTS + 1); at <= slot; at++) this.#slots[at % SLOTS] = 0
    this.#slot = slot
  }
}
