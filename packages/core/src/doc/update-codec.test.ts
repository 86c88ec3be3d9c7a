import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import * as Y from 'yjs'
import { MalformedError } from '../base/errors.js'
import { decodeUpdate, encodeUpdate } from './update-codec.js'

const piece = fc.constantFrom('a', 'word ', '\n', '日本', '😀', '👨‍👩‍👧', '\u{feff}', '\0')
const step = fc.record({ peer: fc.nat(2), at: fc.nat(60), remove: fc.nat(6), insert: fc.array(piece, { maxLength: 4 }), merge: fc.boolean() })
const history = fc.array(step, { minLength: 1, maxLength: 25 })

/** Updates of three peers that edit one text and now and then take over what the others did. */
function honestUpdates(steps: readonly { peer: number; at: number; remove: number; insert: readonly string[]; merge: boolean }[]): Uint8Array[] {
  const updates: Uint8Array[] = []
  const docs = [1, 2 ** 40 + 3, 2 ** 53 - 1].map((client) => {
    const doc = new Y.Doc({ guid: 'test' })
    doc.clientID = client
    doc.on('update', (update: Uint8Array) => updates.push(update))
    return doc
  })
  for (const { peer, at, remove, insert, merge } of steps) {
    const doc = docs[peer] ?? new Y.Doc()
    const text = doc.getText('content')
    doc.transact(() => {
      const from = wholePair(text.toJSON(), Math.min(at, text.length))
      const to = wholePair(text.toJSON(), Math.min(from + remove, text.length))
      text.delete(from, Math.max(0, to - from))
      text.insert(from, insert.join(''))
    })
    if (merge) for (const other of docs) if (other !== doc) Y.applyUpdate(doc, Y.encodeStateAsUpdate(other))
  }
  return [...updates, ...docs.map((doc) => Y.encodeStateAsUpdate(doc))]
}

const wholePair = (text: string, at: number) => (text.slice(0, at).isWellFormed() ? at : at - 1)

const sample = (() => {
  const doc = new Y.Doc({ guid: 'test' })
  doc.clientID = 2 ** 45
  const text = doc.getText('content')
  text.insert(0, 'hello world')
  text.delete(2, 3)
  text.insert(4, '😀')
  text.delete(0, 1)
  return Y.encodeStateAsUpdate(doc)
})()

function outcome(bytes: Uint8Array): unknown {
  try {
    return decodeUpdate(bytes)
  } catch (error) {
    return error
  }
}

/** A V1 update to a root type made by `change`. */
function updateOf(change: (doc: Y.Doc) => void): Uint8Array {
  const doc = new Y.Doc({ guid: 'test' })
  change(doc)
  return Y.encodeStateAsUpdate(doc)
}

describe('the update codec', () => {
  it('[DOC13] writes every honest update to a text as Yjs wrote it', () => {
    let updates = 0
    fc.assert(
      fc.property(history, (steps) => {
        for (const update of honestUpdates(steps)) {
          updates++
          expect(encodeUpdate(decodeUpdate(update))).toEqual(update)
        }
      }),
      { numRuns: 300 }
    )
    expect(updates).toBeGreaterThan(2000)
  })

  it('[DOC14] reads the structs and deletions that Yjs reads', () => {
    fc.assert(
      fc.property(history, (steps) => {
        for (const update of honestUpdates(steps)) {
          const ours = decodeUpdate(update)
          const theirs = Y.decodeUpdate(update)
          expect(ours.structs.map(({ client, clock, length }) => ({ client, clock, length }))).toEqual(
            theirs.structs.map(({ id, length }) => ({ client: id.client, clock: id.clock, length }))
          )
          expect(ours.deletes).toEqual(
            [...theirs.ds.clients].flatMap(([client, items]) => items.map(({ clock, len }) => ({ client, from: clock, length: len })))
          )
        }
      }),
      { numRuns: 100 }
    )
  })

  it('[DOC15] refuses an update cut at any byte, and one with a byte too many', () => {
    for (let end = 0; end < sample.length; end++) expect(outcome(sample.subarray(0, end))).toBeInstanceOf(MalformedError)
    expect(outcome(Uint8Array.of(...sample, 0))).toBeInstanceOf(MalformedError)
  })

  it('[DOC16] [REG27] answers any bytes with a reading that encodes again, or with MalformedError', () => {
    const flipped = fc.array(fc.tuple(fc.nat(sample.length - 1), fc.nat(255)), { minLength: 1, maxLength: 4 }).map((changes) => {
      const bytes = sample.slice()
      for (const [at, value] of changes) bytes[at] = value
      return bytes
    })
    fc.assert(
      fc.property(fc.oneof(flipped, fc.uint8Array({ maxLength: 60 })), (bytes) => {
        const result = outcome(bytes)
        if (result instanceof Error) expect(result).toBeInstanceOf(MalformedError)
        else expect(decodeUpdate(encodeUpdate(decodeUpdate(bytes)))).toBeDefined()
      }),
      { numRuns: 20_000 }
    )
  })

  it('[DOC17] believes no claimed count', () => {
    const huge = [0xff, 0xff, 0xff, 0xff, 0x0f]
    for (const claim of [[...huge, 1], [1, ...huge, 1, 0], [0, ...huge, 1], [0, 1, 1, ...huge], [1, 1, 1, 0, 4, 1, 7, ...huge]]) {
      expect(outcome(Uint8Array.from(claim))).toBeInstanceOf(MalformedError)
    }
  })

  it('[DOC18] refuses what is not text in the root content', () => {
    const others = [
      updateOf((doc) => doc.getText('other').insert(0, 'x')),
      updateOf((doc) => doc.getMap('content').set('key', 'value')),
      updateOf((doc) => doc.getText('content').insertEmbed(0, { a: 1 })),
      updateOf((doc) => doc.getText('content').insert(0, 'x', { bold: true })),
      updateOf((doc) => doc.getArray('content').push([new Y.Text('nested')]))
    ]
    for (const update of others) expect(outcome(update)).toBeInstanceOf(MalformedError)
  })

  it('[DOC19] refuses ids and clocks without exact arithmetic, empty parts, and a second spelling of a number', () => {
    const ok = [1, 1, 7, 0, 0, 3, 0]
    expect(outcome(Uint8Array.from(ok))).toMatchObject({ structs: [{ client: 7, kind: 'gc', length: 3 }] })
    const bad = [
      [1, 1, 7, 0, 0, 0, 0],
      [1, 0, 7, 0, 0],
      [1, 1, 0x87, 0, 0, 0, 3, 0],
      [1, 1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x1f, 0, 0, 3, 0],
      [1, 1, 7, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x0f, 0, 3, 0],
      [2, 1, 7, 0, 0, 3, 1, 7, 3, 0, 3, 0],
      [0, 1, 7, 2, 5, 2, 1, 1]
    ]
    for (const bytes of bad) expect(outcome(Uint8Array.from(bytes))).toBeInstanceOf(MalformedError)
  })
})
