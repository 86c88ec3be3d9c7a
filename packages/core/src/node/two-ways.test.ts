import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import * as Y from 'yjs'
import { compareBytes, toHex, utf8 } from '../base/bytes.js'
import { systemClock } from '../base/clock.js'
import { authorClient, seedClient } from '../doc/client-id.js'
import { encodeUpdate } from '../doc/update-codec.js'
import type { Change } from '../log/change.js'
import type { Entry } from '../log/entry.js'
import { Batch } from './batch.js'
import { LiveDocument } from './live-document.js'
import { crypto, deliver, LooseAuthor, newFile, TestReplica } from './test-replicas.js'
import type { NewFile } from './test-replicas.js'

/** Files in their order, so that each may absorb those after it; they share a line. */
function filesOf(n: number, count: number): readonly NewFile[] {
  const texts = Array.from({ length: count }, (_, at) => `common\n${at}/${n}\n`)
  const hash = (text: string): Uint8Array => crypto.sha256(utf8(text))
  return texts.sort((a, b) => compareBytes(hash(a), hash(b))).map((text, at) => newFile(`${at}.md`, text))
}

function fourFiles(n: number): readonly [NewFile, NewFile, NewFile, NewFile] {
  return filesOf(n, 4) as unknown as [NewFile, NewFile, NewFile, NewFile]
}

const MARKS = /[\u4e00-\u4eff]/gu

/** `known` and an edit of `file` on top of it, which puts in a mark; the number picks where, by whom, and whether a unit is removed. */
async function edited(known: readonly Entry[], file: NewFile, place: number, mark: string): Promise<readonly Entry[]> {
  const test = await TestReplica.open()
  await deliver(test, known)
  const { text, version } = await test.replica.readText(file.doc)
  const at = place % (text.length + 1)
  const edit = { at, remove: removes(place) ? Math.min(1, text.length - at) : 0, insert: mark }
  await test.replica.edit([{ type: 'edit', doc: file.doc, base: version, edits: [edit], machine: place % 2 === 0 }])
  return await test.entries()
}

/** One character that stands nowhere else: nothing can be put into the middle of it. */
function markOf(at: number): string {
  return String.fromCodePoint(0x4e00 + at)
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

/** Which of so many files absorbs which of those after it. */
function pairsOf(count: number): readonly (readonly [number, number])[] {
  return Array.from({ length: count }, (_, winner) => Array.from({ length: count - winner - 1 }, (_, at) => [winner, winner + 1 + at] as const)).flat()
}

const FILES = 7
const PAIRS = pairsOf(FILES)

/** Files, merges of them, and edits of people each of whom knows of some of the merges and of some edits before. */
async function history(n: number, merges: readonly number[], edits: readonly { readonly file: number; readonly knows: number; readonly place: number }[]): Promise<{ files: readonly NewFile[]; entries: readonly Entry[] }> {
  const files = filesOf(n, FILES)
  const made = new LooseAuthor().sign(files.flatMap(({ changes }) => [...changes]))
  const absorbs = merges.flatMap((merge) => {
    const [winner, loser] = (PAIRS[merge] ?? []).map((at) => files[at])
    return winner === undefined || loser === undefined ? [] : [new LooseAuthor().sign([{ kind: 'absorb', winner: winner.node, loser: loser.node }], { deps: [made.hash] })]
  })
  let all = new Map([made, ...absorbs].map((entry) => [entry.hash, entry]))
  for (const [at, { file, knows, place }] of edits.entries()) {
    const test = await TestReplica.open()
    const [, ...known] = [...all.values()]
    await deliver(test, [made])
    for (const [bit, entry] of known.entries()) if (((knows >> bit % 16) & 1) === 1) await test.replica.receive([entry])
    all = new Map([...all, ...(await edited(await test.entries(), files[file] ?? fail(), place, markOf(at))).map((entry) => [entry.hash, entry] as const)])
  }
  return { files, entries: [...all.values()] }
}

/** Indexes of the files that are absorbed by `winner`, itself first. */
function within(winner: number, merges: readonly number[]): readonly number[] {
  const inside = new Set([winner])
  for (const at of inside) for (const merge of merges) if (PAIRS[merge]?.[0] === at) inside.add(PAIRS[merge][1])
  return [...inside]
}

function fail(): never {
  throw new Error('no such file')
}

describe('a file that came into another by two ways', () => {
  it('[REP8] is there once, with every edit once, whoever knew of which way', async () => {
    const edit = fc.record({ file: fc.nat(FILES - 1), knows: fc.nat(0xffff), place: fc.nat(60) })
    await fc.assert(
      fc.asyncProperty(fc.nat(50), fc.uniqueArray(fc.nat(PAIRS.length - 1), { minLength: 5 }), fc.array(edit, { maxLength: 5 }), fc.array(fc.nat(1000), { minLength: 16, maxLength: 16 }), async (n, merges, edits, keys) => {
        const { files, entries } = await history(n, merges, edits)
        const order = entries.map((entry, at) => ({ entry, key: keys[at % keys.length] ?? 0 })).sort((a, b) => a.key - b.key)
        for (const [at, file] of files.entries()) {
          const state = await stateOf(entries, file)
          expect(await stateOf(order.map(({ entry }) => entry), file)).toBe(state)
          const inside = within(at, merges)
          const marks = edits.flatMap((made, index) => (inside.includes(made.file) ? [markOf(index)] : []))
          const found = state.match(MARKS)?.toSorted() ?? []
          expect(found).toEqual([...new Set(found)])
          if (edits.some(({ place }) => removes(place))) continue
          expect(found).toEqual(marks)
          const own = inside.flatMap((other) => files[other]?.changes[1].text.split('\n')[1] ?? [])
          expect(state.replaceAll(MARKS, '').split('\n').slice(0, -2).toSorted()).toEqual(['common', ...own].toSorted())
        }
      }),
      { numRuns: 8 }
    )
  })

  it('[REP7] is edited there to one text, in any order of delivery', async () => {
    const places = fc.array(fc.nat(60), { minLength: 4, maxLength: 4 })
    const shuffle = fc.array(fc.nat(1000), { minLength: 16, maxLength: 16 })
    await fc.assert(
      fc.asyncProperty(fc.nat(50), places, fc.array(shuffle, { minLength: 3, maxLength: 3 }), async (n, [p, q, r, s], shuffles) => {
        const [winner, left, right, loser] = fourFiles(n)
        const made = new LooseAuthor().sign([winner, left, right, loser].flatMap(({ changes }) => [...changes]))
        const absorb = (into: NewFile, file: NewFile): Entry => new LooseAuthor().sign([{ kind: 'absorb', winner: into.node, loser: file.node }], { deps: [made.hash] })
        const [leftWay, rightWay] = [left, right].map((middle) => [made, absorb(middle, loser), absorb(winner, middle)]) as [Entry[], Entry[]]
        const known = [await edited([made], loser, p ?? 0, markOf(0)), await edited(leftWay, winner, q ?? 0, markOf(1)), await edited(rightWay, winner, r ?? 0, markOf(2))].flat()
        const all = [...new Map([...known, ...leftWay, ...rightWay].map((entry) => [entry.hash, entry])).values()]
        const last = await edited(all, winner, s ?? 0, markOf(3))
        const first = await stateOf(last, winner)
        for (const keys of shuffles) {
          const order = last.map((entry, at) => ({ entry, key: keys[at % keys.length] ?? 0 })).sort((a, b) => a.key - b.key)
          expect(await stateOf(order.map(({ entry }) => entry), winner)).toBe(first)
        }
        if (![p, q, r, s].some((place) => removes(place ?? 0))) expect(first.match(MARKS)).toHaveLength(4)
      }),
      { numRuns: 8 }
    )
  })

  it('[REP10] is changed by a machine where that meant to, also where lines of it stand in another order than in one of the files', async () => {
    const texts = ['cc\naa\naa\nee\ndd\nbb\n2', 'aa\ncc\naa\nee\naa\nee\n4', 'ee\nee\nee\nee\naa\n0\n0']
    const [winner, middle, loser] = texts.map((text, at) => newFile(`${at}.md`, text)) as [NewFile, NewFile, NewFile]
    const made = new LooseAuthor().sign([winner, middle, loser].flatMap(({ changes }) => [...changes]))
    const absorb = (into: NewFile, file: NewFile): Entry => new LooseAuthor().sign([{ kind: 'absorb', winner: into.node, loser: file.node }], { deps: [made.hash] })
    const all = [...(await edited([made], middle, 52, markOf(0))), absorb(winner, middle), absorb(winner, loser), absorb(middle, loser)]
    for (let at = 0; at < 32; at++) {
      const test = await TestReplica.open()
      await deliver(test, all)
      const { text, version } = await test.replica.readText(winner.doc)
      await test.replica.edit([{ type: 'edit', doc: winner.doc, base: version, edits: [{ at, remove: 0, insert: '!' }], machine: true }])
      expect((await test.replica.readText(winner.doc)).text).toBe(`${text.slice(0, at)}!${text.slice(at)}`)
    }
  })
})

describe('files that absorb each other in every way there is', () => {
  it('[REP9] cost each document every change once, and an edit that names what came by any of the ways is taken', async () => {
    const files = filesOf(0, 40)
    const made = new LooseAuthor().sign(files.flatMap(({ changes }) => [...changes]))
    const absorbs = pairsOf(files.length).map(([winner, loser]) => ({ kind: 'absorb', winner: files[winner]?.node, loser: files[loser]?.node }) as Change)
    const absorbing = new LooseAuthor().sign(absorbs, { deps: [made.hash] })
    const [first, last] = [files[0] ?? fail(), files.at(-1) ?? fail()]
    const test = await TestReplica.open()
    await deliver(test, [made, absorbing, ...(await edited([made], last, 1, markOf(0)))])
    const { documents } = test.replica.applier
    const own = (await documents.steps(new Batch(test.kv), first.doc)).length
    expect(own).toBe(files.length + absorbs.length + 1)
    const { text } = await test.replica.readText(first.doc)
    expect(text.match(MARKS)).toEqual([markOf(0)])
    expect(text.split('\n').toSorted().slice(1)).toHaveLength(files.length + 1)
    await deliver(test, await edited(await test.entries(), first, text.length, markOf(1)))
    expect([test.replica.applier.voids, (await test.replica.readText(first.doc)).text]).toEqual([0, `${text}${markOf(1)}`])
  })
})

describe('a merge that is said again and again', () => {
  it('[REP9] is computed once', async () => {
    const texts = ['a', 'b'].map((other) => Array.from({ length: 30_000 }, (_, at) => `${at % 2 === 0 ? 'common' : other}${(at * 7) % 10_007}\n`).join(''))
    const hash = (text: string): Uint8Array => crypto.sha256(utf8(text))
    const [winner, loser] = texts.sort((a, b) => compareBytes(hash(a), hash(b))).map((text, at) => newFile(`${at}.md`, text)) as [NewFile, NewFile]
    const test = await TestReplica.open()
    const author = new LooseAuthor()
    const merge: Change = { kind: 'absorb', winner: winner.node, loser: loser.node }
    await deliver(test, [author.sign([...winner.changes, ...loser.changes])])
    const timeOf = async (changes: readonly Change[]): Promise<number> => {
      const begun = performance.now()
      await deliver(test, [author.sign(changes)])
      return performance.now() - begun
    }
    const first = await timeOf([merge])
    expect(await timeOf(Array.from({ length: 200 }, () => merge))).toBeLessThan(50 * first)
    expect(test.replica.applier.voids).toBe(0)
  })
})

describe('a text that must be built anew', () => {
  it('[REP16] is built of changes each of which finds what it stands on, also where they came before a merge', async () => {
    const [winner, loser] = fourFiles(0)
    const made = new LooseAuthor().sign([...winner.changes, ...loser.changes])
    const author = new LooseAuthor()
    const client = authorClient(crypto, author.id, loser.doc, 0)
    const { text: seed } = loser.changes[1]
    const typed = (clock: number, text: string, after?: Entry): Entry => {
      const origin = clock === 0 ? { client: seedClient(crypto, loser.doc, seed), clock: seed.length - 1 } : { client, clock: clock - 1 }
      const update = encodeUpdate({ structs: [{ client, clock, kind: 'string', length: text.length, text, origin }], deletes: [] })
      return author.sign([{ kind: 'update', doc: loser.doc, nonce: 0, update }], { deps: [made.hash], ...(after && { after }) })
    }
    const [first, second] = [typed(0, 'a'), typed(1, 'b')]
    const merge = new LooseAuthor().sign([{ kind: 'absorb', winner: winner.node, loser: loser.node }], { deps: [second.hash] })
    const test = await TestReplica.open()
    await deliver(test, [made, first, second, merge, typed(1, 'c', first)])
    const { contested, updates } = await test.replica.applier.documents.updatesFrom(new Batch(test.kv), winner.doc, 0)
    const y = new Y.Doc()
    for (const update of updates) {
      Y.applyUpdate(y, update)
      expect(y.store.pendingStructs).toBeNull()
    }
    expect([contested, y.getText('content').toJSON()]).toEqual([true, (await test.replica.readText(winner.doc)).text])
  })
})

describe('a live Y.Doc of such a text', () => {
  const [winner, left, right, loser] = fourFiles(0)
  const made = new LooseAuthor().sign([winner, left, right, loser].flatMap(({ changes }) => [...changes]))
  const absorb = (into: NewFile, file: NewFile): Entry => new LooseAuthor().sign([{ kind: 'absorb', winner: into.node, loser: file.node }], { deps: [made.hash] })
  const [first, ...others] = [absorb(left, loser), absorb(winner, left), absorb(right, loser), absorb(winner, right)] as const

  function liveOn(test: TestReplica, { doc }: NewFile): { readonly live: LiveDocument; readonly errors: Error[] } {
    const clock = { ...systemClock, after: () => () => undefined, soon: () => () => undefined }
    const errors: Error[] = []
    const live = new LiveDocument({ crypto, clock, replica: test.replica, doc, name: undefined, y: new Y.Doc(), origin: {}, coalesceMs: 0, mayWrite: true, publish: () => undefined, onListenerError: () => undefined })
    live.on('error', (error) => errors.push(error))
    return { live, errors }
  }

  it('[EMB78] goes on while what comes is of other texts, and ends once when something of it comes', async () => {
    const test = await TestReplica.open()
    await deliver(test, [made, first, ...others])
    const { live, errors } = liveOn(test, winner)
    await live.open()
    await test.replica.receive([new LooseAuthor().sign(newFile('other.md', 'other\n').changes)])
    await live.pull()
    live.y.getText('content').insert(0, 'typed\n')
    await live.save()
    await live.pull()
    expect(errors).toEqual([])
    expect(live.y.getText('content').toJSON()).toBe((await test.replica.readText(winner.doc)).text)
    await deliver(test, await edited(await test.entries(), winner, 1, markOf(0)))
    await live.pull()
    expect(errors).toMatchObject([{ name: 'ContestedDocumentError' }])
    const again = liveOn(test, winner)
    await again.live.open()
    await again.live.pull()
    expect([again.errors, again.live.y.getText('content').toJSON()]).toEqual([[], (await test.replica.readText(winner.doc)).text])
  })

  it('[EMB29] says that it became part of another where that is so', async () => {
    const test = await TestReplica.open()
    await deliver(test, [made, absorb(right, loser), absorb(left, right)])
    const { live, errors } = liveOn(test, left)
    await live.open()
    await deliver(test, [absorb(left, loser), absorb(winner, left)])
    await live.pull()
    expect(errors.map(({ name }) => name)).toEqual(['MergedDocumentError'])
  })
})

