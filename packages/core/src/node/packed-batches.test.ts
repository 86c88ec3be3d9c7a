import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { systemClock } from '../base/clock.js'
import type { Entry } from '../log/entry.js'
import type { Pace } from './document-types.js'
import { LooseAuthor, newFile, TestReplica } from './test-replicas.js'

const PACE: Pace = { snapshotSteps: Infinity, pageSteps: Infinity, segmentEntries: 4 }
const PLAIN: Pace = { ...PACE, segmentEntries: Infinity }

/** Entries of one author, each with a file; those of another that name them; and a branch off the first. */
function history(length: number, forkAt: number): readonly Entry[] {
  const [one, two] = [new LooseAuthor(), new LooseAuthor()]
  const entries: Entry[] = []
  for (let i = 0; i < length; i++) {
    const entry = one.sign(newFile(`one ${i}`, `text ${i}\n`).changes)
    entries.push(entry, two.sign(newFile(`two ${i}`, '').changes, { deps: i % 3 === 0 ? [entry.hash] : [] }))
  }
  const after = one.entries[forkAt]
  return after === undefined ? entries : [...entries, one.sign(newFile('fork', '').changes, { after })]
}

async function shownBy(test: TestReplica): Promise<unknown> {
  const entries = (await test.entries()).toSorted((a, b) => (a.hash < b.hash ? -1 : 1))
  return [entries, await test.show(), test.log.vector]
}

describe('batches', () => {
  it('[CKPT16] pack what was stored before little by little', async () => {
    const before = await TestReplica.open(systemClock, PLAIN)
    await before.replica.receive(history(60, Infinity))
    const test = await before.copy({ pace: PACE })
    const counts: number[] = []
    for (let edits = 0; edits < 20; edits++) {
      await test.replica.edit([{ type: 'create-file', path: `${edits}`, text: '', executable: false }])
      counts.push((await test.kv.scan('segment')).length)
    }
    expect(Math.max(...counts.map((count, at) => count - (counts[at - 1] ?? 0)))).toBeLessThanOrEqual(3)
    for (let rest = 0; rest < 4; rest++) await test.replica.releaseMemory()
    expect((await test.kv.scan('header')).length).toBeLessThanOrEqual(3 * 8)
    const all = (await test.entries()).map(({ hash }) => hash)
    expect(all).toEqual(expect.arrayContaining((await before.entries()).map(({ hash }) => hash)))
  })

  it('[CKPT15] write what they bring once, packed', async () => {
    const test = await TestReplica.open(systemClock, PACE)
    const entries = history(40, Infinity)
    const headers = new Set<string>()
    const commit = test.kv.commit.bind(test.kv)
    test.kv.commit = async (ops) => {
      for (const { table, key } of ops) if (table === 'header') headers.add(key)
      await commit(ops)
    }
    await test.replica.receive(entries)
    // Of each author the first one, and from four to seven of the newest.
    expect(headers.size).toBeLessThanOrEqual(16)
    expect((await test.kv.scan('header')).length).toBe(headers.size)
    expect((await test.kv.scan('segment')).length).toBeGreaterThan(15)
    expect((await test.entries()).length).toBe(entries.length)
  })

  it('[CKPT15] hold the same, however what they bring is split, over restarts and where a log forks', async () => {
    let segments = 0
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 4, max: 24 }), fc.nat(30), fc.array(fc.nat(50), { maxLength: 6 }), fc.boolean(), async (length, forkAt, cuts, isReopened) => {
        const entries = history(length, forkAt)
        const [packed, plain] = [await TestReplica.open(systemClock, PACE), await TestReplica.open(systemClock, PLAIN)]
        await plain.replica.receive(entries)
        const bounds = [0, ...cuts.toSorted((a, b) => a - b), entries.length]
        for (const [index, end] of bounds.slice(1).entries()) {
          await packed.replica.receive(entries.slice(bounds[index], end))
          if (isReopened) await packed.reopen()
        }
        segments += (await packed.kv.scan('segment')).length
        expect(await shownBy(packed)).toEqual(await shownBy(plain))
        await packed.replica.releaseMemory()
        await packed.reopen()
        expect(await shownBy(packed)).toEqual(await shownBy(plain))
      }),
      { numRuns: 40 }
    )
    expect(segments).toBeGreaterThan(40)
  })
})
