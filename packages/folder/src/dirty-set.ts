import type { Clock } from '@collab/core'

interface Due {
  readonly at: number
  readonly parked: boolean
}

/**
 * The paths that must be looked at, each from a time on. A parked path is tried again later, but nobody waits for it.
 * `onDue` is called when something becomes due.
 */
export class DirtySet<Path extends string> {
  readonly #clock: Clock
  readonly #onDue: () => void
  readonly #paths = new Map<Path, Due>()
  #cancelTimer: (() => void) | undefined
  #timerAt = Infinity
  #stopped = false

  constructor(clock: Clock, onDue: () => void) {
    this.#clock = clock
    this.#onDue = onDue
  }

  /** Paths that somebody waits for. */
  get waiting(): number {
    let count = 0
    for (const due of this.#paths.values()) if (!due.parked) count++
    return count
  }

  has(path: Path): boolean {
    return this.#paths.has(path)
  }

  /** Marks a path; an earlier time wins over a later one. */
  add(path: Path, afterMs = 0, parked = false): void {
    const at = this.#clock.monotonic() + afterMs
    const known = this.#paths.get(path)
    if (known !== undefined && known.at <= at && (!known.parked || parked)) return
    this.#paths.set(path, { at: Math.min(at, known?.at ?? Infinity), parked })
    this.#arm(at)
  }

  /** Takes at most `limit` due paths, in the order in which they were marked; of parked ones fewer, and only when nothing else is due. */
  take(limit: number, parkedLimit: number): Path[] {
    const now = this.#clock.monotonic()
    const due = Array.from(this.#paths).filter(([, { at }]) => at <= now)
    const pressing = due.filter(([, { parked }]) => !parked).slice(0, limit)
    const taken = (pressing.length > 0 ? pressing : due.slice(0, parkedLimit)).map(([path]) => path)
    for (const path of taken) this.#paths.delete(path)
    this.rearm()
    return taken
  }

  /** Calls `onDue` for the next path, also where that was done before. */
  rearm(): void {
    this.#disarm()
    let next = Infinity
    for (const { at } of this.#paths.values()) next = Math.min(next, at)
    if (next < Infinity) this.#arm(next)
  }

  /** All paths that somebody waits for, due or not. */
  *waitingPaths(): Generator<Path> {
    for (const [path, { parked }] of this.#paths) if (!parked) yield path
  }

  stop(): void {
    this.#stopped = true
    this.#disarm()
  }

  #arm(at: number): void {
    if (this.#stopped || at >= this.#timerAt) return
    this.#disarm()
    this.#timerAt = at
    this.#cancelTimer = this.#clock.after(Math.max(0, at - this.#clock.monotonic()), () => {
      this.#timerAt = Infinity
      this.#cancelTimer = undefined
      this.#onDue()
    })
  }

  #disarm(): void {
    this.#cancelTimer?.()
    this.#cancelTimer = undefined
    this.#timerAt = Infinity
  }
}
