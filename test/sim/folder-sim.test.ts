import { simulateFolders } from './folder-simulation.js'
import { randomInt } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { FAILED_FOLDER_SEEDS } from './seeds.js'

/** `COLLAB_FOLDER_SIM_RUNS=5000 vitest run test/sim/folder-sim` is the long mode; `COLLAB_SIM_SEED` is the first seed. */
const RUNS = Number(process.env['COLLAB_FOLDER_SIM_RUNS'] ?? 25)
/** The mode for the night: it goes on for so long, tells every seed that fails, and begins anywhere. */
const MINUTES = Number(process.env['COLLAB_FOLDER_SIM_MINUTES'] ?? 0)
const START = Number(process.env['COLLAB_SIM_SEED'] ?? (MINUTES > 0 ? randomInt(2 ** 31) : 1))
const TIMEOUT_MS = 60_000 + RUNS * 3000 + MINUTES * 60_000

/** Seeds to run: those that once failed, then a number of them or as many as the time allows. */
function* seeds(): Generator<number> {
  yield* FAILED_FOLDER_SEEDS
  const end = performance.now() + MINUTES * 60_000
  for (let run = 0; MINUTES > 0 ? performance.now() < end : run < RUNS; run++) yield START + run
}

describe('simulation of whole folders', () => {
  it(
    '[SIM3] on disks that fail, watched badly, by wrong clocks, cut off at any step: all folders end equal, nothing is lost, doubled or left over',
    async () => {
      const totals = { saves: 0, moves: 0, deletes: 0, crashes: 0, diskErrors: 0, observed: 0 }
      const failed: string[] = []
      let runs = 0
      for (const seed of seeds()) {
        const done = await simulateFolders(seed).catch((error: unknown) => {
          if (MINUTES === 0) throw error
          process.stderr.write(`${String(error)}\n`)
          failed.push(String(seed))
        })
        if (done === undefined) continue
        runs++
        for (const name of Object.keys(totals) as (keyof typeof totals)[]) totals[name] += done[name]
      }
      if (MINUTES > 0) process.stderr.write(`${runs} runs from seed ${START}: ${JSON.stringify(totals)}\n`)
      expect(failed).toEqual([])
      for (const name of Object.keys(totals) as (keyof typeof totals)[]) expect(totals[name], name).toBeGreaterThan(0)
    },
    TIMEOUT_MS
  )
})
