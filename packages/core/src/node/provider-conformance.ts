import type { Awareness } from 'y-protocols/awareness'
import * as Y from 'yjs'
import type { SuiteRunner } from '../store/store-conformance.js'

/** What editor bindings and apps use of a provider of any kind. */
export interface YjsProvider {
  readonly doc: Y.Doc
  readonly awareness: Awareness | null
  readonly synced: boolean
  connect(): unknown
  disconnect(): unknown
  destroy(): unknown
  on(name: 'sync', listener: (synced: boolean) => void): unknown
  on(name: 'status', listener: (event: { readonly status: string }) => void): unknown
  off(name: 'sync', listener: (synced: boolean) => void): unknown
  off(name: 'status', listener: (event: { readonly status: string }) => void): unknown
}

export interface ProviderFixture {
  /** A provider for `doc` that reaches the others of this fixture; connecting. */
  readonly connect: (doc: Y.Doc) => YjsProvider
  /** Removes what the fixture left behind. */
  readonly dispose?: () => Promise<void>
}

const DEADLINE_MS = 30_000

/** Registers the tests that every Yjs provider should pass: what bindings rely on, and what users were bitten by. */
export function registerProviderConformance({ describe, it }: SuiteRunner, name: string, makeFixture: () => Promise<ProviderFixture>): void {
  const test = (sentence: string, run: (connect: () => YjsProvider) => Promise<void>): void => {
    it(sentence, async () => {
      const fixture = await makeFixture()
      const made: YjsProvider[] = []
      try {
        await run(() => {
          const provider = fixture.connect(new Y.Doc())
          made.push(provider)
          return provider
        })
      } finally {
        for (const provider of made) await provider.destroy()
        await fixture.dispose?.()
      }
    })
  }
  describe(`every provider: ${name}`, () => {
    registerEditing(test)
    registerSync(test)
    registerAwareness(test)
    registerLife(test)
  })
}

type Test = (sentence: string, run: (connect: () => YjsProvider) => Promise<void>) => void

function registerEditing(test: Test): void {
  test('[PROV1] carries every shared type both ways, and concurrent edits end the same', async (connect) => {
    const [a, b] = [connect(), connect()]
    a.doc.getText('t').insert(0, 'from a ')
    b.doc.getText('t').insert(0, 'from b ')
    b.doc.getMap('m').set('nested', new Y.Array())
    await until(a.doc, () => a.doc.getText('t').length === 14 && a.doc.getMap('m').has('nested'))
    await until(b.doc, () => b.doc.getText('t').length === 14)
    same(a.doc, b.doc)
    a.doc.transact(() => {
      a.doc.getText('t').delete(0, 7)
      ;(a.doc.getMap('m').get('nested') as Y.Array<unknown>).push([1, { two: 2 }])
    })
    await until(b.doc, () => b.doc.getText('t').length === 7)
    same(a.doc, b.doc)
  })

  test('[PROV2] brings what others wrote with itself as origin, which an undo manager leaves alone', async (connect) => {
    const [a, b] = [connect(), connect()]
    const origins = new Set<unknown>()
    b.doc.on('update', (_update, origin) => origins.add(origin))
    const undo = new Y.UndoManager(b.doc.getText('t'))
    a.doc.getText('t').insert(0, 'theirs')
    await until(b.doc, () => b.doc.getText('t').length === 6)
    is([...origins].every((origin) => origin === b), 'the origin is the provider')
    b.doc.getText('t').insert(6, ' and mine')
    undo.undo()
    is(b.doc.getText('t').toJSON() === 'theirs', 'only the own edit is undone')
    await until(a.doc, () => a.doc.getText('t').toJSON() === 'theirs')
  })

  test('[PROV3] sends what was written before it connected, while it was away, and after', async (connect) => {
    const a = connect()
    a.doc.getText('t').insert(0, 'early ')
    const b = connect()
    await until(b.doc, () => b.doc.getText('t').length === 6)
    b.disconnect()
    b.doc.getText('t').insert(6, 'offline ')
    a.doc.getMap('m').set('meanwhile', true)
    b.connect()
    await until(a.doc, () => a.doc.getText('t').length === 14)
    await until(b.doc, () => b.doc.getMap('m').has('meanwhile'))
    b.doc.getText('t').insert(14, 'later')
    await until(a.doc, () => a.doc.getText('t').toJSON() === 'early offline later')
    same(a.doc, b.doc)
  })
}

function registerSync(test: Test): void {
  test('[PROV4] says when it is synced and when it no longer is, on itself and on the Y.Doc', async (connect) => {
    const [a, b] = [connect(), connect()]
    const told: boolean[] = []
    a.on('sync', (synced) => void told.push(synced))
    await Promise.all([becomes(a, true), becomes(b, true)])
    await a.doc.whenSynced
    is(a.synced && a.doc.isSynced && a.doc.isLoaded, 'the flags agree')
    a.disconnect()
    is(!a.synced && !a.doc.isSynced, 'a provider that left is not synced')
    is(told.join() === 'true,false', 'both edges are told, each once')
  })

  test('[PROV5] holds what was there when it says that it is synced', async (connect) => {
    const [a, c] = [connect(), connect()]
    for (let i = 0; i < 300; i++) a.doc.getArray('l').push([i])
    await until(c.doc, () => c.doc.getArray('l').length === 300)
    const b = connect()
    await becomes(b, true)
    is(b.doc.getArray('l').length === 300, 'everything is there')
  })

  test('[PROV6] tells its status: connecting, connected, disconnected', async (connect) => {
    const a = connect()
    const told: string[] = []
    a.on('status', ({ status }) => void told.push(status))
    const b = connect()
    await Promise.all([becomes(a, true), becomes(b, true)])
    a.disconnect()
    is(told.filter((status) => status !== 'connecting').join() === 'connected,disconnected', `in order, not ${told.join()}`)
  })
}

function registerAwareness(test: Test): void {
  test('[PROV7] shows what others show under the client ids of their Y.Docs, and takes it back when they leave', async (connect) => {
    const [a, b] = [connect(), connect()]
    await Promise.all([becomes(a, true), becomes(b, true)])
    const [hers, his] = [a.awareness, b.awareness]
    if (hers === null || his === null) throw new Error('no awareness')
    hers.setLocalStateField('cursor', 5)
    await shown(his, () => his.getStates().get(a.doc.clientID)?.['cursor'] === 5)
    is(his.clientID === b.doc.clientID && hers.clientID === a.doc.clientID, 'the client ids are those of the Y.Docs')
    a.disconnect()
    await shown(his, () => !his.getStates().has(a.doc.clientID) && [...his.getStates().keys()].every((client) => client === b.doc.clientID))
    is([...hers.getStates().keys()].every((client) => client === hers.clientID), 'who left sees nobody')
  })
}

function registerLife(test: Test): void {
  test('[PROV8] may be destroyed while it connects, twice, and by its Y.Doc', async (connect) => {
    for (const end of [(provider: YjsProvider) => provider.destroy(), (provider: YjsProvider) => provider.doc.destroy()]) {
      const provider = connect()
      await end(provider)
      await provider.destroy()
      provider.connect()
      is(!provider.synced, 'it stays destroyed')
    }
  })

  test('[PROV9] connects and disconnects in any order without losing an edit', async (connect) => {
    const [a, b] = [connect(), connect()]
    for (let i = 0; i < 6; i++) {
      a.doc.getArray('l').push([i])
      a.disconnect()
      if (i % 2 === 0) a.disconnect()
      a.connect()
      if (i % 3 === 0) a.connect()
    }
    await until(b.doc, () => b.doc.getArray('l').length === 6)
    same(a.doc, b.doc)
  })
}

function is(condition: boolean, what: string): void {
  if (!condition) throw new Error(`expected: ${what}`)
}

/** Equal units, deletions and content: a state vector alone does not show deletions. */
function same(a: Y.Doc, b: Y.Doc): void {
  const [first, second] = [a, b].map((doc) => Y.encodeSnapshot(Y.snapshot(doc)).join())
  is(first === second && JSON.stringify(a.getText('t').toDelta()) === JSON.stringify(b.getText('t').toDelta()), 'both documents are the same')
}

async function until(doc: Y.Doc, holds: () => boolean): Promise<void> {
  await next((wake) => {
    doc.on('update', wake)
    return () => doc.off('update', wake)
  }, holds)
}

async function shown(awareness: Awareness, holds: () => boolean): Promise<void> {
  await next((wake) => {
    awareness.on('update', wake)
    return () => awareness.off('update', wake)
  }, holds)
}

async function becomes(provider: YjsProvider, synced: boolean): Promise<void> {
  await next((wake) => {
    provider.on('sync', wake)
    return () => provider.off('sync', wake)
  }, () => provider.synced === synced)
}

/** Resolves when `holds`, asked after every event. */
async function next(listen: (wake: () => void) => () => void, holds: () => boolean): Promise<void> {
  if (holds()) return
  await new Promise<void>((resolve, reject) => {
    const timer = setTimeout(() => {
      undo()
      reject(new Error(`never: ${holds.toString()}`))
    }, DEADLINE_MS)
    const undo = listen(() => {
      if (!holds()) return
      clearTimeout(timer)
      undo()
      resolve()
    })
  })
}
