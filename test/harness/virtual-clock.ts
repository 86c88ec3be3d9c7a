import type { Clock } from '@collab/core'

interface Timer {
  readonly at: number
  readonly order: number
  readonly run: () => void
}

/** Time that only moves when the simulation says so. */
export class VirtualClock implements Clock {
  #now = 0
  #order = 0
  #timers: Timer[] = []

  now(): number {
    return 1_700_000_000_000 + this.#now
  }

  monotonic(): number {
    return this.#now
  }

  after(ms: number, run: () => void): () => void {
    const timer = { at: this.#now + Math.max(0, ms), order: this.#order++, run }
    this.#timers.push(timer)
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer)
    }
  }

  get idle(): boolean {
    return this.#timers.length === 0
  }

  /** Runs the next timer that is due by `until`; false when there is none. */
  step(until = Infinity): boolean {
    let next: Timer | undefined
    for (const timer of this.#timers) {
      if (timer.at <= until && (next === undefined || timer.at < next.at || (timer.at === next.at && timer.order < next.order))) next = timer
    }
    if (next === undefined) return false
    this.#timers = this.#timers.filter((timer) => timer !== next)
    this.#now = Math.max(this.#now, next.at)
    next.run()
    return true
  }
}
