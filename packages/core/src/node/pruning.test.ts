import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import * as Y from 'yjs'
import { compareBytes, utf8 } from '../base/bytes.js'
import { CborFields, decodeCbor, encodeCbor } from '../base/cbor.js'
import { systemClock } from '../base/clock.js'
import type { DocId } from '../base/ids.js'
import { idBytes, parseEntryHash, parseNodeId } from '../base/ids.js'
import { silentLogger } from '../base/log.js'
import { authorClient } from '../doc/client-id.js'
import { appDocumentId } from '../doc/node-id.js'
import { encodeUpdate } from '../doc/update-codec.js'
import type { Struct } from '../doc/update-codec.js'
import type { Change } from '../log/change.js'
import type { Entry } from '../log/entry.js'
import type { KvOp } from '../base/kv.js'
import { readHistory } from './history.js'
import { LiveDocument } from './live-document.js'
import { readPast } from './past-view.js'
import { DEFAULT_PACE } from './document-types.js'
import { Pruner } from './pruner.js'
import { decodePage } from './step-pages.js'
import { crypto, deliver, LooseAuthor, newFile, TestReplica } from './test-replicas.js'
import type { NewFile } from './test-replicas.js'

const TEXT = 'first line\n'
const FILE = newFile('a.md', TEXT)
const BOARD = appDocumentId(crypto, 'board')
const never = { ...systemClock, after: () => () => undefined, soon: () => () => undefined }
/** Everything is old. */
const AT_ONCE = -1000

interface PruneOptions {
  readonly pins?: ReadonlyMap<DocId, number>
  readonly isKept?: () => boolean
  readonly pruneAfterMs?: number | undefined
  readonly awayAfterMs?: number
}

function prunerOf({ log, left }: TestReplica, options: PruneOptions = {}): Pruner {
  const { pins = new Map(), ...init } = { pruneAfterMs: AT_ONCE, isKept: () => true, release: () => Promise.resolve(), ...options }
  const pruner = new Pruner({ log, left, clock: systemClock, logger: silentLogger, ...init })
  pruner.pin(() => Promise.resolve(pins))
  return pruner
}

async function prune(test: TestReplica, options: PruneOptions = {}): Promise<number> {
  return await prunerOf(test, options).look()
}

/** From now on `test` finds what it left to others at `other`. */
function recallFrom(test: TestReplica, other: TestReplica): { asked: number } {
  const count = { asked: 0 }
  test.left.recall = async ({ author, head, first, last }) => {
    count.asked++
    const entries = await other.log.read({ author, head, from: first, to: last, maxBytes: Infinity })
    return entries.length === last - first + 1 ? entries : undefined
  }
  return count
}

const insert = (author: LooseAuthor, doc: DocId, clock: number, text: string, nonce = 0): Change => {
  const client = authorClient(crypto, author.id, doc, nonce)
  const after: Partial<Struct> = clock === 0 ? {} : { origin: { client, clock: clock - 1 } }
  return { kind: 'update', doc, nonce, update: encodeUpdate({ structs: [{ client, clock, kind: 'string', length: text.length, text, ...after }], deletes: [] }) }
}

/** An author that began a file and typed `count` words into it, an entry each. */
function typist(count: number, file = FILE): LooseAuthor {
  const author = new LooseAuthor()
  author.sign([...file.changes])
  let clock = 0
  for (let n = 0; n < count; n++) {
    const word = `w${n} `
    author.sign([insert(author, file.doc, clock, word)])
    clock += word.length
  }
  return author
}

/** Two replicas with the same entries, of which the first has pruned what it may. */
async function prunedPair(entries: readonly Entry[], options?: PruneOptions): Promise<{ thin: TestReplica; full: TestReplica; pruned: number }> {
  const [thin, full] = [await TestReplica.open(), await TestReplica.open()]
  for (const test of [thin, full]) await deliver(test, entries)
  return { thin, full, pruned: await prune(thin, options) }
}

async function textOf(test: TestReplica, doc = FILE.doc): Promise<string> {
  return (await test.replica.readText(doc)).text
}

describe('what a peer leaves to others', () => {
  it('[PRUNE3] is nothing without being asked for, and nothing while no peer keeps everything', async () => {
    const { entries } = typist(40)
    for (const options of [{ pruneAfterMs: undefined }, { isKept: () => false }, { pruneAfterMs: 1e15 }]) {
      const { thin, pruned } = await prunedPair(entries, options)
      expect([pruned, thin.log.pruned.count]).toEqual([0, 0])
    }
    expect((await prunedPair(entries)).pruned).toBeGreaterThan(20)
    const test = await TestReplica.open()
    await deliver(test, entries)
    const pruner = prunerOf(test)
    const [one, other] = await Promise.all([pruner.look(), pruner.look()])
    expect([one, other]).toEqual([test.log.pruned.count, test.log.pruned.count])
    expect(await pruner.look()).toBe(0)
  })

  it('[PRUNE4] is edits only, and none of what a document may need to be built anew', async () => {
    const tree: Change = { kind: 'tree', node: parseNodeId('ab'.repeat(16)), create: { type: 'directory', path: 'd', contentHash: null }, place: { value: { parent: parseNodeId('00'.repeat(16)), name: 'd' }, replaces: [] } }
    const [mixed, imports] = [typist(6), typist(20)]
    for (let n = 0; n < 6; n++) mixed.sign([tree, insert(mixed, FILE.doc, 18 + n, 'x')])
    const old = new Y.Doc()
    old.clientID = 77
    old.getText('content').insert(0, 'old')
    imports.sign([{ kind: 'import', doc: FILE.doc, update: Y.encodeStateAsUpdate(old) }])
    for (let n = 0; n < 6; n++) imports.sign([insert(imports, FILE.doc, n, 'y', 1)])
    const { thin, pruned } = await prunedPair(mixed.entries)
    expect(pruned).toBe(6)
    expect(thin.log.pruned.at(mixed.id, 7)).toBeUndefined()
    expect((await prunedPair(imports.entries)).pruned).toBe(0)
    const forked = typist(20)
    forked.sign([insert(forked, FILE.doc, 0, 'z', 1)], { after: forked.entries[3]! })
    expect((await prunedPair(forked.entries)).pruned).toBe(0)
  })

  it('[PRUNE18] does not keep what else is here from being put together', async () => {
    const texts = ['one\ntwo\nx\n', 'one\ntwo\ny\n'].sort((a, b) => compareBytes(crypto.sha256(utf8(a)), crypto.sha256(utf8(b))))
    const [winner, loser] = texts.map((text, at) => newFile(`${at}.md`, text)) as [NewFile, NewFile]
    const [first, late] = [typist(40, loser), typist(40)]
    const { thin } = await prunedPair(first.entries)
    const made = new LooseAuthor().sign([...winner.changes], { deps: [first.entries[0]!.hash] })
    const merge = new LooseAuthor().sign([{ kind: 'absorb', winner: winner.node, loser: loser.node }], { deps: [made.hash] })
    await deliver(thin, [made, merge])
    const rowsOf = async (table: string): Promise<number> => (await thin.kv.scan(table)).length
    const before = [await rowsOf('segment'), await rowsOf('snapshot')]
    await deliver(thin, late.entries)
    await thin.replica.releaseMemory()
    expect([await rowsOf('segment'), await rowsOf('snapshot')].map((rows, at) => rows > before[at]!)).toEqual([true, true])
  })

  it('[PRUNE4] is nothing of a document whose edits can be undone, and no undo needs what went before', async () => {
    const test = await TestReplica.open()
    const openOn = async (y: Y.Doc, undo: boolean): Promise<LiveDocument> => {
      const live = new LiveDocument({ crypto, clock: never, replica: test.replica, doc: BOARD, name: 'board', y, origin: 1, coalesceMs: 0, mayWrite: true, undo, publish: () => undefined, onListenerError: () => undefined })
      await live.open()
      return live
    }
    const type = async (live: LiveDocument, count: number): Promise<void> => {
      for (let n = 0; n < count; n++) {
        live.y.getText('t').insert(0, `${n} `)
        await live.save()
      }
    }
    const plain = await openOn(new Y.Doc(), false)
    await type(plain, 30)
    await plain.close()
    expect(await prune(test)).toBeGreaterThan(10)
    const first = await openOn(new Y.Doc(), true)
    first.trackUndo(new Y.UndoManager(first.y.getText('t'), { captureTimeout: 0 }))
    const before = first.y.getText('t').toJSON()
    first.y.getText('t').delete(0, 40)
    await first.save()
    await type(first, 20)
    await first.close()
    expect(await prune(test)).toBe(0)
    await test.reopen()
    const again = await openOn(new Y.Doc(), true)
    const manager = new Y.UndoManager(again.y.getText('t'), { captureTimeout: 0 })
    again.trackUndo(manager)
    while (manager.undo() !== null);
    expect(again.y.getText('t').toJSON()).toBe(before)
    await again.close()
  })

  it('[PRUNE5] goes in one commit with the sum that takes its place: a document is whole after a crash at any of them', async () => {
    const { entries } = typist(60)
    const full = await TestReplica.open()
    await deliver(full, entries)
    const text = await textOf(full)
    const base = await TestReplica.open()
    await deliver(base, entries)
    let isDone = false
    for (let cut = 0; !isDone; cut++) {
      const test = await base.copy()
      let commits = 0
      const commit = test.kv.commit.bind(test.kv)
      const store = test.kv as { commit: (ops: readonly KvOp[]) => Promise<void> }
      store.commit = async (ops) => {
        if (commits++ >= cut) throw new Error('cut off')
        await commit(ops)
      }
      isDone = await prune(test).then(
        () => true,
        () => false
      )
      store.commit = commit
      await test.reopen()
      expect(await textOf(test)).toBe(text)
      recallFrom(test, full)
      expect(await test.replica.readTextAt(FILE.doc, { upTo: 5, plus: [] })).toBe(await full.replica.readTextAt(FILE.doc, { upTo: 5, plus: [] }))
      expect(cut).toBeLessThan(50)
    }
  })

  it('[PRUNE6] is nothing that a pinned version needs, nor an edit on one', async () => {
    const author = typist(60)
    const { thin, full, pruned } = await prunedPair(author.entries, { pins: new Map([[FILE.doc, 30]]) })
    expect(pruned).toBeGreaterThan(20)
    expect(pruned).toBeLessThan(30)
    const version = { upTo: 30, plus: [45] }
    expect(await thin.replica.readTextAt(FILE.doc, version)).toBe(await full.replica.readTextAt(FILE.doc, version))
    const edit = { type: 'edit', doc: FILE.doc, base: { upTo: 30, plus: [] }, edits: [{ at: 0, remove: 0, insert: 'late ' }], machine: false } as const
    await thin.replica.edit([edit])
    await deliver(full, await thin.log.read({ author: thin.author, head: thin.log.vector.get(thin.author)?.[0]?.hash as never, from: 0, to: 9, maxBytes: Infinity }))
    expect(await textOf(full)).toBe(await textOf(thin))
    // A version that was left to others is not pinned by asking for it late.
    expect(await prune(thin, { pins: new Map([[FILE.doc, 3]]) })).toBe(0)
    await expect(thin.replica.readTextAt(FILE.doc, { upTo: 3, plus: [] })).rejects.toMatchObject({ name: 'PrunedHistoryError' })
  })

  it('[PRUNE6] is nothing that a pinned version needs which holds the first of two edits that came in one entry', async () => {
    const author = new LooseAuthor()
    author.sign([...FILE.changes])
    for (let n = 0; n < 60; n += 2) author.sign([insert(author, FILE.doc, n, 'x'), insert(author, FILE.doc, n + 1, 'y')])
    // In the last entry of a segment.
    const { thin, full, pruned } = await prunedPair(author.entries, { pins: new Map([[FILE.doc, 36]]) })
    expect(pruned).toBeGreaterThan(10)
    await thin.reopen()
    for (const upTo of [36, 37, 61]) expect(await thin.replica.readTextAt(FILE.doc, { upTo, plus: [] })).toBe(await full.replica.readTextAt(FILE.doc, { upTo, plus: [] }))
  })

  it('[PRUNE7] does not keep edits from being judged that stand on any of it, in any order: without fetching it where their authors were known', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.record({ dep: fc.nat(59), bad: fc.boolean() }), { minLength: 1, maxLength: 4 }), fc.boolean(), fc.boolean(), async (late, isReversed, areKnown) => {
        const author = typist(60)
        const client = authorClient(crypto, author.id, FILE.doc, 0)
        const others = late.map(({ dep, bad }) => {
          const other = new LooseAuthor()
          other.sign([])
          const cause = author.entries[dep + 1]!
          // What its past holds of the author: a deletion of one unit more is void.
          const held = author.entries.slice(1, dep + 2).reduce((sum, _, n) => sum + `w${n} `.length, 0)
          const update = encodeUpdate({ structs: [], deletes: [{ client, from: held - 1, length: bad ? 2 : 1 }] })
          other.sign([{ kind: 'update', doc: FILE.doc, nonce: 0, update }], { deps: [cause.hash] })
          return other
        })
        const before = areKnown ? others.map((other) => other.entries[0]!) : []
        const { thin, full } = await prunedPair([...author.entries, ...before], { awayAfterMs: Infinity })
        expect([thin.log.pruned.count > 40, thin.log.pruned.hasBare]).toEqual([true, !areKnown])
        const isUnnamed = (at: number): boolean => thin.log.pruned.bareAt(author.id, at)?.last !== at && thin.log.pruned.bareAt(author.id, at) !== undefined
        const isNeeded = late.some(({ dep }) => isUnnamed(dep + 1))
        const recalls = recallFrom(thin, full)
        const entries = others.flatMap((other) => other.entries)
        for (const test of [thin, full]) await deliver(test, isReversed ? entries.toReversed() : entries)
        await thin.replica.release({ isOverdue: true })
        expect(recalls.asked > 0).toBe(isNeeded)
        expect(await thin.show()).toEqual(await full.show())
        expect(thin.replica.applier.voids).toBe(late.filter(({ bad }) => bad).length)
        await thin.reopen()
        expect(await thin.show()).toEqual(await full.show())
      }),
      { numRuns: 30 }
    )
  })

  it('[PRUNE8] is fetched when it is needed again, proven and put back; where that is not possible it is said, and nothing changes', async () => {
    const { entries } = typist(60)
    const { thin, full, pruned } = await prunedPair(entries)
    const old = { upTo: 7, plus: [20] }
    const before = await thin.show()
    await expect(thin.replica.readTextAt(FILE.doc, old)).rejects.toMatchObject({ name: 'PrunedHistoryError' })
    await expect(thin.replica.updatesFrom(FILE.doc, 0)).rejects.toMatchObject({ name: 'PrunedHistoryError' })
    thin.left.recall = async () => await Promise.resolve(undefined)
    await expect(thin.replica.readTextAt(FILE.doc, old)).rejects.toMatchObject({ name: 'PrunedHistoryError' })
    const other = typist(60).entries
    thin.left.recall = async ({ first, last }) => await Promise.resolve(other.slice(first, last + 1))
    await expect(thin.replica.readTextAt(FILE.doc, old)).rejects.toMatchObject({ name: 'MalformedError' })
    expect([thin.log.pruned.count, await thin.show()]).toEqual([pruned, before])
    const recalls = recallFrom(thin, full)
    expect(await thin.replica.readTextAt(FILE.doc, old)).toBe(await full.replica.readTextAt(FILE.doc, old))
    expect([recalls.asked > 0, thin.log.pruned.count < pruned, thin.log.pruned.count > 0]).toEqual([true, true, true])
    expect(await thin.replica.updatesFrom(FILE.doc, 0)).toEqual(await full.replica.updatesFrom(FILE.doc, 0))
    expect(thin.log.pruned.count).toBe(0)
    expect((await thin.entries()).map(({ hash, body }) => [hash, body])).toEqual((await full.entries()).map(({ hash, body }) => [hash, body]))
    await thin.reopen()
    expect(await thin.show()).toEqual(before)
    expect(await prune(thin)).toBe(pruned)
    expect(await thin.show()).toEqual(before)
  })

  it('[PRUNE8] so are all versions and times of the past', async () => {
    const author = typist(40)
    const { thin, full } = await prunedPair(author.entries)
    const pastOf = async (test: TestReplica, point: Parameters<typeof readPast>[2]): Promise<unknown> =>
      await test.replica.look(async (batch) => {
        const { kv, log, replica } = test
        const files = await readPast({ kv, log, applier: replica.applier }, batch, point)
        return await Promise.all(files.map(async ({ path, version }) => [path, version === undefined ? '' : await replica.applier.documents.textAt(batch, FILE.doc, version)]))
      })
    const versions = [5, 17].map((seq) => ({ version: author.entries[seq]?.hash.slice(0, 12) ?? '' }))
    for (const point of [...versions, { time: 5 }]) {
      await expect(pastOf(thin, point)).rejects.toMatchObject({ name: 'PrunedHistoryError' })
      recallFrom(thin, full)
      expect(await pastOf(thin, point)).toEqual(await pastOf(full, point))
      thin.left.recall = undefined
      expect(await prune(thin)).toBeGreaterThan(0)
    }
  })

  it('[PRUNE9] is all of a document that turns out to be built anew: it waits for that alone, and then is what it is for everyone', async () => {
    const author = typist(30)
    const other = typist(30, newFile('b.md', 'other\n'))
    const { thin, full } = await prunedPair([...author.entries, ...other.entries])
    // The same units once more, with other text: the log of a member forked, or it lies.
    const twice = author.sign([insert(author, FILE.doc, 0, 'XY')])
    for (const test of [thin, full]) await deliver(test, [twice])
    expect((await thin.replica.look(async (batch) => await thin.replica.applier.documents.row(batch, FILE.doc))).contested).toBe(true)
    await expect(textOf(thin)).rejects.toMatchObject({ name: 'PrunedHistoryError' })
    expect(await textOf(thin, newFile('b.md', 'other\n').doc)).toBe(await textOf(full, newFile('b.md', 'other\n').doc))
    await thin.replica.edit([{ type: 'create-file', path: 'c.md', text: 'goes on\n', executable: false }])
    await thin.reopen()
    await expect(textOf(thin)).rejects.toMatchObject({ name: 'PrunedHistoryError' })
    recallFrom(thin, full)
    expect(await textOf(thin)).toBe(await textOf(full))
    // From now on it stays whole.
    const left = await prune(thin)
    expect(left).toBe(0)
    expect(await textOf(thin)).toBe(await textOf(full))
  })

  it('[PRUNE9] so it is with a file that another one absorbs', async () => {
    const [a, b] = [newFile('m.md', 'one\ntwo\nx\n'), newFile('m.md', 'one\ntwo\ny\n')]
    const [ann, ben] = [typist(30, a), typist(30, b)]
    const { thin, full, pruned } = await prunedPair([...ann.entries, ...ben.entries], { awayAfterMs: Infinity })
    expect(pruned).toBeGreaterThan(40)
    await full.replica.mergeCollisions()
    const merge = (await full.entries()).filter(({ header }) => header.author === full.author)
    // Both texts are read first, so that they are open when the merge comes.
    for (const { doc } of [a, b]) await textOf(thin, doc)
    await deliver(thin, merge)
    recallFrom(thin, full)
    expect(await thin.show()).toEqual(await full.show())
    expect(thin.replica.applier.voids).toBe(0)
  })

  it('[PRUNE13] is named in the history where it was', async () => {
    const author = typist(40)
    const { thin, full } = await prunedPair(author.entries)
    const historyOf = async (test: TestReplica) => await readHistory({ log: test.log, applier: test.replica.applier, changesOf: (entry) => test.replica.changesOf(entry) }, {})
    const [short, long] = [await historyOf(thin), await historyOf(full)]
    expect(short.filter(({ what }) => what === 'pruned').length).toBe(thin.log.pruned.all().length)
    expect(short.at(-1)).toEqual(long.at(-1))
    expect(short.filter(({ what }) => what !== 'pruned').every((item) => long.some(({ entry }) => entry === item.entry))).toBe(true)
    expect(long.length).toBe(41)
  })

  it('[PRUNE6] keeps a Y.Doc that is open for long going, and what opens it anew', async () => {
    const [ann, ben] = [await TestReplica.open(), await TestReplica.open()]
    const openOn = async ({ replica }: TestReplica, y: Y.Doc): Promise<LiveDocument> => {
      const live = new LiveDocument({ outlives: true, crypto, clock: never, replica, doc: BOARD, name: 'board', y, origin: 1, coalesceMs: 0, mayWrite: true, publish: () => undefined, onListenerError: () => undefined })
      await live.open()
      return live
    }
    const [here, there] = [new Y.Doc(), new Y.Doc()]
    const [mine, theirs] = [await openOn(ann, here), await openOn(ben, there)]
    for (let n = 0; n < 40; n++) {
      here.getText('t').insert(0, `${n} `)
      await mine.save()
    }
    await deliver(ben, await ann.entries())
    // Not pulled yet: what the Y.Doc lacks stays.
    expect(await prune(ben)).toBe(0)
    await theirs.pull()
    expect(await prune(ben)).toBeGreaterThan(20)
    there.getText('t').insert(0, 'more ')
    await theirs.save()
    await deliver(ann, (await ben.log.read({ author: ben.author, head: ben.log.vector.get(ben.author)?.[0]?.hash as never, from: 0, to: 5, maxBytes: Infinity })))
    await mine.pull()
    const [shown, same] = [here, there].map((y) => y.getText('t').toJSON())
    expect(shown).toBe(same)
    const again = new Y.Doc()
    await (await openOn(ben, again)).close()
    expect(again.getText('t').toJSON()).toBe(shown)
  })

  it('[PRUNE19] costs its hash once: steps are known by their places, also when a log forks below or all comes back', async () => {
    const author = typist(60)
    const known = new LooseAuthor()
    known.sign([])
    const { thin, full } = await prunedPair([...author.entries, ...known.entries], { awayAfterMs: Infinity })
    const stepsOf = async ({ replica }: TestReplica) => await replica.look(async (batch) => await replica.applier.documents.steps(batch, FILE.doc))
    const steps = await stepsOf(full)
    const sizeOf = async ({ kv }: TestReplica, table: string) => (await kv.scan(table)).reduce((sum, [, value]) => sum + value.length, 0)
    expect([await sizeOf(thin, 'pruned_hash'), (await thin.kv.scan('step')).length]).toEqual([32 * thin.log.pruned.count, expect.any(Number)])
    await thin.reopen()
    expect(await stepsOf(thin)).toEqual(steps)
    // Each page of four names its authors, clients and documents; here hardly anything else is left.
    const each = [(await sizeOf(thin, 'page')) / 60, (await sizeOf(full, 'page')) / 60]
    expect(each[0]! + 24).toBeLessThan(each[1]!)
    const fork = author.sign([insert(author, FILE.doc, 0, 'elsewhere ', 1)], { after: author.entries[20]! })
    for (const test of [thin, full]) {
      await deliver(test, [fork])
      await test.reopen()
    }
    expect(await stepsOf(thin)).toEqual(await stepsOf(full))
    recallFrom(thin, full)
    expect(await textOf(thin)).toBe(await textOf(full))
    await thin.reopen()
    expect(await stepsOf(thin)).toEqual(await stepsOf(full))
  })

  it('[PRUNE19] takes no name from a branch that forks off below it, however long that grows', async () => {
    const author = typist(60)
    const known = new LooseAuthor()
    known.sign([])
    const { thin, full } = await prunedPair([...author.entries, ...known.entries], { awayAfterMs: Infinity })
    for (let n = 0; n < 9; n++) {
      const fork = author.sign([insert(author, FILE.doc, n, 'x', 1)], { after: n === 0 ? author.entries[20]! : author.entries.at(-1)! })
      for (const test of [thin, full]) await deliver(test, [fork])
    }
    const stepsOf = async ({ replica }: TestReplica) => await replica.look(async (batch) => await replica.applier.documents.steps(batch, FILE.doc))
    await thin.reopen()
    expect(await stepsOf(thin)).toEqual(await stepsOf(full))
    expect(await thin.show()).toEqual(await full.show())
  })

  it('[PRUNE19] leaves each step in one row, whenever its entry goes, also of a document from before there were pages', async () => {
    const pace = { snapshotSteps: 3, pageSteps: 16, segmentEntries: 3 }
    for (const before of [40, 1]) {
      const author = typist(before)
      const [old, full] = [await TestReplica.open(systemClock, { ...pace, pageSteps: 1000 }), await TestReplica.open()]
      for (const test of [old, full]) await deliver(test, author.entries)
      const thin = await old.copy({ pace })
      for (let n = 0; n < 60; n++) {
        await prune(thin)
        const edit = author.sign([insert(author, FILE.doc, n, 'x', 1)])
        for (const test of [thin, full]) await deliver(test, [edit])
        await thin.reopen()
        expect(await textOf(thin)).toBe(await textOf(full))
        const paged = (await thin.kv.scan('page')).flatMap(([, row]) => decodePage(row).steps)
        expect(paged.length + (await thin.kv.scan('step')).length).toBe(before + 1 + n)
      }
      expect(thin.log.pruned.count).toBeGreaterThan(40)
    }
  })

  it('[PRUNE5] stays whole too, and everything here, where the rows of a document cannot be read', async () => {
    const { entries } = typist(60)
    const { thin: test, full } = await prunedPair(entries, { isKept: () => false })
    const store = test.kv as { scan: typeof test.kv.scan }
    const scan = test.kv.scan.bind(test.kv)
    await textOf(test)
    store.scan = async (table, range) => {
      if (table === 'page') throw new Error('cannot be read')
      return await scan(table, range)
    }
    await expect(prune(test)).rejects.toThrow('cannot be read')
    store.scan = scan
    expect(test.log.pruned.count).toBe(0)
    expect(await test.replica.updatesFrom(FILE.doc, 0)).toEqual(await full.replica.updatesFrom(FILE.doc, 0))
    expect(await prune(test)).toBeGreaterThan(40)
  })

  it('[PRUNE20] keeps its hashes until all who write stand on it, and those who came back within the time', async () => {
    const author = typist(60)
    const reader = new LooseAuthor()
    reader.sign([], { deps: [author.entries[50]!.hash] })
    for (const [awayAfterMs, newest] of [[Infinity, 48], [0, 57]] as const) {
      const { thin } = await prunedPair([...author.entries, ...reader.entries], { awayAfterMs })
      expect([thin.log.pruned.bare().at(-1)?.last, thin.log.pruned.all().at(-1)?.last]).toEqual([newest, 57])
    }
    const { thin, full } = await prunedPair([...author.entries, ...reader.entries], { awayAfterMs: Infinity })
    // What waits for an unknown entry may wait for one of them.
    const lost = new LooseAuthor()
    lost.sign([], { deps: [parseEntryHash(new Uint8Array(32).fill(7))] })
    await deliver(thin, lost.entries)
    const before = thin.log.pruned.bare().length
    await deliver(thin, [reader.sign([], { deps: [author.entries[60]!.hash] })])
    await prune(thin, { awayAfterMs: Infinity })
    expect(thin.log.pruned.bare().length).toBe(before)
    recallFrom(thin, full)
    expect([await thin.replica.release({ isOverdue: true }), thin.replica.applier.waiting.size]).toEqual([[], 1])
  })

  it('[PRUNE7] is fetched at once for what claims to be as old, and later for what is newer and most likely waits for something else', async () => {
    const author = typist(60)
    const { thin, full } = await prunedPair(author.entries)
    const recalls = recallFrom(thin, full)
    const newcomer = new LooseAuthor()
    await deliver(thin, [newcomer.sign([], { deps: [author.entries[20]!.hash], time: 2 })])
    for (const [isOverdue, asked, waiting] of [[false, 0, 1], [true, 1, 0]] as const) {
      await thin.replica.release({ isOverdue })
      expect([recalls.asked, thin.replica.applier.waiting.size]).toEqual([asked, waiting])
    }
  })

  it('[PRUNE21] takes nothing in its place, and no branch from below it, before it is here again', async () => {
    const author = typist(60)
    const { thin, full } = await prunedPair(author.entries)
    await thin.reopen()
    const fork = author.sign([insert(author, FILE.doc, 0, 'elsewhere ', 1)], { after: author.entries[20]! })
    const next = author.sign([insert(author, FILE.doc, 10, 'again ', 1)], { after: fork })
    const before = [await thin.show(), thin.log.digest, thin.log.pruned.count]
    const forged = { ...fork, signature: next.signature }
    expect((await thin.replica.receive([forged])).staged.faults).toMatchObject([{ reason: 'signature' }])
    for (const entry of [fork, author.entries[30]!]) await expect(thin.replica.receive([entry])).rejects.toMatchObject({ name: 'PrunedHistoryError' })
    expect([await thin.show(), thin.log.digest, thin.log.pruned.count]).toEqual(before)
    recallFrom(thin, full)
    expect((await thin.replica.receive([author.entries[30]!])).staged.duplicates).toBe(1)
    for (const test of [thin, full]) await deliver(test, [fork, next])
    expect(thin.log.pruned.bare()).toEqual([])
    expect(await textOf(thin)).toBe(await textOf(full))
    await thin.reopen()
    expect(await thin.show()).toEqual(await full.show())
    expect(thin.log.digest).toBe(full.log.digest)
  })

  it('[PRUNE21] takes a lone head in its place for its own, and one of several for what it is', async () => {
    const author = typist(60)
    const { thin } = await prunedPair(author.entries)
    const { seq, hash } = { seq: 30, hash: author.sign([], { after: author.entries[29]! }).hash }
    expect([await thin.log.hasHead(author.id, { seq, hash }, true), await thin.log.hasHead(author.id, { seq, hash }, false)]).toEqual([true, false])
    const ours = { floor: 0, seq: 30, hash: author.entries[30]!.hash }
    expect(await thin.log.missing(new Map([[author.id, [ours]]]))).toEqual([])
    const heads = [{ floor: 0, seq, hash }, { floor: 0, seq: 60, hash: author.entries[60]!.hash }]
    expect(await thin.log.missing(new Map([[author.id, heads]]))).toMatchObject([{ head: hash, to: seq }])
  })

  it('[PRUNE22] lets a merge of what it holds wait, over a restart, and nothing that does not stand on that', async () => {
    const [a, b] = [newFile('m.md', 'one\ntwo\nx\n'), newFile('m.md', 'one\ntwo\ny\n')]
    const [ann, ben] = [typist(30, a), typist(30, b)]
    const { thin, full } = await prunedPair([...ann.entries, ...ben.entries])
    await thin.reopen()
    await full.replica.mergeCollisions()
    const merge = (await full.entries()).filter(({ header }) => header.author === full.author)
    await expect(thin.replica.mergeCollisions()).rejects.toMatchObject({ name: 'PrunedHistoryError' })
    await deliver(thin, merge)
    const later = ann.sign([insert(ann, a.doc, ann.entries.slice(1).reduce((sum, _, n) => sum + `w${n} `.length, 0), 'later ')])
    for (const test of [thin, full]) await deliver(test, [later])
    expect(await textOf(thin, a.doc)).toContain('later')
    for (const isOpenedAgain of [false, true]) {
      if (isOpenedAgain) await thin.reopen()
      expect([await thin.replica.release({ isOverdue: true }), thin.replica.applier.waiting.size]).toEqual([[], 1])
    }
    recallFrom(thin, full)
    expect((await thin.replica.release({ isOverdue: true })).length).toBeGreaterThan(0)
    expect(thin.replica.applier.waiting.size).toBe(0)
    expect(await thin.show()).toEqual(await full.show())
    await thin.reopen()
    expect(await thin.show()).toEqual(await full.show())
  })

  it('[PRUNE20] leaves some bytes of a keystroke of which the document keeps nothing', async () => {
    const bytesAfter = async (keystrokes: number): Promise<number> => {
      const author = typist(0)
      const client = authorClient(crypto, author.id, FILE.doc, 0)
      for (let n = 0; n < keystrokes; n++) {
        // Each character takes the place of the one before.
        const deletes = n === 0 ? [] : [{ client, from: n - 1, length: 1 }]
        const after: Partial<Struct> = n === 0 ? {} : { origin: { client, clock: n - 1 } }
        author.sign([{ kind: 'update', doc: FILE.doc, nonce: 0, update: encodeUpdate({ structs: [{ client, clock: n, kind: 'string', length: 1, text: 'x', ...after }], deletes }) }])
      }
      const test = await TestReplica.open(systemClock, DEFAULT_PACE)
      await test.replica.receive(author.entries)
      while ((await prune(test)) > 0);
      expect(test.log.pruned.hasBare).toBe(true)
      return await test.bytes()
    }
    // As many of the newest entries stay in rows of their own.
    const [few, many] = [await bytesAfter(2048), await bytesAfter(4096)]
    expect((many - few) / 2048).toBeLessThan(2)
  })

  it('[PRUNE22] lets a merge wait too where its file is open or its runs are many, and is asked for all of them at once', async () => {
    const [a, b] = [newFile('m.md', 'one\ntwo\nx\n'), newFile('m.md', 'one\ntwo\ny\n')]
    const [ann, ben] = [typist(110, a), typist(110, b)]
    const known = new LooseAuthor()
    known.sign([])
    const { thin, full } = await prunedPair([...ann.entries, ...ben.entries, ...known.entries], { awayAfterMs: Infinity })
    await thin.replica.releaseMemory()
    for (const { doc } of [a, b]) await textOf(thin, doc)
    const seen = known.sign([], { deps: [ann, ben].map(({ entries }) => entries.at(-1)!.hash) })
    const met = ann.sign([], { deps: [seen.hash] })
    const back = ben.sign([], { deps: [met.hash] })
    for (const test of [thin, full]) await deliver(test, [seen, met, back])
    await prune(thin, { awayAfterMs: Infinity })
    expect(thin.log.pruned.bare().length).toBeGreaterThan(3)
    await full.replica.mergeCollisions()
    await deliver(thin, (await full.entries()).filter(({ header }) => header.author === full.author))
    expect(thin.replica.applier.waiting.size).toBe(1)
    recallFrom(thin, full)
    await thin.replica.release({ isOverdue: true })
    expect(thin.replica.applier.waiting.size).toBe(0)
    expect(await thin.show()).toEqual(await full.show())
    await thin.reopen()
    expect(await thin.show()).toEqual(await full.show())
  })

  it('[PRUNE22] makes the merges that need none of it, whatever else has to wait', async () => {
    const [a, b] = [newFile('m.md', 'one\ntwo\nx\n'), newFile('m.md', 'one\ntwo\ny\n')]
    const { thin } = await prunedPair([...typist(30, a).entries, ...typist(30, b).entries])
    await thin.reopen()
    for (const text of ['three\nfour\nx\n', 'three\nfour\ny\n']) await deliver(thin, typist(0, newFile('n.md', text)).entries)
    expect((await thin.replica.mergeCollisions())?.staged.accepted.length).toBe(1)
    await expect(thin.replica.mergeCollisions()).rejects.toMatchObject({ name: 'PrunedHistoryError' })
  })

  it('[PRUNE20] looks for what an entry waits for, also where it was once looked for in vain, and for nothing else', async () => {
    const author = typist(60)
    const early = new LooseAuthor()
    early.sign([], { deps: [author.entries[20]!.hash] })
    for (let n = 0; n < 4; n++) early.sign([])
    const { thin, full } = await prunedPair(early.entries)
    // The later ones wait for the one before them, which is here.
    expect([await thin.replica.release({ isOverdue: true }), thin.replica.applier.waiting.size]).toEqual([[], 5])
    for (const test of [thin, full]) await deliver(test, author.entries)
    expect(thin.replica.applier.waiting.size).toBe(0)
    await prune(thin)
    expect(thin.log.pruned.bareAt(author.id, 20)).toBeDefined()
    const late = new LooseAuthor()
    late.sign([], { deps: [author.entries[20]!.hash] })
    for (const test of [thin, full]) await deliver(test, late.entries)
    recallFrom(thin, full)
    await thin.replica.release({ isOverdue: true })
    expect(thin.replica.applier.waiting.size).toBe(0)
    expect(await thin.show()).toEqual(await full.show())
  })

  it('[PRUNE5] is whole where its sum is of a version that named its last entry by its hash', async () => {
    const author = typist(60)
    const known = new LooseAuthor()
    known.sign([])
    const { thin, full } = await prunedPair([...author.entries, ...known.entries], { awayAfterMs: Infinity })
    const row = new CborFields(decodeCbor((await thin.kv.get('sum', FILE.doc))!))
    const [count, , seq, index, update] = [row.uint(), row.bytes(), row.uint(), row.uint(), row.bytes()]
    await thin.kv.commit([{ table: 'sum', key: FILE.doc, value: encodeCbor([count, idBytes(author.entries[seq]!.hash), index, update]) }])
    await thin.reopen()
    await prune(thin)
    expect(thin.log.pruned.hasBare).toBe(true)
    await thin.reopen()
    expect(await textOf(thin)).toBe(await textOf(full))
  })
})
