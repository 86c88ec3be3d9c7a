import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { compareBytes, toHex, utf8 } from '../base/bytes.js'
import type { Entry } from '../log/entry.js'
import { Batch } from './batch.js'
import { crypto, deliver, LooseAuthor, newFile, TestReplica } from './test-replicas.js'
import type { NewFile } from './test-replicas.js'

/** Four files in their order, so that each may absorb those after it; they share a line. */
function filesOf(n: number): readonly [NewFile, NewFile, NewFile, NewFile] {
  const texts = ['p', 'q', 'r', 's'].map((end) => `common\n${end}${n}\n`)
  const hash = (text: string): Uint8Array => crypto.sha256(utf8(text))
  return texts.sort((a, b) => compareBytes(hash(a), hash(b))).map((text, at) => newFile(`${at}.md`, text)) as unknown as [NewFile, NewFile, NewFile, NewFile]
}

/** `known` and an edit of `file` on top of it; the number picks where, by whom, and whether a unit is removed. */
async function edited(known: readonly Entry[], file: NewFile, place: number): Promise<readonly Entry[]> {
  const test = await TestReplica.open()
  await deliver(test, known)
  const { text, version } = await test.replica.readText(file.doc)
  const at = place % (text.length + 1)
  const edit = { at, remove: removes(place) ? Math.min(1, text.length - at) : 0, insert: `<${place}>` }
  await test.replica.edit([{ type: 'edit', doc: file.doc, base: version, edits: [edit], machine: place % 2 === 0 }])
  return await test.entries()
}

function removes(place: number): boolean {
  return place % 3 === 0
}

/** What a file says, and which units it is made of, where `entries` came in this order. */
async function stateOf(entries: readonly Entry[], { doc }: NewFile): Promise<string> {
  const test = await TestReplica.open()
  await deliver(test, entries)
  expect(test.replica.applier.voids).toBe(0)
  const document = await test.replica.applier.documents.document(new Batch(test.kv), doc)
  expect(document.pending).toBe(false)
  return `${document.text}\n${toHex(document.digest())}`
}

describe('a file that came into another by two ways', () => {
  it('[REP7] is edited there to one text, in any order of delivery', async () => {
    const places = fc.array(fc.nat(60), { minLength: 4, maxLength: 4 })
    const shuffle = fc.array(fc.nat(1000), { minLength: 16, maxLength: 16 })
    await fc.assert(
      fc.asyncProperty(fc.nat(50), places, fc.array(shuffle, { minLength: 3, maxLength: 3 }), async (n, [p, q, r, s], shuffles) => {
        const [winner, left, right, loser] = filesOf(n)
        const made = new LooseAuthor().sign([winner, left, right, loser].flatMap(({ changes }) => [...changes]))
        const absorb = (into: NewFile, file: NewFile): Entry => new LooseAuthor().sign([{ kind: 'absorb', winner: into.node, loser: file.node }], { deps: [made.hash] })
        const [leftWay, rightWay] = [left, right].map((middle) => [made, absorb(middle, loser), absorb(winner, middle)]) as [Entry[], Entry[]]
        const known = [await edited([made], loser, p ?? 0), await edited(leftWay, winner, q ?? 0), await edited(rightWay, winner, r ?? 0)].flat()
        const all = [...new Map([...known, ...leftWay, ...rightWay].map((entry) => [entry.hash, entry])).values()]
        const last = await edited(all, winner, s ?? 0)
        const first = await stateOf(last, winner)
        for (const keys of shuffles) {
          const order = last.map((entry, at) => ({ entry, key: keys[at % keys.length] ?? 0 })).sort((a, b) => a.key - b.key)
          expect(await stateOf(order.map(({ entry }) => entry), winner)).toBe(first)
        }
        if (![p, q, r, s].some((place) => removes(place ?? 0))) expect(first.split('<')).toHaveLength(5)
      }),
      { numRuns: 15 }
    )
  })
})
