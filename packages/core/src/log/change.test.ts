import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decodeCbor, encodeCbor } from '../base/cbor.js'
import { parseAuthorId, parseDocId, parseNodeId, parseOpId } from '../base/ids.js'
import { MAX_CHANGES, MAX_NAME_BYTES, MAX_TEXT_BYTES } from '../base/limits.js'
import { type Change, decodeChanges, encodeChanges, type TreeChange } from './change.js'

const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length })
const doc = bytes(16).map(parseDocId)
const node = bytes(16).map(parseNodeId)
const author = bytes(32).map(parseAuthorId)
const text = (max: number) => fc.string({ unit: 'binary', maxLength: Math.floor(max / 4) })
const update = fc.uint8Array({ maxLength: 300 })
const assign = <T>(value: fc.Arbitrary<T>) => fc.record({ value, replaces: fc.array(bytes(18).map(parseOpId), { maxLength: 4 }) })
const content = fc.oneof(
  fc.record({ kind: fc.constant('text' as const), doc }),
  fc.record({ kind: fc.constant('blob' as const), hash: bytes(32), size: fc.maxSafeNat() })
)
const tree: fc.Arbitrary<TreeChange> = fc.record(
  {
    kind: fc.constant('tree' as const),
    node,
    create: fc.record({
      type: fc.constantFrom('file' as const, 'directory' as const),
      path: text(200),
      contentHash: fc.option(bytes(32))
    }),
    place: assign(fc.record({ parent: node, name: text(200) })),
    content: assign(content),
    executable: assign(fc.boolean()),
    deleted: fc.record({ seen: fc.array(fc.tuple(author, fc.maxSafeNat()), { maxLength: 4 }) })
  },
  { requiredKeys: ['kind', 'node'], noNullPrototype: true }
)
const kinds = {
  tree,
  member: fc.record({
    kind: fc.constant('member' as const),
    author,
    exchangeKey: bytes(32),
    role: fc.constantFrom('writer' as const, 'reader' as const),
    name: text(60)
  }),
  seed: fc.record({ kind: fc.constant('seed' as const), doc, text: text(2000) }),
  update: fc.record({ kind: fc.constant('update' as const), doc, nonce: fc.maxSafeNat(), update }),
  derived: fc.record({ kind: fc.constant('derived' as const), doc, base: bytes(32), update }),
  import: fc.record({ kind: fc.constant('import' as const), doc, update }),
  absorb: fc.record({ kind: fc.constant('absorb' as const), winner: node, loser: node }),
  app: fc.record({ kind: fc.constant('app' as const), doc, name: text(120), nonce: fc.option(fc.maxSafeNat()), update }),
  unknown: fc.record({ kind: fc.constant('unknown' as const), code: fc.integer({ min: 9, max: 1e9 }), bytes: update })
}
const change: fc.Arbitrary<Change> = fc.oneof(...Object.values(kinds))

const DOC = parseDocId('11'.repeat(16))
const SEED: Change = { kind: 'seed', doc: DOC, text: 'first' }

function kindsOf(body: Uint8Array): readonly string[] {
  return decodeChanges(body).map(change => change.kind)
}

describe('the changes of a body', () => {
  it.each(Object.entries(kinds))('[LOG1] of kind %s come back as they were written', (_, kind) => {
    fc.assert(
      fc.property(kind as fc.Arbitrary<Change>, change => {
        expect(decodeChanges(encodeChanges([change]))).toEqual([change])
      })
    )
  })

  it('[LOG1] have one spelling: encoding what was decoded gives the same bytes', () => {
    fc.assert(
      fc.property(fc.array(change, { maxLength: 6 }), changes => {
        const body = encodeChanges(changes)
        expect(encodeChanges(decodeChanges(body))).toEqual(body)
      })
    )
  })

  it('[LOG2] are judged one by one: a bad one does not lose the others', () => {
    const good = decodeCbor(encodeChanges([SEED])) as readonly Uint8Array[][]
    const item = good[0] ?? []
    const bad = [7, [], [3], [3, new Uint8Array(15), item[2] ?? 0], [3, item[1] ?? 0, new Uint8Array([0xff])], [3, item[1] ?? 0, 'text'], ['3', item[1] ?? 0, item[2] ?? 0]]
    for (const one of bad) expect(kindsOf(encodeCbor([item, one, item]))).toEqual(['seed', 'malformed', 'seed'])
  })

  it('[LOG2] that a newer version knows are kept as unknown', () => {
    const body = encodeCbor([[99, new Uint8Array(3), new Uint8Array([1, 2])]])
    expect(decodeChanges(body)).toEqual([{ kind: 'unknown', code: 99, bytes: new Uint8Array([1, 2]) }])
  })

  it('[LOG2] of random bytes never fail other than as malformed', () => {
    const payload = fc.oneof(fc.uint8Array({ maxLength: 40 }), fc.array(fc.constantFrom(null, 0, 1, 'text', true)).map(encodeCbor))
    fc.assert(
      fc.property(fc.nat(10), fc.constantFrom(0, 16, 32), payload, (code, length, bytes) => {
        expect(decodeChanges(encodeCbor([[code, new Uint8Array(length), bytes]]))).toHaveLength(1)
      })
    )
  })

  it('[LOG3] are refused as a whole when they are not a canonical list within the limit', () => {
    const nested = new Uint8Array(1_000_000).fill(0x81)
    const notAList = encodeCbor('text')
    const long = new Uint8Array([0x98, 0x01, 0x80])
    const tooMany = encodeCbor(Array.from({ length: MAX_CHANGES + 1 }, () => 0))
    for (const body of [new Uint8Array(), new Uint8Array([0xff]), nested, notAList, long, tooMany]) {
      expect(() => decodeChanges(body)).toThrow(expect.objectContaining({ name: 'MalformedError' }))
    }
  })

  it('[LOG4] that peers would refuse are not written', () => {
    const seed = (text: string): Change => ({ kind: 'seed', doc: DOC, text })
    const named = (name: string): Change => ({
      kind: 'tree',
      node: parseNodeId('22'.repeat(16)),
      place: { value: { parent: parseNodeId('00'.repeat(16)), name }, replaces: [] }
    })
    expect(() => encodeChanges([seed('x'.repeat(MAX_TEXT_BYTES))])).not.toThrow()
    expect(() => encodeChanges([seed('x'.repeat(MAX_TEXT_BYTES + 1))])).toThrow(RangeError)
    expect(() => encodeChanges([seed('é'.repeat(MAX_TEXT_BYTES / 2 + 1))])).toThrow(RangeError)
    expect(() => encodeChanges([seed('\ud800')])).toThrow(RangeError)
    expect(() => encodeChanges([named('x'.repeat(MAX_NAME_BYTES))])).not.toThrow()
    expect(() => encodeChanges([named('é'.repeat(128))])).toThrow(RangeError)
    expect(() => encodeChanges([{ kind: 'malformed', reason: '' }])).toThrow(RangeError)
    expect(() => encodeChanges(Array.from({ length: MAX_CHANGES + 1 }, () => SEED))).toThrow(RangeError)
  })
})
