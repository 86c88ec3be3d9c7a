import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

/** Resident bytes under which there is nothing worth giving back. */
const WORTH_BYTES = 160 * 1024 * 1024
const LOOK_EVERY_MS = 3_000
/** CPU milliseconds between two looks under which the process counts as resting. */
const RESTING_CPU_MS = 60
/** Growth since memory was last given back that makes it worth doing again. */
const REGROWN = 1.2

type Collect = (options: { type: 'major'; execution: 'sync'; flavor: 'last-resort' }) => void

/**
 * V8 keeps the heap that a burst of work (a first sync) needed, for a next one that may never come. Once the process
 * rests, `release` lets go of caches and what is not in use goes back to the system. Returns the stop.
 */
export function giveMemoryBackAtRest(release: () => Promise<void>): () => void {
  let cpu = process.cpuUsage()
  let settledAt = 0
  const look = (): void => {
    const used = process.cpuUsage(cpu)
    cpu = process.cpuUsage()
    const resident = process.memoryUsage.rss()
    if ((used.user + used.system) / 1000 > RESTING_CPU_MS || resident < Math.max(WORTH_BYTES, settledAt * REGROWN)) return
    void release().then(collect, collect)
  }
  const collect = (): void => {
    collector()?.({ type: 'major', execution: 'sync', flavor: 'last-resort' })
    settledAt = process.memoryUsage.rss()
  }
  const timer = setInterval(look, LOOK_EVERY_MS).unref()
  return () => clearInterval(timer)
}

/** The collector is only reachable where its flag is set; a runtime without it keeps its memory. */
function collector(): Collect | undefined {
  setFlagsFromString('--expose-gc')
  const found: unknown = runInNewContext('globalThis.gc')
  return typeof found === 'function' ? (found as Collect) : undefined
}
