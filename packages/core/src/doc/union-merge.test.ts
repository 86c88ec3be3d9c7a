import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { shareMostLines, unionOf, unionText } from './union-merge.js'

const line = fc.constantFrom('a', 'b', 'c', '日本', '😀 x', '', 'the end')
const seed = fc.tuple(fc.array(line, { maxLength: 12 }), fc.boolean()).map(([lines, ends]) => lines.join('\n') + (ends ? '\n' : ''))

const merged = (winner: string, loser: string) => unionText(winner, unionOf(winner, loser))

function counts(text: string): Map<string, number> {
  const lines = text.split('\n').filter((part) => part !== '')
  const all = new Map<string, number>()
  for (const part of lines) all.set(part, (all.get(part) ?? 0) + 1)
  return all
}

describe('unionOf', () => {
  it('[DOC7] loses no line of either text and makes none up', () => {
    fc.assert(
      fc.property(seed, seed, (winner, loser) => {
        const [w, l, all] = [counts(winner), counts(loser), counts(merged(winner, loser))]
        for (const part of new Set([...w.keys(), ...l.keys(), ...all.keys()])) {
          expect(all.get(part)).toBeGreaterThanOrEqual(Math.max(w.get(part) ?? 0, l.get(part) ?? 0))
          expect(all.get(part)).toBeLessThanOrEqual((w.get(part) ?? 0) + (l.get(part) ?? 0))
        }
      }),
      { numRuns: 2000 }
    )
  })

  it('[DOC8] says for every unit of the loser which unit of the union it is, in order', () => {
    fc.assert(
      fc.property(seed, seed, (winner, loser) => {
        const { hunks, segments } = unionOf(winner, loser)
        const added = hunks.map((hunk) => hunk.text).join('')
        let at = 0
        for (const segment of segments) {
          expect(segment.from).toBe(at)
          const source = segment.in === 'winner' ? winner : added
          expect(source.slice(segment.at, segment.at + segment.length)).toBe(loser.slice(at, at + segment.length))
          at += segment.length
        }
        expect(at).toBe(loser.length)
      }),
      { numRuns: 1000 }
    )
  })

  it('[DOC9] keeps common lines once and puts the winner first where the two differ', () => {
    expect(merged('a\nb\nz\n', 'a\nc\nz\n')).toBe('a\nb\nc\nz\n')
    expect(merged('a\nb\n', 'a\nb\n')).toBe('a\nb\n')
    expect(merged('', 'a\n')).toBe('a\n')
    expect(merged('a', '')).toBe('a')
  })

  it('[DOC42] holds the lines of a common beginning once, whatever each side put between them', () => {
    const own = fc.array(fc.constantFrom('x', 'y', 'z'), { maxLength: 2 })
    fc.assert(
      fc.property(fc.array(fc.tuple(own, own), { maxLength: 12 }), (parts) => {
        const side = (mine: (part: readonly (readonly string[])[]) => readonly string[], name: string) =>
          parts.flatMap((part, i) => [...mine(part).map((word) => `${name}${word}`), `common ${i}`]).join('\n')
        const lines = counts(merged(side((part) => part[0] ?? [], 'w'), side((part) => part[1] ?? [], 'l')))
        for (const i of parts.keys()) expect(lines.get(`common ${i}`)).toBe(1)
      })
    )
  })

  it('[DOC10] a last line without a newline stays a line of its own', () => {
    expect(merged('a\nb', 'a\nc\n')).toBe('a\nb\nc\n')
    expect(merged('a\nb', 'a\nb\nc')).toBe('a\nb\nc')
    expect(merged('a\nb\nc\n', 'a\nb')).toBe('a\nb\nc\n')
  })
})

describe('shareMostLines', () => {
  it('[DOC11] is true from half of the shorter text on, whichever comes first', () => {
    expect(shareMostLines('a\nb\n', 'a\nc\nd\ne\n')).toBe(true)
    expect(shareMostLines('a\nb\nc\n', 'a\nx\ny\nz\n')).toBe(false)
    expect(shareMostLines('a\na\na\n', 'a\nx\ny\nz\n')).toBe(false)
    fc.assert(fc.property(seed, seed, (a, b) => shareMostLines(a, b) === shareMostLines(b, a)))
  })

  it('[DOC12] is false for a text without a line to share', () => {
    expect(shareMostLines('', '')).toBe(false)
    expect(shareMostLines('\n \n', '\n \n')).toBe(false)
    expect(shareMostLines('a', '')).toBe(false)
  })
})
