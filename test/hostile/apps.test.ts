import { CollabProvider, encodeLink, joinWorkspace, keysFromWriteKey, nodeCrypto } from '@collab/core'
import type { JoinOptions, OpenDocument, Workspace } from '@collab/core'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, describe, expect, it } from 'vitest'
import { Awareness } from 'y-protocols/awareness'
import * as Y from 'yjs'

/** What an app may do to a live document, over real sockets on this machine: nothing is lost, and what cannot be is said. */

const LOCAL: JoinOptions = { mdns: false, listen: ['/ip4/127.0.0.1/tcp/0'] }
const opened: Workspace[] = []
const folders: string[] = []
let link = ''

afterEach(async () => {
  for (const workspace of opened.splice(0)) await workspace.stop()
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true })
  link = ''
})

async function member(options: JoinOptions = {}): Promise<Workspace> {
  link ||= encodeLink(nodeCrypto, keysFromWriteKey(nodeCrypto, nodeCrypto.randomBytes(32)))
  const workspace = await joinWorkspace(link, { ...LOCAL, ...options })
  opened.push(workspace)
  return workspace
}

function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'collab-test-'))
  folders.push(folder)
  return folder
}

async function until({ doc }: OpenDocument, holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise<void>((resolve) => doc.once('update', () => resolve()))
}

const HUGE: readonly [what: string, fill: (doc: Y.Doc) => void][] = [
  ['one text of 5 MB', (doc) => doc.getText('t').insert(0, 'every 🐟 '.repeat(500_000))],
  ['a list of 5 MB put in at once', (doc) => doc.getArray('l').push(Array.from({ length: 50_000 }, (_, at) => ({ at, text: 'x'.repeat(90) })))],
  ['a history of many parts by two', (doc) => twoWriters(doc)]
]

/** Each writes between what the other wrote. */
function twoWriters(doc: Y.Doc): void {
  const other = new Y.Doc()
  for (let round = 0; round < 60; round++) {
    for (const [at, from] of [doc, other].entries()) {
      const text = from.getText('t')
      for (let i = 0; i < 20; i++) text.insert((round * 7 + i * 3) % (text.length + 1), `${at}${'y'.repeat(2500)}`)
      from.getMap('m').set(`${at}`, round)
    }
    Y.applyUpdate(other, Y.encodeStateAsUpdate(doc, Y.encodeStateVector(other)))
    Y.applyUpdate(doc, Y.encodeStateAsUpdate(other, Y.encodeStateVector(doc)))
  }
}

describe('an app', () => {
  for (const [what, fill] of HUGE) {
    it(`[EMB50] may write, or bring along, ${what}`, { timeout: 60_000 }, async () => {
      const ann = await member()
      const bob = await member({ peers: ann.status().listening })
      const before = new Y.Doc()
      fill(before)
      const [brought, written] = [await ann.openDoc('brought', { doc: before }), await ann.openDoc('written')]
      fill(written.doc)
      await Promise.all([brought.flush({ to: 'one-peer' }), written.flush({ to: 'one-peer' })])
      for (const { doc, name } of [{ doc: before, name: 'brought' }, { doc: written.doc, name: 'written' }]) {
        const there = await bob.openDoc(name)
        expect(Y.encodeStateVector(there.doc)).toEqual(Y.encodeStateVector(doc))
        expect(shown(there.doc)).toBe(shown(doc))
      }
      expect(ann.status().voids + bob.status().voids).toBe(0)
    })
  }

  it('[EMB51] is told of a value that no entry can hold, before and by every flush, and goes on once it is deleted', async () => {
    const ann = await member()
    const board = await ann.openDoc('board')
    const errors: Error[] = []
    board.on('error', (error) => errors.push(error))
    board.doc.getMap('m').set('small', 1)
    await board.flush()
    board.doc.getMap('m').set('large', 'x'.repeat(5_000_000))
    board.doc.getMap('m').set('after', 2)
    await expect(Promise.all([board.flush(), board.flush()])).rejects.toThrow(/4\.8 MiB, of 4 at the most/)
    await expect(board.flush()).rejects.toMatchObject({ name: 'NotSavedError', cause: { name: 'RefusedChangeError' } })
    expect([errors.length, errors[0]?.name, board.status.saved]).toEqual([1, 'RefusedChangeError', false])
    board.doc.getMap('m').delete('large')
    await board.close()
    const again = await ann.openDoc('board', { doc: board.doc })
    await again.flush({ to: 'disk' })
    const bob = await member({ peers: ann.status().listening })
    const there = await bob.openDoc('board')
    await until(there, () => there.doc.getMap('m').has('after'))
    expect(there.doc.getMap('m').toJSON()).toEqual({ small: 1, after: 2 })
  })

  it('[EMB52] may change what it shows 10,000 times at once: the last of it arrives, and edits are not held up', async () => {
    const ann = await member({ name: 'Ann' })
    const bob = await member({ name: 'Bob', peers: ann.status().listening })
    const [a, b] = [await ann.openDoc('board'), await bob.openDoc('board')]
    const [hers, his] = [new Awareness(a.doc), new Awareness(b.doc)]
    a.attachAwareness(hers)
    b.attachAwareness(his)
    hers.setLocalState({ cursor: -1 })
    while (his.getStates().get(a.doc.clientID)?.['cursor'] !== -1) await new Promise<void>((resolve) => his.once('change', () => resolve()))
    let shownTimes = 0
    his.on('change', () => shownTimes++)
    for (let cursor = 0; cursor < 10_000; cursor++) hers.setLocalStateField('cursor', cursor)
    a.doc.getText('t').insert(0, 'typed meanwhile')
    await a.flush({ to: 'one-peer' })
    while (his.getStates().get(a.doc.clientID)?.['cursor'] !== 9999) await new Promise<void>((resolve) => his.once('change', () => resolve()))
    expect([b.doc.getText('t').toJSON(), shownTimes < 100, ann.status().peers.length]).toEqual(['typed meanwhile', true, 1])
    for (const awareness of [hers, his]) awareness.destroy()
  })

  it('[EMB53] may destroy a provider at any moment of connecting: what was written is in the file, and the file is free', async () => {
    const file = join(temporaryFolder(), 'store.sqlite')
    const topic = encodeLink(nodeCrypto, keysFromWriteKey(nodeCrypto, nodeCrypto.randomBytes(32)))
    const doc = new Y.Doc()
    for (let turns = 0; turns < 40; turns += 3) {
      const provider = new CollabProvider(topic, doc, { ...LOCAL, file, awareness: null })
      doc.getArray('l').push([turns])
      for (let turn = 0; turn < turns; turn++) await new Promise<void>((resolve) => setImmediate(resolve))
      provider.destroy()
      await provider.whenClosed
    }
    const last = new CollabProvider(topic, doc, { ...LOCAL, file, awareness: null })
    await last.flush()
    last.destroy()
    await last.whenClosed
    const again = new Y.Doc()
    const reader = new CollabProvider(topic, again, { ...LOCAL, file, awareness: null })
    await reader.whenLoaded
    expect(again.getArray('l').toJSON()).toEqual(doc.getArray('l').toJSON())
    expect(again.getArray('l').length).toBe(14)
    reader.destroy()
    await reader.whenClosed
  })

  it('[EMB54] is told that the disk is full and keeps what it typed; all that was saved is there, and it goes on once there is space', { timeout: 60_000 }, () => {
    const folder = temporaryFolder()
    const script = fileURLToPath(new URL('../harness/full-disk.js', import.meta.url)).replace('/test/', '/test/dist/')
    // No file of this process may grow beyond so many blocks of 512 bytes, as on a disk that is full there.
    const output = execFileSync('sh', ['-c', `ulimit -f 4000; exec "$0" "$@"`, process.execPath, script, folder], { encoding: 'utf8' })
    const told = JSON.parse(output) as Record<string, unknown>
    expect(told).toMatchObject({ refused: true, named: true, kept: true })
    const whole = JSON.parse(execFileSync(process.execPath, [script, folder], { encoding: 'utf8' })) as Record<string, unknown>
    expect(whole).toMatchObject({ before: told['saved'], saved: 100, refused: false, kept: true })
    expect(told['saved']).toBeGreaterThan(0)
  })
})

function shown(doc: Y.Doc): string {
  return JSON.stringify([doc.getText('t').toDelta(), doc.getArray('l').toJSON(), doc.getMap('m').toJSON()])
}
