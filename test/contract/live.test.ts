import { encodeLink, joinWorkspace, keysFromWriteKey, nodeCrypto, parseBlobId, shareAs } from '@collab/core'
import type { JoinOptions, OpenDocument, TreeEntry, Workspace } from '@collab/core'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { Awareness } from 'y-protocols/awareness'
import { Doc, UndoManager, applyUpdate, encodeStateAsUpdate } from 'yjs'

/** Live documents of real peers over real sockets on this machine. */

const LOCAL: JoinOptions = { mdns: false, listen: ['/ip4/127.0.0.1/tcp/0'] }
const opened: Workspace[] = []
const folders: string[] = []
let keys = keysFromWriteKey(nodeCrypto, nodeCrypto.randomBytes(32))

afterEach(async () => {
  for (const workspace of opened.splice(0)) await workspace.stop()
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true })
  keys = keysFromWriteKey(nodeCrypto, nodeCrypto.randomBytes(32))
})

async function member(options: JoinOptions = {}, rights: 'write' | 'read' = 'write'): Promise<Workspace> {
  const workspace = await joinWorkspace(encodeLink(nodeCrypto, shareAs(keys, rights), []), { ...LOCAL, ...options })
  opened.push(workspace)
  return workspace
}

/** Resolves when `holds`, looking after each update. */
async function until({ doc }: OpenDocument, holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise<void>((resolve) => doc.once('update', () => resolve()))
}

/** Resolves when `holds`, looking after each change of an Awareness. */
async function shown(awareness: Awareness, holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise<void>((resolve) => awareness.once('change', () => resolve()))
}

describe('presence', () => {
  it('[PRES10] shows cursors under the client ids of the Y.Docs, says whose they are, and ends with the peer', async () => {
    const ann = await member({ name: 'Ann' })
    const bob = await member({ name: 'Bob', peers: ann.status().listening })
    const [a, b] = [await ann.openDoc('board'), await bob.openDoc('board')]
    const [hers, his] = [new Awareness(a.doc), new Awareness(b.doc)]
    hers.setLocalState({ cursor: 1 })
    a.attachAwareness(hers)
    b.attachAwareness(his)
    await shown(his, () => his.getStates().get(a.doc.clientID)?.['cursor'] === 1)
    hers.setLocalStateField('cursor', 2)
    await shown(his, () => his.getStates().get(a.doc.clientID)?.['cursor'] === 2)
    await shown(hers, () => hers.getStates().has(b.doc.clientID))
    expect([...his.getStates().keys()].toSorted((x, y) => x - y)).toEqual([a.doc.clientID, b.doc.clientID].toSorted((x, y) => x - y))
    expect(ann.status().entries + bob.status().entries).toBe(0)
    expect(bob.status().peers.map(({ name }) => name)).toEqual(['Ann'])
    a.doc.getMap('m').set('k', 1)
    await a.flush({ to: 'one-peer' })
    expect(b.memberOf(a.doc.clientID)).toEqual({ peer: ann.status().peerId, author: ann.status().author, name: 'Ann' })
    await ann.stop()
    await shown(his, () => !his.getStates().has(a.doc.clientID))
    for (const awareness of [hers, his]) awareness.destroy()
  })

  it('[PRES11] shows a reader, by the name that it gives', async () => {
    const ann = await member({ name: 'Ann' })
    const eve = await member({ name: 'Eve', peers: ann.status().listening }, 'read')
    const [a, e] = [await ann.openDoc('board'), await eve.openDoc('board')]
    const [hers, eves] = [new Awareness(a.doc), new Awareness(e.doc)]
    eves.setLocalState({ cursor: 3 })
    a.attachAwareness(hers)
    e.attachAwareness(eves)
    await shown(hers, () => hers.getStates().get(e.doc.clientID)?.['cursor'] === 3)
    expect(a.memberOf(e.doc.clientID)).toEqual({ peer: eve.status().peerId, author: undefined, name: 'Eve' })
    for (const awareness of [hers, eves]) awareness.destroy()
  })
})

describe('a live document', () => {
  it('[EMB40] is the same Y.Doc on every peer that opens its name, and says who holds it', async () => {
    const ann = await member({ name: 'Ann' })
    const bob = await member({ name: 'Bob', peers: ann.status().listening })
    const [a, b] = [await ann.openDoc('board'), await bob.openDoc('board')]
    a.doc.getMap('todo').set('milk', true)
    b.doc.getArray('list').push(['one'])
    await until(b, () => b.doc.getMap('todo').get('milk') === true)
    await until(a, () => a.doc.getArray('list').length === 1)
    await a.flush({ to: 'all-connected' })
    // An entry that came since is confirmed anew.
    while (a.status.heldBy.length === 0) await new Promise<void>((resolve) => void a.on('status', () => resolve()))
    expect(a.status).toMatchObject({ saved: true, connected: 1, heldBy: [bob.status().peerId], error: undefined })
    expect([await ann.documents(), await bob.documents()]).toEqual([['board'], ['board']])
  })

  it('[EMB79] says nothing any more once it is closed', async () => {
    const ann = await member()
    const [closed, open] = [await ann.openDoc('board'), await ann.openDoc('other')]
    await closed.close()
    const told: string[] = []
    closed.on('status', () => told.push('closed'))
    const connected = new Promise<void>((resolve) => open.on('status', ({ connected }) => (connected === 1 ? resolve() : undefined)))
    open.on('status', () => told.push('open'))
    await member({ peers: ann.status().listening })
    await connected
    expect(new Set(told)).toEqual(new Set(['open']))
  })

  it('[EMB41] is a text file of the tree too, merged with what others edit in it', async () => {
    const ann = await member()
    const bob = await member({ peers: ann.status().listening })
    const a = await ann.openText('notes/plan.md')
    a.doc.getText('content').insert(0, 'the plan\n')
    await a.flush({ to: 'one-peer' })
    const content = bob.tree.at('notes/plan.md')?.content
    if (content?.kind !== 'text') throw new Error('not there')
    const { version, text } = await bob.readText(content.doc)
    expect(text).toBe('the plan\n')
    await bob.edit([{ type: 'edit', doc: content.doc, base: version, edits: [{ at: 9, remove: 0, insert: 'by Bob\n' }], machine: false }])
    a.doc.getText('content').insert(0, '# ')
    await until(a, () => a.doc.getText('content').length === 18)
    await a.flush({ to: 'one-peer' })
    expect((await bob.readText(content.doc)).text).toBe('# the plan\nby Bob\n')
    await expect(ann.openText('notes')).rejects.toMatchObject({ name: 'NotTextError' })
  })

  it('[EMB74] ends with an event when a peer makes something else of the text, with all that was typed in one file on both', async () => {
    const ann = await member()
    const bob = await member({ peers: ann.status().listening })
    // What follows the first edit is not saved before the document ends.
    const a = await ann.openText('plan.md', { coalesceMs: 600_000 })
    const ended = new Promise<Error>((resolve) => a.on('error', resolve))
    a.doc.getText('content').insert(0, 'the plan\n')
    await a.flush({ to: 'one-peer' })
    const entry = bob.tree.at('plan.md')
    if (entry?.content?.kind !== 'text') throw new Error('not there')
    a.doc.getText('content').insert(0, 'typed\n')
    await bob.edit([{ type: 'set-blob', node: entry.node, base: entry.content, content: { blob: parseBlobId(nodeCrypto.randomBytes(32)), size: 5 } }])
    expect((await ended).name).toBe('ReplacedDocumentError')
    const copies = (workspace: Workspace): readonly TreeEntry[] => [...workspace.tree.entries()].filter(({ path }) => path.startsWith('plan (conflict, '))
    for (const workspace of [ann, bob]) {
      while (copies(workspace).length === 0) await new Promise<void>((resolve) => workspace.on('tree', () => resolve()))
      expect(workspace.tree.files).toBe(2)
      const [copy] = copies(workspace)
      if (copy?.content?.kind !== 'text') throw new Error('no text')
      expect((await workspace.readText(copy.content.doc)).text).toBe('typed\nthe plan\n')
    }
    expect(copies(ann).map(({ node }) => node)).toEqual(copies(bob).map(({ node }) => node))
  })

  it('[EMB47] is made only when everybody connected has none, if asked so', async () => {
    const ann = await member()
    const first = await ann.openText('plan.md')
    first.doc.getText('content').insert(0, 'the plan\n')
    await first.flush()
    const alone = await member()
    const never = alone.openText('plan.md', { create: 'when-synced' })
    const bob = await member({ peers: ann.status().listening })
    const b = await bob.openText('plan.md', { create: 'when-synced' })
    expect(b.doc.getText('content').toJSON()).toBe('the plan\n')
    const fresh = await bob.openText('new.md', { create: 'when-synced' })
    await fresh.flush({ to: 'one-peer' })
    expect([bob.tree.files, ann.tree.at('new.md')?.content?.kind, alone.tree.files]).toEqual([2, 'text', 0])
    const closed = never.catch((error: unknown) => error)
    await alone.stop()
    expect(await closed).toMatchObject({ name: 'ClosedError' })
  })

  it('[EMB42] takes nothing into a text file that is not plain text, and says so', async () => {
    const ann = await member()
    const a = await ann.openText('a.md')
    const errors: Error[] = []
    a.on('error', (error) => errors.push(error))
    a.doc.getText('content').insert(0, 'bold', { bold: true })
    await expect(a.flush()).rejects.toMatchObject({ name: 'RefusedChangeError' })
    expect([errors.length, a.status.saved]).toEqual([1, false])
    const again = await ann.openText('a.md')
    expect(again.doc.getText('content').toJSON()).toBe('')
  })

  it('[EMB48] goes on under the client id that it had, if it is asked to and the id is its author\'s there', async () => {
    const ann = await member()
    const bob = await member({ peers: ann.status().listening })
    const first = await ann.openDoc('board')
    first.doc.getText('t').insert(0, 'saved ')
    await first.flush()
    const { lease } = first
    const elsewhere = new Doc()
    applyUpdate(elsewhere, encodeStateAsUpdate(first.doc))
    elsewhere.clientID = lease?.client ?? 0
    elsewhere.getText('t').insert(6, 'and not saved')
    await first.close()
    const again = await ann.openDoc('board', { doc: elsewhere, lease })
    expect([again.lease, again.doc.clientID]).toEqual([lease, lease?.client])
    await again.flush({ to: 'one-peer' })
    expect((await bob.openDoc('board')).doc.getText('t').toJSON()).toBe('saved and not saved')
    const others = [await ann.openDoc('other', { lease }), await bob.openDoc('board', { lease })]
    expect(others.map(({ doc }) => doc.clientID === lease?.client)).toEqual([false, false])
  })

  it('[EMB43] is there again after a restart, and waits for no peer', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'collab-live-'))
    folders.push(folder)
    const file = join(folder, 'app.sqlite')
    const first = await member({ file })
    const before = await first.openDoc('board')
    before.doc.getText('t').insert(0, 'kept')
    await first.stop()
    const second = await member({ file })
    const after = await second.openDoc('board')
    expect(after.doc.getText('t').toJSON()).toBe('kept')
    expect(after.doc.clientID).not.toBe(before.doc.clientID)
  })

  it('[EMB44] shows a reader everything, and keeps the edits of a reader out', async () => {
    const ann = await member()
    const eve = await member({ peers: ann.status().listening }, 'read')
    const [a, e] = [await ann.openDoc('board'), await eve.openDoc('board')]
    const errors: Error[] = []
    e.on('error', (error) => errors.push(error))
    a.doc.getText('t').insert(0, 'for all')
    await until(e, () => e.doc.getText('t').length === 7)
    e.doc.getText('t').insert(0, 'not ')
    a.doc.getText('t').insert(7, ' to read')
    await until(e, () => e.doc.getText('t').length === 19)
    expect(errors).toMatchObject([{ name: 'NotPermittedError' }])
    expect(a.doc.getText('t').toJSON()).toBe('for all to read')
  })

  it('[EMB46] says who wrote which part, and takes back only what its own user did', async () => {
    const ann = await member({ name: 'Ann' })
    const bob = await member({ name: 'Bob', peers: ann.status().listening })
    const [a, b] = [await ann.openDoc('board'), await bob.openDoc('board')]
    const [hers, his] = [a.doc.getText('t'), b.doc.getText('t')]
    hers.insert(0, 'Hello world')
    await until(b, () => his.length === 11)
    const undo = new UndoManager(his)
    his.insert(5, ' dear')
    his.delete(0, 1)
    await until(a, () => hers.length === 15)
    hers.insert(15, '!')
    const authors = (await a.authorsOf(hers)).map(({ from, to, name }) => [from, to, name])
    expect(authors).toEqual([[0, 4, 'Ann'], [4, 9, 'Bob'], [9, 15, 'Ann'], [15, 16, 'Ann']])
    await until(b, () => his.length === 16)
    undo.undo()
    await until(a, () => hers.toJSON() === 'Hello world!')
  })

  it('[EMB45] waits with a flush for a peer until there is one, or the caller gives up', async () => {
    const ann = await member()
    const a = await ann.openDoc('board')
    a.doc.getMap('m').set('k', 1)
    await a.flush()
    expect(a.status).toMatchObject({ saved: true, heldBy: [], connected: 0 })
    const gaveUp = new AbortController()
    const never = a.flush({ to: 'one-peer', signal: gaveUp.signal })
    gaveUp.abort()
    await expect(never).rejects.toMatchObject({ name: 'AbortError' })
    const held = a.flush({ to: 'one-peer' })
    const bob = await member({ peers: ann.status().listening })
    await held
    expect((await bob.openDoc('board')).doc.getMap('m').get('k')).toBe(1)
  })
})
