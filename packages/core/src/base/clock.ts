/** Time as an argument: the real clock in a program, a virtual one in a simulation. */
export interface Clock {
  /** Wall-clock milliseconds since 1970: shown to people; decides nothing but the age in days of what is kept for a while. */
  now(): number
  /** Milliseconds that only ever grow: for deadlines and back-off. */
  monotonic(): number
  /** Calls `run` once after `ms` milliseconds, a time that is over at once; the returned function cancels it. */
  after(ms: number, run: () => void): () => void
  /** Calls `run` once, as soon as what runs now is done: `after` takes a millisecond or more even for none. */
  soon(run: () => void): () => void
}

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after(ms, run) {
    const timer = setTimeout(run, Math.max(0, ms))
    return () => clearTimeout(timer)
  },
  soon(run) {
    let isCancelled = false
    queueMicrotask(() => {
      if (!isCancelled) run()
    })
    return () => {
      isCancelled = true
    }
  }
}
