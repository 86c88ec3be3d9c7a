import { keysFromWriteKey, nodeCrypto } from '@collab/core'
import { describe, expect, it } from 'vitest'
import { runSimulation } from './simulation.js'
import { FAILED_SEEDS } from './seeds.js'

const RUNS = Number(process.env['COLLAB_SIM_RUNS'] ?? 60)
const START = Number(process.env['COLLAB_SIM_SEED'] ?? 1)

describe('simulation of whole workspaces', () => {
  it('[SIM1] the same entries give the same bytes on every peer, whatever the network and crashes do', async () => {
    const keys = keysFromWriteKey(nodeCrypto, new Uint8Array(32).fill(7))
    const list = [...FAILED_SEEDS, ...Array.from({ length: RUNS }, (_, index) => START + index)]
    const totals = { edits: 0, crashes: 0, partitions: 0 }
    for (const seed of list) {
      const done = await runSimulation(seed, keys)
      totals.edits += done.edits
      totals.crashes += done.crashes
      totals.partitions += done.partitions
    }
    expect(totals.edits).toBeGreaterThan(list.length * 5)
    expect(totals.crashes).toBeGreaterThan(0)
    expect(totals.partitions).toBeGreaterThan(0)
  }, 600_000)
})
