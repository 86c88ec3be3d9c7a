import { describe, expect, it } from 'vitest'
import { runPruningSimulation } from './pruning-simulation.js'
import type { Pruned } from './pruning-simulation.js'
import { FAILED_PRUNING_COPY_SEEDS, FAILED_PRUNING_SEEDS } from './seeds.js'

/** `COLLAB_SIM_RUNS=2000 vitest run test/sim/pruning.test.ts` is the long mode; `COLLAB_SIM_SEED` is the first seed. */
const RUNS = Number(process.env['COLLAB_SIM_RUNS'] ?? 12)
const START = Number(process.env['COLLAB_SIM_SEED'] ?? 1)
const TIMEOUT_MS = 60_000 + RUNS * 20_000

async function runAll(seeds: readonly number[], copies: boolean): Promise<Pruned> {
  const totals: Pruned = { edits: 0, lines: 0, pruned: 0, cut: 0, crashes: 0, copies: 0, lapses: 0, late: 0, read: 0, refused: 0 }
  for (const seed of seeds) {
    const done = await runPruningSimulation({ seed, copies })
    for (const name of Object.keys(totals) as (keyof Pruned)[]) totals[name] += done[name]
  }
  return totals
}

const from = (start: number, count: number): readonly number[] => Array.from({ length: count }, (_, index) => start + index)

describe('simulation of peers that leave old edits to others', () => {
  it(
    '[PRUNE1] all end equal, old peers, late ones and newcomers too, with every line once and every old text to be had again',
    async () => {
      const seeds = [...FAILED_PRUNING_SEEDS, ...from(START, Math.ceil(RUNS * 0.75))]
      const totals = await runAll(seeds, false)
      if (process.env['COLLAB_SIM_RUNS'] !== undefined) process.stdout.write(`${JSON.stringify(totals)}\n`)
      expect(totals.pruned).toBeGreaterThan(seeds.length * 10)
      expect(totals.cut).toBeGreaterThan(0)
      expect(totals.late).toBeGreaterThan(seeds.length)
      expect(totals.read).toBeGreaterThan(seeds.length)
      expect(totals.refused).toBeGreaterThan(0)
      expect(totals.lapses).toBeGreaterThan(0)
    },
    TIMEOUT_MS
  )

  it(
    '[PRUNE2] so it is when stores are copied, and logs fork below what was left to others',
    async () => {
      const totals = await runAll([...FAILED_PRUNING_COPY_SEEDS, ...from(START, Math.ceil(RUNS * 0.25))], true)
      if (process.env['COLLAB_SIM_RUNS'] !== undefined) process.stdout.write(`${JSON.stringify(totals)}\n`)
      expect(totals.copies).toBeGreaterThan(0)
      expect(totals.pruned).toBeGreaterThan(0)
    },
    TIMEOUT_MS
  )
})
