import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import * as Y from 'yjs'
import { systemClock } from '../base/clock.js'
import { parseBlobId } from '../base/ids.js'
import type { DocId } from '../base/ids.js'
import { appDocumentId } from '../doc/node-id.js'
import { anyEdit, makeEdit, stateOf, type AnyEdit } from '../doc/test-any-doc.js'
import type { Entry } from '../log/entry.js'
import { LiveDocument } from './live-document.js'
import { crypto, deliver, TestReplica } from './test-replicas.js'

const NAME = 'board'
const BOARD = appDocumentId(crypto, NAME)
const ORIGIN = { name: 'what others wrote' }
const never = { ...systemClock, after: () => () => undefined, soon: () => () => undefined }

/** A replica with one live document, and what it has not sent yet. */
class Peer {
  readonly test: TestReplica
  live: LiveDocument
  outbox: Entry[] = []
  errors: Error[] = []

  private constructor(test: TestReplica, live: LiveDocument) {
    this.test = test
    this.live = live
  }

  static async open(doc: DocId = BOARD, name: string | undefined = NAME, y = new Y.Doc()): Promise<Peer> {
    const test = await TestReplica.open()
    const peer: Peer = new Peer(test, liveOn(test, doc, name, y, (entries) => peer.outbox.push(...entries)))
    await peer.#start()
    return peer
  }

  get y(): Y.Doc {
    return this.live.y
  }

  async receive(entries: readonly Entry[]): Promise<void> {
    await this.test.replica.receive(entries)
    await this.live.pull()
  }

  /** The process ends, with what was not saved, and starts again over its store. */
  async restart(): Promise<void> {
    await this.test.reopen()
    this.live = liveOn(this.test, this.live.doc, NAME, new Y.Doc(), (entries) => this.outbox.push(...entries))
    await this.#start()
  }

  async #start(): Promise<void> {
    this.live.on('error', (error) => this.errors.push(error))
    await this.live.open()
  }
}

function liveOn(test: TestReplica, doc: DocId, name: string | undefined, y: Y.Doc, send: (entries: readonly Entry[]) => void, more: { readonly outlives?: boolean } = {}): LiveDocument {
  const publish = (outcome: { staged: { accepted: readonly Entry[] } }): void => send(outcome.staged.accepted)
  return new LiveDocument({ crypto, clock: never, replica: test.replica, doc, name, y, origin: ORIGIN, coalesceMs: 0, mayWrite: true, publish, onListenerError: () => undefined, ...more })
}

/** Gives everybody everything, until nobody has anything new: Yjs tidies up formats that it is shown. */
async function settle(peers: readonly Peer[]): Promise<void> {
  for (let rounds = 0; rounds < 6; rounds++) {
    await exchange(peers)
    if (peers.every(({ live, errors }) => live.isSaved || errors.length > 0)) return
  }
  throw new Error('never quiet')
}

async function exchange(peers: readonly Peer[]): Promise<void> {
  for (const peer of peers) await peer.live.save()
  const all = new Map((await Promise.all(peers.map((peer) => peer.test.entries()))).flat().map((entry) => [entry.hash, entry]))
  for (const peer of peers) {
    let left = [...all.values()]
    while (left.length > 0) {
      const before = left.length
      const again: Entry[] = []
      for (const entry of left) {
        const { staged } = await peer.test.replica.receive([entry])
        if (staged.accepted.length + staged.duplicates === 0) again.push(entry)
      }
      left = again
      if (left.length === before) throw new Error('entries that never join')
    }
    await peer.live.pull()
  }
}

type Act = { readonly peer: number; readonly what: 'edit' | 'save' | 'deliver' | 'undo' | 'restart'; readonly edit: AnyEdit; readonly pick: number }
const act: fc.Arbitrary<Act> = fc.record({
  peer: fc.nat(2),
  what: fc.constantFrom('edit' as const, 'edit' as const, 'edit' as const, 'edit' as const, 'save' as const, 'deliver' as const, 'deliver' as const, 'undo' as const, 'restart' as const),
  edit: anyEdit,
  pick: fc.nat(1000)
})

describe('live documents', () => {
  it('[EMB20] of any shared types on several peers converge, whatever is lost, late, repeated or restarted', async () => {
    let [entries, undone, restarts] = [0, 0, 0]
    await fc.assert(
      fc.asyncProperty(fc.array(act, { minLength: 20, maxLength: 120 }), async (acts) => {
        const peers = [await Peer.open(), await Peer.open(), await Peer.open()]
        const undo = peers.map(({ y }) => new Y.UndoManager([y.getText('rich'), y.getMap('map'), y.getArray('list')], { captureTimeout: 0 }))
        const wire: Entry[] = []
        for (const { peer, what, edit, pick } of acts) {
          const at = peers[peer]
          if (at === undefined) continue
          if (what === 'edit') at.y.transact(() => makeEdit(at.y, edit))
          if (what === 'save') await at.live.save()
          if (what === 'undo' && undo[peer]?.undo() != null) undone++
          if (what === 'restart') {
            await at.live.save()
            await at.restart()
            undo[peer] = new Y.UndoManager(at.y.getText('rich'))
            restarts++
          }
          for (const from of peers) wire.push(...from.outbox.splice(0))
          const sent = wire[pick % Math.max(1, wire.length)]
          if (what === 'deliver' && sent !== undefined) await at.receive([sent])
        }
        await settle(peers)
        entries += wire.length
        const [first, ...others] = peers.map(({ y }) => stateOf(y))
        expect(first).toMatchObject({ pending: null })
        for (const other of others) expect(other).toEqual(first)
        for (const { errors, test } of peers) expect([errors, test.replica.applier.voids]).toEqual([[], 0])
        const fresh = await Peer.open()
        for (const entry of await (peers[0] ?? fresh).test.entries()) await fresh.test.replica.receive([entry])
        await settle([...peers, fresh])
        expect(stateOf(fresh.y)).toEqual(first)
      }),
      { numRuns: 60 }
    )
    expect([entries > 100, undone > 50, restarts > 50]).toEqual([true, true, true])
  })

  it('[EMB21] write under a client id of their own, and what an app had typed before comes along', async () => {
    const y = new Y.Doc()
    y.getText('t').insert(0, 'before ')
    const before = y.clientID
    const ann = await Peer.open(BOARD, NAME, y)
    expect(y.clientID).not.toBe(before)
    y.getText('t').insert(7, 'and after')
    const bob = await Peer.open()
    await settle([ann, bob])
    expect(bob.y.getText('t').toJSON()).toBe('before and after')
    expect(new Set(bob.y.store.clients.keys())).toEqual(new Set([before, y.clientID]))
  })

  it('[EMB22] send what an observer writes while it is shown what others wrote', async () => {
    const [ann, bob] = [await Peer.open(), await Peer.open()]
    bob.y.getArray('list').observe((event) => {
      if (event.transaction.origin !== ORIGIN) return
      bob.y.getMap('map').set('seen', bob.y.getArray('list').length)
      bob.y.getArray('list').delete(0)
    })
    ann.y.getArray('list').push(['one', 'two'])
    await settle([ann, bob])
    expect([ann.y.getMap('map').get('seen'), ann.y.getArray('list').toJSON()]).toEqual([2, ['two']])
    expect(stateOf(ann.y)).toEqual(stateOf(bob.y))
    bob.y.getMap('map').set('later', true)
    await settle([ann, bob])
    expect(ann.y.getMap('map').get('later')).toBe(true)
  })

  it('[EMB23] make one entry of what is typed between two saves, with the text in one piece', async () => {
    const ann = await Peer.open()
    for (const letter of 'hello world') ann.y.getText('t').insert(ann.y.getText('t').length, letter)
    await ann.live.save()
    const entries = await ann.test.entries()
    expect(entries).toHaveLength(1)
    const [, change] = ann.test.replica.changesOf(entries[0]!)
    expect(change).toMatchObject({ kind: 'app', name: NAME })
    expect(change?.kind === 'app' && Y.decodeUpdate(change.update).structs).toHaveLength(1)
  })

  it('[EMB24] cut what is too large for one entry', async () => {
    const [ann, bob] = [await Peer.open(), await Peer.open()]
    ann.y.getText('t').insert(0, '0123456789😀'.repeat(100_000))
    await settle([ann, bob])
    expect((await ann.test.entries()).length).toBeGreaterThan(3)
    expect(bob.y.getText('t').toJSON()).toBe(ann.y.getText('t').toJSON())
    ann.y.getText('t').insert(600_000, 'middle')
    await settle([ann, bob])
    expect(stateOf(bob.y)).toEqual(stateOf(ann.y))
  })

  it('[EMB25] keep what was typed when the store turns out to be an older copy, under the author that typed it', async () => {
    const ann = await Peer.open()
    ann.y.getText('t').insert(0, 'one ')
    await ann.live.save()
    const newer = await ann.test.copy()
    const typed = liveOn(newer, BOARD, NAME, new Y.Doc(), () => undefined)
    await typed.open()
    typed.y.getText('t').insert(4, 'two ')
    await typed.save()
    const before = ann.y.clientID
    ann.y.getText('t').insert(4, 'three ')
    await ann.receive(await newer.entries())
    expect(ann.y.clientID).not.toBe(before)
    await ann.live.save()
    expect(ann.live.isSaved).toBe(true)
    ann.y.getText('t').insert(ann.y.getText('t').length, 'four')
    const bob = await Peer.open()
    await settle([ann, bob])
    expect(new Set(bob.y.getText('t').toJSON().split(' '))).toEqual(new Set(['four', 'one', 'three', 'two']))
    expect(bob.test.replica.applier.voids).toBe(0)
  })

  it('[EMB26] refuse what peers would void, say so, and write nothing of it', async () => {
    const ann = await Peer.open()
    ann.y.getMap('__proto__').set('a', 1)
    const bob = await Peer.open(appDocumentId(crypto, 'another'))
    bob.y.getMap('m').set('a', 1)
    await expect(bob.live.save()).rejects.toMatchObject({ name: 'RefusedChangeError' })
    for (const { errors, live, test } of [ann, bob]) {
      expect(errors).toMatchObject([{ name: 'RefusedChangeError' }])
      expect([live.isSaved, await test.entries()]).toEqual([false, []])
      await expect(live.save()).rejects.toMatchObject({ name: 'NotSavedError' })
    }
  })

  it('[EMB31] say so when nothing can be stored any more, and keep what was typed', async () => {
    const ann = await Peer.open()
    const saved: boolean[] = []
    ann.live.on('saved', (isSaved) => saved.push(isSaved))
    ann.y.getText('t').insert(0, 'kept ')
    await ann.live.save()
    const commit = ann.test.kv.commit.bind(ann.test.kv)
    ann.test.kv.commit = () => Promise.reject(new Error('no space left on the disk'))
    ann.y.getText('t').insert(5, 'and typed')
    await expect(ann.live.save()).rejects.toThrow('no space left')
    ann.test.kv.commit = commit
    expect([ann.errors.length, ann.live.isSaved, saved, ann.y.getText('t').toJSON()]).toEqual([1, false, [false, true, false], 'kept and typed'])
    await ann.test.reopen()
    const again = liveOn(ann.test, BOARD, NAME, new Y.Doc(), () => undefined)
    await again.open()
    expect(again.y.getText('t').toJSON()).toBe('kept ')
  })

  it('[EMB32] show what others wrote while it becomes durable, and sign nothing on top of it before', async () => {
    const [ann, bob] = [await Peer.open(), await Peer.open()]
    ann.y.getText('t').insert(0, 'from Ann')
    await ann.live.save()
    const commit = bob.test.kv.commit.bind(bob.test.kv)
    const disk = Promise.withResolvers<void>()
    const written: number[] = []
    bob.test.kv.commit = async (ops) => {
      await disk.promise
      written.push(ops.length)
      await commit(ops)
    }
    const shown = new Promise<void>((resolve) => bob.y.once('update', () => resolve()))
    const received = bob.receive(ann.outbox)
    await shown
    expect([bob.y.getText('t').toJSON(), bob.test.log.count]).toEqual(['from Ann', 0])
    bob.y.getText('t').insert(8, ' and Bob')
    const saved = bob.live.save()
    expect([bob.outbox.length, bob.live.isSaved, written.length]).toEqual([0, false, 0])
    disk.resolve()
    await Promise.all([received, saved])
    expect([bob.outbox.length, bob.outbox[0]?.header.deps, written.length]).toEqual([1, ann.outbox.map(({ hash }) => hash), 2])
    await ann.receive(bob.outbox)
    expect([ann.y.getText('t').toJSON(), bob.y.getText('t').toJSON()]).toEqual(['from Ann and Bob', 'from Ann and Bob'])
  })

  it('[EMB32] sign nothing on top of what they show and could not be stored', async () => {
    const [ann, bob] = [await Peer.open(), await Peer.open()]
    ann.y.getText('t').insert(0, 'from Ann')
    await ann.live.save()
    bob.test.kv.commit = () => Promise.reject(new Error('no space left on the disk'))
    await expect(bob.receive(ann.outbox)).rejects.toThrow('no space left')
    bob.y.getText('t').insert(8, ' and Bob')
    await expect(bob.live.save()).rejects.toThrow('no space left')
    expect([bob.y.getText('t').toJSON(), bob.errors.length, bob.outbox, bob.test.log.count]).toEqual(['from Ann and Bob', 1, [], 0])
  })

  it('[EMB33] show only what is durable in a Y.Doc that outlives the process, so that it can be opened again', async () => {
    const [ann, test] = [await Peer.open(), await TestReplica.open()]
    ann.y.getText('t').insert(0, 'from Ann')
    await ann.live.save()
    const y = new Y.Doc()
    const inAnotherTab = new Y.Doc()
    y.on('update', (bytes: Uint8Array) => Y.applyUpdate(inAnotherTab, bytes))
    const live = liveOn(test, BOARD, NAME, y, () => undefined, { outlives: true })
    await live.open()
    const commit = test.kv.commit.bind(test.kv)
    const before = await test.copy()
    test.kv.commit = async (ops) => {
      // Here the process may end, after all that can be shown meanwhile was.
      await new Promise((resolve) => setImmediate(resolve))
      const again = liveOn(before, BOARD, NAME, new Y.Doc(), () => undefined)
      Y.applyUpdate(again.y, Y.encodeStateAsUpdate(inAnotherTab))
      await again.open()
      await commit(ops)
    }
    await test.replica.receive(ann.outbox)
    await live.pull()
    expect(inAnotherTab.getText('t').toJSON()).toBe('from Ann')
  })

  it('[EMB27] refuse a Y.Doc that is attached already, and give it back when they are closed', async () => {
    const ann = await Peer.open()
    const second = liveOn(ann.test, BOARD, NAME, ann.y, () => undefined)
    await expect(second.open()).rejects.toMatchObject({ name: 'AlreadyAttachedError' })
    ann.y.getText('t').insert(0, 'kept')
    await ann.live.close()
    await ann.live.close()
    ann.y.getText('t').insert(4, ' apart')
    const again = liveOn(ann.test, BOARD, NAME, ann.y, () => undefined)
    await again.open()
    await again.save()
    const bob = await Peer.open()
    for (const entry of await ann.test.entries()) await bob.receive([entry])
    expect([again.isSaved, bob.y.getText('t').toJSON()]).toEqual([true, 'kept apart'])
  })

  it('[EMB28] refuse a Y.Doc with edits that nobody can sign any more', async () => {
    const ann = await Peer.open()
    ann.y.getText('t').insert(0, 'signed by Ann')
    await ann.live.close()
    const bob = await TestReplica.open()
    await expect(liveOn(bob, BOARD, NAME, ann.y, () => undefined).open()).rejects.toMatchObject({ name: 'ForeignContentError' })
    for (const entry of await ann.test.entries()) await bob.replica.receive([entry])
    const later = liveOn(bob, BOARD, NAME, ann.y, () => undefined)
    await later.open()
    expect(later.isSaved).toBe(true)
  })

  it('[EMB29] save what was typed, and end with an event, when a file became part of another', async () => {
    const [ann, bob] = [await TestReplica.open(), await TestReplica.open()]
    const text = (who: string): string => `one\ntwo\nthree\nfrom ${who}\n`
    const files = await Promise.all([ann, bob].map(async ({ replica }, at) => (await replica.edit([{ type: 'create-file', path: 'a.md', text: text(at === 0 ? 'Ann' : 'Bob'), executable: false }])).results[0]?.doc))
    const errors: Error[] = []
    const lives = await Promise.all(files.map(async (doc) => {
      if (doc === undefined) throw new Error('no document')
      const live = liveOn(ann, doc, undefined, new Y.Doc(), () => undefined)
      live.on('error', (error) => errors.push(error))
      return live
    }))
    for (const entry of await bob.entries()) await ann.replica.receive([entry])
    for (const live of lives) {
      await live.open()
      live.y.getText('content').insert(0, 'typed\n')
    }
    await ann.replica.mergeCollisions()
    for (const live of lives) await live.pull()
    for (const live of lives) await live.save().catch(() => undefined)
    expect(errors).toMatchObject([{ name: 'MergedDocumentError' }])
    const [shown] = (await ann.show()).filter((line) => line.startsWith('file a.md'))
    expect(shown?.match(/typed|from Ann|from Bob/g)?.toSorted()).toEqual(['from Ann', 'from Bob', 'typed', 'typed'])
  })

  it('[EMB74] save what was typed, and end with an event, when something that is not text took the text\'s place; it all is kept in one file', async () => {
    const bob = await TestReplica.open()
    const [made] = (await bob.replica.edit([{ type: 'create-file', path: 'a.md', text: 'start\n', executable: false }])).results
    if (made?.doc === undefined || made.node === undefined) throw new Error('no file')
    const { doc, node } = made
    const errors: Error[] = []
    const writers = await Promise.all([0, 1].map(async () => {
      const test = await TestReplica.open()
      await deliver(test, await bob.entries())
      const live = liveOn(test, doc, undefined, new Y.Doc(), () => undefined)
      live.on('error', (error) => errors.push(error))
      await live.open()
      return { test, live }
    }))
    // Long apart, and something is not saved yet.
    for (const [at, { live }] of writers.entries()) {
      for (let round = 0; round < 3; round++) {
        live.y.getText('content').insert(0, `${at}-${round}\n`)
        if (round < 2) await live.save()
      }
    }
    await bob.replica.edit([{ type: 'set-blob', node, base: { kind: 'text', doc }, content: { blob: parseBlobId(crypto.randomBytes(32)), size: 5 } }])
    const tests = [bob, ...writers.map(({ test }) => test)]
    for (const { test, live } of writers) {
      await deliver(test, await bob.entries())
      // Whoever still types has not written everything yet.
      expect(await test.replica.mergeCollisions()).toBeUndefined()
      await live.pull()
      live.y.getText('content').insert(0, 'after the end\n')
      await expect(live.save()).rejects.toMatchObject({ name: 'NotSavedError' })
    }
    expect(errors).toMatchObject([{ name: 'ReplacedDocumentError' }, { name: 'ReplacedDocumentError' }])
    await expect(liveOn(bob, doc, undefined, new Y.Doc(), () => undefined).open()).rejects.toMatchObject({ name: 'ReplacedDocumentError' })
    const everything = (await Promise.all(tests.map(async (test) => await test.entries()))).flat()
    for (const test of tests) await deliver(test, everything)
    for (const test of tests) await test.replica.mergeCollisions()
    const kept = (await Promise.all(tests.map(async (test) => await test.entries()))).flat()
    for (const test of tests) await deliver(test, kept)
    for (const test of tests) expect(await test.replica.mergeCollisions()).toBeUndefined()
    const [lines, ...others] = await Promise.all(tests.map(async (test) => await test.show()))
    for (const other of others) expect(other).toEqual(lines)
    expect(lines).toHaveLength(2)
    const copy = lines?.find((line) => line.startsWith('file a (conflict, '))
    expect(copy?.match(/\d-\d|start|after/g)?.toSorted()).toEqual(['0-0', '0-1', '0-2', '1-0', '1-1', '1-2', 'start'])
  })
})
