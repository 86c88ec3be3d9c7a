import { Allowance } from '../base/allowance.js'
import type { Rate } from '../base/allowance.js'
import type { Clock } from '../base/clock.js'

/** Buckets that are kept; a full one needs no remembering. */
const MAX_BUCKETS = 4096

/** How often each of many may do something. */
export class TokenBuckets {
  readonly #clock: Clock
  readonly #rate: Rate
  readonly #buckets = new Map<string, Allowance>()

  constructor(clock: Clock, rate: Rate) {
    this.#clock = clock
    this.#rate = rate
  }

  /** False when `who` did it too often. */
  take(who: string): boolean {
    const now = this.#clock.monotonic()
    const known = this.#buckets.get(who)
    if (known !== undefined) return known.take(now)
    if (this.#buckets.size >= MAX_BUCKETS) this.#buckets.clear()
    const fresh = new Allowance(this.#rate, now)
    this.#buckets.set(who, fresh)
    return fresh.take(now)
  }
}
