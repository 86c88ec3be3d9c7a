import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

/** Bytes between two collections: less garbage than what a transfer keeps in memory anyway, some 0.3 ms each. */
const EVERY_BYTES = 2 * 1024 * 1024
/** A collection is over before a second thread has woken up for it, and dead buffers are freed by who made them. */
const FLAGS = ['--no-parallel-scavenge', '--no-concurrent-array-buffer-sweeping']
/** Percent that the heap may grow before all of it is marked: buffers that outlived two collections count as growth. */
const GROWTH = 100

type CollectYoung = (options: { type: 'minor' }) => void

/**
 * To be told of bytes that passed through buffers made and dropped at once. Such buffers lie outside of the heap, and
 * V8 notices them only as pressure, upon which it marks the whole heap: every few megabytes of a transfer, which costs
 * more than the transfer. All of them are young, so a collection of the young generation, which takes no time, is
 * enough; it comes before V8 gets nervous. A runtime that cannot do so does as before.
 */
export function collectYoungEvery(everyBytes = EVERY_BYTES): (bytes: number) => void {
  let collect: CollectYoung | undefined
  let passed = 0
  return (bytes) => {
    passed += bytes
    if (passed < everyBytes) return
    passed = 0
    collect ??= collector()
    collect({ type: 'minor' })
  }
}

/** The collector is reachable in a context that is made while its flag is set. */
function collector(): CollectYoung {
  for (const flag of [...FLAGS, `--heap-growing-percent=${GROWTH}`, '--expose-gc']) setFlagsFromString(flag)
  const found: unknown = runInNewContext('globalThis.gc')
  return typeof found === 'function' ? (found as CollectYoung) : () => undefined
}
