import { describe, expect, it } from 'vitest'
import { burnProcessors } from './testing/spawn.js'
import { measureTornReads } from './testing/torn-reads.js'

describe('reading while editors save', () => {
  it.each([
    { load: 'an idle machine', burners: 0, seed: 11 },
    { load: 'a busy machine', burners: 3, seed: 12 }
  ])('[DISK50] on $load, nothing is read that was never a complete save', async ({ burners, seed }) => {
    using _ = burnProcessors(burners)
    const report = await measureTornReads(5000, 200, seed)
    expect(report.saves).toBeGreaterThan(10)
    expect(report.reads).toBeGreaterThan(3)
    expect(report.torn).toBe(0)
  })
})
