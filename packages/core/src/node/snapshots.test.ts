import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import * as Y from 'yjs'
import { decodeCbor, encodeCbor } from '../base/cbor.js'
import type { Cbor } from '../base/cbor.js'
import { systemClock } from '../base/clock.js'
import type { DocId } from '../base/ids.js'
import { idBytes, parseAuthorId, parseDocId, parseEntryHash } from '../base/ids.js'
import { appDocumentId } from '../doc/node-id.js'
import { anyEdit, makeEdit, stateOf } from '../doc/test-any-doc.js'
import type { AnyEdit } from '../doc/test-any-doc.js'
import type { Entry } from '../log/entry.js'
import type { DocUpdates, Pace } from './document-types.js'
import { LiveDocument } from './live-document.js'
import { decodePage, encodePage } from './step-pages.js'
import { decodeStep, encodeStep } from './step-row.js'
import type { StepRow } from './step-row.js'
import { crypto, deliver, LooseAuthor, newFile, TestReplica } from './test-replicas.js'

const NEVER: Pace = { snapshotSteps: Infinity, pageSteps: Infinity, segmentEntries: Infinity }
const BOARD = appDocumentId(crypto, 'board')
/** Alike enough to become one where they meet. */
const TEXTS = ['one\ntwo\nthree\n', 'one\nthree\nfour\n'] as const
const FILES = TEXTS.map((text) => newFile('a.md', text))
const never = { ...systemClock, after: () => () => undefined, soon: () => () => undefined }

type Side = 0 | 1
type Step =
  | { readonly type: 'board'; readonly by: Side; readonly edit: AnyEdit }
  | { readonly type: 'text'; readonly by: Side; readonly file: Side; readonly at: number; readonly stale: boolean; readonly machine: boolean }
  | { readonly type: 'exchange' | 'merge' | 'reopen' | 'rest'; readonly by: Side }

const side = fc.constantFrom<Side>(0, 1)
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ type: fc.constant('board' as const), by: side, edit: anyEdit }) },
  { weight: 5, arbitrary: fc.record({ type: fc.constant('text' as const), by: side, file: side, at: fc.nat(40), stale: fc.boolean(), machine: fc.boolean() }) },
  { weight: 4, arbitrary: fc.record({ type: fc.constantFrom('exchange' as const, 'merge' as const, 'reopen' as const, 'rest' as const), by: side }) }
)

/** One replica that edits two files and a live document, and is stopped and started. */
class Editor {
  readonly test: TestReplica
  #live: LiveDocument | undefined
  /** An older version of each file that it knows. */
  readonly #older = new Map<DocId, { version: { upTo: number; plus: readonly number[] }; length: number }>()

  constructor(test: TestReplica) {
    this.test = test
  }

  async board(edit: AnyEdit): Promise<void> {
    await this.write((y) => makeEdit(y, edit))
  }

  async write(edit: (y: Y.Doc) => void): Promise<void> {
    const live = (this.#live ??= await this.open(new Y.Doc()))
    edit(live.y)
    await live.save()
  }

  async text(doc: DocId, at: number, { stale, machine }: { stale: boolean; machine: boolean }): Promise<void> {
    const { text, version } = await this.test.replica.readText(doc)
    const now = { version, length: text.length }
    const base = (stale ? this.#older.get(doc) : undefined) ?? now
    if (at % 3 === 0) this.#older.set(doc, now)
    const place = at % (base.length + 1)
    const edits = [{ at: place, remove: Math.min(at % 2, base.length - place), insert: at % 5 === 0 ? '' : `<${at}>` }]
    await this.test.replica.edit([{ type: 'edit', doc, base: base.version, edits, machine }])
  }

  async receive(entries: readonly Entry[]): Promise<void> {
    await deliver(this.test, entries)
    await this.#live?.pull()
  }

  async reopen(): Promise<void> {
    await this.#live?.close()
    this.#live = undefined
    await this.test.reopen()
  }

  async open(y: Y.Doc): Promise<LiveDocument> {
    const { replica } = this.test
    const live = new LiveDocument({ crypto, clock: never, replica, doc: BOARD, name: 'board', y, origin: this, coalesceMs: 0, mayWrite: true, publish: () => undefined, onListenerError: () => undefined })
    await live.open()
    return live
  }
}

async function play(editors: readonly [Editor, Editor], one: Step): Promise<void> {
  const editor = editors[one.by]
  switch (one.type) {
    case 'board':
      return await editor.board(one.edit)
    case 'text': {
      const doc = FILES[one.file]?.doc
      if (doc === undefined || (await editor.test.kv.get('doc', doc)) === undefined) return
      return await editor.text(doc, one.at, one)
    }
    case 'exchange':
      return await editor.receive(await editors[one.by === 0 ? 1 : 0].test.entries())
    case 'merge':
      return void (await editor.test.replica.mergeCollisions())
    case 'reopen':
      return await editor.reopen()
    case 'rest':
      return await editor.test.replica.releaseMemory()
  }
}

/** Everything that a document holds, by the updates that make it. */
function sumOf({ updates }: DocUpdates): unknown {
  const y = new Y.Doc()
  y.on('afterTransaction', (transaction) => {
    // What Yjs tidies up by itself is no part of the document.
    transaction._needFormattingCleanup = false
  })
  y.transact(() => {
    for (const update of updates) Y.applyUpdate(y, update)
  })
  return [stateOf(y), y.getText('content').toDelta()]
}

async function documentOf({ replica }: TestReplica, doc: DocId): Promise<unknown> {
  const digest = await replica.look(async (batch) => (await replica.applier.documents.document(batch, doc)).digest())
  return [Buffer.from(digest).toString('hex'), (await replica.readText(doc)).text]
}

/** Counts reads of bodies, from the call on. */
function countBodies({ kv }: TestReplica): () => number {
  const get = kv.get.bind(kv)
  let bodies = 0
  kv.get = (table, key) => {
    if (table === 'body') bodies++
    return get(table, key)
  }
  return () => bodies
}

async function type({ replica }: TestReplica, doc: DocId, count: number): Promise<void> {
  for (let i = 0; i < count; i++) {
    const { text, version } = await replica.readText(doc)
    await replica.edit([{ type: 'edit', doc, base: version, edits: [{ at: text.length, remove: 0, insert: 'x' }], machine: false }])
  }
}

describe('snapshots', () => {
  it('[CKPT1] are what the entries add up to, for any content, however often it is merged, stopped and started', async () => {
    let seen = 0
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 15, maxLength: 70 }), async (steps) => {
        const editors: [Editor, Editor] = [new Editor(await TestReplica.open()), new Editor(await TestReplica.open())]
        for (const by of [0, 1] as const) await editors[by].test.replica.edit([{ type: 'create-file', path: 'a.md', text: TEXTS[by], executable: false }])
        for (const one of steps) await play(editors, one)
        for (const { test } of editors) {
          seen += (await test.kv.scan('snapshot')).length
          const plain = await test.copy({ without: ['snapshot'], pace: NEVER })
          for (const doc of [BOARD, ...FILES.map((file) => file.doc)]) {
            if ((await test.kv.get('doc', doc)) === undefined) continue
            expect(sumOf(await test.replica.merged(doc))).toEqual(sumOf(await plain.replica.updatesFrom(doc, 0)))
            if (doc !== BOARD) expect(await documentOf(test, doc)).toEqual(await documentOf(plain, doc))
          }
        }
      }),
      { numRuns: 80 }
    )
    expect(seen).toBeGreaterThan(80)
  })

  it('[CKPT1] hold what was written and nothing that Yjs tidied up', async () => {
    const editors = [new Editor(await TestReplica.open()), new Editor(await TestReplica.open())] as const
    const [{ test }, second] = editors
    const nested = (y: Y.Doc): Y.Text => y.getArray<Y.Text>('list').get(0)
    await editors[0].write((y) => y.getArray('list').push([new Y.Text('some words')]))
    await second.receive(await test.entries())
    for (const editor of editors) for (const at of [0, 2, 4]) await editor.write((y) => nested(y).format(at, 4, { bold: true }))
    await test.reopen()
    await deliver(test, await second.test.entries())
    await test.replica.releaseMemory()
    expect((await test.kv.scan('snapshot')).length).toBe(1)
    expect(sumOf(await test.replica.merged(BOARD))).toEqual(sumOf(await test.replica.updatesFrom(BOARD, 0)))
  })

  it('[CKPT2] keep opening short however long a document is, also after a crash', async () => {
    const test = await TestReplica.open(systemClock, { snapshotSteps: 16, pageSteps: 8, segmentEntries: Infinity })
    const [file] = FILES
    if (file === undefined) throw new Error('no file')
    await test.replica.edit([{ type: 'create-file', path: 'a.md', text: TEXTS[0], executable: false }])
    await type(test, file.doc, 400)
    await test.reopen()
    const bodies = countBodies(test)
    expect((await test.replica.readText(file.doc)).text).toBe(TEXTS[0] + 'x'.repeat(400))
    expect(bodies()).toBeLessThan(16 + 400 / 8)
    await test.reopen()
    const before = bodies()
    await test.replica.readText(file.doc)
    expect(bodies() - before).toBeLessThan(16)
  })

  it('[CKPT3] are not kept of a document in which differing structs overlap', async () => {
    const test = await TestReplica.open()
    const [file] = FILES
    if (file === undefined) throw new Error('no file')
    await test.replica.edit([{ type: 'create-file', path: 'a.md', text: TEXTS[0], executable: false }])
    await type(test, file.doc, 20)
    const head = test.log.vector.get(test.author)?.[0]?.hash
    expect((await test.kv.scan('snapshot')).length).toBe(1)
    const authors = [new LooseAuthor(), new LooseAuthor()]
    const imports = authors.map((author, index) => author.sign([{ kind: 'import', doc: file.doc, update: imported('AB'.repeat(index + 1)) }], { deps: head === undefined ? [] : [head] }))
    await deliver(test, imports)
    expect((await test.kv.scan('snapshot')).length).toBe(0)
    const other = await TestReplica.open(systemClock, NEVER)
    await deliver(other, [...(await test.entries()).filter(({ header }) => header.author === test.author), ...imports.toReversed()])
    expect(await documentOf(test, file.doc)).toEqual(await documentOf(other, file.doc))
    await type(test, file.doc, 20)
    await test.replica.releaseMemory()
    expect((await test.kv.scan('snapshot')).length).toBe(0)
  })

  it('[CKPT4] of another history are not used', async () => {
    const [file] = FILES
    if (file === undefined) throw new Error('no file')
    const tests = [await TestReplica.open(), await TestReplica.open()] as const
    for (const [index, test] of tests.entries()) {
      await test.replica.edit([{ type: 'create-file', path: 'a.md', text: TEXTS[0], executable: false }])
      await type(test, file.doc, 20 + index)
    }
    const foreign = await tests[1].kv.get('snapshot', file.doc)
    if (foreign === undefined) throw new Error('no snapshot')
    await tests[0].kv.commit([{ table: 'snapshot', key: file.doc, value: foreign }])
    await tests[0].reopen()
    expect((await tests[0].replica.readText(file.doc)).text).toBe(TEXTS[0] + 'x'.repeat(20))
  })

  it('[CKPT5] that cannot be stored keep nobody from editing', async () => {
    const [file] = FILES
    if (file === undefined) throw new Error('no file')
    const test = await TestReplica.open()
    await test.replica.edit([{ type: 'create-file', path: 'a.md', text: TEXTS[0], executable: false }])
    const commit = test.kv.commit.bind(test.kv)
    let refused = 0
    test.kv.commit = async (ops) => {
      if (!ops.some(({ table }) => table === 'snapshot')) return await commit(ops)
      refused++
      throw new Error('no space left')
    }
    await type(test, file.doc, 20)
    expect(refused).toBeGreaterThan(3)
    test.kv.commit = commit
    await type(test, file.doc, 4)
    expect((await test.kv.scan('snapshot')).length).toBe(1)
    await test.reopen()
    expect((await test.replica.readText(file.doc)).text).toBe(TEXTS[0] + 'x'.repeat(24))
  })
})

describe('a Y.Doc that keeps deleted content', () => {
  it('[CKPT9] is given all of it, in spite of a snapshot', async () => {
    const editor = new Editor(await TestReplica.open())
    let before = Y.emptySnapshot
    await editor.write((y) => y.getText('rich').insert(0, 'what was there'))
    await editor.write((y) => (before = Y.snapshot(y)))
    await editor.write((y) => y.getText('rich').delete(0, 9))
    for (let i = 0; i < 8; i++) await editor.write((y) => y.getText('rich').insert(0, `${i}`))
    await editor.reopen()
    expect((await editor.test.kv.scan('snapshot')).length).toBe(1)
    for (const [gc, shown] of [[false, 'what was there'], [true, undefined]] as const) {
      const y = new Y.Doc({ gc })
      const live = await editor.open(y)
      expect(y.getText('rich').toJSON()).toBe('76543210there')
      if (shown === undefined) expect(() => Y.createDocFromSnapshot(y, before)).toThrow()
      else expect(Y.createDocFromSnapshot(y, before).getText('rich').toJSON()).toBe(shown)
      await live.close()
    }
  })
})

/** A history of text under a small id: two of different lengths overlap. */
function imported(text: string): Uint8Array {
  const y = new Y.Doc()
  y.clientID = 7
  y.getText('content').insert(0, text)
  return Y.encodeStateAsUpdate(y)
}

describe('pages of steps', () => {
  const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length })
  const few = <T>(arbitrary: fc.Arbitrary<T>) => fc.array(arbitrary, { minLength: 1, maxLength: 3 })
  const ids = fc.record({ authors: few(bytes(32).map(parseAuthorId)), docs: few(bytes(16).map(parseDocId)), clients: few(fc.maxSafeNat()) })
  const pick = fc.nat(8)
  const range = fc.record({ client: pick, from: fc.nat(2 ** 31 - 1), length: fc.nat(100_000) })
  const raw = fc.record({ entry: fc.option(bytes(32), { nil: undefined }), index: fc.nat(8192), author: pick, seq: fc.nat(2 ** 31 - 1), weight: fc.maxSafeNat().map((n) => Math.floor(n / 4)), origin: fc.option(pick, { nil: undefined }), loser: fc.option(pick, { nil: undefined }), isSeed: fc.boolean(), ranges: fc.array(range, { maxLength: 3 }) })

  it('[CKPT6] hold the steps as they were', () => {
    fc.assert(
      fc.property(ids, fc.array(raw, { maxLength: 40 }), fc.nat(), ({ authors, docs, clients }, list, from) => {
        const of = <T>(all: readonly T[], number: number): T => all[number % all.length] as T
        const steps: StepRow[] = list.map((one) => ({
          ...one,
          entry: one.entry && parseEntryHash(one.entry),
          author: of(authors, one.author),
          origin: one.origin === undefined ? undefined : of(docs, one.origin),
          loser: one.loser === undefined ? undefined : of(docs, one.loser),
          ranges: one.ranges.map(({ client, from: start, length }) => ({ client: of(clients, client), from: start, to: start + length }))
        }))
        expect(decodePage(encodePage(from, steps))).toEqual({ from, steps })
      })
    )
  })

  it('[CKPT8] and rows of an older version name the way of a step, of which its first document counts', () => {
    const [inner, outer] = [parseDocId(new Uint8Array(16).fill(1)), parseDocId(new Uint8Array(16).fill(2))]
    const entry = parseEntryHash(new Uint8Array(32))
    const step: StepRow = { entry, index: 0, author: parseAuthorId(new Uint8Array(32)), seq: 3, weight: 4, origin: inner, loser: undefined, isSeed: false, ranges: [] }
    const row = decodeCbor(encodeStep(step)) as Cbor[]
    row[5] = [inner, outer].map(idBytes)
    expect(decodeStep(encodeCbor(row))).toEqual(step)
    // Index, author, seq and weight from 0 on and folded, no ranges, no first text, no loser, and the way.
    const page: Cbor = [7, [idBytes(step.author)], [], [inner, outer].map(idBytes), idBytes(entry), [0, 0, 6, 8, 0, 0, 0, 2, 0, 1]]
    expect(decodePage(encodeCbor(page))).toEqual({ from: 7, steps: [step] })
  })

  it('[CKPT7] take the place of their rows, and the document goes on as before', async () => {
    const [file] = FILES
    if (file === undefined) throw new Error('no file')
    const tests = [await TestReplica.open(systemClock, { ...NEVER, pageSteps: 8 }), await TestReplica.open(systemClock, NEVER)] as const
    await tests[0].replica.edit([{ type: 'create-file', path: 'a.md', text: TEXTS[0], executable: false }])
    for (const round of [5, 1, 30, 2, 40]) {
      await type(tests[0], file.doc, round)
      await tests[0].reopen()
      expect((await tests[0].kv.scan('step')).length).toBeLessThan(8)
    }
    await deliver(tests[1], await tests[0].entries())
    const [packed, plain] = await Promise.all(tests.map(({ replica }) => replica.look(async (batch) => await replica.applier.documents.steps(batch, file.doc))))
    expect(packed).toEqual(plain)
    expect(packed?.length).toBe(79)
    expect((await tests[1].kv.scan('step')).length).toBe(78)
  })
})
