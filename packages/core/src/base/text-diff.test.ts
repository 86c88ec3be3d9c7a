import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { matchRuns } from './line-match.js'
import { applyEdits, diffCost, diffText, looksMachineMade, type TextEdit } from './text-diff.js'

const piece = fc.constantFrom('a', 'foo', 'bar', ' ', '  ', '\n', '\r\n', '\n\n', '日本', '語', '😀', '😁', '👨‍👩‍👧', 'é', '=', '{', '}', '\u{feff}')
const text = fc.array(piece, { maxLength: 40 }).map((pieces) => pieces.join(''))
/** A text and what became of it after a few small changes. */
const changed = fc.tuple(text, fc.array(fc.tuple(fc.nat(100), fc.nat(5), text), { maxLength: 4 })).map(([from, changes]) => {
  let to = Array.from(from)
  for (const [at, remove, insert] of changes) to = [...to.slice(0, at), ...Array.from(insert), ...to.slice(at + remove)]
  return [from, to.join('')] as const
})

function expectSafe(from: string, edits: readonly TextEdit[]): void {
  let at = 0
  for (const edit of edits) {
    expect(edit.at).toBeGreaterThanOrEqual(at)
    at = edit.at + edit.remove
    expect(edit.insert.isWellFormed()).toBe(true)
    expect(from.slice(0, edit.at).isWellFormed()).toBe(true)
    expect(from.slice(0, at).isWellFormed()).toBe(true)
  }
}

describe('diffText', () => {
  it('[DIFF1] gives edits that make the second text of the first', () => {
    fc.assert(
      fc.property(fc.oneof(changed, fc.tuple(text, text)), ([from, to]) => {
        expect(applyEdits(from, diffText(from, to))).toBe(to)
      }),
      { numRuns: 2000 }
    )
  })

  it('[DIFF2] never breaks a surrogate pair', () => {
    fc.assert(fc.property(fc.oneof(changed, fc.tuple(text, text)), ([from, to]) => expectSafe(from, diffText(from, to))), { numRuns: 2000 })
    expect(diffText('x😀y', 'x😁y')).toEqual([{ at: 1, remove: 2, insert: '😁' }])
  })

  it('[DIFF3] finds a changed word and leaves its neighbours alone', () => {
    expect(diffText('one two three\nfour\n', 'one 2 three\nfour\n')).toEqual([{ at: 4, remove: 3, insert: '2' }])
    expect(diffText('a\nb\nc\n', 'a\nnew\nb\nc\n')).toEqual([{ at: 2, remove: 0, insert: 'new\n' }])
    expect(diffText('a\nb\nc\n', 'a\nc\n')).toEqual([{ at: 2, remove: 2, insert: '' }])
    expect(diffText('', 'a')).toEqual([{ at: 0, remove: 0, insert: 'a' }])
    expect(diffText('same', 'same')).toEqual([])
  })

  it('[DIFF12] replaces a word by another as a whole, and types into a word letter by letter', () => {
    expect(diffText('see tok_1bx_ there', 'see tok_2d6_ there')).toEqual([{ at: 4, remove: 8, insert: 'tok_2d6_' }])
    expect(diffText('helo world', 'hello world')).toEqual([{ at: 3, remove: 0, insert: 'l' }])
    expect(diffText('colour', 'color')).toEqual([{ at: 4, remove: 1, insert: '' }])
  })

  it('[DIFF4] keeps unchanged lines of a large text in which much changed', () => {
    const lines = Array.from({ length: 8000 }, (_, i) => `line ${i} of a large text`)
    const from = lines.join('\n')
    const to = lines.map((line, i) => (i % 8 === 0 ? `${line} changed` : line)).join('\n')
    const edits = diffText(from, to)
    expect(applyEdits(from, edits)).toBe(to)
    expect(diffCost(edits)).toBeLessThan(1000 * 40)
  })

  it('[DIFF5] pairs lines one to one when every line of a large text changed', () => {
    const lines = Array.from({ length: 3000 }, (_, i) => `line ${i} of a large text`)
    const from = lines.join('\n')
    const to = lines.map((line) => `  ${line}`).join('\n')
    const edits = diffText(from, to)
    expect(applyEdits(from, edits)).toBe(to)
    expect(diffCost(edits)).toBe(6000)
  })

  it('[DIFF6] ends on texts that have nothing in common', () => {
    const from = Array.from({ length: 20_000 }, (_, i) => `a${i}`).join('\n')
    const to = Array.from({ length: 20_000 }, (_, i) => `b${(i * 7919) % 20_000}`).join('\n')
    expect(applyEdits(from, diffText(from, to))).toBe(to)
  })
})

describe('matchRuns', () => {
  const items = fc.array(fc.nat(5), { maxLength: 30 })

  it('[DIFF7] finds a longest common subsequence of short sequences', () => {
    fc.assert(
      fc.property(items, items, (a, b) => {
        const runs = matchRuns(a, b)
        let lastA = 0
        let lastB = 0
        for (const run of runs) {
          expect(run.a).toBeGreaterThanOrEqual(lastA)
          expect(run.b).toBeGreaterThanOrEqual(lastB)
          expect(a.slice(run.a, run.a + run.length)).toEqual(b.slice(run.b, run.b + run.length))
          lastA = run.a + run.length
          lastB = run.b + run.length
        }
        expect(runs.reduce((sum, run) => sum + run.length, 0)).toBe(longestCommon(a, b))
      }),
      { numRuns: 1000 }
    )
  })

  it('[DIFF8] falls back to items that occur once', () => {
    const a = Array.from({ length: 6000 }, (_, i) => i)
    const b = a.flatMap((i) => (i % 3 === 0 ? [10_000 + i, i] : [i + 20_000]))
    expect(matchRuns(a, b).reduce((sum, run) => sum + run.length, 0)).toBe(2000)
  })
})

function longestCommon(a: readonly number[], b: readonly number[]): number {
  let row = Array.from({ length: b.length + 1 }, () => 0)
  for (const item of a) {
    const next = [0]
    for (const [j, other] of b.entries()) next.push(item === other ? (row[j] ?? 0) + 1 : Math.max(next[j] ?? 0, row[j + 1] ?? 0))
    row = next
  }
  return row.at(-1) ?? 0
}

describe('applyEdits', () => {
  it('[DIFF9] refuses edits that overlap or reach beyond the text', () => {
    expect(() => applyEdits('abc', [{ at: 2, remove: 2, insert: '' }])).toThrow(RangeError)
    expect(() => applyEdits('abc', [{ at: 1, remove: 2, insert: '' }, { at: 2, remove: 0, insert: 'x' }])).toThrow(RangeError)
  })
})

describe('looksMachineMade', () => {
  const machine = (from: string, to: string) => looksMachineMade(from, diffText(from, to))
  const poem = 'one\ntwo\nthree\nfour\nfive\nsix\n'

  it('[DIFF10] takes ordinary typing for a person', () => {
    expect(machine('', 'hello')).toBe(false)
    expect(machine('hello', 'hello world')).toBe(false)
    expect(machine('a\nb\n', 'a\nnew line\nb\n')).toBe(false)
    expect(machine(poem, poem.replace('two', 'too').replace('five', 'fife'))).toBe(false)
    expect(machine(poem, `${poem}seven\neight\n`)).toBe(false)
  })

  it('[DIFF11] takes several changed lines for a machine', () => {
    expect(machine(poem, poem.replaceAll(/^/gm, '  ').trimEnd())).toBe(true)
    expect(machine(poem, poem.replace('two\n', '').replace('five\n', ''))).toBe(true)
    expect(machine(poem, poem.replace('three\n', 'x\ny\nz\nw\n'))).toBe(true)
  })
})
