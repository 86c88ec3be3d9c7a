import { keysFromWriteKey, nodeCrypto, shareAs } from '@collab/core'
import { describe, expect, it } from 'vitest'
import type { SimPeer } from '../harness/sim-peer.js'
import { SimWorld } from '../harness/sim-world.js'
import { convergedFiles, occurrences, permutations } from '../harness/world-checks.js'

const KEYS = keysFromWriteKey(nodeCrypto, new Uint8Array(32).fill(3))
const STORY = 'Once upon a time\nthere was a folder\nand nobody\nlost a line\n'

type Act = (peer: SimPeer) => Promise<void>

interface Case {
  readonly what: string
  /** What all peers hold before they part; made by the first. */
  readonly before?: Act
  /** One per peer, while they are apart. */
  readonly apart: readonly Act[]
  readonly expect: (files: ReadonlyMap<string, string>) => void
}

const paths = (files: ReadonlyMap<string, string>): readonly string[] => [...files.keys()]
const all = (files: ReadonlyMap<string, string>): string => [...files.values()].join('')

const CASES: readonly Case[] = [
  {
    what: '[CTR1] the same folder imported by two that know nothing of each other is there once, without twins',
    apart: [0, 1].map(() => async (peer) => {
      await peer.create('notes/a.md', STORY)
      await peer.create('notes/b.md', '')
      await peer.create('c.md', 'three\n')
    }),
    expect: (files) => {
      expect([...files]).toEqual([
        ['c.md', 'three\n'],
        ['notes/a.md', STORY],
        ['notes/b.md', '']
      ])
    }
  },
  {
    what: '[CTR2] two similar files at one path become one with the lines of both, each once',
    apart: [(peer) => peer.create('a.md', `${STORY}from the first\n`), (peer) => peer.create('a.md', `from the second\n${STORY}`)],
    expect: (files) => {
      expect(paths(files)).toEqual(['a.md'])
      const text = files.get('a.md') ?? ''
      for (const line of [...STORY.trim().split('\n'), 'from the first', 'from the second']) expect(occurrences(text, line)).toBe(1)
    }
  },
  {
    what: '[CTR3] two unlike files at one path are both there, one of them under a conflict name',
    apart: [(peer) => peer.create('a.md', 'apples\nand pears\n'), (peer) => peer.create('a.md', 'cars\nand trains\n')],
    expect: (files) => {
      expect(files.size).toBe(2)
      expect(files.has('a.md')).toBe(true)
      expect([...files.values()].sort()).toEqual(['apples\nand pears\n', 'cars\nand trains\n'])
    }
  },
  {
    what: '[CTR4] three unlike files at one path are all there',
    apart: ['one\n', 'two\n', 'three\n'].map((text) => (peer) => peer.create('a.md', text)),
    expect: (files) => {
      expect([...files.values()].sort()).toEqual(['one\n', 'three\n', 'two\n'])
    }
  },
  {
    what: '[CTR5] three similar files at one path become one with the lines of all, and later edits of each',
    apart: ['first', 'second', 'third'].map((who) => async (peer) => {
      await peer.create('a.md', `${STORY}by the ${who}\n`)
      await peer.replace('a.md', 'Once upon', `${who} edit\nOnce upon`)
    }),
    expect: (files) => {
      expect(paths(files)).toEqual(['a.md'])
      for (const who of ['first', 'second', 'third']) {
        expect(occurrences(all(files), `by the ${who}\n`)).toBe(1)
        expect(occurrences(all(files), `${who} edit\n`)).toBe(1)
      }
      for (const line of STORY.trim().split('\n')) expect(occurrences(all(files), line)).toBe(1)
    }
  },
  {
    what: '[CTR6] [REG4] the same formatting run by two appears once',
    before: (peer) => peer.create('a.md', 'b\na\nd\nc\n'),
    apart: [0, 1].map(() => (peer) => peer.replace('a.md', 'b\na\nd\nc\n', '# sorted\na\nb\nc\nd\n', true)),
    expect: (files) => {
      expect([...files]).toEqual([['a.md', '# sorted\na\nb\nc\nd\n']])
    }
  },
  {
    what: '[CTR7] a file renamed here and edited there has the new name and the edit',
    before: (peer) => peer.create('old.md', STORY),
    apart: [(peer) => peer.move('old.md', 'deep/new.md'), (peer) => peer.replace('old.md', 'nobody', 'nobody at all')],
    expect: (files) => {
      expect([...files]).toEqual([['deep/new.md', STORY.replace('nobody', 'nobody at all')]])
    }
  },
  {
    what: '[CTR8] an edit keeps a file that is deleted at the same time, with its text',
    before: (peer) => peer.create('a.md', STORY),
    apart: [(peer) => peer.delete('a.md'), (peer) => peer.replace('a.md', 'nobody', 'somebody')],
    expect: (files) => {
      expect([...files]).toEqual([['a.md', STORY.replace('nobody', 'somebody')]])
    }
  },
  {
    what: '[CTR9] a deletion of a whole folder spares the file that is edited in it, and what is new in it',
    before: async (peer) => {
      await peer.create('d/a.md', STORY)
      await peer.create('d/b.md', 'gone\n')
    },
    apart: [
      (peer) => peer.delete('d'),
      (peer) => peer.replace('d/a.md', 'nobody', 'somebody'),
      (peer) => peer.create('d/new.md', 'new\n')
    ],
    expect: (files) => {
      expect([...files]).toEqual([
        ['d/a.md', STORY.replace('nobody', 'somebody')],
        ['d/new.md', 'new\n']
      ])
    }
  },
  {
    what: '[CTR10] a file moved to two places at once is at one of them',
    before: (peer) => peer.create('a.md', STORY),
    apart: [(peer) => peer.move('a.md', 'x/a.md'), (peer) => peer.move('a.md', 'y/a.md')],
    expect: (files) => {
      expect([...files.values()]).toEqual([STORY])
      expect(['x/a.md', 'y/a.md']).toContain(paths(files)[0])
    }
  },
  {
    what: '[CTR11] [REG20] two folders moved into each other are still there, with all that is in them',
    before: async (peer) => {
      await peer.create('a/1.md', 'one\n')
      await peer.create('b/2.md', 'two\n')
    },
    apart: [(peer) => peer.move('a', 'b/a'), (peer) => peer.move('b', 'a/b')],
    expect: (files) => {
      expect([...files.values()].sort()).toEqual(['one\n', 'two\n'])
    }
  },
  {
    what: '[CTR12] edits of one line by three are all there',
    before: (peer) => peer.create('a.md', 'start end\n'),
    apart: ['alpha ', 'beta ', 'gamma '].map((word) => (peer) => peer.replace('a.md', 'end', `${word}end`)),
    expect: (files) => {
      const text = files.get('a.md') ?? ''
      for (const word of ['start', 'alpha', 'beta', 'gamma']) expect(occurrences(text, word)).toBe(1)
    }
  }
]

/** Peers that were apart meet one by one: each order of meeting is an order of delivery. */
async function play({ before, apart }: Case, order: readonly number[]): Promise<ReadonlyMap<string, string>> {
  const world = new SimWorld({ seed: 1 })
  const peers = apart.map((_, index) => world.add(`peer${index}`, KEYS))
  for (const peer of peers) await peer.start()
  if (before !== undefined) {
    await before(peers[0] as SimPeer)
    await world.heal()
    world.unlink()
  }
  for (const [index, act] of apart.entries()) await act(peers[index] as SimPeer)
  const met: SimPeer[] = []
  for (const index of order) {
    met.push(peers[index] as SimPeer)
    world.link(met.slice(-2))
    if (met.length > 1) await world.sync(met)
  }
  return await convergedFiles(world)
}

describe('what peers did while they were apart', () => {
  for (const one of CASES) {
    it(one.what, async () => {
      const shown = new Set<string>()
      for (const order of permutations(one.apart.map((_, index) => index))) {
        const files = await play(one, order)
        one.expect(files)
        shown.add(paths(files).length.toString())
      }
      expect(shown.size).toBe(1)
    })
  }

  it('[CTR13] similar files that meet in pairs before all three meet still become one', async () => {
    const texts = ['first', 'second', 'third'].map((who) => `${STORY}by the ${who}\n`)
    for (const order of permutations([0, 1, 2])) {
      const world = new SimWorld({ seed: 1 })
      const peers = texts.map((_, index) => world.add(`peer${index}`, KEYS))
      for (const peer of peers) await peer.start()
      for (const [at, index] of order.entries()) await peers[at]?.create('a.md', texts[index] ?? '')
      world.link(peers.slice(0, 2))
      await world.sync(peers.slice(0, 2))
      await world.pass(10_000)
      await peers[0]?.replace('a.md', 'Once', 'first pair: Once')
      await peers[1]?.replace('a.md', 'by the', 'really by the')
      const files = await convergedFiles(world)
      expect(paths(files)).toEqual(['a.md'])
      for (const who of ['by the first', 'by the second', 'by the third', 'first pair:', 'really', 'lost a line']) {
        expect(occurrences(all(files), who), who).toBe(1)
      }
      await peers[2]?.replace('a.md', 'by the first', 'indeed by the first')
      expect(occurrences(all(await convergedFiles(world)), 'indeed by the first')).toBe(1)
    }
  })

  it('[CTR14] who joins late merges nothing that only seems to meet half way through the catch-up', async () => {
    const world = new SimWorld({ seed: 1 })
    const [a, b] = [world.add('a', KEYS), world.add('b', KEYS)]
    for (const peer of world.peers) await peer.start()
    await a.create('m.md', `${STORY}of a\n`)
    for (const name of ['1', '2', '3', '4']) await a.create(`large${name}.md`, `${name} filler line\n`.repeat(20_000))
    await a.move('m.md', 'moved.md')
    await b.create('m.md', `${STORY}of b\n`)
    await convergedFiles(world)
    const entries = a.live.status().entries
    const late = world.add('late', KEYS)
    const files = await convergedFiles(world)
    expect(files.get('moved.md')).toBe(`${STORY}of a\n`)
    expect(files.get('m.md')).toBe(`${STORY}of b\n`)
    expect(late.live.status().entries).toBe(entries)
  })

  it('[CTR15] a deletion of a merged file spares the lines that its author was not shown', async () => {
    const world = new SimWorld({ seed: 1 })
    const [a, b, reader] = [world.add('a', KEYS), world.add('b', KEYS), world.add('reader', shareAs(KEYS, 'read'))]
    for (const peer of world.peers) await peer.start()
    await a.create('m.md', `${STORY}of a\n`)
    await b.create('m.md', `${STORY}of b\n`)
    world.link([a, reader])
    await world.sync([a])
    await a.stop()
    world.link([b, reader])
    const shown = new Promise((resolve) => b.live.on('tree', resolve))
    while ((await Promise.race([shown, world.pass(1)])) === undefined);
    const [held = ''] = [await b.read('m.md')]
    await b.delete('m.md')
    const files = await convergedFiles(world)
    const lines = ['of a', 'of b'].filter((line) => !held.includes(line))
    expect(lines).toHaveLength(1)
    for (const line of lines) expect(all(files)).toContain(line)
  })
})
