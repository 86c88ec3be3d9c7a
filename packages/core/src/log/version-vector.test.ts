import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { encodeCbor, decodeCbor, type Cbor } from '../base/cbor.js'
import { parseAuthorId, parseEntryHash, type AuthorId } from '../base/ids.js'
import { MAX_AUTHORS, MAX_BRANCHES } from '../base/limits.js'
import { nobleCrypto } from '../keys/noble-crypto.js'
import { advance, decodeVector, digestOf, encodeVector, FORK_WINDOW, type Head, missingFrom, type VersionVector } from './version-vector.js'
import type { Entry } from './entry.js'

const id = fc.uint8Array({ minLength: 32, maxLength: 32 })
const head = fc.record({ floor: fc.constant(0), seq: fc.nat(), hash: id.map(parseEntryHash) })
const heads = fc
  .uniqueArray(head, { minLength: 1, maxLength: MAX_BRANCHES, selector: head => head.hash })
  .map(heads => heads.sort((a, b) => (a.hash < b.hash ? -1 : 1)))
const vector: fc.Arbitrary<VersionVector> = fc
  .uniqueArray(fc.tuple(id.map(parseAuthorId), heads), { maxLength: 8, selector: ([author]) => author })
  .map(authors => new Map<AuthorId, readonly Head[]>(authors))

const A = parseAuthorId('aa'.repeat(32))
const hash = (n: number) => parseEntryHash(n.toString(16).padStart(64, '0'))
const of = (...heads: readonly (readonly [number, number])[]): VersionVector =>
  new Map([[A, heads.map(([seq, n]) => ({ floor: 0, seq, hash: hash(n) }))]])
const wants = (ours: VersionVector, theirs: VersionVector, held: readonly number[] = []) =>
  missingFrom(ours, theirs, asked => held.some(n => hash(n) === asked)).map(({ from, to }) => [from, to])

describe('a version vector', () => {
  it('[LOG24] comes back from the wire, whatever the order of its map', () => {
    fc.assert(
      fc.property(vector, vector => {
        const shuffled = new Map([...vector].toReversed())
        expect(decodeVector(decodeCbor(encodeCbor(encodeVector(shuffled))))).toEqual(vector)
        expect(digestOf(nobleCrypto, shuffled)).toBe(digestOf(nobleCrypto, vector))
      })
    )
  })

  it('[LOG24] has a digest of its own', () => {
    fc.assert(
      fc.property(vector, vector, (a, b) => {
        fc.pre(JSON.stringify(encodeVector(a)) !== JSON.stringify(encodeVector(b)))
        expect(digestOf(nobleCrypto, a)).not.toBe(digestOf(nobleCrypto, b))
      })
    )
  })

  it('[LOG25] from a peer is bounded and in one order', () => {
    const author = new Uint8Array(32)
    const head = (n: number): Cbor => [0, 1, new Uint8Array(32).fill(n)]
    const bad: Cbor[] = [
      1,
      [[author, []]],
      [[author, [head(1), head(1)]]],
      [[author, [head(2), head(1)]]],
      [[author, Array.from({ length: MAX_BRANCHES + 1 }, (_, n) => head(n))]],
      [[author, [[2, 1, new Uint8Array(32)]]]],
      [[author, [head(1)]], [author, [head(1)]]],
      [[new Uint8Array(31), [head(1)]]],
      Array.from({ length: MAX_AUTHORS + 1 }, () => 0)
    ]
    for (const value of bad) expect(() => decodeVector(value)).toThrow(expect.objectContaining({ name: 'MalformedError' }))
  })

  it.each<[string, VersionVector, VersionVector, readonly number[], readonly (readonly number[])[]]>([
    ['everything of an author that is not known', new Map(), of([9, 1]), [], [[0, 9]]],
    ['nothing where the heads are equal', of([9, 1]), of([9, 1]), [], []],
    ['nothing where their head is held further down', of([9, 1]), of([5, 2]), [2], []],
    ['what comes after our head', of([5, 2]), of([9, 1]), [], [[6, 9]]],
    ['a window below a head at our height that is not held', of([9, 1]), of([9, 2]), [], [[0, 9]]],
    ['a window below a lower head that is not held', of([9000, 1]), of([5000, 2]), [], [[5000 - FORK_WINDOW + 1, 5000]]],
    ['from the lowest of our branches that theirs may extend', of([3, 1], [7, 2], [12, 3]), of([9, 4]), [], [[4, 9]]],
    ['each of their branches', of([3, 1]), of([5, 4], [7, 5]), [], [[4, 5], [4, 7]]]
  ])('[LOG26] asks for %s', (_, ours, theirs, held, expected) => {
    expect(wants(ours, theirs, held)).toEqual(expected)
  })

  it('[LOG26] does not ask below what they still hold', () => {
    const theirs: VersionVector = new Map([[A, [{ floor: 4, seq: 9, hash: hash(1) }]]])
    expect(wants(new Map(), theirs)).toEqual([[4, 9]])
  })

  it('[LOG27] advances the branch that an entry extends, or begins one', () => {
    const entry = (seq: number, n: number, prev: number | null) =>
      ({ hash: hash(n), header: { author: A, seq, prev: prev === null ? null : hash(prev) } }) as Pick<Entry, 'hash' | 'header'>
    const before = advance(new Map(), entry(0, 1, null))
    expect(before).toEqual(of([0, 1]))
    expect(advance(before, entry(1, 2, 1))).toEqual(of([1, 2]))
    expect(advance(advance(before, entry(1, 3, 1)), entry(1, 2, 1))).toEqual(of([1, 2], [1, 3]))
    expect(before).toEqual(of([0, 1]))
  })
})
