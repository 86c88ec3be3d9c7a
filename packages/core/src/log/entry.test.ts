import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decodeCbor, encodeCbor } from '../base/cbor.js'
import { parseAuthorId, parseEntryHash, parseWorkspaceId } from '../base/ids.js'
import { MAX_BODY_BYTES, MAX_HEADER_BYTES } from '../base/limits.js'
import { issueCertificate } from '../keys/certificate.js'
import { nobleCrypto } from '../keys/noble-crypto.js'
import { decodeEntry, decodeEntryWire, decodeHeader, type Entry, type EntryDraft, encodeEntryWire, encodeHeader, openBody, sealEntry } from './entry.js'

const crypto = nobleCrypto
const workspaceSigner = crypto.signer(new Uint8Array(32).fill(1))
const signer = crypto.signer(new Uint8Array(32).fill(2))
const author = parseAuthorId(signer.publicKey)
const epochKey = new Uint8Array(32).fill(3)
const hashes = (n: number) => Array.from({ length: n }, (_, i) => parseEntryHash(crypto.sha256(new Uint8Array([i]))))

function seal(draft: Partial<EntryDraft> = {}): Entry {
  const isFirst = (draft.seq ?? 0) === 0
  return sealEntry({
    crypto,
    signer,
    epochKey,
    workspace: parseWorkspaceId(workspaceSigner.publicKey),
    epoch: 0,
    seq: 0,
    prev: isFirst ? null : (hashes(1)[0] ?? null),
    deps: [],
    time: 1_700_000_000_000,
    admission: isFirst ? [issueCertificate(workspaceSigner, author, 'writer')] : null,
    plain: new Uint8Array([1, 2, 3]),
    ...draft
  })
}

const malformed = expect.objectContaining({ name: 'MalformedError' })

describe('an entry', () => {
  it('[LOG5] comes back from the wire as it was sealed, and its body opens', () => {
    const draft = fc.record({ seq: fc.nat(), deps: fc.nat(40).map(hashes), time: fc.nat(), plain: fc.uint8Array({ maxLength: 2000 }) })
    fc.assert(
      fc.property(draft, draft => {
        const entry = seal(draft)
        const back = decodeEntryWire(crypto, encodeEntryWire(entry))
        expect(back).toEqual(entry)
        expect(openBody(crypto, epochKey, back)).toEqual(draft.plain)
        expect(encodeHeader(back.header)).toEqual(entry.headerBytes)
      }),
      { numRuns: 30 }
    )
  })

  it('[LOG6] has a body that opens only under its own key and its own header', () => {
    const entry = seal()
    expect(openBody(crypto, new Uint8Array(32), entry)).toBeUndefined()
    for (const changed of [{ time: 1 }, { seq: 1 }, { deps: hashes(1) }, { salt: new Uint8Array(32) }]) {
      expect(openBody(crypto, epochKey, { ...entry, header: { ...entry.header, ...changed } })).toBeUndefined()
    }
    const body = entry.body.with(0, (entry.body[0] ?? 0) ^ 1)
    expect(openBody(crypto, epochKey, { ...entry, body })).toBeUndefined()
  })

  it('[LOG7] has an identity that covers its signature', () => {
    const entry = seal()
    const signature = entry.signature.with(0, (entry.signature[0] ?? 0) ^ 1)
    expect(decodeEntry(crypto, { ...entry, signature }).hash).not.toBe(entry.hash)
  })

  it('[LOG8] is read in one spelling only', () => {
    const fields = decodeCbor(seal({ seq: 5, deps: hashes(2) }).headerBytes) as readonly never[]
    const change = (index: number, value: unknown) => encodeCbor(fields.with(index, value as never))
    expect(() => decodeHeader(encodeCbor(fields))).not.toThrow()
    const bad: Uint8Array[] = [
      change(0, 2),
      change(1, new Uint8Array(31)),
      change(2, 2 ** 32),
      change(3, 'author'),
      change(4, -1),
      change(4, 0),
      change(5, null),
      change(6, [...((fields[6] ?? []) as readonly Uint8Array[])].toReversed()),
      change(6, [(fields[6] as unknown as readonly Uint8Array[])[0], (fields[6] as unknown as readonly Uint8Array[])[0]]),
      change(7, -1),
      change(8, new Uint8Array(33)),
      change(9, [[new Uint8Array(32), 'writer', new Uint8Array(64)]]),
      change(10, new Uint8Array(31)),
      change(11, MAX_BODY_BYTES + 1),
      encodeCbor(fields.slice(1)),
      encodeCbor([...fields, 0]),
      new Uint8Array(MAX_HEADER_BYTES + 1),
      new Uint8Array(MAX_HEADER_BYTES).fill(0x81)
    ]
    for (const bytes of bad) expect(() => decodeHeader(bytes)).toThrow(malformed)
  })

  it('[LOG8] carries an admission of a known role at its first seq, and only there', () => {
    const fields = decodeCbor(seal().headerBytes) as readonly never[]
    const bad = [null, [[new Uint8Array(32), 'owner', new Uint8Array(64)]], [[new Uint8Array(32), 'writer', new Uint8Array(63)]]]
    for (const admission of bad) expect(() => decodeHeader(encodeCbor(fields.with(9, admission as never)))).toThrow(malformed)
  })

  it('[LOG9] that peers would refuse is not sealed; a clock before 1970 is no reason', () => {
    expect(seal({ time: -5 }).header.time).toBe(0)
    expect(seal({ time: 12.7 }).header.time).toBe(12)
    expect(seal({ time: Number.NaN }).header.time).toBe(0)
    expect(() => seal({ plain: new Uint8Array(MAX_BODY_BYTES - 15) })).toThrow(RangeError)
    expect(() => seal({ admission: null })).toThrow(RangeError)
    expect(() => seal({ seq: 1, prev: null })).toThrow(RangeError)
  })

  it('[LOG10] of any other bytes is malformed, and nothing else', () => {
    const wire = encodeEntryWire(seal())
    fc.assert(
      fc.property(fc.nat(wire.length - 1), fc.integer({ min: 1, max: 255 }), (at, flip) => {
        const changed = wire.with(at, (wire[at] ?? 0) ^ flip)
        try {
          expect(decodeEntryWire(crypto, changed).hash).toBeDefined()
        } catch (error) {
          expect(error).toEqual(malformed)
        }
      })
    )
    expect(() => decodeEntryWire(crypto, wire.subarray(1))).toThrow(malformed)
    expect(() => decodeEntryWire(crypto, new Uint8Array(MAX_BODY_BYTES + MAX_HEADER_BYTES + 1000))).toThrow(malformed)
  })
})
