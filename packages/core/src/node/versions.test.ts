import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { DocId } from '../base/ids.js'
import { applyEdits } from '../base/text-diff.js'
import type { TextEdit } from '../base/text-diff.js'
import { deliver, newFile, TestReplica } from './test-replicas.js'
import type { DocVersion } from './workspace-types.js'

const TEXT = 'one two three\nfour five six\n'
const FILE = newFile('a.md', TEXT)
const DOC: DocId = FILE.doc

interface Known {
  readonly version: DocVersion
  readonly text: string
}

/** One thing that happens; numbers choose among what there is. */
type Step =
  | { readonly type: 'edit'; readonly by: 0 | 1; readonly base: number; readonly cuts: readonly Cut[]; readonly machine: boolean; readonly twice: boolean }
  | { readonly type: 'exchange'; readonly from: 0 | 1 }
  | { readonly type: 'reopen'; readonly of: 0 | 1 }

interface Cut {
  readonly skip: number
  readonly remove: number
  readonly insert: string
}

const side = fc.constantFrom<0 | 1>(0, 1)
const cut: fc.Arbitrary<Cut> = fc.record({ skip: fc.nat(9), remove: fc.nat(4), insert: fc.string({ unit: fc.constantFrom('x', 'y', '\n', 'é', '🙂'), maxLength: 4 }) })
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      type: fc.constant('edit' as const),
      by: side,
      base: fc.nat(),
      cuts: fc.array(cut, { maxLength: 3 }),
      machine: fc.boolean(),
      twice: fc.boolean()
    })
  },
  { weight: 3, arbitrary: fc.record({ type: fc.constant('exchange' as const), from: side }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('reopen' as const), of: side }) }
)

/** Sorted edits within `text`, never inside a surrogate pair. */
function editsOf(text: string, cuts: readonly Cut[]): readonly TextEdit[] {
  const units = Array.from(text)
  const edits: TextEdit[] = []
  let unit = 0
  for (const { skip, remove, insert } of cuts) {
    unit = Math.min(units.length, unit + skip + (edits.length > 0 ? 1 : 0))
    const end = Math.min(units.length, unit + remove)
    edits.push({ at: units.slice(0, unit).join('').length, remove: units.slice(unit, end).join('').length, insert })
    unit = end
    if (unit === units.length) break
  }
  return edits
}

class Versions {
  readonly #replicas: readonly TestReplica[]
  /** Per replica: every version that it was given, with the text that it stands for. */
  readonly #known: readonly Known[][] = [[], []]

  constructor(replicas: readonly TestReplica[]) {
    this.#replicas = replicas
  }

  async play(step: Step): Promise<void> {
    switch (step.type) {
      case 'edit':
        return await this.#edit(step)
      case 'exchange':
        return await deliver(this.#of(1 - step.from), await this.#of(step.from).entries())
      case 'reopen':
        return await this.#of(step.of).reopen()
    }
  }

  async #edit({ by, base, cuts, machine, twice }: Extract<Step, { type: 'edit' }>): Promise<void> {
    const known = this.#known[by] ?? []
    known.push(await this.#newest(by))
    const { version, text } = known[base % known.length] as Known
    const drafts = twice ? [cuts, cuts.toReversed()] : [cuts]
    const changes = drafts.map((list) => ({ type: 'edit' as const, doc: DOC, base: version, edits: editsOf(text, list), machine }))
    const { results, outcome } = await this.#of(by).replica.edit(changes)
    expect(outcome.voids).toEqual([])
    for (const [index, result] of results.entries()) {
      known.push({ version: result.version as DocVersion, text: applyEdits(text, changes[index]?.edits ?? []) })
    }
  }

  async #newest(by: number): Promise<Known> {
    return await this.#of(by).replica.readText(DOC)
  }

  /** Every version still reads as it did. */
  async check(): Promise<void> {
    for (const [index, known] of this.#known.entries()) {
      for (const { version, text } of known) expect(await this.#of(index).replica.readTextAt(DOC, version)).toBe(text)
    }
  }

  #of(index: number): TestReplica {
    return this.#replicas[index] as TestReplica
  }
}

describe('versions of a document', () => {
  it('[REP10] are the text of their base with the edits made on it, whatever else happens to the document', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40 }), async (steps) => {
        const replicas = [await TestReplica.open(), await TestReplica.open()]
        for (const { replica } of replicas) await replica.edit([{ type: 'create-file', path: 'a.md', text: TEXT, executable: false }])
        const versions = new Versions(replicas)
        for (const one of steps) await versions.play(one)
        await versions.check()
        for (const from of [0, 1] as const) await versions.play({ type: 'exchange', from })
        await versions.check()
        const [first, second] = await Promise.all(replicas.map((test) => test.show()))
        expect(first).toEqual(second)
      }),
      { numRuns: 60 }
    )
  })

  it('[REP11] an edit that fails leaves no trace in the document', async () => {
    const test = await TestReplica.open()
    await test.replica.edit([{ type: 'create-file', path: 'a.md', text: TEXT, executable: false }])
    const { version } = await test.replica.readText(DOC)
    const good = { type: 'edit' as const, doc: DOC, base: version, edits: [{ at: 0, remove: 3, insert: 'ONE' }], machine: false }
    const bad = { ...good, edits: [{ at: 5000, remove: 1, insert: 'x' }] }
    await expect(test.replica.edit([good, bad])).rejects.toThrow(RangeError)
    const broken = test.replica.edit([good], () => {
      throw new Error('the rows of the owner failed')
    })
    await expect(broken).rejects.toThrow('the rows of the owner failed')
    expect(await test.replica.readText(DOC)).toEqual({ text: TEXT, version })
    await test.replica.edit([good])
    expect((await test.replica.readText(DOC)).text).toBe(TEXT.replace('one', 'ONE'))
    expect(test.log.count).toBe(2)
  })

  it('[REP12] a commit that fails ends the replica, and what was opened anew is as it was', async () => {
    const test = await TestReplica.open()
    await test.replica.edit([{ type: 'create-file', path: 'a.md', text: TEXT, executable: false }])
    const before = await test.show()
    const commit = test.kv.commit.bind(test.kv)
    test.kv.commit = () => Promise.reject(new Error('no space left'))
    const change = { type: 'create-file' as const, path: 'b.md', text: 'b\n', executable: false }
    await expect(test.replica.edit([change])).rejects.toThrow('no space left')
    test.kv.commit = commit
    await expect(test.replica.edit([change])).rejects.toThrow('no space left')
    await expect(test.replica.readText(DOC)).rejects.toThrow('no space left')
    await test.reopen()
    expect(await test.show()).toEqual(before)
    await test.replica.edit([change])
    expect((await test.show()).length).toBe(2)
  })
})
