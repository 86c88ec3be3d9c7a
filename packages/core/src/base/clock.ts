/** Time as an argument: the real clock in a program, a virtual one in a simulation. */
export interface Clock {
  /** Wall-clock milliseconds since 1970: shown to people, decides nothing. */
  now(): number
  /** Milliseconds that only ever grow: for deadlines and back-off. */
  monotonic(): number
  /** Calls `run` once after `ms` milliseconds; the returned function cancels it. */
  after(ms: number, run: () => void): () => void
}

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after(ms, run) {
    const timer = setTimeout(run, ms)
    return () => clearTimeout(timer)
  }
}
