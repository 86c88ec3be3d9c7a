import { describe, expect, it } from 'vitest'
import * as Y from 'yjs'
import { parseAuthorId, parseDocId } from '../base/ids.js'
import type { DerivedChange, ImportChange, UpdateChange } from '../log/change.js'
import { nobleCrypto } from '../keys/noble-crypto.js'
import { AUTHOR_END, authorClient, derivedClient, IMPORT_END, lowerMergeClient, mergeClient, NO_CLIENT, seedClient } from './client-id.js'
import { checkUpdate, type Knowledge } from './gate.js'
import { TextDocument } from './text-document.js'
import { encodeUpdate, type DecodedUpdate } from './update-codec.js'

const doc = parseDocId('0d'.repeat(16))
const otherDoc = parseDocId('0e'.repeat(16))
const alice = parseAuthorId('aa'.repeat(32))
const bob = parseAuthorId('bb'.repeat(32))
const seed = 'one\ntwo\n'
const seeds = () => seed
const own = authorClient(nobleCrypto, alice, doc, 1)
const seedId = seedClient(nobleCrypto, doc, seed)

function seeded(): TextDocument {
  const document = new TextDocument({ crypto: nobleCrypto, doc, seeds })
  document.apply([{ author: alice, via: [], change: { kind: 'seed', doc, text: seed } }])
  return document
}

const check = (change: UpdateChange | DerivedChange | ImportChange, past: Knowledge = seeded(), author = alice) =>
  checkUpdate(nobleCrypto, doc, author, change, past)
const update = (content: Partial<DecodedUpdate>, nonce = 1): UpdateChange => ({
  kind: 'update',
  doc,
  nonce,
  update: encodeUpdate({ structs: [], deletes: [], ...content })
})
const text = (client: number, clock: number, at: number | undefined, of = seedId) =>
  ({ client, clock, kind: 'string', length: 1, text: 'x', ...(at !== undefined && { origin: { client: of, clock: at } }) }) as const

describe('the gate', () => {
  it("[DOC20] lets an author's own edit through and says which units it brings", () => {
    const change = seeded().edit([{ at: 3, remove: 1, insert: ' and ' }], alice, 1)
    expect(check(change)).toEqual({ ok: true, ranges: [{ client: own, from: 0, to: 5 }] })
  })

  it('[DOC21] refuses an edit under the id of another author, of another document or of another nonce', () => {
    const change = seeded().edit([{ at: 3, remove: 0, insert: 'x' }], alice, 1)
    expect(check(change, seeded(), bob).ok).toBe(false)
    expect(check({ ...change, nonce: 2 }).ok).toBe(false)
    expect(checkUpdate(nobleCrypto, otherDoc, alice, change, seeded()).ok).toBe(false)
    expect(check(update({ structs: [text(seedId, 8, 7)] })).ok).toBe(false)
  })

  it('[DOC22] refuses bytes that do not scan', () => {
    expect(check({ kind: 'update', doc, nonce: 1, update: Uint8Array.of(1, 2, 3) })).toMatchObject({ ok: false })
  })

  it('[DOC23] refuses an edit that leaves out earlier text of its id', () => {
    expect(check(update({ structs: [text(own, 0, 7)] })).ok).toBe(true)
    expect(check(update({ structs: [text(own, 1, 7)] })).ok).toBe(false)
  })

  it('[DOC24] refuses what names or deletes text beyond the causal past', () => {
    expect(check(update({ structs: [text(own, 0, 8)] })).ok).toBe(false)
    expect(check(update({ structs: [text(own, 0, 0, 12345)] })).ok).toBe(false)
    expect(check(update({ structs: [text(own, 0, 0, own)] })).ok).toBe(false)
    expect(check(update({ deletes: [{ client: seedId, from: 7, length: 1 }] })).ok).toBe(true)
    expect(check(update({ deletes: [{ client: seedId, from: 7, length: 2 }] })).ok).toBe(false)
  })

  it('[DOC25] refuses units of an author that hold no text', () => {
    expect(check(update({ structs: [{ client: own, clock: 0, kind: 'gc', length: 2 ** 30 }] })).ok).toBe(false)
    expect(check(update({ structs: [{ client: own, clock: 0, kind: 'skip', length: 3 }, text(own, 3, 7)] })).ok).toBe(false)
  })

  it('[DOC26] takes a machine change only under the id that its state and its structs give', () => {
    const change = seeded().editDerived([{ at: 0, remove: 4, insert: '1\n' }])
    expect(check(change)).toMatchObject({ ok: true })
    expect(check({ ...change, base: new Uint8Array(32) }).ok).toBe(false)
    const forged = update({ structs: [text(own, 0, 7)] })
    expect(check({ kind: 'derived', doc, base: change.base, update: forged.update }).ok).toBe(false)
  })

  it('[DOC27] takes an imported history only under uint32 ids, and whole', () => {
    const y = new Y.Doc({ guid: 'app' })
    y.clientID = 77
    y.getText('content').insert(0, 'hello')
    y.getText('content').delete(1, 2)
    expect(check({ kind: 'import', doc, update: Y.encodeStateAsUpdate(y) })).toMatchObject({ ok: true, ranges: [{ client: 77, from: 0, to: 5 }] })
    expect(check({ kind: 'import', doc, update: update({ structs: [text(own, 0, 7)] }).update }).ok).toBe(false)
  })

  it('[DOC28] refuses an imported history that waits for itself', () => {
    const circle = update({ structs: [text(1, 0, 0, 2), text(2, 0, 0, 1)] })
    expect(check({ kind: 'import', doc, update: circle.update }).ok).toBe(false)
    const chain = update({ structs: [text(1, 0, undefined), text(1, 1, 0, 2), text(2, 0, 0, 1)] })
    expect(check({ kind: 'import', doc, update: chain.update }).ok).toBe(true)
  })
})

describe('client ids', () => {
  it('[DOC29] of imports, authors, machine changes, merges and seeds are in ranges that rise in this order and never meet', () => {
    for (let i = 0; i < 200; i++) {
      const base = Uint8Array.of(i)
      const merge = mergeClient(nobleCrypto, doc, otherDoc, `${i}`, seed)
      const ids = [
        IMPORT_END - 1,
        authorClient(nobleCrypto, alice, doc, i),
        NO_CLIENT,
        derivedClient(nobleCrypto, doc, base, base),
        lowerMergeClient(merge),
        merge,
        seedClient(nobleCrypto, doc, `${i}`),
        Number.MAX_SAFE_INTEGER + 1
      ]
      expect(ids).toEqual(ids.toSorted((a, b) => a - b))
      expect(new Set(ids).size).toBe(ids.length)
      expect(ids[1]).toBeLessThan(AUTHOR_END)
    }
  })

  it('[DOC30] stay in the range of merges however often they are moved down', () => {
    let id = mergeClient(nobleCrypto, doc, otherDoc, 'a', 'b')
    for (let i = 0; i < 40; i++) id = lowerMergeClient(id)
    expect(lowerMergeClient(id)).toBe(id)
    expect(id).toBeGreaterThan(derivedClient(nobleCrypto, doc, Uint8Array.of(1), Uint8Array.of(2)))
  })
})
