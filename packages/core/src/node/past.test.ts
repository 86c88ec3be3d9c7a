import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { EntryHash } from '../base/ids.js'
import { MAX_BRANCHES } from '../base/limits.js'
import type { Entry } from '../log/entry.js'
import { LooseAuthor, TestReplica } from './test-replicas.js'

/** More than are kept in memory. */
const MANY = 700

interface Step {
  readonly author: number
  /** How far back the entry before it is: 0 is the newest. */
  readonly back: number
  /** What it stands on of the others, as numbers of earlier entries. */
  readonly deps: readonly number[]
  /** The batch ends here. */
  readonly isLast: boolean
  readonly reopens: boolean
}

const STEPS = fc.array(
  fc.record({
    author: fc.nat(2),
    back: fc.oneof({ weight: 12, arbitrary: fc.constant(0) }, fc.nat(6)),
    deps: fc.array(fc.nat(), { maxLength: 2 }),
    isLast: fc.boolean(),
    reopens: fc.boolean()
  }),
  { minLength: 20, maxLength: 160 }
)

/** Signs what `steps` say, in their order, with no more branches than a log may have. */
function sign(steps: readonly Step[]): readonly Entry[] {
  const authors = [new LooseAuthor(), new LooseAuthor(), new LooseAuthor()]
  const entries: Entry[] = []
  for (const { author, back, deps } of steps) {
    const signer = authors[author]!
    const own = signer.entries
    const after = own[Math.max(0, own.length - 1 - (branchesOf(own) < MAX_BRANCHES ? back : 0))]
    const others = deps.map((at) => entries[at % Math.max(1, entries.length)]).filter((entry) => entry !== undefined && entry.header.author !== signer.id)
    entries.push(signer.sign([], { ...(after && { after }), deps: [...new Set(others.map((entry) => entry!.hash))].sort() }))
  }
  return entries
}

function branchesOf(own: readonly Entry[]): number {
  const followed = new Set(own.map(({ header }) => header.prev))
  return own.filter(({ hash }) => !followed.has(hash)).length
}

/** For each author the entries below `entry`, itself included, that no other one of them follows; by hash. */
function headsBelow(entry: Entry, all: ReadonlyMap<EntryHash, Entry>): readonly string[] {
  const found = new Set<EntryHash>([entry.hash])
  for (const hash of found) {
    const header = all.get(hash)?.header
    for (const cause of [header?.prev ?? undefined, ...(header?.deps ?? [])]) if (cause !== undefined) found.add(cause)
  }
  const followed = new Set([...found].map((hash) => all.get(hash)?.header.prev))
  return [...found].filter((hash) => !followed.has(hash)).sort()
}

async function pastOf({ replica: { applier }, log }: TestReplica, hash: EntryHash): Promise<readonly string[]> {
  const heads: string[] = []
  for (const [author, own] of await applier.past(hash)) for (const head of own) heads.push(head.hash ?? (await log.firstIn(author, head.seq, head.seq))[0] ?? 'none')
  return heads.sort()
}

describe('causal pasts', () => {
  it('[REP17] are those that the entries name, in any batches, where logs fork and after a restart', async () => {
    let forks = 0
    await fc.assert(
      fc.asyncProperty(STEPS, async (steps) => {
        const entries = sign(steps)
        const all = new Map(entries.map((entry) => [entry.hash, entry]))
        const test = await TestReplica.open()
        let batch: Entry[] = []
        for (const [at, entry] of entries.entries()) {
          batch.push(entry)
          if (steps[at]?.isLast !== true && at < entries.length - 1) continue
          await test.replica.receive(batch)
          batch = []
          if (steps[at]?.reopens === true) await test.reopen()
          expect(await pastOf(test, entry.hash)).toEqual(headsBelow(entry, all))
        }
        await test.reopen()
        for (const entry of entries) expect(await pastOf(test, entry.hash)).toEqual(headsBelow(entry, all))
        forks += test.log.forks.length
      }),
      { numRuns: 60 }
    )
    expect(forks).toBeGreaterThan(20)
  })

  it('[REP17] are known of the entries of a batch, however many it has', async () => {
    const test = await TestReplica.open()
    const [a, b] = [new LooseAuthor(), new LooseAuthor()]
    for (let i = 0; i < MANY; i++) a.sign([])
    b.sign([], { deps: [a.entries[3]!.hash] })
    await test.replica.receive(b.entries)
    const { staged } = await test.replica.receive(a.entries)
    expect(staged.accepted.length).toBe(MANY)
    const known = [a.entries[3]!.hash, b.entries[0]!.hash].sort()
    expect(await pastOf(test, b.entries[0]!.hash)).toEqual(known)
    await test.reopen()
    expect(await pastOf(test, b.entries[0]!.hash)).toEqual(known)
  })

  it('[REP17] name what came in the same batch, also where a log forks and the batch is a long one', async () => {
    const test = await TestReplica.open()
    const [a, b, c, many] = [new LooseAuthor(), new LooseAuthor(), new LooseAuthor(), new LooseAuthor()]
    const first = c.sign([])
    await test.replica.receive([first, c.sign([]), c.sign([], { after: first })])
    const named = a.sign([])
    const between = b.sign([], { deps: [named.hash] })
    for (let i = 0; i < MANY; i++) many.sign([], { deps: i === 0 ? [between.hash] : [] })
    let last = many.sign([])
    while (last.hash < between.hash) last = many.sign([])
    // It has waited, and looks first at what is in memory no more.
    const late = c.sign([], { deps: [between.hash, last.hash] })
    await test.replica.receive([late])
    await test.replica.receive([named, between, ...many.entries])
    const all = new Map([first, ...c.entries, named, between, ...many.entries].map((entry) => [entry.hash, entry]))
    for (const entry of [between, last, late]) expect(await pastOf(test, entry.hash)).toEqual(headsBelow(entry, all))
    await test.reopen()
    for (const entry of [between, last, late]) expect(await pastOf(test, entry.hash)).toEqual(headsBelow(entry, all))
  })
})
