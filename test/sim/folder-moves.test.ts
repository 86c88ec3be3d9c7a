import { describe, expect, it } from 'vitest'
import { SimWorld } from '../harness/sim-world.js'
import { twoFolders } from '../harness/two-folders.js'
import type { TwoFolders } from '../harness/two-folders.js'

const LINES = 'one\ntwo\nthree\n'
const OTHER = 'alpha\nbravo\ncharlie\n'

/** Both act while they cannot hear each other, and meet. */
async function apart({ world, a, b, settled }: TwoFolders, act: (a: TwoFolders['a'], b: TwoFolders['b']) => void): Promise<void> {
  world.unlink()
  act(a, b)
  await settled()
  world.link()
  await settled()
}

describe('what takes the place of a file', () => {
  it('[SYNC39] a file moved over another keeps its history, and what a peer wrote into it', async () => {
    using folders = await twoFolders({ 'x.md': LINES, 'y.md': OTHER })
    const node = folders.b.peer.live.tree.at('y.md')?.node
    await apart(folders, (a, b) => {
      b.user.move('y.md', 'x.md')
      a.user.append('y.md', 'delta\n')
    })
    expect(folders.files()).toEqual([['x.md', `${OTHER}delta\n`]])
    expect(folders.a.peer.live.tree.at('x.md')?.node).toBe(node)
  })

  it('[SYNC39] it keeps both when the other resembles it letter by letter, and has no line of it', async () => {
    const like = (number: number): string => ['alpha', 'bravo', 'charlie'].map((name) => `${name} is ${number} here\n`).join('')
    using folders = await twoFolders({ 'x.md': like(1), 'y.md': like(2) })
    await apart(folders, (a, b) => {
      b.user.move('y.md', 'x.md')
      a.user.append('y.md', 'delta\n')
    })
    expect(folders.files()).toEqual([['x.md', `${like(2)}delta\n`]])
  })

  it('[SYNC39] a backup that is moved back is an edit', async () => {
    using folders = await twoFolders({ 'x.md': `zero\n${LINES}`, 'x.md.bak': LINES })
    const node = folders.a.peer.live.tree.at('x.md')?.node
    await apart(folders, (a, b) => {
      b.user.move('x.md.bak', 'x.md')
      a.user.append('x.md', 'four\n')
    })
    expect(folders.files()).toEqual([['x.md', `${LINES}four\n`]])
    expect(folders.a.peer.live.tree.at('x.md')?.node).toBe(node)
  })

  it('[SYNC39] it keeps its history when the news of both places come late and one by one, too', async () => {
    for (let seed = 1; seed <= 12; seed++) {
      using folders = await twoFolders({ 'x.md': LINES, 'y.md': OTHER }, { world: new SimWorld({ seed, realCrypto: false }), b: { watcher: { delayMs: 400 } } })
      const node = folders.b.peer.live.tree.at('y.md')?.node
      folders.b.user.move('y.md', 'x.md')
      await folders.world.pass(1_000)
      await folders.settled()
      expect(folders.files()).toEqual([['x.md', OTHER]])
      expect(folders.a.peer.live.tree.at('x.md')?.node).toBe(node)
    }
  })

  it('[SYNC39] so it does when the directory of the place is moved at the same moment, by whatever way it came there', async () => {
    for (const from of ['y.md', 'd/y.md']) {
      using folders = await twoFolders({ 'd/v.md': 'v\n', 'd/w.md': 'w\n', 'd/x.md': LINES, 'd/z.md': 'z\n', [from]: OTHER })
      const node = folders.b.peer.live.tree.at(from)?.node
      await apart(folders, (a, b) => {
        b.user.move(from, 'd/x.md')
        b.user.move('d', 'e')
        a.user.append(from, 'delta\n')
      })
      expect(folders.files()).toEqual([['e/v.md', 'v\n'], ['e/w.md', 'w\n'], ['e/x.md', `${OTHER}delta\n`], ['e/z.md', 'z\n']])
      expect(folders.a.peer.live.tree.at('e/x.md')?.node).toBe(node)
    }
  })

  it('[SYNC39] what a peer wrote into the file that another was moved over is kept beside it', async () => {
    using folders = await twoFolders({ 'x.md': LINES, 'y.md': OTHER })
    await apart(folders, (a, b) => {
      b.user.move('y.md', 'x.md')
      a.user.append('x.md', 'four\n')
    })
    expect(folders.files().map(([, text]) => text).sort()).toEqual([OTHER, `${LINES}four\n`])
  })

  it('[SYNC39] a file moved away with a new one in its place takes along what a peer wrote into it', async () => {
    using folders = await twoFolders({ 'x.md': LINES })
    await apart(folders, (a, b) => {
      b.user.move('x.md', 'old.md')
      b.user.save('x.md', OTHER)
      a.user.append('x.md', 'four\n')
    })
    expect(folders.files()).toEqual([['old.md', `${LINES}four\n`], ['x.md', OTHER]])
  })

  it('[SYNC39] so it does when the news of both places come one by one, and the new file is still being written', async () => {
    for (let seed = 1; seed <= 12; seed++) {
      using folders = await twoFolders({ 'x.md': LINES }, { world: new SimWorld({ seed, realCrypto: false }), b: { watcher: { delayMs: 80 } } })
      const { a, b, world, settled } = folders
      const node = a.peer.live.tree.at('x.md')?.node
      b.user.move('x.md', 'old.md')
      b.user.save('x.md', OTHER)
      await world.pass(1_000)
      await settled()
      expect(folders.files()).toEqual([['old.md', LINES], ['x.md', OTHER]])
      expect(a.peer.live.tree.at('old.md')?.node).toBe(node)
    }
  })

  it('[SYNC39] a save that leaves the old file as a backup is an edit', async () => {
    using folders = await twoFolders({ 'x.md': LINES })
    await apart(folders, (a, b) => {
      b.user.move('x.md', 'x.md.bak')
      b.user.save('x.md', `zero\n${LINES}`)
      a.user.append('x.md', 'four\n')
    })
    expect(folders.files()).toEqual([['x.md', `zero\n${LINES}four\n`], ['x.md.bak', LINES]])
  })

  it('[SYNC39] two files that swap their names take along what a peer wrote into them, whether the program runs or not', async () => {
    for (const isRunning of [true, false]) {
      using folders = await twoFolders({ 'x.md': LINES, 'y.md': OTHER })
      folders.world.unlink()
      if (!isRunning) await folders.b.stop()
      for (const [from, to] of [['x.md', 'z.md'], ['y.md', 'x.md'], ['z.md', 'y.md']] as const) folders.b.user.move(from, to)
      folders.a.user.append('x.md', 'four\n')
      folders.a.user.append('y.md', 'delta\n')
      if (!isRunning) await folders.b.start()
      await folders.settled()
      folders.world.link()
      await folders.settled()
      expect(folders.files()).toEqual([['x.md', `${OTHER}delta\n`], ['y.md', `${LINES}four\n`]])
    }
  })
})

describe('a directory that a peer moved', () => {
  it('[SYNC40] takes along nothing that was deleted in it', async () => {
    using folders = await twoFolders({ 'd/x.md': LINES, 'd/y.md': OTHER, 'z.md': 'z\n' })
    await apart(folders, (a) => {
      a.user.remove('d/x.md')
      a.user.move('d', 'e')
    })
    expect(folders.files()).toEqual([['e/y.md', OTHER], ['z.md', 'z\n']])
  })

  it('[SYNC40] keeps files apart that changed names in it', async () => {
    using folders = await twoFolders({ 'd/x.md': LINES, 'd/y.md': OTHER })
    await apart(folders, (a) => {
      a.user.move('d/x.md', 'd/w.md')
      a.user.move('d', 'e')
      a.user.save('e/x.md', 'new\n')
    })
    expect(folders.files()).toEqual([['e/w.md', LINES], ['e/x.md', 'new\n'], ['e/y.md', OTHER]])
  })
})

describe('a directory that a peer moved, and that has not moved on this disk yet', () => {
  const files = { 'd/x.md': LINES, 'd/y.md': OTHER, 'z.md': 'z\n' }

  /** `act` on the disk of `b` while the move is known there and its disk refuses. */
  async function before(folders: TwoFolders, act: (b: TwoFolders['b']) => void): Promise<void> {
    const { a, b, settled } = folders
    b.diskError = 'EIO'
    a.user.move('d', 'e')
    await settled()
    expect([b.peer.live.tree.at('e')?.type, b.user.exists('d/x.md')]).toEqual(['directory', true])
    act(b)
    await settled()
    b.diskError = undefined
    await folders.world.pass(6_000)
    await settled()
  }

  it('[SYNC43] takes along what is made in it meanwhile', async () => {
    using folders = await twoFolders(files)
    await before(folders, ({ user }) => {
      user.save('d/n.md', 'new\n')
      user.save('d/in/m.md', 'newer\n')
    })
    expect(folders.files()).toEqual([['e/in/m.md', 'newer\n'], ['e/n.md', 'new\n'], ['e/x.md', LINES], ['e/y.md', OTHER], ['z.md', 'z\n']])
    expect(folders.a.peer.live.tree.at('d')).toBeUndefined()
  })

  it('[SYNC43] loses what is deleted in it meanwhile', async () => {
    using folders = await twoFolders(files)
    await before(folders, ({ user }) => user.remove('d/x.md'))
    expect(folders.files()).toEqual([['e/y.md', OTHER], ['z.md', 'z\n']])
  })
})

describe('a directory that was moved here, while nobody knows it yet', () => {
  it('[SYNC44] is not made anew for what a peer makes in it, and stays the same directory', async () => {
    for (let seed = 1; seed <= 8; seed++) {
      const world = new SimWorld({ seed, realCrypto: false })
      using folders = await twoFolders({ 'd/x.md': LINES, 'd/y.md': OTHER }, { world, b: { watcher: { delayMs: 1_500 } } })
      const { a, b, settled } = folders
      const node = b.peer.live.tree.at('d')?.node
      b.user.move('d', 'e')
      a.user.save('d/n.md', 'new\n')
      await settled()
      await folders.world.pass(6_000)
      await settled()
      expect(folders.files(), `seed ${seed}`).toEqual([['e/n.md', 'new\n'], ['e/x.md', LINES], ['e/y.md', OTHER]])
      expect([a.peer.live.tree.at('e')?.node, a.peer.live.tree.at('d'), b.user.exists('d')], `seed ${seed}`).toEqual([node, undefined, false])
    }
  })
})

describe('a place that has just become free', () => {
  it('[SYNC41] is taken by a peer\'s file only when it is known where the one that stood there went', async () => {
    using folders = await twoFolders({ 'x.md': LINES, 'y.md': OTHER }, { b: { watcher: { delayMs: 400 } } })
    const { world, a, b, settled } = folders
    world.unlink()
    a.user.move('x.md', 'w.md')
    a.user.move('y.md', 'x.md')
    await settled()
    world.link()
    b.user.move('x.md', 'v.md')
    await settled()
    await world.pass(6_000)
    await settled()
    expect(folders.files().map(([, text]) => text).sort()).toEqual([OTHER, LINES].sort())
    expect(folders.files().find(([path]) => path === 'x.md')?.[1]).toBe(OTHER)
  })
})

describe('a file that came back because a peer edited what was deleted here', () => {
  it('[SYNC34] is moved as any other: its new absence is no old one', async () => {
    for (let seed = 1; seed <= 12; seed++) {
      using folders = await twoFolders({ 'x.md': LINES, 'y.md': OTHER }, { world: new SimWorld({ seed, realCrypto: false }), b: { watcher: { delayMs: 400 } } })
      const { world, a, b, settled } = folders
      world.unlink()
      b.user.remove('x.md')
      a.user.append('x.md', 'four\n')
      await world.pass(100)
      world.link()
      for (let waits = 0; b.user.read('x.md') === undefined && waits < 1_000; waits++) await world.pass(10)
      b.user.move('x.md', 'w.md')
      a.user.append('x.md', 'five\n')
      await settled()
      await world.pass(6_000)
      await settled()
      expect(folders.files(), `seed ${seed}`).toEqual([['w.md', `${LINES}four\nfive\n`], ['y.md', OTHER]])
    }
  })
})

describe('a place to which a peer moved a file', () => {
  it('[SYNC45] holds another file where one was made here, also when the moved one is just being moved here too', async () => {
    for (let seed = 1; seed <= 12; seed++) {
      using folders = await twoFolders({ 'd/x.md': LINES, 'd/y.md': 'y\n' }, { world: new SimWorld({ seed, realCrypto: false }), b: { watcher: { delayMs: 400 } } })
      const { world, a, b, settled } = folders
      const node = a.peer.live.tree.at('d/x.md')?.node
      b.diskError = 'EIO'
      a.user.move('d/x.md', 'w.md')
      await settled()
      expect(b.peer.live.tree.at('w.md')?.node).toBe(node)
      b.user.save('w.md', OTHER)
      b.user.move('d', 'e')
      b.diskError = undefined
      await settled()
      await world.pass(6_000)
      await settled()
      expect(folders.files().map(([, text]) => text).sort(), `seed ${seed}`).toEqual([OTHER, LINES, 'y\n'].sort())
      const moved = node === undefined ? undefined : a.peer.live.tree.get(node)?.path
      expect(a.user.read(moved ?? ''), `seed ${seed}`).toBe(LINES)
    }
  })
})

describe('what is moved here and deleted there', () => {
  it('[SYNC42] a directory that is moved keeps what a peer deletes with it at the same time', async () => {
    using folders = await twoFolders({ 'd/x.md': LINES, 'd/in/y.md': OTHER, 'z.md': 'z\n' })
    await apart(folders, (a, b) => {
      for (const path of ['d/x.md', 'd/in/y.md', 'd/in', 'd']) a.user.removeAny(path)
      b.user.move('d', 'e')
    })
    expect(folders.files()).toEqual([['e/in/y.md', OTHER], ['e/x.md', LINES], ['z.md', 'z\n']])
  })

  it('[SYNC42] what is moved when the peer\'s deletion is known, but not yet carried out, is the same file still', async () => {
    for (const paths of [['x.md', 'y.md'], ['d', 'e']] as const) {
      using folders = await twoFolders({ 'x.md': LINES, 'd/w.md': OTHER, 'z.md': 'z\n' })
      const { a, b, settled } = folders
      const file = (path: string): string => (path.length === 1 ? `${path}/w.md` : path)
      const node = b.peer.live.tree.at(file(paths[0]))?.node
      b.diskError = 'EIO'
      a.user.remove(file(paths[0]))
      if (paths[0] === 'd') a.user.removeAny('d')
      await settled()
      expect(b.peer.live.tree.at(paths[0])).toBeUndefined()
      b.user.move(paths[0], paths[1])
      b.diskError = undefined
      await settled()
      expect(a.user.read(file(paths[1]))).toBe(paths[0] === 'd' ? OTHER : LINES)
      expect(a.peer.live.tree.at(file(paths[1]))?.node).toBe(node)
      folders.files()
    }
  })
})
