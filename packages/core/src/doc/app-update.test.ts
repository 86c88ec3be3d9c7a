import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import * as Y from 'yjs'
import { MalformedError } from '../base/errors.js'
import { parseAuthorId, parseDocId } from '../base/ids.js'
import { nobleCrypto } from '../keys/noble-crypto.js'
import type { AppChange } from '../log/change.js'
import { authorClient } from './client-id.js'
import { checkUpdate, type Knowledge } from './gate.js'
import { appDocumentId } from './node-id.js'
import { anyEdit, makeEdit, type AnyEdit } from './test-any-doc.js'
import { decodeUpdate, encodeUpdate, type DecodedUpdate } from './update-codec.js'

const name = 'board'
const doc = appDocumentId(nobleCrypto, name)
const alice = parseAuthorId('aa'.repeat(32))
const bob = parseAuthorId('bb'.repeat(32))
const own = authorClient(nobleCrypto, alice, doc, 1)
const nothing: Knowledge = { clockOf: () => 0 }

const check = (update: Uint8Array, past: Knowledge = nothing, changes: Partial<AppChange> = {}, author = alice) =>
  checkUpdate(nobleCrypto, doc, author, { kind: 'app', doc, name, nonce: 1, update, ...changes }, past)
const of = (update: Partial<DecodedUpdate>) => encodeUpdate({ structs: [], deletes: [], ...update })

function yDoc(client: number): Y.Doc {
  const y = new Y.Doc({ guid: 'test' })
  y.clientID = client
  return y
}

/** Updates of three peers that edit any shared type and now and then take over what the others did. */
function honestUpdates(steps: readonly { peer: number; edit: AnyEdit; merge: boolean }[]): Uint8Array[] {
  const updates: Uint8Array[] = []
  const docs = [1, 2 ** 40 + 3, 2 ** 53 - 1].map(yDoc)
  for (const y of docs) y.on('update', (update: Uint8Array) => updates.push(update))
  for (const { peer, edit, merge } of steps) {
    const y = docs[peer]
    if (y === undefined) continue
    y.transact(() => makeEdit(y, edit))
    if (merge) for (const other of docs) if (other !== y) Y.applyUpdate(y, Y.encodeStateAsUpdate(other))
  }
  return [...updates, ...docs.map((y) => Y.encodeStateAsUpdate(y))]
}

const history = fc.array(fc.record({ peer: fc.nat(2), edit: anyEdit, merge: fc.boolean() }), { minLength: 1, maxLength: 30 })

/** One update of Alice's with each kind of content. */
const sample = (() => {
  const y = yDoc(own)
  y.transact(() => {
    for (let kind = 0; kind < 20; kind++) for (const value of [0, 1, 5, 9]) makeEdit(y, { kind, at: value, value })
  })
  return Y.encodeStateAsUpdate(y)
})()

/** The sample with structs put elsewhere: behind other units, into other types, under other keys. */
const replaced = (() => {
  const { structs, deletes } = decodeUpdate(sample, 'any')
  const unit = fc.option(fc.nat(structs.length).map((clock) => ({ client: own, clock })), { nil: undefined })
  const move = fc.record({ at: fc.nat(structs.length - 1), origin: unit, rightOrigin: unit, parent: fc.oneof(unit, fc.constantFrom('map', 'list', 'rich', 'xml')), isKeyed: fc.boolean() })
  return fc.array(move, { minLength: 1, maxLength: 3 }).map((moves) => {
    const changed = [...structs]
    for (const { at, origin, rightOrigin, parent, isKeyed } of moves) {
      const { client, clock, kind, length, text, content } = structs[at] ?? structs[0]!
      const key = isKeyed && origin === undefined && rightOrigin === undefined ? { key: 'k1' } : {}
      changed[at] = { client, clock, kind, length, ...(text !== undefined && { text }), ...(content && { content }), ...(origin && { origin }), ...(rightOrigin && { rightOrigin }), ...(parent !== undefined && { parent }), isKeyed, ...key }
    }
    return encodeUpdate({ structs: changed, deletes })
  })
})()

function outcome(bytes: Uint8Array): unknown {
  try {
    return decodeUpdate(bytes, 'any')
  } catch (error) {
    return error
  }
}

describe('an update with any shared type', () => {
  it('[EMB1] is written as Yjs wrote it, and its structs and deletions are those that Yjs reads', () => {
    const kinds = new Set<string>()
    fc.assert(
      fc.property(history, (steps) => {
        for (const update of honestUpdates(steps)) {
          const ours = decodeUpdate(update, 'any')
          expect(encodeUpdate(ours)).toEqual(update)
          const theirs = Y.decodeUpdate(update)
          expect(ours.structs.map(({ client, clock, length }) => [client, clock, length])).toEqual(
            theirs.structs.map(({ id, length }) => [id.client, id.clock, length])
          )
          for (const { kind } of ours.structs) kinds.add(kind)
        }
      }),
      { numRuns: 200 }
    )
    expect([...kinds].toSorted()).toEqual(['any', 'binary', 'deleted', 'doc', 'embed', 'format', 'gc', 'string', 'type'])
  })

  it('[EMB2] that is cut at any byte, or has a byte too many, is refused', () => {
    for (let end = 0; end < sample.length; end++) expect(outcome(sample.subarray(0, end))).toBeInstanceOf(MalformedError)
    expect(outcome(Uint8Array.of(...sample, 0))).toBeInstanceOf(MalformedError)
  })

  it('[EMB3] that passes the gate never makes Yjs throw or wait', () => {
    const flips = fc.array(fc.tuple(fc.nat(sample.length - 1), fc.nat(255)), { minLength: 1, maxLength: 2 })
    const flipped = flips.map((changes) => {
      const bytes = sample.slice()
      for (const [at, value] of changes) bytes[at] = value
      return bytes
    })
    let passed = 0
    fc.assert(
      fc.property(fc.oneof({ weight: 3, arbitrary: flipped }, { weight: 2, arbitrary: replaced }), (bytes) => {
        if (!check(bytes).ok) return
        passed++
        const y = yDoc(7)
        for (const type of [() => y.getMap('map'), () => y.getArray('list'), () => y.getText('rich'), () => y.getXmlFragment('xml')]) type()
        Y.applyUpdate(y, bytes)
        expect([y.store.pendingStructs, y.store.pendingDs]).toEqual([null, null])
        expect(() => Y.encodeStateAsUpdate(y)).not.toThrow()
      }),
      { numRuns: 10_000 }
    )
    expect(passed).toBeGreaterThan(1000)
  })

  it('[EMB4] with values that go deep, are no JSON or set a prototype is refused', () => {
    const json = (text: string) => of({ structs: [{ client: own, clock: 0, kind: 'embed', length: 1, parent: 'rich', content: lengthAnd(text) }] })
    const any = (...content: number[]) => of({ structs: [{ client: own, clock: 0, kind: 'any', length: 1, parent: 'list', content: Uint8Array.of(1, ...content) }] })
    const sub = (...options: number[]) => of({ structs: [{ client: own, clock: 0, kind: 'doc', length: 1, parent: 'list', content: Uint8Array.of(1, 65, ...options) }] })
    expect([json('{"a":[1]}'), any(117, 1, 126), sub(118, 0)].map((update) => check(update).ok)).toEqual([true, true, true])
    const bad = [
      json('{'),
      json('{"__proto__":1}'),
      json('['.repeat(5000) + ']'.repeat(5000)),
      any(...Array.from({ length: 5000 }, () => [117, 1]).flat(), 126),
      any(1),
      any(118, 1, 9, ...new TextEncoder().encode('__proto__'), 126),
      sub(126),
      sub(118, 1, 4, ...new TextEncoder().encode('guid'), 119, 1, 66),
      sub(118, 1, 2, ...new TextEncoder().encode('gc'), 126),
      of({ structs: [{ client: own, clock: 0, kind: 'any', length: 1, parent: '__proto__', content: Uint8Array.of(1, 126) }] }),
      of({ structs: [{ client: own, clock: 0, kind: 'any', length: 1, parent: 'map', isKeyed: true, key: '__proto__', content: Uint8Array.of(1, 126) }] })
    ]
    for (const update of bad) expect(check(update)).toMatchObject({ ok: false })
  })

  it('[EMB5] believes no claimed count', () => {
    const huge = [0xff, 0xff, 0xff, 0xff, 0x0f]
    for (const kind of [2, 3, 8]) expect(outcome(Uint8Array.from([1, 1, 7, 0, kind, 1, 1, 97, ...huge, 0]))).toBeInstanceOf(MalformedError)
    expect(outcome(Uint8Array.from([1, 1, 7, 0, 8, 1, 1, 97, 1, 117, ...huge, 0]))).toBeInstanceOf(MalformedError)
  })
})

describe('the gate of app documents', () => {
  it('[EMB6] takes structs of its author only, and an existing history only under uint32 ids', () => {
    expect(check(sample)).toMatchObject({ ok: true, ranges: [{ client: own, from: 0 }] })
    expect(check(sample, nothing, {}, bob).ok).toBe(false)
    expect(check(sample, nothing, { nonce: 2 }).ok).toBe(false)
    expect(check(sample, nothing, { nonce: null }).ok).toBe(false)
    const old = yDoc(77)
    makeEdit(old, { kind: 5, at: 0, value: 5 })
    expect(check(Y.encodeStateAsUpdate(old), nothing, { nonce: null }).ok).toBe(true)
    expect(check(Y.encodeStateAsUpdate(old)).ok).toBe(false)
  })

  it('[EMB7] takes a change only under the id that the name gives', () => {
    expect(check(sample, nothing, { name: 'other' }).ok).toBe(false)
    expect(checkUpdate(nobleCrypto, parseDocId('0d'.repeat(16)), alice, { kind: 'app', doc, name, nonce: 1, update: sample }, nothing).ok).toBe(false)
  })

  it('[EMB8] refuses what is put into a type, behind a unit or under a key that its author cannot have seen', () => {
    const at = (place: object) => of({ structs: [{ client: own, clock: 0, kind: 'any', length: 1, content: Uint8Array.of(1, 126), ...place }] })
    const unseen = [{ parent: { client: 5, clock: 0 } }, { parent: { client: own, clock: 0 } }, { origin: { client: 5, clock: 3 } }]
    for (const place of unseen) expect(check(at(place)).ok).toBe(false)
    expect(check(at(unseen[0] ?? {}), { clockOf: (client) => (client === 5 ? 1 : 0) }).ok).toBe(true)
    expect(check(of({ deletes: [{ client: 5, from: 0, length: 1 }] })).ok).toBe(false)
    expect(check(of({ structs: [{ client: own, clock: 0, kind: 'skip', length: 3 }] })).ok).toBe(false)
  })
})

function lengthAnd(text: string): Uint8Array {
  const bytes = new TextEncoder().encode(text)
  const length = bytes.length < 128 ? [bytes.length] : [(bytes.length & 127) | 128, bytes.length >> 7]
  return Uint8Array.of(...length, ...bytes)
}
