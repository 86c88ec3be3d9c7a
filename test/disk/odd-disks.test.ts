import { SimFolder } from '../harness/sim-folder.js'
import type { SimFolderInit } from '../harness/sim-folder.js'
import { keysFromWriteKey, nodeCrypto } from '@collab/core'
import { describe, expect, it } from 'vitest'
import { SimWorld } from '../harness/sim-world.js'

const KEYS = keysFromWriteKey(nodeCrypto, new Uint8Array(32).fill(9))

/** By then the folder has been listed once more. */
const LISTING_MS = 6_000

interface Pair extends Disposable {
  /** On the odd disk. */
  readonly odd: SimFolder
  /** On a disk that keeps every name apart. */
  readonly plain: SimFolder
  readonly settled: () => Promise<void>
}

/** Two linked folders that have `files` and are in sync. */
async function pair(disk: SimFolderInit['disk'], files: Readonly<Record<string, string>> = {}): Promise<Pair> {
  const world = new SimWorld({ seed: 1 })
  const odd = new SimFolder({ world, name: 'odd', keys: KEYS, ...(disk && { disk }) })
  const plain = new SimFolder({ world, name: 'plain', keys: KEYS })
  for (const [path, text] of Object.entries(files)) odd.user.save(path, text)
  await odd.start()
  await plain.start()
  world.link()
  const settled = async (): Promise<void> => {
    for (let round = 0; round < 3; round++) for (const folder of [odd, plain]) await folder.settled()
    await world.pass(LISTING_MS)
    for (const folder of [odd, plain]) await folder.settled()
  }
  await settled()
  return {
    odd,
    plain,
    settled,
    [Symbol.dispose]: () => {
      for (const folder of [odd, plain]) folder[Symbol.dispose]()
    }
  }
}

function expectBoth({ odd, plain }: Pair, files: readonly (readonly [path: string, text: string])[]): void {
  expect([...odd.user.files()]).toEqual(files)
  expect([...plain.user.files()]).toEqual(files)
}

describe('a disk that does not tell upper case from lower', () => {
  const caseless = { caseSensitive: false }

  it('[FAULT10] [REG15] a file renamed here to other letters is renamed elsewhere', async () => {
    using two = await pair(caseless, { 'Readme.md': 'text\n', 'dir/a.md': 'a\n' })
    two.odd.user.move('Readme.md', 'README.md')
    two.odd.user.move('dir', 'Dir')
    await two.settled()
    expectBoth(two, [['Dir/a.md', 'a\n'], ['README.md', 'text\n']])
    two.odd.user.save('README.md', 'text\nmore\n')
    await two.settled()
    expect(two.plain.user.read('README.md')).toBe('text\nmore\n')
  })

  it('[FAULT10] [REG15] one renamed elsewhere to other letters is renamed here', async () => {
    using two = await pair(caseless, { 'Readme.md': 'text\n', 'dir/a.md': 'a\n' })
    two.plain.user.move('Readme.md', 'README.md')
    two.plain.user.move('dir', 'Dir')
    await two.settled()
    expectBoth(two, [['Dir/a.md', 'a\n'], ['README.md', 'text\n']])
    expect(two.odd.user.names()).toEqual(['Dir', 'README.md'])
  })

  it('[FAULT11] of two files whose names it takes for one the first stays, the other waits, and that is told', async () => {
    using two = await pair(caseless, { 'note.md': 'mine\n' })
    two.plain.user.save('NOTE.md', 'theirs\n')
    await two.settled()
    expect([...two.odd.user.files()]).toEqual([['note.md', 'mine\n']])
    expect([...two.plain.user.files()]).toEqual([['NOTE.md', 'theirs\n'], ['note.md', 'mine\n']])
    expect(two.odd.status()?.skipped).toEqual([{ path: 'NOTE.md', reason: expect.stringContaining('note.md; rename one of them') as string }])
    two.plain.user.remove('note.md')
    await two.settled()
    expectBoth(two, [['NOTE.md', 'theirs\n']])
  })
})

describe('a disk that spells names in its own way', () => {
  const normalising = { normalising: true }
  const [composed, decomposed] = ['é', 'e\u0301']

  it('[FAULT12] files with accents are made, edited, moved and deleted both ways, each once', async () => {
    using two = await pair(normalising, { [`${composed}/${composed}.md`]: 'one\n' })
    expect(two.odd.user.names()).toEqual([decomposed])
    expect([...two.plain.user.files()]).toEqual([[`${composed}/${composed}.md`, 'one\n']])
    two.plain.user.save(`${composed}/${composed}.md`, 'one\ntwo\n')
    two.plain.user.save(`${composed}2.md`, 'other\n')
    await two.settled()
    two.odd.user.save(`${composed}/${composed}.md`, 'one\ntwo\nthree\n', 'rename-over')
    two.odd.user.move(`${composed}2.md`, `${composed}/${composed}3.md`)
    await two.settled()
    expect([...two.plain.user.files()]).toEqual([[`${composed}/${composed}.md`, 'one\ntwo\nthree\n'], [`${composed}/${composed}3.md`, 'other\n']])
    two.plain.user.remove(`${composed}/${composed}3.md`)
    await two.settled()
    expect(two.odd.user.names(composed)).toEqual([`${decomposed}.md`])
  })
})

describe('a disk with less', () => {
  it('[FAULT13] without hard links files are made, replaced, moved and removed all the same', async () => {
    using two = await pair({ hardLinks: false }, { 'a.md': 'a\n', 'b.md': 'b\n', 'd/c.md': 'c\n' })
    two.plain.user.save('a.md', 'a\nmore\n')
    two.plain.user.move('b.md', 'd/b.md')
    two.plain.user.remove('d/c.md')
    two.plain.user.save('e.md', 'e\n')
    await two.settled()
    expectBoth(two, [['a.md', 'a\nmore\n'], ['d/b.md', 'b\n'], ['e.md', 'e\n']])
  })

  it('[FAULT15] ... and is not overwritten by what a peer sends before that', async () => {
    using two = await pair({ tickMs: 2000 }, { 'a.md': 'aaaa\n', 'b.md': 'bbbb\n' })
    two.plain.user.save('a.md', 'aaaa\nbbbb\n')
    two.plain.user.save('b.md', 'bbbb\ncccc\n')
    while (two.odd.user.read('b.md') !== 'bbbb\ncccc\n') await two.plain.settled()
    await two.odd.settled()
    two.odd.user.save('a.md', 'mine\nbbbb\n')
    two.odd.user.save('b.md', 'mine\ncccc\n')
    two.plain.user.save('a.md', 'zero\naaaa\nbbbb\n')
    two.plain.user.remove('b.md')
    await two.settled()
    expectBoth(two, [['a.md', 'zero\nmine\nbbbb\n'], ['b.md', 'mine\ncccc\n']])
  })

  it('[FAULT14] [REG23] with timestamps of two seconds an edit that leaves size and time as they were is found by the next listing', async () => {
    using two = await pair({ tickMs: 2000 }, { 'a.md': 'aaaa\n' })
    two.plain.user.save('a.md', 'bbbb\n')
    await two.settled()
    two.odd.user.save('a.md', 'cccc\n')
    await two.settled()
    expect(two.plain.user.read('a.md')).toBe('cccc\n')
  })
})
