import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { readRestored, rehearseRestore, restore } from './restore.js'
import type { RestoreRequest } from './restore.js'
import { eventually, pause, signatureAt } from './testing/disk-harness.js'
import { Wire, alike, matches, testPeer } from './testing/workspace-harness.js'
import type { TestPeer } from './testing/workspace-harness.js'

const back = async (peer: TestPeer, request: RestoreRequest) => await restore(peer.workspace, peer.folder.fs, request)

/** The newest version of what is or was at a path. */
async function versionOf({ workspace }: TestPeer, path?: string): Promise<string> {
  const [item] = await workspace.history(path === undefined ? {} : { path })
  return item?.entry ?? ''
}

/** A moment at which nothing happens: entries before it are older, those after it younger. */
async function moment(): Promise<number> {
  const now = Date.now()
  await pause(2)
  return now + 1
}

async function removed(peer: TestPeer, name: string): Promise<void> {
  rmSync(peer.folder.at(name), { recursive: true })
  await eventually(`${name} is deleted`, () => peer.workspace.tree.at(name) === undefined && peer.sync.status().dirty === 0)
}

describe('restore', () => {
  it('[RST5] a deleted file comes back as it last was, on every peer, with its history', async () => {
    const wire = new Wire()
    await using a = await testPeer({ wire, files: { 'd/plan.md': 'one\n' } })
    await using b = await testPeer({ wire })
    await matches(b, { 'd/plan.md': 'one\n' })
    a.write('d/plan.md', 'one\ntwo\n')
    await matches(b, { 'd/plan.md': 'one\ntwo\n' })
    await removed(a, 'd')
    await matches(b, {})
    expect(await back(b, { path: 'd/plan.md' })).toEqual([{ path: 'd/plan.md', action: 'bring back' }])
    for (const peer of [a, b]) await matches(peer, { 'd/plan.md': 'one\ntwo\n' })
    const what = (await a.workspace.history({ path: 'd/plan.md' })).map(({ what }) => what)
    expect(what).toEqual(['restored', 'deleted', 'edited', 'created'])
    // What an entry is called does not depend on how many are asked for.
    expect((await a.workspace.history({ path: 'd/plan.md', limit: 1 })).map(({ what }) => what)).toEqual(['restored'])
  })

  it('[RST6] a version takes the place of the text that is there, and what is saved meanwhile is merged', async () => {
    const wire = new Wire()
    await using a = await testPeer({ wire, files: { 'a.md': 'first\nsecond\nthird\n' } })
    await using b = await testPeer({ wire })
    await matches(b, { 'a.md': 'first\nsecond\nthird\n' })
    const version = await versionOf(a, 'a.md')
    a.write('a.md', 'first\nchanged\nthird\n')
    await matches(b, { 'a.md': 'first\nchanged\nthird\n' })
    // Saved on the other disk before the restore is known there.
    wire.cut()
    b.write('a.md', 'first\nchanged\nthird\nfourth\n')
    await matches(b, { 'a.md': 'first\nchanged\nthird\nfourth\n' })
    expect(await back(a, { path: 'a.md', at: { version } })).toEqual([{ path: 'a.md', action: 'set text' }])
    wire.join()
    for (const peer of [a, b]) await matches(peer, { 'a.md': 'first\nsecond\nthird\nfourth\n' })
    expect(await readRestored(b.workspace, 'a.md', { version })).toBe('first\nsecond\nthird\n')
  })

  it('[RST7] of a folder what was deleted last comes back, as one', async () => {
    await using peer = await testPeer({ files: { 'd/a.md': 'a\n', 'd/e/b.md': 'b\n', 'keep.md': 'k\n' } })
    await matches(peer, { 'd/a.md': 'a\n', 'd/e/b.md': 'b\n', 'keep.md': 'k\n' })
    await removed(peer, 'd')
    await back(peer, { path: 'd' })
    await matches(peer, { 'd/a.md': 'a\n', 'd/e/b.md': 'b\n', 'keep.md': 'k\n' })
  })

  it('[RST8] everything is as it was at a time: texts, deleted and moved files; what is newer is left alone', async () => {
    const wire = new Wire()
    await using a = await testPeer({ wire, files: { 'edited.md': 'good\n', 'gone.md': 'here\n', 'moved.md': 'move me\n', 'd/same.md': 'same\n' } })
    await using b = await testPeer({ wire })
    await alike(a, b)
    const time = await moment()
    a.write('edited.md', 'spoilt\n')
    await removed(a, 'gone.md')
    renameSync(a.folder.at('moved.md'), a.folder.at('d/elsewhere.md'))
    a.write('new.md', 'new\n')
    const after = { 'edited.md': 'spoilt\n', 'd/elsewhere.md': 'move me\n', 'd/same.md': 'same\n', 'new.md': 'new\n' }
    await matches(b, after)
    const plan = [
      { path: 'd', action: 'same' },
      { path: 'd/same.md', action: 'same' },
      { path: 'edited.md', action: 'set text' },
      { path: 'gone.md', action: 'bring back' },
      { path: 'moved.md', action: 'move back', to: 'd/elsewhere.md' },
      { path: 'new.md', action: 'newer' }
    ].filter(({ path }) => path !== 'd')
    expect(await rehearseRestore(b.workspace, [], { path: '', at: { time } })).toEqual(plan)
    await matches(b, after)
    expect(await back(b, { path: '', at: { time } })).toEqual(plan)
    const before = { 'edited.md': 'good\n', 'gone.md': 'here\n', 'moved.md': 'move me\n', 'd/same.md': 'same\n', 'new.md': 'new\n' }
    for (const peer of [a, b]) await matches(peer, before)
    // And again: there is nothing left to do.
    expect((await back(b, { path: '', at: { time } })).filter(({ action }) => action !== 'same')).toEqual([{ path: 'new.md', action: 'newer' }])
  })

  it('[RST9] where something else has the name, it comes back beside', async () => {
    await using peer = await testPeer({ files: { 'a.md': 'old\n' } })
    await matches(peer, { 'a.md': 'old\n' })
    const version = await versionOf(peer, 'a.md')
    await removed(peer, 'a.md')
    mkdirSync(peer.folder.at('a.md'))
    peer.write('a.md/x.md', 'x\n')
    await matches(peer, { 'a.md/x.md': 'x\n' })
    expect(await back(peer, { path: 'a.md', at: { version } })).toMatchObject([{ action: 'keep beside', to: 'a (restored).md' }, { path: 'a.md/x.md', action: 'newer' }])
    await matches(peer, { 'a (restored).md': 'old\n', 'a.md/x.md': 'x\n' })
  })

  it('[RST10] what never reached the log comes back from the trash, never over a file', async () => {
    await using peer = await testPeer({ files: { 'x.md': 'text\n' } })
    await matches(peer, { 'x.md': 'text\n' })
    writeFileSync(peer.folder.at('raw.bin'), Buffer.from([0, 1, 2]))
    const { fs } = peer.folder
    expect((await fs.remove('raw.bin' as never, { expect: signatureAt(fs, 'raw.bin') })).kind).toBe('removed')
    writeFileSync(peer.folder.at('raw.bin'), Buffer.from([9]))
    const [item] = await fs.trash()
    expect(await back(peer, { path: 'raw.bin' })).toEqual([{ path: 'raw.bin', action: 'keep beside', to: 'raw (restored).bin', reason: 'from the trash' }])
    expect([...readFileSync(peer.folder.at('raw.bin'))]).toEqual([9])
    expect([...readFileSync(peer.folder.at('raw (restored).bin'))]).toEqual([0, 1, 2])
    expect(await fs.trash()).toEqual([])
    await expect(back(peer, { path: '', at: { trash: item?.id ?? '' } })).rejects.toMatchObject({ name: 'NothingToRestoreError' })
  })

  it('[RST11] the same version restored by two at once is restored once', async () => {
    const wire = new Wire()
    await using a = await testPeer({ wire, files: { 'a.md': 'kept\nline one\nline two\n' } })
    await using b = await testPeer({ wire })
    await alike(a, b)
    const version = await versionOf(a, 'a.md')
    a.write('a.md', 'kept\n')
    await matches(b, { 'a.md': 'kept\n' })
    wire.cut()
    for (const peer of [a, b]) await back(peer, { path: 'a.md', at: { version } })
    wire.join()
    for (const peer of [a, b]) await matches(peer, { 'a.md': 'kept\nline one\nline two\n' })
  })

  it('[RST12] a request for what is not there is refused with what is', async () => {
    await using peer = await testPeer({ files: { 'a.md': 'a\n' } })
    await matches(peer, { 'a.md': 'a\n' })
    const refused = async (request: RestoreRequest) => await back(peer, request).then(() => '', (error: Error) => `${error.name}: ${error.message}`)
    expect(await refused({ path: 'a.md' })).toMatch(/^NothingToRestoreError: a.md is there; say which version/)
    expect(await refused({ path: 'b.md' })).toMatch(/^NothingToRestoreError: nothing is known of b.md/)
    expect(await refused({ path: 'a.md', at: { time: 5 } })).toMatch(/^NothingToRestoreError: a.md was not there then/)
    expect(await refused({ path: '' })).toMatch(/^NothingToRestoreError: nothing was deleted here/)
    expect(await refused({ path: 'a.md', at: { version: 'fffffff' } })).toMatch(/^UnknownVersionError/)
  })

  it('[RST13] a link that only reads restores nothing, and can still read the past', async () => {
    const wire = new Wire()
    await using a = await testPeer({ wire, files: { 'a.md': 'a\n' } })
    await using b = await testPeer({ wire, rights: 'read' })
    await alike(a, b)
    await removed(a, 'a.md')
    await matches(b, {})
    await expect(back(b, { path: 'a.md' })).rejects.toMatchObject({ name: 'NotPermittedError' })
    expect(await readRestored(b.workspace, 'a.md', undefined)).toBe('a\n')
  })

  it('[RST17] the trash keeps as long and as much as it was told to, and gives back its oldest when the disk is full', async () => {
    const wire = new Wire()
    await using a = await testPeer({ wire, files: { 'a.md': 'one\n' } })
    await using b = await testPeer({ wire, trash: { maxAgeMs: 5, maxBytes: 7 } })
    await alike(a, b)
    const { fs } = b.folder
    const asked: unknown[] = []
    const purge = fs.purge.bind(fs)
    fs.purge = async (options) => {
      asked.push(options)
      return await purge(options)
    }
    const replace = fs.replace.bind(fs)
    fs.replace = async (path, bytes, options) => {
      if (asked.length === 0) return { kind: 'blocked', reason: 'The disk is full.', isFull: true }
      return await replace(path, bytes, options)
    }
    a.write('a.md', 'one\ntwo\n')
    await eventually('it is made room', () => asked.length > 0)
    expect(asked).toEqual([{ maxAgeMs: 5, maxBytes: 7 }])
    await matches(b, { 'a.md': 'one\ntwo\n' })
  })

  it('[RST19] a deleted picture comes back on a machine whose trash has it, and from there everywhere; elsewhere that is said', async () => {
    const wire = new Wire()
    const picture = Buffer.from([0, 1, 2, 3, 250])
    await using a = await testPeer({ wire, files: { 'x.md': 'text\n' } })
    await using b = await testPeer({ wire })
    writeFileSync(a.folder.at('p.png'), picture)
    await eventually('b has it', () => b.names().includes('p.png'))
    await removed(a, 'p.png')
    await eventually('b has it no longer', () => !b.names().includes('p.png') && b.sync.status().dirty === 0)
    expect(await back(a, { path: 'p.png' })).toMatchObject([{ path: 'p.png', action: 'skip' }])
    expect(await back(b, { path: 'p.png' })).toEqual([{ path: 'p.png', action: 'bring back' }])
    await eventually('a has it again', () => a.names().includes('p.png'))
    for (const peer of [a, b]) expect(readFileSync(peer.folder.at('p.png')).equals(picture)).toBe(true)
    expect([...b.workspace.tree.entries()].map(({ path }) => path)).toEqual(['p.png', 'x.md'])
  })
})
