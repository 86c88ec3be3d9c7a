import { RivalWorker } from './rivals/rival-worker.js'
import { areOthersInstalled, rivals } from './rivals/rivals.js'
import { median, milliseconds, quantile } from './table.js'
import type { Row } from './table.js'

/** The text that is typed into. */
const LENGTH = 10_000
/** Rivals take turns, so that what else the machine does hits all of them. */
const ROUNDS = 2
/** Keystrokes of one round, and the pause between them: each by itself, and as fast as anybody types. */
const PACES = [
  { what: 'one keystroke', count: 30, pauseMs: 250 },
  { what: '16 keystrokes a second', count: 60, pauseMs: 60 }
]

/** From a keystroke in one process until it is visible in another, over each rival's own transport on loopback. */
export async function measureKeystrokes(): Promise<readonly Row[]> {
  if (!areOthersInstalled()) process.stderr.write('collab alone is measured; `npx --yes pnpm@12 bench:others` fetches what it is measured beside\n')
  const taken = new Map<string, number[]>()
  for (let round = 0; round < ROUNDS; round++) {
    for (const name of Object.keys(rivals)) {
      for (const [what, times] of await measureOne(name)) taken.set(`${what}: ${name}`, [...(taken.get(`${what}: ${name}`) ?? []), ...times])
    }
  }
  const rows = [...taken].map(([what, times]) => ({
    what,
    value: `p50 ${milliseconds(median(times))}`,
    beside: `p90 ${milliseconds(quantile(times, 0.9))}, of ${times.length}`
  }))
  return PACES.flatMap(({ what }) => rows.filter((row) => row.what.startsWith(what)))
}

async function measureOne(name: string): Promise<ReadonlyMap<string, readonly number[]>> {
  const processes: RivalWorker[] = []
  const start = (): RivalWorker => {
    const worker = new RivalWorker(name)
    processes.push(worker)
    return worker
  }
  try {
    const server = await start().ready({ do: 'serve' })
    const writer = start()
    const address = (await writer.ready({ do: 'open', address: server })) ?? server
    const reader = start()
    await reader.ready({ do: 'open', address })
    await seen(reader, 0, LENGTH, async () => await writer.ready({ do: 'fill', count: LENGTH }))
    const latencies = new Map<string, readonly number[]>()
    let length = LENGTH
    for (const { what, count, pauseMs } of PACES) {
      let typed: readonly number[] = []
      const times = await seen(reader, length, length + count, async () => (typed = await writer.times({ do: 'type', count, pauseMs })))
      latencies.set(what, times.map((time, at) => time - (typed[at] ?? NaN)))
      length += count
    }
    return latencies
  } finally {
    for (const worker of processes) worker.end()
  }
}

/** When each of the characters that `write` brings was at the reader. */
async function seen(reader: RivalWorker, from: number, to: number, write: () => Promise<unknown>): Promise<readonly number[]> {
  await reader.ready({ do: 'watch', length: to })
  const [, times] = await Promise.all([write(), reader.nextTimes()])
  if (times.length !== to - from) throw new Error(`${times.length} of ${to - from} characters were seen`)
  return times
}
