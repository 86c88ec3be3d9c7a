import type { Clock } from '../base/clock.js'

/** What may pass at once after a pause: a quarter of a second's worth. */
const BURST_SECONDS = 0.25

/** Lets so many bytes pass a second; what comes earlier waits its turn. */
export class TokenBucket {
  readonly #bytesPerSecond: number
  readonly #clock: Clock
  /** Monotonic: when all that passed so far is paid for. */
  #paidAt: number

  /** @param bytesPerSecond Infinity for no limit */
  constructor(bytesPerSecond: number, clock: Clock) {
    this.#bytesPerSecond = bytesPerSecond
    this.#clock = clock
    this.#paidAt = clock.monotonic()
  }

  async take(bytes: number): Promise<void> {
    if (this.#bytesPerSecond === Infinity) return
    const now = this.#clock.monotonic()
    this.#paidAt = Math.max(this.#paidAt, now - BURST_SECONDS * 1000) + (bytes / this.#bytesPerSecond) * 1000
    const waitMs = this.#paidAt - now
    if (waitMs > 0) await new Promise<void>((resolve) => void this.#clock.after(waitMs, resolve))
  }
}
