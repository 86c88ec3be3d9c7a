import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseAuthorId, parseEntryHash } from '../base/ids.js'
import type { EntryHash } from '../base/ids.js'
import { Branches } from './branches.js'

const AUTHOR = parseAuthorId(new Uint8Array(32))

/** Entry number `at` of a log. */
function hashOf(at: number): EntryHash {
  return parseEntryHash(new Uint8Array(32).fill(at))
}

describe('the branches of a forked log', () => {
  it('[REP15] are known after a walk over each entry, whichever are asked for in which order', async () => {
    const parents = fc.array(fc.nat(), { maxLength: 40 })
    await fc.assert(
      fc.asyncProperty(parents, fc.array(fc.nat(), { minLength: 1, maxLength: 20 }), async (picks, heads) => {
        const before: (number | null)[] = [null]
        // Mostly one behind the other.
        for (const pick of picks) before.push(pick % 3 === 0 ? pick % before.length : before.length - 1)
        const pathTo = (at: number | null): readonly number[] => (at === null ? [] : [...pathTo(before[at] ?? null), at])
        let walked = 0
        const branches = new Branches((hash) => {
          walked++
          const at = before[Number.parseInt(hash.slice(0, 2), 16)]
          return Promise.resolve(at === undefined || at === null ? null : hashOf(at))
        })
        for (const pick of heads) {
          const path = pathTo(pick % before.length)
          const below = await branches.below(AUTHOR, { seq: path.length - 1, hash: hashOf(path.at(-1) ?? 0) })
          expect(Array.from({ length: path.length + 1 }, (_, seq) => below(seq))).toEqual([...path.map(hashOf), undefined])
        }
        expect(walked).toBeLessThanOrEqual(before.length)
      })
    )
  })
})
