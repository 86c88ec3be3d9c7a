import { simulateFolders } from './folder-simulation.js'
import { describe, expect, it } from 'vitest'
import { FAILED_FOLDER_SEEDS } from './seeds.js'

/** `COLLAB_FOLDER_SIM_RUNS=5000 vitest run test/sim/folder-sim` is the long mode; `COLLAB_SIM_SEED` is the first seed. */
const RUNS = Number(process.env['COLLAB_FOLDER_SIM_RUNS'] ?? 25)
const START = Number(process.env['COLLAB_SIM_SEED'] ?? 1)
const TIMEOUT_MS = 60_000 + RUNS * 3000

describe('simulation of whole folders', () => {
  it(
    '[SIM3] on disks that fail, watched badly, by wrong clocks, cut off at any step: all folders end equal, nothing is lost, doubled or left over',
    async () => {
      const totals = { saves: 0, moves: 0, deletes: 0, crashes: 0, diskErrors: 0, observed: 0 }
      const seeds = [...FAILED_FOLDER_SEEDS, ...Array.from({ length: RUNS }, (_, index) => START + index)]
      for (const seed of seeds) {
        const done = await simulateFolders(seed)
        for (const name of Object.keys(totals) as (keyof typeof totals)[]) totals[name] += done[name]
      }
      for (const name of Object.keys(totals) as (keyof typeof totals)[]) expect(totals[name], name).toBeGreaterThan(0)
    },
    TIMEOUT_MS
  )
})
