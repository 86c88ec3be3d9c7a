import { mkdirSync, readdirSync, renameSync, rmSync, rmdirSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { isRewrite } from './rewrite.js'
import { eventually } from './testing/disk-harness.js'
import { Wire, alike, matches, testPeer } from './testing/workspace-harness.js'
import type { TestPeer } from './testing/workspace-harness.js'

const COUNT = 30
const numbered = (text: (n: number) => string): Record<string, string> => Object.fromEntries(Array.from({ length: COUNT }, (_, n) => [`n${n}.md`, text(n)]))
const notes = numbered((n) => `note ${n} has a title\nand a first line\nand a second line of its own\n`)
const edited = numbered((n) => `note ${n} has a title\nand a first line\nand a second line of its own\nand one more\n`)
const noise = numbered((n) => `${String(n).repeat(40)}\n`)

function writeAll(peer: TestPeer, files: Readonly<Record<string, string>>): void {
  for (const [name, text] of Object.entries(files)) peer.write(name, text)
}

const stopped = async (peer: TestPeer, words: string): Promise<void> =>
  await eventually(`it stops: ${words}`, () => peer.sync.status().guard?.includes(words) === true && peer.sync.status().dirty === 0)

describe('the brakes', () => {
  it('[GUARD6] most of many texts gone from the disk at once stops, edits of many do not', async () => {
    expect(isRewrite(notes['n1.md'] ?? '', '')).toBe(true)
    expect(isRewrite(notes['n1.md'] ?? '', noise['n1.md'] ?? '')).toBe(true)
    expect(isRewrite(notes['n1.md'] ?? '', edited['n1.md'] ?? '')).toBe(false)
    expect(isRewrite('one long paragraph without any line end', 'one very long paragraph without any line end')).toBe(false)
    const wire = new Wire()
    await using a = await testPeer({ wire, files: notes })
    await using b = await testPeer({ wire })
    await alike(a, b)
    writeAll(a, edited)
    await matches(b, edited)
    writeAll(a, noise)
    await stopped(a, 'lost most of their text in this folder at once')
    expect(b.names().filter((name) => b.read(name) === edited[name]).length).toBeGreaterThan(5)
    await a.sync.confirm()
    await stopped(b, 'lost most of their text by peers')
    await b.sync.confirm()
    await matches(b, noise)
    expect(a.sync.status().guard).toBeUndefined()
  })

  it('[GUARD14] so do many texts that became something else, and all of them can be had back', async () => {
    const wire = new Wire()
    await using a = await testPeer({ wire, files: notes })
    await using b = await testPeer({ wire })
    await alike(a, b)
    for (const name of Object.keys(notes)) writeFileSync(a.folder.at(name), Buffer.from(`\u0000\u0001 not text any more: ${name}`))
    await stopped(a, 'lost most of their text in this folder at once')
    await a.sync.takeBack()
    for (const peer of [a, b]) await matches(peer, notes)
  })

  it('[GUARD7] so does what peers did, at each receiver', async () => {
    const wire = new Wire()
    await using a = await testPeer({ wire, files: notes })
    await using b = await testPeer({ wire })
    await alike(a, b)
    wire.cut()
    writeAll(a, numbered(() => ''))
    await stopped(a, 'lost most of their text in this folder at once')
    await a.sync.confirm()
    await matches(a, numbered(() => ''))
    wire.join()
    await stopped(b, 'lost most of their text by peers')
    expect(b.names().filter((name) => b.read(name) === notes[name]).length).toBeGreaterThan(5)
    await b.sync.confirm()
    await alike(a, b)
  })

  it.each([
    ['deleted here', (peer: TestPeer) => Object.keys(notes).forEach((name) => rmSync(peer.folder.at(name))), 'gone from this folder'],
    ['emptied here', (peer: TestPeer) => writeAll(peer, numbered(() => '')), 'in this folder']
  ] as const)('[GUARD8] what waits can be taken back instead, for everybody: %s', async (_, harm, words) => {
    const wire = new Wire()
    await using a = await testPeer({ wire, files: notes })
    await using b = await testPeer({ wire })
    await alike(a, b)
    harm(a)
    await stopped(a, words)
    expect((await a.sync.takeBack()).length).toBeGreaterThan(5)
    await matches(a, notes)
    await matches(b, notes)
    expect(a.sync.status().guard).toBeUndefined()
  })

  it.each([
    ['deleted', (peer: TestPeer) => Object.keys(notes).forEach((name) => rmSync(peer.folder.at(name))), {}],
    ['emptied', (peer: TestPeer) => writeAll(peer, numbered(() => '')), numbered(() => '')]
  ] as const)('[GUARD9] also by one whose peers did it and confirmed it: %s', async (_, harm, left) => {
    const wire = new Wire()
    await using a = await testPeer({ wire, files: notes })
    await using b = await testPeer({ wire })
    await alike(a, b)
    wire.cut()
    harm(a)
    await stopped(a, 'run collab confirm')
    await a.sync.confirm()
    await matches(a, left)
    wire.join()
    await stopped(b, 'by peers')
    await b.sync.takeBack()
    for (const peer of [a, b]) await matches(peer, notes)
    for (const peer of [a, b]) expect(peer.sync.status().guard).toBeUndefined()
  })

  it('[GUARD10] a folder that is replaced by a file, a link or an empty one while it is synced stops all, and goes on when it is back', async () => {
    await using peer = await testPeer({ files: notes, scanIntervalMs: 50 })
    await matches(peer, notes)
    const { root } = peer.folder
    const { entries } = peer.workspace.status()
    const replacements: readonly (readonly [() => void, () => void, string])[] = [
      [() => writeFileSync(root, 'a file'), () => unlinkSync(root), 'missing'],
      [() => mkdirSync(root), () => rmdirSync(root), 'lost its .collab marker'],
      [() => symlinkSync('/var/empty-or-not-there', root), () => unlinkSync(root), 'missing']
    ]
    for (const [put, take, words] of replacements) {
      renameSync(root, `${root}.away`)
      put()
      await eventually(`it stops: ${words}`, () => peer.sync.status().guard?.includes(words) === true)
      take()
      renameSync(`${root}.away`, root)
      await eventually('it goes on', () => peer.sync.status().guard === undefined && peer.sync.status().dirty === 0)
    }
    await matches(peer, notes)
    expect(peer.workspace.status().entries).toBe(entries)
  })

  it('[GUARD3] a folder that another store was joined with, in the place of this one, stops all, and is neither read nor written', async () => {
    const wire = new Wire()
    await using b = await testPeer({ wire })
    const marker = (store: string) => ({ version: 1, workspace: b.workspace.id, store, session: 1 }) as const
    await using a = await testPeer({ wire, files: { 'a.md': 'one\n', 'b.md': 'two\n' }, marker: marker('mine'), scanIntervalMs: 50 })
    await matches(b, { 'a.md': 'one\n', 'b.md': 'two\n' })
    const { root } = a.folder
    renameSync(root, `${root}.away`)
    mkdirSync(`${root}/.collab`, { recursive: true })
    writeFileSync(`${root}/.collab/marker.json`, JSON.stringify(marker('other')))
    writeFileSync(`${root}/c.md`, 'of the other one\n')
    await eventually('it stops', () => a.sync.status().guard?.includes('marker of another store') === true)
    b.write('a.md', 'one\nand more\n')
    await b.sync.rescan()
    expect([b.names(), readdirSync(root).sort()]).toEqual([['a.md', 'b.md'], ['.collab', 'c.md']])
    rmSync(root, { recursive: true })
    renameSync(`${root}.away`, root)
    for (const peer of [a, b]) await matches(peer, { 'a.md': 'one\nand more\n', 'b.md': 'two\n' })
  })

  it('[GUARD11] deletions of a peer that was away for long stop too, and spare what was written since', async () => {
    const wire = new Wire()
    await using a = await testPeer({ wire, files: notes })
    await using b = await testPeer({ wire })
    await alike(a, b)
    wire.cut()
    for (const name of Object.keys(notes)) rmSync(b.folder.at(name))
    await stopped(b, 'gone from this folder')
    await b.sync.confirm()
    await matches(b, {})
    a.write('n3.md', 'written while the other was away\n')
    await matches(a, { ...notes, 'n3.md': 'written while the other was away\n' })
    wire.join()
    await stopped(a, 'were deleted by peers')
    expect(a.names()).toHaveLength(COUNT)
    await a.sync.confirm()
    for (const peer of [a, b]) await matches(peer, { 'n3.md': 'written while the other was away\n' })
  })
})
