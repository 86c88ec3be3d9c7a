export interface Rate {
  /** What may come at once after a pause. */
  readonly burst: number
  readonly perSecond: number
}

/** How often something may happen (a token bucket); time is handed in, in monotonic milliseconds. */
export class Allowance {
  readonly #rate: Rate
  #left: number
  #at: number

  constructor(rate: Rate, nowMs: number) {
    this.#rate = rate
    this.#left = rate.burst
    this.#at = nowMs
  }

  /** False when it came too often. */
  take(nowMs: number): boolean {
    const { burst, perSecond } = this.#rate
    this.#left = Math.min(burst, this.#left + (Math.max(0, nowMs - this.#at) / 1000) * perSecond)
    this.#at = nowMs
    if (this.#left < 1) return false
    this.#left--
    return true
  }
}
