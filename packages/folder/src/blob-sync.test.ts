import { chmodSync, copyFileSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { DEADLINE_MS, eventually } from './testing/disk-harness.js'
import { Wire, testPeer } from './testing/workspace-harness.js'
import type { TestPeer, TestPeerOptions } from './testing/workspace-harness.js'

const MiB = 1024 * 1024

/** Bytes without a pattern, a zero byte first: no text. */
function binary(seed: number, length: number): Buffer {
  const out = Buffer.alloc(length)
  let state = seed
  for (let at = 1; at < length; at++) {
    state = (Math.imul(state, 1664525) + 1013904223) | 0
    out[at] = state >>> 24
  }
  return out
}

const put = (peer: TestPeer, name: string, bytes: Uint8Array): void => writeFileSync(peer.folder.at(name), bytes)
const has = (peer: TestPeer, name: string, bytes: Uint8Array): boolean => {
  try {
    return readFileSync(peer.folder.at(name)).equals(bytes)
  } catch {
    return false
  }
}
const parts = (peer: TestPeer): readonly string[] => readdirSync(peer.folder.at('.collab/temp'))
const calm = (...peers: readonly TestPeer[]) => (): boolean => peers.every(({ sync }) => sync.status().dirty === 0 && sync.status().fetching === 0)

async function pair(a: TestPeerOptions = {}, b: TestPeerOptions = {}): Promise<AsyncDisposable & { wire: Wire; a: TestPeer; b: TestPeer }> {
  const wire = new Wire()
  const [first, second] = [await testPeer({ wire, ...a }), await testPeer({ wire, ...b })]
  return {
    wire,
    a: first,
    b: second,
    async [Symbol.asyncDispose]() {
      await second[Symbol.asyncDispose]()
      await first[Symbol.asyncDispose]()
    }
  }
}

describe('files that are not text', () => {
  it('[BLOB10] arrive byte by byte with their mode, are changed, and are deleted', async () => {
    await using both = await pair()
    const { a, b } = both
    const picture = binary(1, 5000)
    const large = binary(2, 3 * MiB)
    put(a, 'a.png', picture)
    put(a, 'large.bin', large)
    chmodSync(a.folder.at('large.bin'), 0o755)
    await eventually('both are there', () => has(b, 'a.png', picture) && has(b, 'large.bin', large))
    expect(statSync(b.folder.at('large.bin')).mode & 0o100).toBe(0o100)
    const changed = binary(3, 6000)
    put(b, 'a.png', changed)
    await eventually('the change is back', () => has(a, 'a.png', changed))
    rmSync(a.folder.at('large.bin'))
    await eventually('it is gone', () => b.names().join() === 'a.png')
    await eventually('all is quiet', calm(a, b))
    expect(parts(a)).toEqual([])
    expect(parts(b)).toEqual([])
  })

  it('[BLOB11] renamed or copied they cost nothing, changed a little they cost little', async () => {
    await using both = await pair()
    const { a, b, wire } = both
    const content = binary(4, 8 * MiB)
    put(a, 'film.bin', content)
    await eventually('it is there', () => has(b, 'film.bin', content))
    await eventually('all is quiet', calm(a, b))
    const costOf = async (change: () => void, name: string, bytes: Uint8Array): Promise<number> => {
      const before = wire.blobBytes
      change()
      await eventually(name, () => has(b, name, bytes))
      await eventually('all is quiet', calm(a, b))
      return wire.blobBytes - before
    }
    mkdirSync(a.folder.at('old'))
    expect(await costOf(() => renameSync(a.folder.at('film.bin'), a.folder.at('old/movie.bin')), 'old/movie.bin', content)).toBe(0)
    expect(await costOf(() => copyFileSync(a.folder.at('old/movie.bin'), a.folder.at('copy.bin')), 'copy.bin', content)).toBeLessThan(1000)
    const front = Buffer.concat([Buffer.from('0123456789'), content])
    expect(await costOf(() => put(a, 'copy.bin', front), 'copy.bin', front)).toBeLessThan(1.2 * MiB)
    const middle = Buffer.from(front)
    binary(5, 100_000).copy(middle, 4 * MiB)
    expect(await costOf(() => put(a, 'copy.bin', middle), 'copy.bin', middle)).toBeLessThan(1.5 * MiB)
    expect(has(b, 'old/movie.bin', content)).toBe(true)
  })

  it('[BLOB53] of one content at several places are fetched once, and nothing is said to be wrong', async () => {
    await using both = await pair({}, { begin: false })
    const { a, b, wire } = both
    const content = binary(9, 2 * MiB)
    const names = Array.from({ length: 8 }, (_, at) => `copy ${at}.bin`)
    for (const name of names) put(a, name, content)
    await eventually('it is taken', () => names.every((name) => a.workspace.tree.at(name) !== undefined))
    await b.workspace.start()
    await b.sync.start()
    await eventually('all are there', () => names.every((name) => has(b, name, content)))
    await eventually('all is quiet', calm(a, b))
    expect(wire.blobBytes).toBeLessThan(1.1 * content.length)
    expect(b.events.filter(({ name }) => name === 'warning' || name === 'skipped')).toEqual([])
    expect(parts(b)).toEqual([])
  })

  it('[BLOB12] changed on both sides at once are both kept, one under a conflict name', async () => {
    await using both = await pair()
    const { a, b, wire } = both
    put(a, 'a.png', binary(6, 4000))
    await eventually('it is there', () => has(b, 'a.png', binary(6, 4000)))
    await eventually('all is quiet', calm(a, b))
    wire.cut()
    put(a, 'a.png', binary(7, 4000))
    put(b, 'a.png', binary(8, 4000))
    await eventually('both took it', calm(a, b))
    await a.sync.rescan()
    await b.sync.rescan()
    wire.join()
    const both2 = (peer: TestPeer): boolean => {
      const names = peer.names()
      return names.length === 2 && names.some((name) => name.includes('(conflict, ')) && [7, 8].every((seed) => names.some((name) => has(peer, name, binary(seed, 4000))))
    }
    await eventually('both are on both', () => both2(a) && both2(b))
    await eventually('all is quiet', calm(a, b))
    expect(a.names()).toEqual(b.names())
  })

  it('[BLOB12] replaced by a text on both sides at once, both texts are kept', async () => {
    await using both = await pair()
    const { a, b, wire } = both
    put(a, 'a.md', binary(6, 4000))
    await eventually('it is there', () => has(b, 'a.md', binary(6, 4000)))
    await eventually('all is quiet', calm(a, b))
    wire.cut()
    a.write('a.md', 'what a wrote\n')
    b.write('a.md', 'something else, by b\n')
    await eventually('both took it', () => [a, b].every(({ workspace }) => workspace.tree.at('a.md')?.content?.kind === 'text'))
    wire.join()
    const texts = (peer: TestPeer): string => peer.names().map((name) => peer.read(name) ?? '').sort().join('')
    await eventually('both texts are on both', () => [a, b].every((peer) => texts(peer) === 'something else, by b\nwhat a wrote\n'))
    await eventually('all is quiet', calm(a, b))
    expect(a.names()).toEqual(b.names())
    expect(a.names().filter((name) => name.includes(' (conflict, '))).toHaveLength(1)
  })

  it('[BLOB13] a text that becomes something else, and back, stays the same file', async () => {
    await using both = await pair()
    const { a, b } = both
    a.write('notes.md', 'one\n')
    await eventually('the text is there', () => b.read('notes.md') === 'one\n')
    const node = a.workspace.tree.at('notes.md')?.node
    put(a, 'notes.md', binary(9, 3000))
    await eventually('the bytes are there', () => has(b, 'notes.md', binary(9, 3000)))
    b.write('notes.md', 'two\n')
    await eventually('the text is back', () => a.read('notes.md') === 'two\n')
    a.write('notes.md', 'two\nthree\n')
    await eventually('and is edited', () => b.read('notes.md') === 'two\nthree\n')
    put(a, 'notes.md', binary(10, 2 * MiB))
    await eventually('large now', () => has(b, 'notes.md', binary(10, 2 * MiB)))
    b.write('notes.md', 'two\n')
    await eventually('as it was', () => a.read('notes.md') === 'two\n')
    expect([a, b].map(({ workspace }) => workspace.tree.at('notes.md')?.node)).toEqual([node, node])
    expect(a.names()).toEqual(['notes.md'])
  })

  const large = 'a line of a text that grows past what a text may be\n'.repeat(25_000)
  for (const [what, content] of [['something else', binary(20, 3000)], ['too large for a text', Buffer.from(large)]] as const) {
    it(`[BLOB54] a text that became ${what} while another wrote into it is kept as a file of its own, once`, async () => {
      await using both = await pair()
      const { a, b, wire } = both
      a.write('notes.md', 'one\n')
      await eventually('the text is there', () => b.read('notes.md') === 'one\n')
      await eventually('all is quiet', calm(a, b))
      wire.cut()
      put(a, 'notes.md', content)
      b.write('notes.md', 'one\ntwo, by b\n')
      await eventually('a took it', () => a.workspace.tree.at('notes.md')?.content?.kind === 'blob')
      await eventually('b took it', calm(b))
      wire.join()
      const copy = (peer: TestPeer): string | undefined => peer.names().find((name) => name.startsWith('notes (conflict, '))
      await eventually('both have both', () => [a, b].every((peer) => has(peer, 'notes.md', content) && peer.read(copy(peer) ?? '') === 'one\ntwo, by b\n'))
      await eventually('all is quiet', calm(a, b))
      expect(a.names()).toEqual(b.names())
      expect(a.names()).toHaveLength(2)
      // Who deletes the copy means it.
      rmSync(a.folder.at(copy(a) ?? ''))
      await eventually('it is gone', () => copy(b) === undefined)
      a.write('other.md', 'more\n')
      await eventually('life goes on', () => b.read('other.md') === 'more\n')
      wire.cut()
      wire.join()
      await eventually('all is quiet', calm(a, b))
      expect(b.names()).toEqual(['notes.md', 'other.md'])
    })
  }

  it('[BLOB54] what came of a text while the file on the disk already was something else is kept too', async () => {
    await using both = await pair()
    const { a, b } = both
    a.write('notes.md', 'one\n')
    await eventually('the text is there', () => b.read('notes.md') === 'one\n')
    await eventually('all is quiet', calm(a, b))
    // It is taken when it was left alone for half a second; until then the disk has the word, and the edit is not shown.
    put(a, 'notes.md', binary(21, 3000))
    b.write('notes.md', 'one\ntwo, by b\n')
    const copy = (peer: TestPeer): string | undefined => peer.names().find((name) => name.startsWith('notes (conflict, '))
    await eventually('both have both', () => [a, b].every((peer) => has(peer, 'notes.md', binary(21, 3000)) && peer.read(copy(peer) ?? '') === 'one\ntwo, by b\n'))
    await eventually('all is quiet', calm(a, b))
    expect(a.names()).toEqual(b.names())
    expect(a.names()).toHaveLength(2)
  })

  it('[BLOB14] a fetch that was cut off goes on where it was', async () => {
    const content = binary(11, 6 * MiB)
    const wire = new Wire()
    await using a = await testPeer({ wire, blobLimits: { upBytesPerSecond: 2 * MiB } })
    put(a, 'film.bin', content)
    await eventually('it is taken', () => a.workspace.tree.at('film.bin') !== undefined)
    const before = await testPeer({ wire })
    await eventually('half of it came', () => (before.workspace.blobs.status().active[0]?.doneBytes ?? 0) > 2 * MiB)
    await using b = await before.restart()
    await eventually('it is there', () => has(b, 'film.bin', content))
    expect(wire.blobBytes).toBeLessThan(content.length + 1.5 * MiB)
    await eventually('all is quiet', calm(a, b))
    expect(parts(b)).toEqual([])
  })

  it('[BLOB15] that are not wanted here are said to be so, and deleted nowhere', async () => {
    await using none = await pair({}, { blobs: { enabled: false } })
    put(none.a, 'a.png', binary(12, 500))
    none.a.write('b.md', 'text\n')
    await eventually('the text is there', () => none.b.read('b.md') === 'text\n')
    await eventually('it is said', () => none.b.sync.status().skipped.some(({ path, reason }) => path === 'a.png' && reason.includes('--no-blobs')))
    await none.b.sync.rescan()
    expect(none.a.names()).toEqual(['a.png', 'b.md'])

    await using small = await pair({}, { blobs: { maxBytes: 1000 } })
    put(small.a, 'small.png', binary(13, 900))
    put(small.a, 'large.png', binary(14, 1100))
    await eventually('the small one is there', () => has(small.b, 'small.png', binary(13, 900)))
    await eventually('it is said', () => small.b.sync.status().skipped.some(({ path, reason }) => path === 'large.png' && reason.includes('--max-blob')))
    expect(small.b.names()).toEqual(['small.png'])
    expect(small.a.names()).toEqual(['large.png', 'small.png'])
  })

  it('[BLOB16] deleted on one side and changed on the other live on', async () => {
    await using both = await pair()
    const { a, b, wire } = both
    put(a, 'a.png', binary(15, 700))
    await eventually('it is there', () => has(b, 'a.png', binary(15, 700)))
    await eventually('all is quiet', calm(a, b))
    wire.cut()
    rmSync(a.folder.at('a.png'))
    put(b, 'a.png', binary(16, 800))
    await eventually('both took it', () => a.workspace.tree.size === 0 && calm(a, b)())
    await b.sync.rescan()
    wire.join()
    await eventually('it lives', () => has(a, 'a.png', binary(16, 800)) && has(b, 'a.png', binary(16, 800)))
  })

  it('[BLOB17] of equal content on both disks before they met are one file, and nothing is sent', async () => {
    const folderA = await testPeer({ begin: false })
    const wire = new Wire()
    const content = binary(17, 2 * MiB)
    put(folderA, 'film.bin', content)
    await using a = await folderA.restart(undefined, { begin: true, wire })
    await eventually('it is taken', () => a.workspace.tree.at('film.bin') !== undefined)
    const folderB = await testPeer({ begin: false })
    put(folderB, 'film.bin', content)
    await using b = await folderB.restart(undefined, { begin: true, wire })
    await eventually('both know it', () => b.workspace.tree.size === 1 && calm(a, b)())
    await b.sync.rescan()
    expect(b.names()).toEqual(['film.bin'])
    expect(wire.blobBytes).toBeLessThan(1000)
  })

  it('[BLOB18] a dry run says which of them would be sent and fetched, and moves none', async () => {
    await using both = await pair()
    const { a, b, wire } = both
    put(a, 'there.png', binary(18, 2000))
    await eventually('it is there', () => has(b, 'there.png', binary(18, 2000)))
    await eventually('all is quiet', calm(a, b))
    await b.stop()
    put(a, 'new.png', binary(19, 2000))
    await eventually('it is taken', () => a.workspace.tree.at('new.png') !== undefined)
    const third = await testPeer({ begin: false })
    put(third, 'mine.png', binary(20, 2 * MiB))
    await using c = await third.restart(undefined, { begin: false, wire })
    await c.workspace.start()
    await c.workspace.whenSynced()
    const plan = await c.sync.dryRun()
    expect(plan.map(({ path, action }) => [path, action])).toEqual([
      ['mine.png', 'send new'],
      ['new.png', 'fetch new'],
      ['there.png', 'fetch new']
    ])
    expect(c.names()).toEqual(['mine.png'])
    expect(wire.blobBytes).toBeLessThan(3000)
  })

  it('[BLOB19] of what nobody wants any more nothing is kept: neither parts of files nor lists of chunks', async () => {
    const wire = new Wire()
    await using a = await testPeer({ wire, blobLimits: { upBytesPerSecond: MiB } })
    put(a, 'film.bin', binary(21, 6 * MiB))
    await eventually('it is taken', () => a.workspace.tree.at('film.bin') !== undefined)
    const before = await testPeer({ wire })
    await eventually('some of it came', () => (before.workspace.blobs.status().active[0]?.doneBytes ?? 0) > 0)
    rmSync(a.folder.at('film.bin'))
    await eventually('nobody wants it', () => before.workspace.tree.size === 0 && parts(before).length === 0)
    writeFileSync(before.folder.at(`.collab/temp/${'ab'.repeat(32)}.part`), 'left by a crash')
    await using b = await before.restart()
    await eventually('it is gone', () => parts(b).length === 0)
    await expect.poll(async () => await b.workspace.rows.scan('manifest'), { timeout: DEADLINE_MS }).toEqual([])
  })
})
