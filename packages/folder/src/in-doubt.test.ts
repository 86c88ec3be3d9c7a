import { readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import type { DocId } from '@collab/core'
import { describe, expect, it } from 'vitest'
import { decodeRow, encodeRow } from './base-row.js'
import type { FileRow } from './base-row.js'
import { eventually } from './testing/disk-harness.js'
import { hashText } from './text-content.js'
import { Wire, alike, matches, testPeer } from './testing/workspace-harness.js'
import type { TestPeer } from './testing/workspace-harness.js'

const PICTURE = Buffer.from([0, 1, 2, 3])

const docOf = (peer: TestPeer): DocId | undefined => {
  const content = peer.workspace.tree.at('a.md')?.content
  return content?.kind === 'text' ? content.doc : undefined
}

/** What `act` makes of `a.md` comes to `to`, whose folder is stopped: its process ends when it is about to put it on the disk. */
async function leavesInDoubt(to: TestPeer, act: () => void, more: Partial<FileRow> = {}): Promise<void> {
  await to.sync.stop()
  const { entries } = to.workspace.status()
  act()
  await eventually('the edit came', () => to.workspace.status().entries > entries && docOf(to) !== undefined)
  const [[key, value] = ['', new Uint8Array()]] = await to.workspace.rows.scan('folder_base')
  const row = decodeRow(key, value)
  const doc = docOf(to)
  if (row.type !== 'file' || doc === undefined) throw new Error('no row')
  const { text, version } = await to.workspace.readText(doc)
  const intended = { ...row, wanted: { doc, version, hash: hashText(text) }, ...more }
  await to.workspace.rows.commit([{ table: 'folder_base', key, value: encodeRow(intended) }])
}

/** A save to a new file that takes the place of the old one. */
function saveAnew(peer: TestPeer, name: string, content: string | Uint8Array): void {
  writeFileSync(peer.folder.at('.collab/saved'), content)
  renameSync(peer.folder.at('.collab/saved'), peer.folder.at(name))
}

describe('what a crash left in doubt', () => {
  it('[BASE8] was not there where the file is still the one that was to be replaced, whatever line an edit of it shows', async () => {
    const wire = new Wire()
    await using a = await testPeer({ wire, files: { 'a.md': 'one\n' } })
    const first = await testPeer({ wire })
    await matches(first, { 'a.md': 'one\n' })
    await leavesInDoubt(first, () => a.write('a.md', 'one\ntwo\nthree\n'))
    first.write('a.md', 'one\ntwo\nfour\n')
    await using b = await first.restart()
    await eventually('the edit of the restarted one came', () => a.read('a.md')?.includes('four') === true)
    await alike(a, b)
    expect(b.read('a.md')).toContain('three')
  })

  it('[BASE2] was what an editor may not have seen that saves later, also where it only takes lines away', async () => {
    const wire = new Wire()
    const before = 'one\ntwo, which is rather long\n'
    await using a = await testPeer({ wire, files: { 'a.md': before } })
    const first = await testPeer({ wire })
    await matches(first, { 'a.md': before })
    await leavesInDoubt(first, () => a.write('a.md', 'one\n'))
    saveAnew(first, 'a.md', 'one\n')
    await using b = await first.restart()
    await matches(b, { 'a.md': 'one\n' })
    b.write('a.md', `${before}three\n`)
    for (const peer of [a, b]) await matches(peer, { 'a.md': 'one\nthree\n' })
  })

  it('[BASE8] is known by the file whose place it took as that was last, not as it was noted long ago', async () => {
    const wire = new Wire()
    const after = 'one\ntwo, which is rather long\n'
    await using a = await testPeer({ wire, files: { 'a.md': 'one\n' } })
    const first = await testPeer({ wire })
    await matches(first, { 'a.md': 'one\n' })
    // A number that a file had which is gone, and that the system gives to the next one.
    first.write('.collab/next', `${after}three\n`)
    const ino = statSync(first.folder.at('.collab/next'), { bigint: true }).ino
    await leavesInDoubt(first, () => a.write('a.md', after), { wanted: undefined, signature: { ino, size: 1n, mtimeNs: 1n, ctimeNs: 1n } })
    let isDead = false
    const second = await first.restart(undefined, { prepare: (fs) => (fs.replace = () => ((isDead = true), Promise.reject(new Error('ends here')))) })
    await eventually('it is about to be replaced', () => isDead)
    await using b = await second.restart(() => renameSync(second.folder.at('.collab/next'), second.folder.at('a.md')), { prepare: () => undefined })
    for (const peer of [a, b]) await matches(peer, { 'a.md': `${after}three\n` })
  })

  it('[DISK66] was not made from nothing where the file was found to be as the old one since', async () => {
    const wire = new Wire()
    const before = 'one\ntwo, which is rather long\n'
    await using a = await testPeer({ wire, files: { 'a.md': before } })
    const first = await testPeer({ wire })
    await matches(first, { 'a.md': before })
    await leavesInDoubt(first, () => a.write('a.md', `zero\n${before}`), { gap: true, wanted: undefined })
    let isDead = false
    const second = await first.restart(undefined, { prepare: (fs) => (fs.replace = () => ((isDead = true), Promise.reject(new Error('ends here')))) })
    await eventually('it is about to be replaced', () => isDead)
    await using b = await second.restart(() => saveAnew(second, 'a.md', 'one\n'), { prepare: () => undefined })
    for (const peer of [a, b]) await matches(peer, { 'a.md': 'zero\none\n' })
  })

  it('[FAULT5] is the content that is there when a text was to take its place, and no new file', async () => {
    const wire = new Wire()
    await using a = await testPeer({ wire })
    writeFileSync(a.folder.at('a.md'), PICTURE)
    const first = await testPeer({ wire })
    await eventually('it came', () => first.names().includes('a.md') && first.sync.status().dirty === 0)
    await leavesInDoubt(first, () => a.write('a.md', 'one\n'))
    await using b = await first.restart()
    for (const peer of [a, b]) await matches(peer, { 'a.md': 'one\n' })
  })

  it('[FAULT5] is the text that took the place of other content, and no other content any more', async () => {
    const wire = new Wire()
    await using a = await testPeer({ wire })
    writeFileSync(a.folder.at('a.md'), PICTURE)
    const first = await testPeer({ wire })
    await eventually('it came', () => first.names().includes('a.md') && first.sync.status().dirty === 0)
    await leavesInDoubt(first, () => a.write('a.md', 'one\n'))
    saveAnew(first, 'a.md', 'one\n')
    await using b = await first.restart()
    await matches(b, { 'a.md': 'one\n' })
    wire.cut()
    b.write('a.md', 'one\nfrom b\n')
    a.write('a.md', 'from a\none\n')
    await eventually('both are taken', () => [a, b].every(({ sync }) => sync.status().dirty === 0))
    wire.join()
    for (const peer of [a, b]) await matches(peer, { 'a.md': 'from a\none\nfrom b\n' })
  })

  it('[FAULT5] takes its path from no other file that has it since', async () => {
    const wire = new Wire()
    await using a = await testPeer({ wire, files: { 'a.md': 'one\n' } })
    const first = await testPeer({ wire })
    await matches(first, { 'a.md': 'one\n' })
    const others = Array.from({ length: 8 }, (_, at) => `n${at}.md`)
    for (const name of others) a.write(name, `${name}\n`)
    await eventually('they came', () => others.every((name) => first.read(name) !== undefined && first.sync.status().dirty === 0))
    const table = 'folder_base'
    for (const [key, value] of await first.workspace.rows.scan(table)) {
      const row = decodeRow(key, value)
      if (row.type !== 'file' || row.path === 'a.md' || row.agreed === undefined) continue
      const { doc, agreed } = row
      const intended: FileRow = { ...row, path: 'a.md' as FileRow['path'], agreed: undefined, signature: undefined, wanted: { doc, ...agreed } }
      await first.workspace.rows.commit([{ table, key, value: encodeRow(intended) }])
    }
    await using b = await first.restart(() => others.forEach((name) => rmSync(first.folder.at(name))))
    const all = { 'a.md': 'one\n', ...Object.fromEntries(others.map((name) => [name, `${name}\n`])) }
    for (const peer of [a, b]) await matches(peer, all)
  })

  it('[BASE7] is found once where it was moved and copied since', async () => {
    const wire = new Wire()
    await using a = await testPeer({ wire, files: { 'a.md': 'one\n' } })
    const first = await testPeer({ wire })
    await matches(first, { 'a.md': 'one\n' })
    await leavesInDoubt(first, () => a.write('a.md', 'one\ntwo\n'))
    await using b = await first.restart(() => {
      rmSync(first.folder.at('a.md'))
      for (const name of ['b.md', 'c.md']) first.write(name, 'one\ntwo\n')
    })
    for (const peer of [a, b]) await matches(peer, { 'b.md': 'one\ntwo\n', 'c.md': 'one\ntwo\n' })
    expect(b.events.filter(({ payload }) => 'what' in payload && payload.what === 'moved')).toHaveLength(1)
  })

  it('[FAULT7] stays so where it cannot be read', async () => {
    const wire = new Wire()
    await using a = await testPeer({ wire })
    const first = await testPeer({ wire })
    await first.sync.stop()
    a.write('a.md', 'one\ntwo\nthree\nfour\n')
    await eventually('it came', () => docOf(first) !== undefined)
    const { node } = first.workspace.tree.at('a.md') ?? {}
    const doc = docOf(first)
    if (node === undefined || doc === undefined) throw new Error('no file')
    const { text, version } = await first.workspace.readText(doc)
    const row: FileRow = { type: 'file', path: 'a.md' as FileRow['path'], node, doc, agreed: undefined, signature: undefined, racy: true, executable: false, ring: [], wanted: { doc, version, hash: hashText(text) }, ignored: false }
    await first.workspace.rows.commit([{ table: 'folder_base', key: node, value: encodeRow(row) }])
    first.write('a.md', 'one\nthree\nfour\nmine\n')
    let isRefused = true
    const { entries } = first.workspace.status()
    a.write('a.md', 'zero\none\ntwo\nthree\nfour\n')
    await eventually('the edit came', () => first.workspace.status().entries > entries)
    await using b = await first.restart(undefined, {
      prepare: (fs) => {
        const read = fs.read.bind(fs)
        fs.read = async (path, options) => (isRefused && path === 'a.md' ? { kind: 'unreadable', reason: 'not allowed' } : await read(path, options))
      }
    })
    await eventually('it is told', () => b.sync.status().skipped.length === 1)
    isRefused = false
    await b.sync.rescan()
    for (const peer of [a, b]) await matches(peer, { 'a.md': 'zero\none\nthree\nfour\nmine\n' })
  })
})

describe('a file made while the one that it joins was aside', () => {
  it('[DISK66] is taken, though nobody ever agreed on that one', async () => {
    const wire = new Wire()
    await using a = await testPeer({ wire, files: { 'a.md': 'one\ntwo\nthree\n' } })
    await eventually('it is taken', () => docOf(a) !== undefined)
    let told = 0
    await using b = await testPeer({
      wire,
      files: { 'a.md': 'one\ntwo\n' },
      prepare: (fs) => {
        const replace = fs.replace.bind(fs)
        fs.replace = async (path, content, options) => {
          if (told++ > 0) return await replace(path, content, options)
          rmSync(`${fs.root}/a.md`)
          writeFileSync(`${fs.root}/a.md`, 'one\ntwo\nfour\n')
          await options.onGap?.()
          throw new Error('ends here')
        }
      }
    })
    await eventually('both are one', () => a.read('a.md')?.includes('four') === true)
    await alike(a, b)
    expect(readFileSync(b.folder.at('a.md'), 'utf8').split('\n').sort()).toEqual(['', 'four', 'one', 'three', 'two'])
    expect(told).toBeGreaterThan(0)
  })
})

describe('a file that a peer deleted', () => {
  it('[FAULT5] is not deleted again where it came back while the process had ended just after it was removed', async () => {
    const wire = new Wire()
    await using a = await testPeer({ wire, files: { 'a.md': 'one\n', 'b.md': 'two\n' } })
    let isRemoved = false
    const first = await testPeer({
      wire,
      prepare: (fs) => {
        const remove = fs.remove.bind(fs)
        fs.remove = async (path, expected) => {
          await remove(path, expected)
          isRemoved = true
          throw new Error('ends here')
        }
      }
    })
    await matches(first, { 'a.md': 'one\n', 'b.md': 'two\n' })
    const node = a.workspace.tree.at('a.md')?.node
    if (node === undefined) throw new Error('no file')
    rmSync(a.folder.at('a.md'))
    await eventually('it is removed', () => isRemoved)
    await using b = await first.restart(() => void a.workspace.edit([{ type: 'move', node, path: 'a.md' }]), { prepare: () => undefined })
    await eventually('it is back', () => a.read('a.md') !== undefined)
    await alike(a, b)
    expect(b.read('a.md')).toBe('one\n')
  })
})

describe('a file that a peer moved', () => {
  it('[FAULT5] is the one in its new place where the process ended just after the move, and both places were used since', async () => {
    const wire = new Wire()
    await using a = await testPeer({ wire, files: { 'a.md': 'one\ntwo\nthree\n' } })
    let isMoved = false
    const first = await testPeer({
      wire,
      prepare: (fs) => {
        const move = fs.move.bind(fs)
        fs.move = async (from, to, expected) => {
          await move(from, to, expected)
          isMoved = true
          throw new Error('ends here')
        }
      }
    })
    await matches(first, { 'a.md': 'one\ntwo\nthree\n' })
    renameSync(a.folder.at('a.md'), a.folder.at('b.md'))
    await eventually('it is moved', () => isMoved)
    await using b = await first.restart(
      () => {
        saveAnew(first, 'b.md', 'one\nthree\nfour\n')
        first.write('a.md', 'of something else altogether\n')
      },
      { prepare: () => undefined }
    )
    for (const peer of [a, b]) await matches(peer, { 'a.md': 'of something else altogether\n', 'b.md': 'one\nthree\nfour\n' })
  })
})
