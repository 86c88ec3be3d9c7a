import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseAuthorId, parseDocId } from '../base/ids.js'
import { diffText } from '../base/text-diff.js'
import { nobleCrypto } from '../keys/noble-crypto.js'
import { TextDocument } from './text-document.js'

const doc = parseDocId('0d'.repeat(16))
const alice = parseAuthorId('aa'.repeat(32))
const bob = parseAuthorId('bb'.repeat(32))

/** What one side does to each line: leaves it, deletes it, writes another one in its place, adds lines before it. */
interface Act {
  readonly kind: 'keep' | 'delete' | 'replace'
  readonly before: number
}

const act: fc.Arbitrary<Act> = fc.record({
  kind: fc.oneof({ weight: 3, arbitrary: fc.constant('keep' as const) }, fc.constantFrom('delete' as const, 'replace' as const)),
  before: fc.oneof({ weight: 4, arbitrary: fc.constant(0) }, fc.nat(2))
})
const style = fc.constantFrom(
  (word: string) => word,
  (word: string) => `- ${word}`,
  (word: string) => `  "${word}",`,
  (word: string) => `${word}\r`
)

interface Side {
  readonly lines: readonly string[]
  readonly added: readonly string[]
  readonly gone: ReadonlySet<number>
}

function sideOf(base: readonly string[], acts: readonly Act[], name: string, as: (word: string) => string): Side {
  let count = 0
  const lines: string[] = []
  const added: string[] = []
  const gone = new Set<number>()
  const add = (): void => {
    const line = as(`${name}${String.fromCharCode(97 + count++)}`)
    lines.push(line)
    added.push(line)
  }
  for (const [at, line] of base.entries()) {
    const { kind, before } = acts[at] ?? { kind: 'keep', before: 0 }
    for (let n = 0; n < before; n++) add()
    if (kind === 'keep') lines.push(line)
    else gone.add(at)
    if (kind === 'replace') add()
  }
  return { lines, added, gone }
}

/** What both sides made of `base`, each by the difference that its disk shows, in one text. */
function merged(base: string, sides: readonly string[]): string {
  const open = (): TextDocument => {
    const document = new TextDocument({ crypto: nobleCrypto, doc, seeds: () => base })
    document.apply([{ author: alice, via: [], change: { kind: 'seed', doc, text: base } }])
    return document
  }
  const both = open()
  for (const [at, author] of [alice, bob].entries()) {
    both.apply([{ author, via: [], change: open().edit(diffText(base, sides[at] ?? ''), author, 1) }])
  }
  return both.text
}

const acts = fc.array(act, { maxLength: 6 })
const textOf = (lines: readonly string[]): string => lines.map((line) => `${line}\n`).join('')

describe('lines that two change at once', () => {
  it('[DIFF13] are each there whole, whoever deletes, replaces or adds which', () => {
    fc.assert(
      fc.property(acts, acts, style, fc.nat(5), (mine, theirs, as, last) => {
        const base = Array.from({ length: last + 1 }, (_, at) => as(`base${String.fromCharCode(97 + at)}`))
        const sides = [sideOf(base, mine, 'alice', as), sideOf(base, theirs, 'bob', as)]
        const text = merged(textOf(base), sides.map(({ lines }) => textOf(lines)))
        const expected = [...base.filter((_, at) => sides.every(({ gone }) => !gone.has(at))), ...sides.flatMap(({ added }) => added)]
        expect(text.split('\n').filter((line) => line !== '').sort()).toEqual(expected.sort())
      }),
      { numRuns: 2000 }
    )
  })

  it('[DIFF13] a last line without a newline is a line too, and so is an empty one', () => {
    expect(merged('a\nb', ['a\nX', 'a'])).toBe('a\nX')
    expect(merged('a\nb', ['a\nX', 'a\nY']).split('\n').sort()).toEqual(['X', 'Y', 'a'])
    expect(merged('a\nb', ['a\nX', 'a\nb\nc']).split('\n').sort()).toEqual(['X', 'a', 'c'])
    expect(merged('a\n\nc\n', ['a\nX\nc\n', 'a\nc\n'])).toBe('a\nX\nc\n')
  })

  it('[DIFF14] a word is merged with the other words of its line', () => {
    expect(merged('one two three four\n', ['one 2 three four\n', 'one two three 4\n'])).toBe('one 2 three 4\n')
    expect(merged('one\nb\n', ['one\nb and more\n', 'one\nb\nnext\n'])).toBe('one\nb and more\nnext\n')
  })

  it('[DIFF14] what is typed into a line that another replaces stays on a line with what took its place', () => {
    expect(merged('a\nb\nc\n', ['a\nX\nc\n', 'a\nb and more\nc\n'])).toBe('a\n and moreX\nc\n')
  })
})
