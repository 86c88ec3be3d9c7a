import { execFileSync } from 'node:child_process'
import { chmodSync, chownSync, existsSync, linkSync, lstatSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { silentLogger, systemClock } from '@collab/core'
import { afterEach, describe, expect, it } from 'vitest'
import type { FolderFs } from './folder-fs.js'
import { openFolder } from './node-fs.js'
import { eventually, path, signatureAt, testFolder } from './testing/disk-harness.js'
import type { TestFolder } from './testing/disk-harness.js'
import { Wire, alike, matches, testPeer } from './testing/workspace-harness.js'

const isAdministrator = process.getuid?.() === 0
const NOBODY = 65534
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)

/** What a test leaves behind is undone in reverse. */
const undo: (() => unknown)[] = []
afterEach(async () => {
  for (const each of undo.splice(0).reverse()) await each()
})

/** A folder that is a file system of its own; undefined where none can be mounted. */
async function mountedFolder(options: string): Promise<TestFolder | undefined> {
  const root = mkdtempSync(join(tmpdir(), 'mounted-'))
  undo.push(() => rmSync(root, { recursive: true, force: true }))
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', root], { stdio: 'ignore' })
  } catch {
    return undefined
  }
  undo.push(() => unmount(root))
  const fs = await openFolder({ root, logger: silentLogger, clock: systemClock })
  return { root, fs, at: (name) => join(root, name), [Symbol.asyncDispose]: () => fs.close() }
}

/** At once, whoever still has something open there. */
function unmount(root: string): void {
  try {
    execFileSync('umount', ['-l', root], { stdio: 'ignore' })
  } catch {
    // It is not mounted any more.
  }
}

describe('what went wrong elsewhere', () => {
  it('[REG13] a folder whose disk is unmounted is missing, not emptied: nothing is deleted, nothing is written under the mount', async ({ skip }) => {
    const folder = await mountedFolder('size=1m')
    if (folder === undefined) return skip('nothing can be mounted here')
    const wire = new Wire()
    await using a = await testPeer({ wire, folder, files: { 'a.md': 'one\n', 'd/b.md': 'two\n' } })
    await using b = await testPeer({ wire })
    await matches(b, { 'a.md': 'one\n', 'd/b.md': 'two\n' })
    unmount(folder.root)
    b.write('a.md', 'one\nmore\n')
    await eventually('the stop', () => a.events.some(({ name }) => name === 'guard'))
    await b.sync.rescan()
    expect([b.read('a.md'), b.read('d/b.md'), readdirSync(folder.root)]).toEqual(['one\nmore\n', 'two\n', []])
  })

  it('[REG5] a save made while a peer\'s edit is held here, and not on the disk yet, takes nothing back of it', async () => {
    const wire = new Wire()
    let isHeld = false
    const hold = (fs: FolderFs): void => {
      const replace = fs.replace.bind(fs)
      fs.replace = async (...args) => (isHeld ? { kind: 'blocked', reason: 'not now' } : await replace(...args))
    }
    await using a = await testPeer({ wire, files: { 'a.md': 'one\ntwo\nthree\n' }, prepare: hold })
    await using b = await testPeer({ wire })
    await matches(b, { 'a.md': 'one\ntwo\nthree\n' })
    isHeld = true
    b.write('a.md', 'zero\none\nthree\n')
    const doc = b.workspace.tree.at('a.md')?.content
    if (doc?.kind !== 'text') throw new Error('no text')
    const { workspace } = a
    await eventually('the edit is known and refused by the disk', () => workspace.status().entries > 1 && a.sync.status().skipped.length === 1)
    expect([(await workspace.readText(doc.doc)).text, a.read('a.md')]).toEqual(['zero\none\nthree\n', 'one\ntwo\nthree\n'])
    a.write('a.md', 'one\ntwo\nthree\nfour\n')
    await matches(b, { 'a.md': 'zero\none\nthree\nfour\n' })
    isHeld = false
    a.write('other.md', 'wakes it\n')
    for (const peer of [a, b]) await matches(peer, { 'a.md': 'zero\none\nthree\nfour\n', 'other.md': 'wakes it\n' })
  })

  it('[REG14] one that comes back after a long time brings nothing old back', async () => {
    const wire = new Wire()
    const a = await testPeer({ wire, files: { 'a.md': 'one\ntwo\n', 'b.md': 'gone soon\n', 'c.md': 'moved soon\n' } })
    await using b = await testPeer({ wire })
    await alike(a, b)
    await using back = await a.restart(() => undefined, { wire: new Wire() })
    for (let day = 0; day < 20; day++) {
      b.write('a.md', `one\ntwo\nday ${day}\n`)
      await b.sync.rescan()
    }
    rmSync(b.folder.at('b.md'))
    renameSync(b.folder.at('c.md'), b.folder.at('d.md'))
    const now = { 'a.md': 'one\ntwo\nday 19\n', 'd.md': 'moved soon\n' }
    await matches(b, now)
    await using returned = await back.restart(() => undefined, { wire })
    await matches(returned, now)
    await matches(b, now)
  })

  it('[REG19] a file that was deleted while another peer was away stays deleted, whoever starts again', async () => {
    const wire = new Wire()
    const a = await testPeer({ wire, files: { 'a.md': 'one\n', 'b.md': 'two\n' } })
    const b = await testPeer({ wire })
    await alike(a, b)
    const again = await a.restart(() => rmSync(b.folder.at('a.md')))
    await matches(b, { 'b.md': 'two\n' })
    await matches(again, { 'b.md': 'two\n' })
    await using first = await again.restart()
    await using second = await b.restart()
    await matches(first, { 'b.md': 'two\n' })
    await matches(second, { 'b.md': 'two\n' })
  })

  it('[REG21] a symlink in the place of the trash is refused, and links in the folder are neither followed nor deleted', async () => {
    const outside = mkdtempSync(join(tmpdir(), 'outside-'))
    undo.push(() => rmSync(outside, { recursive: true }))
    const wire = new Wire()
    await using a = await testPeer({ wire, files: { 'real.md': 'text\n' } })
    await using b = await testPeer({ wire })
    await alike(a, b)
    symlinkSync(outside, a.folder.at('d'))
    symlinkSync('real.md', a.folder.at('link.md'))
    b.write('d/x.md', 'for d\n')
    b.write('link.md', 'for link.md\n')
    await eventually('both are told', () => a.sync.status().skipped.filter(({ path }) => path === 'd' || path === 'link.md').length === 2)
    await a.sync.rescan()
    expect([readdirSync(outside), lstatSync(a.folder.at('d')).isSymbolicLink(), lstatSync(a.folder.at('link.md')).isSymbolicLink()]).toEqual([[], true, true])
    expect([a.read('real.md'), b.read('link.md')]).toEqual(['text\n', 'for link.md\n'])
    const other = mkdtempSync(join(tmpdir(), 'linked-trash-'))
    undo.push(() => rmSync(other, { recursive: true }))
    mkdirSync(join(other, '.collab'))
    symlinkSync(outside, join(other, '.collab/trash'))
    await expect(openFolder({ root: other, logger: silentLogger, clock: systemClock })).rejects.toMatchObject({ name: 'FolderUnusableError' })
  })

  it('[REG30] what is ignored from some start on is deleted neither here nor elsewhere, and synced again without the rule', async () => {
    const wire = new Wire()
    const a = await testPeer({ wire, files: { 'keep/a.md': 'one\n', 'b.md': 'two\n' } })
    await using b = await testPeer({ wire })
    await alike(a, b)
    const ignoring = await a.restart(() => writeFileSync(a.folder.at('.collabignore'), 'keep/\n'))
    await eventually('the rule', () => b.read('.collabignore') === 'keep/\n')
    const again = await ignoring.restart(() => rmSync(a.folder.at('keep'), { recursive: true }))
    await again.sync.settled()
    expect(b.read('keep/a.md')).toBe('one\n')
    await using free = await again.restart(() => rmSync(a.folder.at('.collabignore')))
    await matches(free, { 'b.md': 'two\n', 'keep/a.md': 'one\n' })
    expect(b.read('keep/a.md')).toBe('one\n')
  })
})

describe('disks that refuse', () => {
  it('[FAULT6] a disk that is mounted read-only is said so, and what waited is done once it is writable', async ({ skip }) => {
    const folder = await mountedFolder('size=1m')
    if (folder === undefined) return skip('nothing can be mounted here')
    await using _ = folder
    writeFileSync(folder.at('a.md'), 'old')
    const replace = () => folder.fs.replace(path('a.md'), bytes('new'), { expect: signatureAt(folder.fs, 'a.md'), executable: false })
    execFileSync('mount', ['-o', 'remount,ro', folder.root])
    expect(await replace()).toEqual({ kind: 'blocked', reason: 'The disk is mounted read-only.' })
    expect(readFileSync(folder.at('a.md'), 'utf8')).toBe('old')
    execFileSync('mount', ['-o', 'remount,rw', folder.root])
    expect(await replace()).toMatchObject({ kind: 'written' })
  })

  it.skipIf(!isAdministrator)('[FAULT7] where permission was taken away nothing is lost or taken for deleted, and all goes on once it is back', async () => {
    await using folder = await testFolder()
    mkdirSync(folder.at('d'))
    writeFileSync(folder.at('d/a.md'), 'old')
    for (const name of ['', '.collab', '.collab/trash', '.collab/temp', 'd', 'd/a.md']) chownSync(folder.at(name), NOBODY, NOBODY)
    const expect_ = signatureAt(folder.fs, 'd/a.md')
    const asNobody = async <T>(work: () => Promise<T>): Promise<T> => {
      process.seteuid?.(NOBODY)
      try {
        return await work()
      } finally {
        process.seteuid?.(0)
      }
    }
    const replace = () => asNobody(() => folder.fs.replace(path('d/a.md'), bytes('new'), { expect: expect_, executable: false }))
    await folder.fs.close()
    chmodSync(folder.at('d'), 0o500)
    expect(await replace()).toMatchObject({ kind: 'blocked', reason: expect.stringContaining('Permission') as string })
    expect(readFileSync(folder.at('d/a.md'), 'utf8')).toBe('old')
    chmodSync(folder.at('d'), 0)
    expect(await asNobody(async () => folder.fs.fact(path('d/a.md')))).toMatchObject({ kind: 'unreadable' })
    chmodSync(folder.at('d'), 0o700)
    expect(await replace()).toMatchObject({ kind: 'written' })
  })

  it.skipIf(!isAdministrator)('[FAULT7] a directory that may not be listed is told once, however often it is looked at', async () => {
    const folder = await testFolder()
    await using peer = await testPeer({ folder, files: { 'd/a.md': 'one\n', 'b.md': 'two\n' } })
    await matches(peer, { 'b.md': 'two\n', 'd/a.md': 'one\n' })
    for (const name of ['', '.collab', '.collab/marker.json', '.collab/trash', '.collab/temp', 'd', 'd/a.md', 'b.md']) chownSync(folder.at(name), NOBODY, NOBODY)
    chmodSync(folder.at('d'), 0)
    process.seteuid?.(NOBODY)
    try {
      for (let round = 0; round < 4; round++) {
        writeFileSync(folder.at('b.md'), `two\n${round}\n`)
        await peer.sync.rescan()
      }
    } finally {
      process.seteuid?.(0)
    }
    const told = peer.events.flatMap(({ name, payload }) => (name === 'skipped' && 'reason' in payload && 'path' in payload ? [payload.path] : []))
    expect(told.filter((each) => each === 'd')).toEqual(['d'])
    expect(peer.sync.status().skipped.map(({ path }) => path)).toContain('d')
    chmodSync(folder.at('d'), 0o755)
    await peer.sync.rescan()
    expect(peer.sync.status().skipped).toEqual([])
    expect(peer.read('d/a.md')).toBe('one\n')
  })

  it('[BAD1] a file that is linked from elsewhere is replaced here and stays as it was there', async () => {
    const wire = new Wire()
    await using a = await testPeer({ wire, files: { 'a.md': 'one\n' } })
    await using b = await testPeer({ wire })
    await alike(a, b)
    const elsewhere = mkdtempSync(join(tmpdir(), 'linked-'))
    undo.push(() => rmSync(elsewhere, { recursive: true }))
    linkSync(b.folder.at('a.md'), join(elsewhere, 'linked.md'))
    a.write('a.md', 'one\ntwo\n')
    await eventually('the edit', () => b.read('a.md') === 'one\ntwo\n')
    expect(readFileSync(join(elsewhere, 'linked.md'), 'utf8')).toBe('one\n')
    expect(existsSync(b.folder.at('linked.md'))).toBe(false)
  })
})
