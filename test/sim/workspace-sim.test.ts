import { describe, expect, it } from 'vitest'
import { runSimulation } from './simulation.js'
import type { Done } from './simulation.js'
import { FAILED_COPY_SEEDS, FAILED_SEEDS } from './seeds.js'

/** `COLLAB_SIM_RUNS=20000 vitest run test/sim` is the long mode; `COLLAB_SIM_SEED` is the first seed. */
const RUNS = Number(process.env['COLLAB_SIM_RUNS'] ?? 150)
const START = Number(process.env['COLLAB_SIM_SEED'] ?? 1)
const TIMEOUT_MS = 60_000 + RUNS * 1000

async function runAll(seeds: readonly number[], copies: boolean): Promise<Done> {
  const totals = { edits: 0, crashes: 0, partitions: 0, lines: 0, readers: 0, copies: 0 }
  for (const seed of seeds) {
    const done = await runSimulation({ seed, copies, replay: seed % 4 === 0 })
    for (const name of Object.keys(totals) as (keyof Done)[]) totals[name] += done[name]
  }
  return totals
}

const from = (start: number, count: number): readonly number[] => Array.from({ length: count }, (_, index) => start + index)

describe('simulation of whole workspaces', () => {
  it(
    '[SIM1] [REG8] the same entries give the same bytes on every peer, nothing is lost or doubled, and then it is silent',
    async () => {
      const seeds = [...FAILED_SEEDS, ...from(START, Math.ceil(RUNS * 0.8))]
      const totals = await runAll(seeds, false)
      expect(totals.edits).toBeGreaterThan(seeds.length * 10)
      expect(totals.lines).toBeGreaterThan(seeds.length * 10)
      expect(totals.crashes).toBeGreaterThan(0)
      expect(totals.partitions).toBeGreaterThan(0)
      expect(totals.readers).toBeGreaterThan(0)
    },
    TIMEOUT_MS
  )

  it(
    '[SIM2] so it is when stores are copied and both copies write on as one author',
    async () => {
      const totals = await runAll([...FAILED_COPY_SEEDS, ...from(START, Math.ceil(RUNS * 0.2))], true)
      expect(totals.copies).toBeGreaterThan(0)
    },
    TIMEOUT_MS
  )
})
