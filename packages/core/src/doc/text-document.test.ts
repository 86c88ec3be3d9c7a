import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseAuthorId, parseDocId } from '../base/ids.js'
import { applyEdits, diffText } from '../base/text-diff.js'
import type { SeedChange } from '../log/change.js'
import { nobleCrypto } from '../keys/noble-crypto.js'
import { seedUpdate } from './seed.js'
import { TextDocument, type DocStep } from './text-document.js'

const doc = parseDocId('0d'.repeat(16))
const alice = parseAuthorId('aa'.repeat(32))
const bob = parseAuthorId('bb'.repeat(32))
const piece = fc.constantFrom('a', 'word ', '\n', '\r\n', '日本', '😀', '😁', '👨‍👩‍👧', '\u{feff}', '\0')
const text = fc.array(piece, { maxLength: 25 }).map((pieces) => pieces.join(''))

const own = (change: DocStep['change'], author = alice): DocStep => ({ author, via: [], change })
const seedStep = (seed: string): DocStep => own({ kind: 'seed', doc, text: seed } satisfies SeedChange)
function open(seed: string, steps: readonly DocStep[] = []): TextDocument {
  const document = new TextDocument({ crypto: nobleCrypto, doc, seeds: () => seed })
  document.apply([seedStep(seed), ...steps])
  return document
}

describe('a text document', () => {
  it('[DOC31] is exactly the text that the edits make, here and wherever the change arrives', () => {
    fc.assert(
      fc.property(text, text, text, (seed, second, third) => {
        const here = open(seed)
        const changes = [second, third].map((to) => here.edit(diffText(here.text, to), alice, 1))
        expect(here.text).toBe(third)
        expect(here.pending).toBe(false)
        const there = open(seed, changes.map((change) => own(change)))
        expect(there.text).toBe(third)
        expect(there.digest()).toEqual(here.digest())
      }),
      { numRuns: 1000 }
    )
  })

  it('[DOC32] keeps what arrived meanwhile when an edit is made on an earlier state', () => {
    const seed = 'one\ntwo\nthree\n'
    const lines = fc.array(fc.constantFrom('one\n', 'two\n', 'three\n', 'x\n', '😀\n'), { maxLength: 6 }).map((all) => all.join(''))
    fc.assert(
      fc.property(lines, fc.nat(4), (disk, at) => {
        const live = open(seed)
        const position = Math.min(at, 3) * 4
        const remote = live.edit([{ at: Math.min(position, seed.length), remove: 0, insert: '<remote>' }], bob, 1)
        const fork = open(seed)
        live.apply([own(fork.edit(diffText(seed, disk), alice, 2))])
        expect(fork.text).toBe(disk)
        expect(live.text.replace('<remote>', '')).toBe(disk)
        expect(live.text).toContain('<remote>')
        expect(open(seed, [own(fork.edit([], alice, 2)), own(remote, bob)]).pending).toBe(false)
      }),
      { numRuns: 500 }
    )
  })

  it('[DOC33] has the same digest after the same changes in any order, and another after any further change', () => {
    const [a, b, c] = [open('base\n'), open('base\n'), open('base\n')]
    const first = own(a.edit([{ at: 0, remove: 2, insert: 'x' }], alice, 1))
    const second = own(b.edit([{ at: 4, remove: 1, insert: '' }], bob, 1), bob)
    a.apply([second])
    b.apply([first])
    c.apply([second, first])
    expect(b.digest()).toEqual(a.digest())
    expect(c.digest()).toEqual(a.digest())
    const before = a.digest()
    a.edit([{ at: 0, remove: 1, insert: '' }], alice, 1)
    expect(a.digest()).not.toEqual(before)
  })

  it('[DOC34] is the same after it was written and loaded', () => {
    fc.assert(
      fc.property(text, text, (seed, to) => {
        const document = open(seed)
        document.edit(diffText(seed, to), alice, 1)
        const loaded = TextDocument.load({ crypto: nobleCrypto, doc, seeds: () => seed }, document.encode())
        expect(loaded.text).toBe(document.text)
        expect(loaded.digest()).toEqual(document.digest())
        expect(loaded.items).toBe(document.items)
      }),
      { numRuns: 200 }
    )
  })

  it('[DOC35] begins with the same bytes wherever the same file is imported', () => {
    expect(seedUpdate(nobleCrypto, doc, 'same\n')).toEqual(seedUpdate(nobleCrypto, doc, 'same\n'))
    expect(open('same\n', [seedStep('same\n')]).text).toBe('same\n')
    expect(open('').items).toBe(0)
  })

  it('[DOC36] takes the same machine change made by two peers on one state once', () => {
    fc.assert(
      fc.property(text, text, text, (seed, shared, formatted) => {
        const [a, b] = [open(seed), open(seed)]
        b.apply([own(a.edit(diffText(seed, shared), alice, 1))])
        const edits = diffText(shared, formatted)
        const [one, two] = [a.editDerived(edits), b.editDerived(edits)]
        expect(two).toEqual(one)
        a.apply([own(two, bob)])
        expect(a.text).toBe(formatted)
        expect(a.digest()).toEqual(b.digest())
      }),
      { numRuns: 300 }
    )
  })

  it('[DOC37] takes the same machine change once also on a state that was loaded elsewhere', () => {
    const a = open('one\ntwo\nthree\n')
    a.edit([{ at: 4, remove: 2, insert: 'TW' }], alice, 1)
    a.edit([{ at: 6, remove: 1, insert: '' }], alice, 1)
    const b = TextDocument.load({ crypto: nobleCrypto, doc, seeds: () => 'one\ntwo\nthree\n' }, a.encode())
    const edits = diffText(a.text, 'ONE\nTWO\nTHREE\n')
    expect(b.editDerived(edits)).toEqual(a.editDerived(edits))
  })

  it('[DOC38] refuses edits that would break a surrogate pair, overlap or leave the text, and stays as it was', () => {
    const document = open('a😀b')
    const refused = [
      [{ at: 0, remove: 0, insert: '\ud83d' }],
      [{ at: 2, remove: 0, insert: 'x' }],
      [{ at: 1, remove: 1, insert: '' }],
      [{ at: 2, remove: 1, insert: '' }],
      [{ at: 4, remove: 1, insert: '' }],
      [{ at: 1, remove: 2, insert: '' }, { at: 2, remove: 0, insert: 'x' }]
    ]
    for (const edits of refused) {
      expect(() => document.edit(edits, alice, 1)).toThrow(RangeError)
      expect(() => document.editDerived(edits)).toThrow(RangeError)
    }
    expect(document.text).toBe('a😀b')
    expect(() => seedUpdate(nobleCrypto, doc, '\ud83d')).toThrow(RangeError)
  })

  it('[DOC39] shows that something is missing when a change arrives before one that it needs', () => {
    const here = open('one\n')
    const [first, second] = [here.edit([{ at: 0, remove: 0, insert: 'a' }], alice, 1), here.edit([{ at: 1, remove: 0, insert: 'b' }], alice, 1)]
    const there = open('one\n', [own(second)])
    expect(there.pending).toBe(true)
    there.apply([own(first)])
    expect(there.pending).toBe(false)
    expect(there.text).toBe(here.text)
  })

  it('[DOC40] makes several edits of one call at the places where they were asked for', () => {
    fc.assert(
      fc.property(text, text, (seed, to) => {
        const document = open(seed)
        const edits = diffText(seed, to)
        document.edit(edits, alice, 1)
        expect(document.text).toBe(applyEdits(seed, edits))
      })
    )
  })
})
