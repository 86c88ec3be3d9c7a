import { chmodSync, closeSync, existsSync, mkdirSync, openSync, readdirSync, renameSync, rmSync, symlinkSync, writeFileSync, writeSync } from 'node:fs'
import { createMemoryStore, systemClock } from '@collab/core'
import type { DocVersion } from '@collab/core'
import { describe, expect, it } from 'vitest'
import { decodeRow, encodeRow } from './base-row.js'
import { eventually, testFolder } from './testing/disk-harness.js'
import { hashText } from './text-content.js'
import { alike, lateFolder, matches, testPeer, Wire } from './testing/workspace-harness.js'
import type { TestPeer } from './testing/workspace-harness.js'

const named = (peer: TestPeer, name: string): readonly unknown[] => peer.events.filter((event) => event.name === name).map(({ payload }) => payload)
const numbered = (count: number): Record<string, string> => Object.fromEntries(Array.from({ length: count }, (_, at) => [`n${at}.md`, `note ${at}\n`]))

describe('one folder', () => {
  it('[SYNC1] takes files of the disk into the workspace', async () => {
    await using peer = await testPeer({ files: { 'a.md': 'one\n', 'd/b.md': 'two\n' } })
    await matches(peer, { 'a.md': 'one\n', 'd/b.md': 'two\n' })
    expect(peer.sync.status()).toMatchObject({ files: 2, skipped: [] })
  })

  it('[SYNC2] lists what is not synced, and syncs it when it becomes text', async () => {
    await using peer = await testPeer({ blobs: { enabled: false } })
    writeFileSync(peer.folder.at('zero.md'), Buffer.from([65, 0, 66]))
    writeFileSync(peer.folder.at('latin.md'), Buffer.from([0xe9, 0x20]))
    symlinkSync('zero.md', peer.folder.at('link.md'))
    await eventually('all are listed', () => peer.sync.status().skipped.length === 3)
    expect(peer.sync.status().skipped.map(({ path }) => path)).toEqual(['latin.md', 'link.md', 'zero.md'])
    peer.write('zero.md', 'now text\n')
    await eventually('it is synced', () => peer.workspace.tree.at('zero.md') !== undefined)
    await eventually('it is no longer listed', () => peer.sync.status().skipped.length === 2)
  })

  it('[SYNC3] keeps the node of a renamed file, and of files in a renamed directory', async () => {
    await using peer = await testPeer({ files: { 'a.md': 'some text\n', 'd/x.md': 'x text\n', 'd/y.md': 'y text\n' } })
    await matches(peer, { 'a.md': 'some text\n', 'd/x.md': 'x text\n', 'd/y.md': 'y text\n' })
    const { tree } = peer.workspace
    const before = ['a.md', 'd', 'd/x.md'].map((path) => tree.at(path)?.node)
    renameSync(peer.folder.at('a.md'), peer.folder.at('b.md'))
    renameSync(peer.folder.at('d'), peer.folder.at('e'))
    await matches(peer, { 'b.md': 'some text\n', 'e/x.md': 'x text\n', 'e/y.md': 'y text\n' })
    expect(['b.md', 'e', 'e/x.md'].map((path) => tree.at(path)?.node)).toEqual(before)
    expect([tree.at('a.md'), tree.at('d')?.node]).toEqual([undefined, undefined])
    const moves = named(peer, 'change').filter((change) => (change as { what: string }).what === 'moved')
    expect(moves).toHaveLength(2)
  })

  it('[SYNC4] takes a rename followed at once by an edit as both', async () => {
    await using peer = await testPeer({ files: { 'a.md': 'a first line\nand a second\n' } })
    await matches(peer, { 'a.md': 'a first line\nand a second\n' })
    const node = peer.workspace.tree.at('a.md')?.node
    renameSync(peer.folder.at('a.md'), peer.folder.at('b.md'))
    peer.write('b.md', 'a first line\nand a second\nand a third\n')
    await matches(peer, { 'b.md': 'a first line\nand a second\nand a third\n' })
    expect(peer.workspace.tree.at('b.md')?.node).toBe(node)
  })

  it('[REN8] takes a rename of a short file followed at once by a long text as both', async () => {
    await using peer = await testPeer({ files: { 'd/a.md': 'a short line\n', 'd/left.md': 'this one stays\n' } })
    await matches(peer, { 'd/a.md': 'a short line\n', 'd/left.md': 'this one stays\n' })
    const node = peer.workspace.tree.at('d/a.md')?.node
    const long = `before it\na short line\n${'and much more behind it\n'.repeat(20)}`
    renameSync(peer.folder.at('d/a.md'), peer.folder.at('b.md'))
    peer.write('b.md', long)
    await matches(peer, { 'b.md': long, 'd/left.md': 'this one stays\n' })
    expect(peer.workspace.tree.at('b.md')?.node).toBe(node)
  })

  it('[SYNC5] deletes a directory as one', async () => {
    await using peer = await testPeer({ files: { 'keep.md': 'k\n', 'd/x.md': 'x\n', 'd/e/y.md': 'y\n' } })
    await matches(peer, { 'keep.md': 'k\n', 'd/x.md': 'x\n', 'd/e/y.md': 'y\n' })
    const { entries } = peer.workspace.status()
    rmSync(peer.folder.at('d'), { recursive: true })
    await eventually('the directory is gone', () => peer.workspace.tree.at('d') === undefined && peer.sync.status().dirty === 0)
    expect(peer.workspace.status().entries).toBe(entries + 1)
    expect(peer.sync.status().files).toBe(1)
  })

  it('[SYNC6] reads no file when it starts again and nothing changed', async () => {
    const first = await testPeer({ files: numbered(30) })
    await matches(first, numbered(30))
    const later = { ...systemClock, now: () => Date.now() + 10_000 }
    // The files are as fresh as their rows: a start some time later reads them once more to be sure, and then never again.
    const second = await first.restart(undefined, { clock: later })
    await second.sync.settled()
    expect(second.reads).toHaveLength(30)
    await using third = await second.restart()
    await third.sync.settled()
    expect(third.sync.status()).toMatchObject({ files: 30, dirty: 0 })
    expect(third.reads).toEqual([])
  })

  it('[SYNC7] takes what was changed, made, renamed and deleted while it was not running', async () => {
    const first = await testPeer({ files: { 'a.md': 'one\n', 'b.md': 'two\n', 'c.md': 'three three\n', 'd.md': 'four\n' } })
    await matches(first, { 'a.md': 'one\n', 'b.md': 'two\n', 'c.md': 'three three\n', 'd.md': 'four\n' })
    await using peer = await first.restart(() => {
      first.write('a.md', 'one\nmore\n')
      rmSync(first.folder.at('b.md'))
      renameSync(first.folder.at('c.md'), first.folder.at('sub.md'))
      first.write('new.md', 'new\n')
    })
    await matches(peer, { 'a.md': 'one\nmore\n', 'sub.md': 'three three\n', 'd.md': 'four\n', 'new.md': 'new\n' })
    expect(peer.workspace.tree.at('b.md')).toBeUndefined()
    expect(peer.workspace.tree.at('c.md')).toBeUndefined()
  })
})

describe('two folders', () => {
  it('[SYNC8] brings files, edits, renames, modes and deletions to the other disk', async () => {
    const wire = new Wire()
    await using a = await testPeer({ wire, files: { 'a.md': 'one\n', 'd/b.md': 'two\n', 'gone.md': 'x\n' } })
    await using b = await testPeer({ wire })
    await matches(b, { 'a.md': 'one\n', 'd/b.md': 'two\n', 'gone.md': 'x\n' })
    b.write('a.md', 'one\nmore\n')
    renameSync(b.folder.at('d'), b.folder.at('e'))
    rmSync(b.folder.at('gone.md'))
    chmodSync(b.folder.at('a.md'), 0o755)
    await matches(a, { 'a.md': 'one\nmore\n', 'e/b.md': 'two\n' })
    const { fs } = a.folder
    await eventually('the mode came', () => {
      const fact = fs.fact('a.md' as never)
      return fact.kind === 'file' && fact.executable
    })
    await alike(a, b)
    await eventually('the old directory is gone', () => a.folder.fs.fact('d' as never).kind === 'absent')
  })

  it('[SYNC9] [REG18] sends nothing and writes nothing once both are equal', async () => {
    const wire = new Wire()
    await using a = await testPeer({ wire, files: { 'a.md': 'one\n' } })
    await using b = await testPeer({ wire })
    await matches(b, { 'a.md': 'one\n' })
    b.write('a.md', 'one two\n')
    await matches(a, { 'a.md': 'one two\n' })
    await alike(a, b)
    const counts = (): readonly number[] => [a, b].flatMap((peer) => [peer.workspace.status().entries, peer.events.length])
    const files = (): readonly unknown[] => [a, b].map(({ folder }) => [folder.fs.fact('a.md' as never), readdirSync(folder.at('.collab/trash')), readdirSync(folder.at('.collab/temp'))])
    const before = [counts(), files()] as const
    // Both look at everything once more: what they find must be equal.
    for (const peer of [a, b]) await peer.sync.rescan()
    expect([counts(), files()]).toEqual(before)
    expect(before[0].filter((_, at) => at % 2 === 0)).toEqual([2, 2])
  })

  it('[SYNC10] merges edits that both made to one file while apart', async () => {
    const wire = new Wire()
    await using a = await testPeer({ wire, files: { 'a.md': 'alpha\nbeta\ngamma\n' } })
    await using b = await testPeer({ wire })
    await matches(b, { 'a.md': 'alpha\nbeta\ngamma\n' })
    wire.cut()
    a.write('a.md', 'ALPHA\nbeta\ngamma\n')
    b.write('a.md', 'alpha\nbeta\ngamma 😀\n')
    await matches(a, { 'a.md': 'ALPHA\nbeta\ngamma\n' })
    await matches(b, { 'a.md': 'alpha\nbeta\ngamma 😀\n' })
    wire.join()
    await matches(a, { 'a.md': 'ALPHA\nbeta\ngamma 😀\n' })
    await matches(b, { 'a.md': 'ALPHA\nbeta\ngamma 😀\n' })
  })

  it('[SYNC11] an edit beats a deletion made elsewhere at the same time', async () => {
    const wire = new Wire()
    await using a = await testPeer({ wire, files: { 'a.md': 'alpha\nbeta\n', 'b.md': 'other\n' } })
    await using b = await testPeer({ wire })
    await matches(b, { 'a.md': 'alpha\nbeta\n', 'b.md': 'other\n' })
    wire.cut()
    rmSync(a.folder.at('a.md'))
    b.write('a.md', 'alpha\nbeta\ngamma\n')
    await eventually('deleted here', () => a.workspace.tree.at('a.md') === undefined)
    await matches(b, { 'a.md': 'alpha\nbeta\ngamma\n', 'b.md': 'other\n' })
    wire.join()
    await matches(a, { 'a.md': 'alpha\nbeta\ngamma\n', 'b.md': 'other\n' })
    await matches(b, { 'a.md': 'alpha\nbeta\ngamma\n', 'b.md': 'other\n' })
  })

  it('[SYNC12] [REG20] a rename here and an edit there give the edited file under the new name', async () => {
    const wire = new Wire()
    await using a = await testPeer({ wire, files: { 'a.md': 'alpha\nbeta\n' } })
    await using b = await testPeer({ wire })
    await matches(b, { 'a.md': 'alpha\nbeta\n' })
    wire.cut()
    renameSync(a.folder.at('a.md'), a.folder.at('z.md'))
    b.write('a.md', 'alpha\nbeta\ngamma\n')
    await matches(a, { 'z.md': 'alpha\nbeta\n' })
    await matches(b, { 'a.md': 'alpha\nbeta\ngamma\n' })
    wire.join()
    await matches(a, { 'z.md': 'alpha\nbeta\ngamma\n' })
    await matches(b, { 'z.md': 'alpha\nbeta\ngamma\n' })
  })

  it('[SYNC34] a moved directory whose news come late is moved, with the edit that a peer made meanwhile', async () => {
    const wire = new Wire()
    const folder = await lateFolder()
    await using a = await testPeer({ wire, folder, files: { 'd/x.md': 'x one\nx two\n', 'd/y.md': 'y one\ny two\n' } })
    await using b = await testPeer({ wire })
    await matches(b, { 'd/x.md': 'x one\nx two\n', 'd/y.md': 'y one\ny two\n' })
    const node = a.workspace.tree.at('d/x.md')?.node
    folder.isLate = true
    renameSync(a.folder.at('d'), a.folder.at('e'))
    // The peer's edit makes the file be looked at while nothing is known of the move.
    b.write('d/x.md', 'x one\nx two\nx three\n')
    await matches(a, { 'e/x.md': 'x one\nx two\nx three\n', 'e/y.md': 'y one\ny two\n' })
    await matches(b, { 'e/x.md': 'x one\nx two\nx three\n', 'e/y.md': 'y one\ny two\n' })
    expect(a.workspace.tree.at('e/x.md')?.node).toBe(node)
  })

  it('[SYNC35] a directory that is moved while the folder is opened is moved, whatever a peer sent meanwhile', async () => {
    const wire = new Wire()
    const folder = await testFolder()
    await using b = await testPeer({ wire })
    const before = await testPeer({ wire, folder, files: { 'd/x.md': 'x one\nx two\n', 'd/y.md': 'y one\ny two\n' } })
    await matches(b, { 'd/x.md': 'x one\nx two\n', 'd/y.md': 'y one\ny two\n' })
    const node = b.workspace.tree.at('d/x.md')?.node
    const known = b.workspace.status().entries
    const steps: string[] = []
    let release = (): void => undefined
    const open = new Promise<void>((resolve) => (release = resolve))
    await using a = await before.restart(undefined, {
      begin: false,
      prepare: (fs) => {
        const { watch, scan, fact } = { watch: fs.watch.bind(fs), scan: fs.scan.bind(fs), fact: fs.fact.bind(fs) }
        fs.watch = async (...args) => await open.then(() => watch(...args))
        fs.scan = async (...args) => await scan(...args).finally(() => steps.push('listed'))
        fs.fact = (at) => (at.includes('x.md') && steps.push('looked'), fact(at))
      }
    })
    await a.workspace.start()
    const starting = a.sync.start()
    renameSync(a.folder.at('d'), a.folder.at('e'))
    b.write('d/x.md', 'x one\nx two\nx three\n')
    await eventually('the edit is here', () => a.workspace.status().entries > known)
    await b.sync.settled()
    release()
    await starting
    await matches(a, { 'e/x.md': 'x one\nx two\nx three\n', 'e/y.md': 'y one\ny two\n' })
    await matches(b, { 'e/x.md': 'x one\nx two\nx three\n', 'e/y.md': 'y one\ny two\n' })
    expect(a.workspace.tree.at('e/x.md')?.node).toBe(node)
    expect(steps.indexOf('looked')).toBeGreaterThan(steps.indexOf('listed'))
  })

  it('[SYNC37] a file that is moved while it is being looked at keeps its node', async () => {
    const before = await testPeer({ files: { 'a.md': 'some text\n', 'd/x.md': 'x text\n' } })
    await matches(before, { 'a.md': 'some text\n', 'd/x.md': 'x text\n' })
    const node = before.workspace.tree.at('d/x.md')?.node
    // Touched just before the stop, so that the next start reads it; it is moved in that moment.
    let moved = false
    await using peer = await before.restart(undefined, {
      prepare: (fs) => {
        const read = fs.read.bind(fs)
        fs.read = async (path, options) => {
          if (path === 'd/x.md' && !moved) renameSync(before.folder.at(path), before.folder.at('y.md'))
          moved ||= path === 'd/x.md'
          return await read(path, options)
        }
      }
    })
    await matches(peer, { 'a.md': 'some text\n', 'y.md': 'x text\n' })
    expect([moved, peer.workspace.tree.at('y.md')?.node]).toEqual([true, node])
  })

  it('[SYNC38] a directory moved to where another was made meanwhile is one with it', async () => {
    const wire = new Wire()
    await using a = await testPeer({ wire, files: { 'd/x.md': 'x\n', 'd/sub/y.md': 'y\n' } })
    await using b = await testPeer({ wire })
    await matches(b, { 'd/sub/y.md': 'y\n', 'd/x.md': 'x\n' })
    wire.cut()
    renameSync(b.folder.at('d'), b.folder.at('e'))
    await matches(b, { 'e/sub/y.md': 'y\n', 'e/x.md': 'x\n' })
    a.write('e/sub/z.md', 'z\n')
    await matches(a, { 'd/sub/y.md': 'y\n', 'd/x.md': 'x\n', 'e/sub/z.md': 'z\n' })
    wire.join()
    const all = { 'e/sub/y.md': 'y\n', 'e/sub/z.md': 'z\n', 'e/x.md': 'x\n' }
    await matches(a, all)
    await matches(b, all)
    await eventually('the old directory is gone', () => ![a, b].some((peer) => existsSync(peer.folder.at('d'))))
    await a.sync.rescan()
    expect([a.workspace.tree.at('d'), named(a, 'warning')]).toEqual([undefined, []])
  })

  it('[SYNC36] a directory made on the way to a peer\'s file goes when the peer deletes it', async () => {
    const wire = new Wire()
    await using b = await testPeer({ wire })
    const folder = await lateFolder()
    folder.isLate = true
    await using a = await testPeer({
      wire,
      folder,
      prepare: (fs) => {
        fs.makeDirectory = async () => ({ kind: 'blocked', reason: 'not now' })
      }
    })
    b.write('d/e/x.md', 'x\n')
    await matches(a, { 'd/e/x.md': 'x\n' })
    rmSync(b.folder.at('d'), { recursive: true })
    await matches(a, {})
    await eventually('both have forgotten the directory', () => ![a, b].some((peer) => existsSync(peer.folder.at('d'))))
    await a.sync.rescan()
    expect([a, b].map((peer) => peer.workspace.tree.at('d'))).toEqual([undefined, undefined])
  })

  it('[SYNC13] files that swap their names arrive swapped', async () => {
    const wire = new Wire()
    await using a = await testPeer({ wire, files: { 'a.md': 'was a\n', 'b.md': 'was b\n' } })
    await using b = await testPeer({ wire })
    await matches(b, { 'a.md': 'was a\n', 'b.md': 'was b\n' })
    const nodes = ['a.md', 'b.md'].map((path) => a.workspace.tree.at(path)?.node)
    const [first, second] = nodes
    if (first === undefined || second === undefined) throw new Error('not there')
    await a.workspace.edit([{ type: 'move', node: first, path: 'tmp.md' }, { type: 'move', node: second, path: 'a.md' }, { type: 'move', node: first, path: 'b.md' }])
    await matches(a, { 'a.md': 'was b\n', 'b.md': 'was a\n' })
    await matches(b, { 'a.md': 'was b\n', 'b.md': 'was a\n' })
  })

  it('[SYNC14] [REG16] a directory that a peer deleted stays while it holds what is not synced, and says so once', async () => {
    const wire = new Wire()
    await using a = await testPeer({ wire, files: { 'd/x.md': 'x\n', 'k.md': 'k\n' } })
    await using b = await testPeer({ wire, blobs: { enabled: false } })
    await matches(b, { 'd/x.md': 'x\n', 'k.md': 'k\n' })
    writeFileSync(b.folder.at('d/photo.bin'), Buffer.from([0, 1, 2]))
    await eventually('it is listed', () => b.sync.status().skipped.length === 1)
    rmSync(a.folder.at('d'), { recursive: true })
    await eventually('the synced file is gone', () => b.names().join() === 'd/photo.bin,k.md')
    await b.sync.settled()
    expect(named(b, 'warning')).toHaveLength(1)
    expect(a.workspace.tree.at('d')).toBeUndefined()
    expect(b.workspace.tree.at('d')).toBeUndefined()
  })
})

describe('a deleted directory', () => {
  it('[SYNC14] says nothing of what somebody has just put into it, and comes back with that', async () => {
    const wire = new Wire()
    await using a = await testPeer({ wire, files: { 'd/x.md': 'x\n', 'k.md': 'k\n' } })
    await using b = await testPeer({ wire })
    await matches(b, { 'd/x.md': 'x\n', 'k.md': 'k\n' })
    wire.cut()
    rmSync(a.folder.at('d'), { recursive: true })
    await matches(a, { 'k.md': 'k\n' })
    // New, so it is not read at once; the directory is to go before that.
    b.write('d/new.md', 'new\n')
    wire.join()
    await matches(a, { 'd/new.md': 'new\n', 'k.md': 'k\n' })
    await matches(b, { 'd/new.md': 'new\n', 'k.md': 'k\n' })
    expect(named(b, 'warning')).toEqual([])
  })
})

describe('joining', () => {
  it('[SYNC15] [REG1] takes identical files as they are: nothing doubled, nothing written', async () => {
    const wire = new Wire()
    const files = { 'a.md': 'same\n', 'd/b.md': 'also the same\n' }
    await using a = await testPeer({ wire, files })
    await matches(a, files)
    await using b = await testPeer({ wire, files, joinWaitMs: 3_000 })
    const inode = b.folder.fs.fact('a.md' as never)
    await matches(b, files)
    await matches(a, files)
    expect(b.folder.fs.fact('a.md' as never)).toEqual(inode)
    expect(named(b, 'change')).toEqual([])
  })

  it('[SYNC16] keeps both sides of files that differ, and deletes nothing', async () => {
    const wire = new Wire()
    await using a = await testPeer({ wire, files: { 'same-lines.md': 'one\ntwo\nthree\nfour\n', 'other.md': 'completely unlike\n', 'only-a.md': 'a\n' } })
    await eventually('a is ready', () => a.sync.status().files === 3)
    await using b = await testPeer({
      wire,
      files: { 'same-lines.md': 'one\ntwo\nthree\nfour\nfive\n', 'other.md': 'zzz 12345 qqqqq\n', 'only-b.md': 'b\n' },
      joinWaitMs: 3_000
    })
    await eventually('both have all', () => a.names().includes('only-b.md') && b.names().includes('only-a.md') && a.names().length > 4)
    await alike(a, b)
    const all = a.names().map((name) => a.read(name)).join('')
    for (const line of ['one\ntwo\nthree\nfour\nfive\n', 'completely unlike\n', 'zzz 12345 qqqqq\n', 'a\n', 'b\n']) expect(all).toContain(line)
    expect(all.split('three').length - 1).toBe(1)
  })

  it('[SYNC17] shows the plan and changes nothing', async () => {
    const wire = new Wire()
    await using a = await testPeer({ wire, files: { 'a.md': 'same\n', 'b.md': 'theirs\n', 'only-a.md': 'a\n' } })
    await eventually('a is ready', () => a.sync.status().files === 3)
    await using b = await testPeer({ wire, begin: false, files: { 'a.md': 'same\n', 'b.md': 'mine\n', 'only-b.md': 'b\n' } })
    await b.workspace.start()
    await b.workspace.whenSynced()
    const names = b.names()
    expect(await b.sync.dryRun()).toEqual([
      { path: 'a.md', action: 'same' },
      { path: 'b.md', action: 'merge' },
      { path: 'only-a.md', action: 'fetch new' },
      { path: 'only-b.md', action: 'send new' }
    ])
    expect(b.names()).toEqual(names)
    expect(b.workspace.status().entries).toBe(a.workspace.status().entries)
  })

  it('[SYNC18] [REG10] after its store was lost a folder joins anew: no loss, no doubling', async () => {
    const wire = new Wire()
    await using a = await testPeer({ wire, files: { 'a.md': 'one\n', 'b.md': 'two\n' } })
    const lost = await testPeer({ wire })
    await matches(lost, { 'a.md': 'one\n', 'b.md': 'two\n' })
    await lost.stop()
    a.write('a.md', 'one\nmore\n')
    await using b = await testPeer({ wire, folder: lost.folder, joinWaitMs: 3_000 })
    await eventually('the edit came', () => b.names().some((name) => b.read(name)?.includes('more') === true))
    await alike(a, b)
    expect(a.read('b.md')).toBe('two\n')
    expect(a.names().map((name) => a.read(name)).join('')).toContain('more')
  })

  it('[SYNC33] a folder whose store was lost doubles nothing that was typed into it, and adds what was typed since', async () => {
    const wire = new Wire()
    await using a = await testPeer({ wire, files: { 'a.md': 'one\ntwo\n', 'b.md': '' } })
    const lost = await testPeer({ wire })
    await matches(lost, { 'a.md': 'one\ntwo\n', 'b.md': '' })
    lost.write('a.md', 'one\ntwo\ntyped here\n')
    await matches(a, { 'a.md': 'one\ntwo\ntyped here\n', 'b.md': '' })
    await lost.stop()
    a.write('a.md', 'zero\none\ntwo\ntyped here\n')
    lost.write('a.md', 'one\ntwo\ntyped here\ntyped since\n')
    lost.write('b.md', 'no longer empty\n')
    await using b = await testPeer({ wire, folder: lost.folder, joinWaitMs: 20_000 })
    const both = { 'a.md': 'zero\none\ntwo\ntyped here\ntyped since\n', 'b.md': 'no longer empty\n' }
    await matches(a, both)
    await matches(b, both)
  })
})

describe('what went wrong for others', () => {
  it('[SYNC25] [REG2] takes two deletions in one save as two deletions', async () => {
    const wire = new Wire()
    await using a = await testPeer({ wire, files: { 'a.md': 'one\ntwo\nthree\nfour\nfive\n' } })
    await using b = await testPeer({ wire })
    await matches(b, { 'a.md': 'one\ntwo\nthree\nfour\nfive\n' })
    b.write('a.md', 'one\nthree\nfive\n')
    await matches(a, { 'a.md': 'one\nthree\nfive\n' })
  })

  it('[SYNC26] [REG4] the same machine-made change on two disks appears once', async () => {
    const wire = new Wire()
    const before = Array.from({ length: 12 }, (_, at) => `const  value${at}=${at}`).join('\n')
    const after = Array.from({ length: 12 }, (_, at) => `const value${at} = ${at};`).join('\n')
    await using a = await testPeer({ wire, files: { 'a.ts': before } })
    await using b = await testPeer({ wire })
    await matches(b, { 'a.ts': before })
    wire.cut()
    a.write('a.ts', after)
    b.write('a.ts', after)
    await matches(a, { 'a.ts': after })
    await matches(b, { 'a.ts': after })
    wire.join()
    await eventually('they know each other', () => a.workspace.status().entries === 3 && b.workspace.status().entries === 3)
    await alike(a, b)
    expect(a.read('a.ts')).toBe(after)
  })

  it('[SYNC27] [REG9] a file made where a peer places one is kept', async () => {
    const wire = new Wire()
    await using a = await testPeer({ wire })
    await using b = await testPeer({ wire })
    a.write('same.md', 'what a wrote there\n')
    b.write('same.md', '0123456789\n')
    await eventually('both are on both disks', () => [a, b].every((peer) => {
      const all = peer.names().map((name) => peer.read(name)).join('')
      return all.includes('what a wrote there\n') && all.includes('0123456789\n')
    }))
    await alike(a, b)
    const other = a.names().find((name) => name !== 'same.md')
    expect([...named(a, 'conflict'), ...named(b, 'conflict')]).toContainEqual({ path: 'same.md', other })
  })

  it('[SYNC28] after a crash between placing a file and noting it, the file is known for ours', async () => {
    const wire = new Wire()
    await using a = await testPeer({ wire, files: { 'a.md': 'one\n' } })
    const first = await testPeer({ wire })
    await matches(first, { 'a.md': 'one\n' })
    const [[key, value] = ['', new Uint8Array()]] = await first.workspace.rows.scan('folder_base')
    const row = decodeRow(key, value)
    if (row.type !== 'file' || row.agreed === undefined) throw new Error('no row')
    const unsure = { ...row, agreed: undefined, signature: undefined, wanted: { doc: row.doc, ...row.agreed } }
    await first.sync.stop()
    await first.workspace.rows.commit([{ table: 'folder_base', key, value: encodeRow(unsure) }])
    a.write('a.md', 'one\nmore\n')
    await using b = await first.restart()
    await matches(b, { 'a.md': 'one\nmore\n' })
    expect(named(b, 'change')).toEqual([{ path: 'a.md', what: 'edited', from: 'peer' }])
    expect(a.names()).toEqual(['a.md'])
  })

  it('[BASE6] an edit made while a crash leaves open what was on the disk deletes nothing that it shows no trace of', async () => {
    const wire = new Wire()
    await using a = await testPeer({ wire, files: { 'a.md': 'one\ntwo, which is rather long\nthree\n' } })
    const first = await testPeer({ wire })
    await matches(first, { 'a.md': 'one\ntwo, which is rather long\nthree\n' })
    await first.sync.stop()
    a.write('a.md', 'one\nsecond\nthree\n')
    const doc = a.workspace.tree.at('a.md')?.content
    if (doc?.kind !== 'text') throw new Error('no text')
    await eventually('the edit came', () => first.workspace.status().entries === a.workspace.status().entries && a.workspace.status().entries > 1)
    const { text, version } = await first.workspace.readText(doc.doc)
    const [[key, value] = ['', new Uint8Array()]] = await first.workspace.rows.scan('folder_base')
    const row = decodeRow(key, value)
    if (row.type !== 'file') throw new Error('no row')
    // As it is when the process ends between the intention and the disk.
    const intended = { ...row, wanted: { doc: doc.doc, version, hash: hashText(text) } }
    await first.workspace.rows.commit([{ table: 'folder_base', key, value: encodeRow(intended) }])
    first.write('a.md', 'one\nthree\nfour\n')
    await using b = await first.restart()
    await eventually('the edit of the restarted one came', () => a.read('a.md')?.includes('four') === true)
    await alike(a, b)
    expect(b.read('a.md')).toContain('second')
  })

  it('[BASE8] an edit that shows a line of the text that a crash may have put there was made on it, however near an older one is', async () => {
    const wire = new Wire()
    await using a = await testPeer({ wire, files: { 'a.md': '' } })
    const first = await testPeer({ wire })
    await matches(first, { 'a.md': '' })
    a.write('a.md', 'one, which is rather long\n')
    await matches(first, { 'a.md': 'one, which is rather long\n' })
    await first.sync.stop()
    const { entries } = first.workspace.status()
    a.write('a.md', 'two\none, which is rather long\n')
    await eventually('the edit came', () => first.workspace.status().entries > entries)
    const [[key, value] = ['', new Uint8Array()]] = await first.workspace.rows.scan('folder_base')
    const row = decodeRow(key, value)
    if (row.type !== 'file') throw new Error('no row')
    const { text, version } = await first.workspace.readText(row.doc)
    const intended = { ...row, wanted: { doc: row.doc, version, hash: hashText(text) } }
    await first.workspace.rows.commit([{ table: 'folder_base', key, value: encodeRow(intended) }])
    // It was placed: what is there is a new file.
    first.write('.collab/placed', 'two\nthree\n')
    renameSync(first.folder.at('.collab/placed'), first.folder.at('a.md'))
    await using b = await first.restart()
    await matches(a, { 'a.md': 'two\nthree\n' })
    await alike(a, b)
  })

  it('[BASE7] a text that a crash may have put on the disk is no edit when it turns up elsewhere, whatever came meanwhile', async () => {
    const wire = new Wire()
    await using a = await testPeer({ wire, files: { 'a.md': 'one\n' } })
    const first = await testPeer({ wire })
    await matches(first, { 'a.md': 'one\n' })
    await first.sync.stop()
    const doc = a.workspace.tree.at('a.md')?.content
    if (doc?.kind !== 'text') throw new Error('no text')
    const arrives = async (text: string): Promise<DocVersion> => {
      const { entries } = first.workspace.status()
      a.write('a.md', text)
      await eventually('the edit came', () => first.workspace.status().entries > entries)
      const read = await first.workspace.readText(doc.doc)
      expect(read.text).toBe(text)
      return read.version
    }
    const version = await arrives('one\ntwo\n')
    const [[key, value] = ['', new Uint8Array()]] = await first.workspace.rows.scan('folder_base')
    const row = decodeRow(key, value)
    if (row.type !== 'file') throw new Error('no row')
    const wanted = { doc: doc.doc, version, hash: hashText('one\ntwo\n') }
    await first.workspace.rows.commit([{ table: 'folder_base', key, value: encodeRow({ ...row, wanted }) }])
    await arrives('zero\none\ntwo\n')
    await using b = await first.restart(() => {
      // It was placed, and somebody moved it since.
      rmSync(first.folder.at('a.md'))
      first.write('b.md', 'one\ntwo\n')
    })
    for (const peer of [a, b]) await matches(peer, { 'b.md': 'zero\none\ntwo\n' })
    expect(named(b, 'change')).not.toContainEqual(expect.objectContaining({ what: 'edited', from: 'disk' }))
  })

  it('[SYNC29] what a program writes into a replaced file is merged', async () => {
    const wire = new Wire()
    await using a = await testPeer({ wire, files: { 'a.md': 'one\ntwo\n' } })
    await using b = await testPeer({ wire })
    await matches(b, { 'a.md': 'one\ntwo\n' })
    const open = openSync(b.folder.at('a.md'), 'a')
    a.write('a.md', 'zero\none\ntwo\n')
    await matches(b, { 'a.md': 'zero\none\ntwo\n' })
    writeSync(open, 'three\n')
    closeSync(open)
    await matches(b, { 'a.md': 'zero\none\ntwo\nthree\n' })
    await matches(a, { 'a.md': 'zero\none\ntwo\nthree\n' })
  })

  it('[SYNC29] so it is after a restart where the store failed at that moment', async () => {
    const wire = new Wire()
    const store = createMemoryStore()
    const commit = store.commit.bind(store)
    let failures = 0
    let isFull = false
    store.commit = async (...args) => {
      if (!isFull) return await commit(...args)
      failures++
      throw new Error('no room')
    }
    await using a = await testPeer({ wire, files: { 'a.md': 'one\ntwo\n' } })
    const first = await testPeer({ wire, store })
    await matches(first, { 'a.md': 'one\ntwo\n' })
    const open = openSync(first.folder.at('a.md'), 'a')
    a.write('a.md', 'zero\none\ntwo\n')
    await matches(first, { 'a.md': 'zero\none\ntwo\n' })
    isFull = true
    writeSync(open, 'three\n')
    closeSync(open)
    await eventually('the store failed', () => failures > 0)
    await using b = await first.restart(() => (isFull = false))
    for (const peer of [a, b]) await matches(peer, { 'a.md': 'zero\none\ntwo\nthree\n' })
  })

  it('[SYNC29] never into another file that has its place since, where a crash left unnoted what it was', async () => {
    const wire = new Wire()
    await using a = await testPeer({ wire, files: { 'a.md': 'one\ntwo\n' } })
    await using b = await testPeer({ wire })
    await matches(b, { 'a.md': 'one\ntwo\n' })
    const open = openSync(b.folder.at('a.md'), 'a')
    a.write('a.md', 'zero\none\ntwo\n')
    await matches(b, { 'a.md': 'zero\none\ntwo\n' })
    for (const [key] of await b.workspace.rows.scan('folder_held')) await b.workspace.rows.commit([{ table: 'folder_held', key }])
    renameSync(a.folder.at('a.md'), a.folder.at('b.md'))
    await matches(b, { 'b.md': 'zero\none\ntwo\n' })
    a.write('a.md', 'of something else\naltogether\n')
    const files = { 'a.md': 'of something else\naltogether\n', 'b.md': 'zero\none\ntwo\n' }
    await matches(b, files)
    writeSync(open, 'three\n')
    closeSync(open)
    await eventually('it is told', () => b.events.some(({ name }) => name === 'warning'))
    for (const peer of [a, b]) await matches(peer, files)
  })

  it('[SYNC30] keeps bytes as they are: line ends, no final newline, characters beyond the first plane', async () => {
    const wire = new Wire()
    const files = { 'crlf.md': 'x\r\ny', 'empty.md': '', 'emoji.md': '😀\u{301}' }
    await using a = await testPeer({ wire, files })
    await using b = await testPeer({ wire })
    await matches(b, files)
    b.write('emoji.md', '😁\u{301}')
    await matches(a, { ...files, 'emoji.md': '😁\u{301}' })
  })

  it('[SYNC31] keeps a byte order mark', async () => {
    const wire = new Wire()
    await using a = await testPeer({ wire, files: { 'bom.md': '\u{feff}x\n' } })
    await using b = await testPeer({ wire })
    await matches(a, { 'bom.md': '\u{feff}x\n' })
    await matches(b, { 'bom.md': '\u{feff}x\n' })
  })

  it('[SYNC32] [REG17] takes what is edited while it starts', async () => {
    const first = await testPeer({ files: { 'a.md': 'one\n' } })
    await matches(first, { 'a.md': 'one\n' })
    await using peer = await first.restart(undefined, { begin: false })
    const starting = peer.sync.start()
    peer.write('a.md', 'one\ntwo\n')
    peer.write('b.md', 'new\n')
    await starting
    await matches(peer, { 'a.md': 'one\ntwo\n', 'b.md': 'new\n' })
  })
})

describe('guards', () => {
  it('[SYNC19] stops when the folder is emptied, keeps taking edits, and deletes after confirmation', async () => {
    await using peer = await testPeer({ files: numbered(30) })
    await matches(peer, numbered(30))
    for (const name of peer.names()) if (name !== 'n7.md') rmSync(peer.folder.at(name))
    await eventually('it asks', () => peer.sync.status().guard !== undefined)
    peer.write('n7.md', 'edited\n')
    await eventually('the edit is taken', () => named(peer, 'change').some((change) => (change as { what: string }).what === 'edited'))
    expect(peer.workspace.tree.at('n3.md')).toBeDefined()
    await peer.sync.confirm()
    await eventually('they are gone', () => peer.workspace.tree.at('n3.md') === undefined && peer.workspace.tree.at('n29.md') === undefined)
    expect(peer.sync.status().guard).toBeUndefined()
    expect(peer.workspace.tree.at('n7.md')).toBeDefined()
  })

  it('[SYNC20] stops before it removes many files that peers deleted', async () => {
    const wire = new Wire()
    await using a = await testPeer({ wire, files: numbered(30) })
    await using b = await testPeer({ wire })
    await matches(b, numbered(30))
    for (const name of a.names()) rmSync(a.folder.at(name))
    await eventually('a asks', () => a.sync.status().guard !== undefined)
    await a.sync.confirm()
    await eventually('b asks', () => b.sync.status().guard !== undefined)
    expect(b.names()).toHaveLength(30)
    await b.sync.confirm()
    await eventually('b is empty', () => b.names().length === 0)
  })

  it('[SYNC21] takes neither a missing marker nor a missing folder for a deletion', async () => {
    const first = await testPeer({ files: numbered(3) })
    await matches(first, numbered(3))
    await using peer = await first.restart(() => {
      rmSync(first.folder.root, { recursive: true })
      mkdirSync(first.folder.root)
    })
    await peer.sync.settled()
    expect(peer.sync.status().guard).toContain('marker')
    expect(peer.workspace.tree.size).toBe(3)
    await peer.sync.confirm()
    await matches(peer, numbered(3))
  })

  it('[SYNC22] files that come back release the stop', async () => {
    await using peer = await testPeer({ files: numbered(30) })
    await matches(peer, numbered(30))
    for (const name of peer.names()) rmSync(peer.folder.at(name))
    await eventually('it asks', () => peer.sync.status().guard !== undefined)
    for (const [name, text] of Object.entries(numbered(30))) peer.write(name, text)
    await eventually('it goes on', () => peer.sync.status().guard === undefined)
    await matches(peer, numbered(30))
  })
})

describe('a link that only reads', () => {
  it('[SYNC23] keeps a local edit beside, undoes a deletion and leaves new files alone', async () => {
    const wire = new Wire()
    await using a = await testPeer({ wire, files: { 'a.md': 'theirs\n', 'b.md': 'other\n' } })
    await using b = await testPeer({ wire, rights: 'read' })
    await matches(b, { 'a.md': 'theirs\n', 'b.md': 'other\n' })
    b.write('a.md', 'mine\n')
    b.write('mine.md', 'new\n')
    rmSync(b.folder.at('b.md'))
    await eventually('all is back', () => b.names().join() === 'a (local edit).md,a.md,b.md,mine.md' && b.read('a.md') === 'theirs\n')
    expect(b.read('a (local edit).md')).toBe('mine\n')
    await b.sync.settled()
    expect(a.names()).toEqual(['a.md', 'b.md'])
    expect(named(b, 'warning')).toHaveLength(1)
    expect(b.sync.status().skipped.map(({ path }) => path)).toContain('mine.md')
  })
})

describe('ignore rules', () => {
  it('[SYNC24] an ignored tracked file stops being synced here and is deleted nowhere', async () => {
    const wire = new Wire()
    await using a = await testPeer({ wire, files: { 'a.md': 'one\n', 'log.txt': 'x\n' } })
    await using b = await testPeer({ wire })
    await matches(b, { 'a.md': 'one\n', 'log.txt': 'x\n' })
    a.write('.collabignore', '*.txt\n')
    await eventually('the rules arrived', () => b.names().includes('.collabignore'))
    await b.sync.settled()
    rmSync(b.folder.at('log.txt'))
    b.write('other.txt', 'not synced\n')
    b.write('b.md', 'synced\n')
    await eventually('b.md arrived', () => a.names().includes('b.md'))
    await a.sync.settled()
    expect(a.names()).toEqual(['.collabignore', 'a.md', 'b.md', 'log.txt'])
    expect(a.workspace.tree.at('log.txt')).toBeDefined()
  })
})
