import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { CborFields, decodeCbor, encodeCbor, type Cbor } from '../base/cbor.js'
import { idBytes } from '../base/ids.js'
import { MAX_BODY_BYTES, MAX_BRANCHES, MAX_FRAME_BYTES, MAX_HEADER_BYTES } from '../base/limits.js'
import type { Entry } from '../log/entry.js'
import { decodeMessage, encodeMessage, HEADS_PER_PAGE, MAX_ENTRIES_PER_FRAME, type Message, type RunDecoder } from './message.js'
import { decodeToyEntry, toyAuthor, toyHash, toyRun } from './test-kit.js'

const uint = fc.nat({ max: Number.MAX_SAFE_INTEGER - 1 })
const author = fc.nat({ max: 1000 }).map(toyAuthor)
const hash = fc.string().map(toyHash)
const digest = fc.string({ maxLength: 64, unit: 'grapheme-ascii' })
const head = fc.tuple(uint, uint, hash).map(([a, b, hash]) => ({ floor: Math.min(a, b), seq: Math.max(a, b), hash }))
const heads = fc.array(fc.tuple(author, fc.array(head, { minLength: 1, maxLength: MAX_BRANCHES })), { maxLength: 5 })
const entries = fc.tuple(fc.integer({ min: 0, max: 5 }), fc.nat({ max: 500 })).map(([count, bytes]) => toyRun(toyAuthor(3), count, bytes))

const message: fc.Arbitrary<Message> = fc.oneof(
  fc.record({ type: fc.constant('hello' as const), version: uint, features: fc.array(digest.map((text) => text.slice(0, 32)), { maxLength: 4 }), digest }),
  fc.record({ type: fc.constant('vector' as const), heads, digest, last: fc.boolean() }),
  fc.record({ type: fc.constant('heads' as const), heads, digest }),
  fc.tuple(uint, author, hash, uint, uint).map(([id, author, head, a, b]) => ({ type: 'want' as const, id, author, head, from: Math.min(a, b), to: Math.max(a, b) })),
  fc.record({ type: fc.constant('entries' as const), id: uint, entries, last: fc.boolean() }),
  fc.record({ type: fc.constant('ack' as const), bytes: uint }),
  fc.record({ type: fc.constant('missing' as const), id: uint, reason: fc.constantFrom('unknown' as const, 'pruned' as const) }),
  fc.record({ type: fc.constant('synced' as const), digest }),
  fc.record({ type: fc.constant('bye' as const), reason: digest })
)

const decode = (frame: Uint8Array) => decodeMessage(frame, decodeToyEntry)
const isMalformed = expect.objectContaining({ name: 'MalformedError' })
const author1 = idBytes(toyAuthor(1))
const many = (count: number, item: Cbor): Cbor => Array.from({ length: count }, () => item)
const hash1 = idBytes(toyHash('1'))

/** A run of toy entries: their parts, one after the other. */
const encodeToyRun = (run: readonly Entry[]) => encodeCbor(run.map(({ headerBytes, signature, body }) => [headerBytes, signature, body]))
const decodeToyRun: RunDecoder = (bytes, max) =>
  new CborFields([decodeCbor(bytes)]).list(max).map((item) => {
    const [headerBytes, signature, body] = item as readonly Uint8Array[]
    return decodeToyEntry({ headerBytes: headerBytes as Uint8Array, signature: signature as Uint8Array, body: body as Uint8Array })
  })

describe('the codec of sync messages', () => {
  it('[CKPT18] gives back entries from runs as they were, the first one of a log and those that are no run too', () => {
    fc.assert(
      fc.property(fc.nat(6), fc.nat(6), fc.boolean(), fc.boolean(), (from, count, last, isRun) => {
        const value = { type: 'entries' as const, id: 7, entries: toyRun(toyAuthor(3), 12).slice(from, from + count), last }
        const frame = encodeMessage(value, isRun ? encodeToyRun : () => undefined)
        expect(decodeMessage(frame, decodeToyEntry, decodeToyRun)).toEqual(value)
        const isPacked = isRun && count - (from === 0 ? 1 : 0) >= 2
        expect(new CborFields(decodeCbor(frame)).uint()).toBe(isPacked ? 9 : 4)
        if (isPacked) expect(() => decode(frame)).toThrow(isMalformed)
      })
    )
  })

  it('[CKPT18] takes no more entries from runs than a frame may hold', () => {
    const run = encodeToyRun(toyRun(toyAuthor(3), MAX_ENTRIES_PER_FRAME / 2, 0))
    const frame = (runs: readonly Uint8Array[]) => encodeCbor([9, 7, runs, true])
    const read = (runs: readonly Uint8Array[]) => decodeMessage(frame(runs), decodeToyEntry, decodeToyRun)
    expect(read([run, run])).toMatchObject({ entries: { length: MAX_ENTRIES_PER_FRAME } })
    expect(() => read([run, run, encodeToyRun(toyRun(toyAuthor(3), 1))])).toThrow(isMalformed)
    expect(() => read([run, run, run])).toThrow(isMalformed)
  })

  it('[SYN18] gives back every message as it was', () => {
    fc.assert(fc.property(message, (value) => {
      expect(decode(encodeMessage(value))).toEqual(value)
    }))
  })

  it('[SYN18] refuses any other bytes with MalformedError and nothing else', () => {
    const spoiled = fc.tuple(message, fc.nat(), fc.integer({ min: 1, max: 255 })).map(([value, at, flip]) => {
      const frame = encodeMessage(value)
      const index = at % frame.length
      frame[index] = (frame[index] ?? 0) ^ flip
      return frame
    })
    let refused = 0
    const plainDecode = (frame: Uint8Array) => decodeMessage(frame, (parts) => ({ ...(toyRun(toyAuthor(1), 1)[0] as Entry), ...parts }))
    fc.assert(
      fc.property(fc.oneof(spoiled, fc.uint8Array({ maxLength: 200 })), (frame) => {
        try {
          plainDecode(frame)
        } catch (error) {
          refused++
          expect(error).toEqual(isMalformed)
        }
      })
    )
    expect(refused).toBeGreaterThan(10)
  })

  it.each<[string, Cbor]>([
    ['no fields', []],
    ['not an array', 3],
    ['a want that ends before it begins', [3, 1, author1, hash1, 5, 4]],
    ['an author without heads', [2, [[author1, []]], 'd']],
    ['too many branches', [2, [[author1, many(MAX_BRANCHES + 1, [0, 1, hash1])]], 'd']],
    ['a head below its floor', [2, [[author1, [[2, 1, hash1]]]], 'd']],
    ['a page that is too long', [2, many(HEADS_PER_PAGE + 1, [author1, [[0, 1, hash1]]]), 'd']],
    ['too many entries', [4, 0, many(MAX_ENTRIES_PER_FRAME + 1, []), true]],
    ['a header that is too large', [4, 0, [[new Uint8Array(MAX_HEADER_BYTES + 1), new Uint8Array(64), new Uint8Array(1)]], true]],
    ['a body that is too large', [4, 0, [[new Uint8Array(1), new Uint8Array(64), new Uint8Array(MAX_BODY_BYTES + 1)]], true]],
    ['a long reason', [8, 'x'.repeat(257)]],
    ['a long digest', [7, 'x'.repeat(65)]],
    ['a seq that cannot be counted on', [2, [[author1, [[0, Number.MAX_SAFE_INTEGER, hash1]]]], 'd']]
  ])('[SYN18] refuses %s', (_, value) => {
    expect(() => decode(encodeCbor(value))).toThrow(isMalformed)
  })

  it('[SYN18] refuses a frame above the limit before reading it', () => {
    expect(() => decode(new Uint8Array(MAX_FRAME_BYTES + 1))).toThrow(/larger/)
  })

  it('[SYN3] knows a kind from a newer version as unknown, and skips fields added behind', () => {
    expect(decode(encodeCbor([77, 'anything']))).toEqual({ type: 'unknown', code: 77 })
    expect(decode(encodeCbor([5, 12, 'added later']))).toEqual({ type: 'ack', bytes: 12 })
  })
})
