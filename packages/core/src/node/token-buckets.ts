import type { Clock } from '../base/clock.js'

/** Buckets that are kept; a full one needs no remembering. */
const MAX_BUCKETS = 4096

export interface Rate {
  readonly burst: number
  readonly perSecond: number
}

/** How often each of many may do something. */
export class TokenBuckets {
  readonly #clock: Clock
  readonly #rate: Rate
  readonly #buckets = new Map<string, { tokens: number; at: number }>()

  constructor(clock: Clock, rate: Rate) {
    this.#clock = clock
    this.#rate = rate
  }

  /** False when `who` did it too often. */
  take(who: string): boolean {
    const { burst, perSecond } = this.#rate
    const now = this.#clock.monotonic()
    const known = this.#buckets.get(who) ?? { tokens: burst, at: now }
    const tokens = Math.min(burst, known.tokens + ((now - known.at) / 1000) * perSecond)
    if (!this.#buckets.has(who) && this.#buckets.size >= MAX_BUCKETS) this.#buckets.clear()
    this.#buckets.set(who, { tokens: tokens < 1 ? tokens : tokens - 1, at: now })
    return tokens >= 1
  }
}
