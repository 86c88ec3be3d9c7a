import type { SimFolder } from '../harness/sim-folder.js'
import type { Clock } from '@collab/core'
import { constantFrom, oneof, sample, string } from 'fast-check'
import { describe, expect, it } from 'vitest'
import { SimWorld } from '../harness/sim-world.js'
import { twoFolders } from '../harness/two-folders.js'

const DAY_MS = 24 * 60 * 60 * 1000
/** A refusal of the disk is tried again within this time. */
const RETRY_MS = 6_000

describe('a folder whose disk fails for a while', () => {
  for (const code of ['ENOSPC', 'EROFS', 'EACCES', 'EIO', 'EDQUOT'] as const) {
    it(`[FAULT9] ${code}: each path is told once, nothing is lost, and all is done by itself once the disk works`, async () => {
      using folders = await twoFolders({ 'a.md': 'one\n', 'b.md': 'b\n', 'c.md': 'c\n' })
      const { world, a, b, settled } = folders
      b.diskError = code
      a.user.save('a.md', 'one\ntwo\n')
      a.user.move('b.md', 'd/b.md')
      a.user.remove('c.md')
      a.user.save('e.md', 'e\n')
      b.user.save('a.md', 'zero\none\n')
      await settled()
      await world.pass(3 * RETRY_MS)
      expect([...b.user.files()]).toEqual([['a.md', 'zero\none\n'], ['b.md', 'b\n'], ['c.md', 'c\n']])
      const told = b.warnings.filter((warning) => warning.startsWith('blocked: '))
      expect(['a.md', 'c.md', 'e.md'].map((path) => told.filter((warning) => warning.startsWith(`blocked: ${path} `)).length)).toEqual([1, 1, 1])
      expect(new Set(b.warnings).size).toBe(b.warnings.length)
      b.diskError = undefined
      await world.pass(RETRY_MS)
      await settled()
      const files = [['a.md', 'zero\none\ntwo\n'], ['d/b.md', 'b\n'], ['e.md', 'e\n']]
      expect([...a.user.files()]).toEqual(files)
      expect([...b.user.files()]).toEqual(files)
    })
  }
})

interface Outage {
  readonly name: string
  readonly files: Readonly<Record<string, string>>
  /** What reaches `b` as its disk begins to fail. */
  readonly act: (a: SimFolder) => void
  /** What goes on while it fails. */
  readonly meanwhile: (a: SimFolder, b: SimFolder) => void
  readonly expected: readonly (readonly [string, string])[]
}

const LINES = 'one\ntwo\nthree\n'

const OUTAGES: readonly Outage[] = [
  {
    name: 'a peer edits, and edits again',
    files: { 'x.md': LINES },
    act: ({ user }) => user.save('x.md', `${LINES}four\n`),
    meanwhile: ({ user }) => user.save('x.md', `${LINES}four\nfive\n`),
    expected: [['x.md', `${LINES}four\nfive\n`]]
  },
  {
    name: 'a peer makes a file, and edits it',
    files: {},
    act: ({ user }) => user.save('d/x.md', LINES),
    meanwhile: ({ user }) => user.save('d/x.md', `${LINES}four\n`),
    expected: [['d/x.md', `${LINES}four\n`]]
  },
  {
    name: 'a peer edits what is then moved here',
    files: { 'x.md': LINES },
    act: ({ user }) => user.save('x.md', `${LINES}four\n`),
    // In the middle of a change there may be nothing to move.
    meanwhile: (a, b) => (b.user.exists('x.md') ? b : a).user.move('x.md', 'y.md'),
    expected: [['y.md', `${LINES}four\n`]]
  },
  {
    name: 'a peer moves a file, and edits it',
    files: { 'x.md': LINES },
    act: ({ user }) => user.move('x.md', 'd/y.md'),
    meanwhile: ({ user }) => user.save('d/y.md', `${LINES}four\n`),
    expected: [['d/y.md', `${LINES}four\n`]]
  }
]

describe('a disk that fails in the middle', () => {
  for (const { name, files, act, meanwhile, expected } of OUTAGES) {
    it(`[FAULT17] ${name}: in the end everything is there once`, async () => {
      let failed = true
      let step = 0
      for (; failed; step++) {
        using folders = await twoFolders(files)
        const { world, a, b, settled } = folders
        b.failBefore(step, 'EIO')
        act(a)
        await settled()
        failed = b.diskError !== undefined
        meanwhile(a, b)
        await settled()
        await world.pass(3 * RETRY_MS)
        b.failBefore(Infinity, 'EIO')
        await world.pass(2 * RETRY_MS)
        await settled()
        expect(folders.files(), `failing before change ${step}`).toEqual(expected)
      }
      expect(step).toBeGreaterThan(3)
    })
  }
})

/** A clock whose time of day lies. */
function wrongClock(clock: Clock, offset: () => number): Clock {
  return { now: () => clock.now() + offset(), monotonic: () => clock.monotonic(), after: (ms, run) => clock.after(ms, run), soon: (run) => clock.soon(run) }
}

describe('invariants of whole folders', () => {
  it('[INV18] clocks that are wrong by years, or jump, lose nothing and decide nothing', async () => {
    const world = new SimWorld({ seed: 4, realCrypto: false })
    let jump = 0
    const behind = wrongClock(world.clock, () => -400 * DAY_MS - jump)
    const ahead = wrongClock(world.clock, () => 400 * DAY_MS + jump)
    using folders = await twoFolders({ 'a.md': 'one\n', 'b.md': 'b\n' }, { world, a: { clock: behind }, b: { clock: ahead } })
    const { a, b, settled } = folders
    const text: string[] = ['one']
    for (let round = 0; round < 6; round++) {
      jump = (round % 2 === 0 ? 1 : -1) * round * 100 * DAY_MS
      const writer = round % 2 === 0 ? a : b
      text.push(`line ${round}`)
      writer.user.save('a.md', `${text.join('\n')}\n`, round % 3 === 0 ? 'in-place' : 'rename-over')
      await settled()
    }
    b.user.remove('b.md')
    a.user.save('c.md', 'c\n')
    await settled()
    const files = [['a.md', `${text.join('\n')}\n`], ['c.md', 'c\n']]
    expect([...a.user.files()]).toEqual(files)
    expect([...b.user.files()]).toEqual(files)
    expect([...a.warnings, ...b.warnings]).toEqual([])
  })

  it('[INV17] nothing is published before it is durable', async () => {
    using folders = await twoFolders({ 'a.md': 'one\n', 'b.md': 'b\n' })
    const { world, a, b, settled } = folders
    // The peers have told each other their names by then, and are silent.
    await world.pass(5_000)
    const { store } = a.peer
    const commit = store.commit.bind(store)
    const held: (() => void)[] = []
    store.commit = async (ops) => {
      await new Promise<void>((resolve) => void held.push(resolve))
      await commit(ops)
    }
    const before = world.network.messages
    a.user.save('a.md', 'one\ntwo\n')
    await world.pass(2_000)
    expect([held.length > 0, world.network.messages - before, b.user.read('a.md')]).toEqual([true, 0, 'one\n'])
    // Who asks how things stand, or who did what, is answered meanwhile.
    expect([a.status()?.files, a.peer.live.status().files]).toEqual([2, 2])
    expect((await a.peer.live.history({ limit: 9 })).map(({ what }) => what).toSorted()).toEqual(['created', 'created', 'joined'])
    store.commit = commit
    for (const release of held.splice(0)) release()
    await settled()
    expect(b.user.read('a.md')).toBe('one\ntwo\n')
  })

  it('[INV17] nobody says to hold what is not durable there', async () => {
    using folders = await twoFolders({ 'a.md': 'one\n' })
    const { world, a, b, settled } = folders
    await world.pass(5_000)
    const { store } = b.peer
    const commit = store.commit.bind(store)
    const held: (() => void)[] = []
    store.commit = async (ops) => {
      await new Promise<void>((resolve) => void held.push(resolve))
      await commit(ops)
    }
    const isHeldByB = (): boolean | undefined => a.peer.live.status().peers[0]?.synced
    expect(isHeldByB()).toBe(true)
    a.user.save('a.md', 'one\ntwo\n')
    await world.pass(10_000)
    expect([held.length > 0, isHeldByB()]).toEqual([true, false])
    store.commit = commit
    for (const release of held.splice(0)) release()
    await settled()
    await world.pass(5_000)
    expect([isHeldByB(), b.user.read('a.md')]).toEqual([true, 'one\ntwo\n'])
  })

  it('[INV11] any text arrives byte by byte, made, edited and sent back', async () => {
    const text = oneof(string({ unit: 'binary', maxLength: 60 }), string({ unit: constantFrom('\r', '\n', '\r\n', '\ufeff', '🙂', 'é', 'e\u0301', 'a', ' '), maxLength: 60 }))
    const samples = sample(text, { numRuns: 150, seed: 11 })
    const files = Object.fromEntries(samples.slice(0, 100).map((each, index) => [`${index}.md`, each]))
    using folders = await twoFolders(files)
    const { a, b, settled } = folders
    const skipped = new Set(a.status()?.skipped.map(({ path }) => path))
    const synced = [...a.user.files()].filter(([path]) => !skipped.has(path))
    expect(synced.length).toBeGreaterThan(50)
    expect([...b.user.files()]).toEqual(synced)
    const edited = synced.slice(0, 50).map(([path], index) => [path, samples[100 + index] ?? ''] as const)
    for (const [path, next] of edited) b.user.save(path, next)
    await settled()
    const unsent = new Set(b.status()?.skipped.map(({ path }) => path))
    for (const [path, next] of edited) if (!unsent.has(path)) expect(a.user.read(path)).toBe(next)
  })
})
