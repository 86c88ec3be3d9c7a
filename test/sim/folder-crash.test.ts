import { SimFolder } from '../harness/sim-folder.js'
import { keysFromWriteKey } from '@collab/core'
import { describe, expect, it } from 'vitest'
import { simCrypto } from '../harness/sim-crypto.js'
import { SimWorld } from '../harness/sim-world.js'

const KEYS = keysFromWriteKey(simCrypto({ bytes: (length) => new Uint8Array(length) }), new Uint8Array(32).fill(5))

/** Something that happens to two folders in sync, one of which is cut off at any moment of it. */
interface Story {
  readonly name: string
  readonly files: Readonly<Record<string, string>>
  readonly act: (mortal: SimFolder, other: SimFolder) => void
  /** What the user does while the process is gone. */
  readonly meanwhile?: (mortal: SimFolder, other: SimFolder) => void
  readonly expected: Readonly<Record<string, string>>
}

const LINES = 'one\ntwo\nthree\n'
const OTHER = 'alpha\nbravo\ncharlie\n'

const STORIES: readonly Story[] = [
  {
    name: 'a peer edits',
    files: { 'a.md': LINES },
    act: (_, other) => other.user.save('a.md', `${LINES}four\n`),
    expected: { 'a.md': `${LINES}four\n` }
  },
  {
    name: 'a peer edits, and so does the user',
    files: { 'a.md': LINES },
    act: (mortal, other) => {
      other.user.save('a.md', `${LINES}four\n`)
      mortal.user.save('a.md', `zero\n${LINES}`, 'rename-over')
    },
    expected: { 'a.md': `zero\n${LINES}four\n` }
  },
  {
    name: 'a peer makes files',
    files: { 'a.md': LINES },
    act: (_, other) => {
      other.user.save('d/e/b.md', 'new\n')
      other.user.save('c.md', '')
    },
    expected: { 'a.md': LINES, 'c.md': '', 'd/e/b.md': 'new\n' }
  },
  {
    name: 'a peer moves an edited file',
    files: { 'a.md': LINES },
    act: (_, other) => {
      other.user.save('a.md', `${LINES}four\n`)
      other.user.move('a.md', 'd/b.md')
    },
    expected: { 'd/b.md': `${LINES}four\n` }
  },
  {
    name: 'a peer moves a directory',
    files: { 'd/a.md': LINES, 'd/b.md': 'b\n' },
    act: (_, other) => other.user.move('d', 'e'),
    expected: { 'e/a.md': LINES, 'e/b.md': 'b\n' }
  },
  {
    name: 'a peer swaps two names',
    files: { 'a.md': LINES, 'b.md': 'b\n' },
    act: (_, other) => {
      other.user.move('a.md', 'x.md')
      other.user.move('b.md', 'a.md')
      other.user.move('x.md', 'b.md')
    },
    expected: { 'a.md': 'b\n', 'b.md': LINES }
  },
  {
    name: 'a peer deletes',
    files: { 'a.md': LINES, 'd/b.md': 'b\n', 'c.md': 'c\n' },
    act: (_, other) => {
      other.user.remove('a.md')
      other.user.remove('d/b.md')
    },
    expected: { 'c.md': 'c\n' }
  },
  {
    name: 'the user edits, makes, moves and deletes',
    files: { 'a.md': LINES, 'b.md': 'b\n', 'c.md': 'c\n' },
    act: ({ user }) => {
      user.save('a.md', `${LINES}four\n`, 'by-backup')
      user.move('b.md', 'd/b.md')
      user.remove('c.md')
      user.save('e.md', 'e\n')
    },
    expected: { 'a.md': `${LINES}four\n`, 'd/b.md': 'b\n', 'e.md': 'e\n' }
  },
  {
    name: 'a peer edits what the user moves while the process is gone',
    files: { 'a.md': LINES },
    act: (_, other) => other.user.save('a.md', `${LINES}four\n`),
    // In the moment between the old file and the new one there is nothing to move.
    meanwhile: ({ user }, other) => (user.exists('a.md') ? user.move('a.md', 'd/b.md') : other.user.move('a.md', 'd/b.md')),
    expected: { 'd/b.md': `${LINES}four\n` }
  },
  {
    name: 'a peer edits, and edits again, what the user moves while the process is gone',
    files: { 'a.md': LINES },
    act: (_, other) => other.user.save('a.md', `${LINES}four\n`),
    meanwhile: ({ user }, other) => {
      const isThere = user.exists('a.md')
      if (isThere) user.move('a.md', 'd/b.md')
      else other.user.move('a.md', 'd/b.md')
      other.user.save(isThere ? 'a.md' : 'd/b.md', `${LINES}four\nfive\n`)
    },
    expected: { 'd/b.md': `${LINES}four\nfive\n` }
  },
  {
    name: 'a peer edits what the user moves while the process is gone, with another file in its place',
    files: { 'a.md': LINES },
    act: (_, other) => other.user.save('a.md', `${LINES}four\n`),
    meanwhile: (mortal, other) => {
      const { user } = mortal.user.exists('a.md') ? mortal : other
      user.move('a.md', 'd/b.md')
      user.save('a.md', OTHER)
    },
    expected: { 'a.md': OTHER, 'd/b.md': `${LINES}four\n` }
  },
  {
    name: 'a peer edits what the user moves over another file while the process is gone',
    files: { 'a.md': LINES, 'b.md': OTHER },
    act: (_, other) => other.user.save('a.md', `${LINES}four\n`),
    meanwhile: (mortal, other) => (mortal.user.exists('a.md') ? mortal : other).user.move('a.md', 'b.md'),
    expected: { 'b.md': `${LINES}four\n` }
  },
  {
    name: 'a peer makes what the user moves while the process is gone',
    files: { 'a.md': LINES },
    act: (_, other) => other.user.save('b.md', 'new\nnewer\n'),
    meanwhile: ({ user }, other) => (user.exists('b.md') ? user.move('b.md', 'd/c.md') : other.user.move('b.md', 'd/c.md')),
    expected: { 'a.md': LINES, 'd/c.md': 'new\nnewer\n' }
  },
  {
    name: 'a peer makes and edits what the user edits while the process is gone, and moves its directory',
    files: { 'a.md': LINES },
    act: (_, other) => other.user.save('d/b.md', LINES),
    meanwhile: ({ user }, other) => {
      if (user.exists('d/b.md')) user.append('d/b.md', 'four\n')
      else other.user.append('d/b.md', 'four\n')
      other.user.move('d', 'e')
    },
    expected: { 'a.md': LINES, 'e/b.md': `${LINES}four\n` }
  },
  {
    name: 'a peer edits what the user moves and edits while the process is gone',
    files: { 'd/a.md': LINES },
    act: (_, other) => other.user.save('d/a.md', `${LINES}four\n`),
    meanwhile: ({ user }, other) => {
      const [mover, text] = user.exists('d/a.md') ? [user, user.read('d/a.md') ?? ''] : [other.user, `${LINES}four\n`]
      mover.move('d', 'e')
      if (mover === user) mover.save('e/a.md', `zero\n${text}`)
      else mover.save('e/a.md', `zero\n${LINES}four\n`)
    },
    expected: { 'e/a.md': `zero\n${LINES}four\n` }
  },
  {
    name: 'a peer moves what the user edits while the process is gone',
    files: { 'a.md': LINES },
    act: (_, other) => other.user.move('a.md', 'd/b.md'),
    meanwhile: ({ user }) => user.append(user.exists('a.md') ? 'a.md' : 'd/b.md', 'four\n'),
    expected: { 'd/b.md': `${LINES}four\n` }
  },
  {
    name: 'a peer moves what the user moves on while the process is gone',
    files: { 'a.md': LINES },
    act: (_, other) => other.user.move('a.md', 'b.md'),
    meanwhile: ({ user }, other) => (user.exists('b.md') ? user.move('b.md', 'd/c.md') : other.user.move('b.md', 'd/c.md')),
    expected: { 'd/c.md': LINES }
  },
  {
    name: 'a peer moves what the user moves elsewhere, from its old name if that is there, while the process is gone',
    files: { 'a.md': LINES },
    act: (_, other) => other.user.move('a.md', 'b.md'),
    meanwhile: ({ user }, other) => {
      if (user.exists('a.md')) user.move('a.md', 'd/c.md')
      else if (user.exists('b.md')) user.move('b.md', 'd/c.md')
      else other.user.move('b.md', 'd/c.md')
    },
    expected: { 'd/c.md': LINES }
  },
  {
    name: 'a peer moves what the user saves to a new file while the process is gone',
    files: { 'a.md': LINES },
    act: (_, other) => other.user.move('a.md', 'd/b.md'),
    meanwhile: ({ user }) => user.save(user.exists('d/b.md') ? 'd/b.md' : 'a.md', `${LINES}four\n`, 'rename-over'),
    expected: { 'd/b.md': `${LINES}four\n` }
  }
]

interface Run {
  readonly crashed: boolean
  readonly faults: readonly string[]
}

async function run(story: Story, step: number): Promise<Run> {
  const world = new SimWorld({ seed: 1, realCrypto: false })
  using mortal = new SimFolder({ world, name: 'mortal', keys: KEYS })
  using other = new SimFolder({ world, name: 'other', keys: KEYS })
  const settled = async (): Promise<void> => {
    for (let round = 0; round < 3; round++) for (const folder of [mortal, other]) await folder.settled()
  }
  for (const [path, text] of Object.entries(story.files)) mortal.user.save(path, text)
  await mortal.start()
  await other.start()
  world.link()
  await settled()
  story.act(mortal, other)
  mortal.crashBefore(step)
  await settled()
  const { crashed } = mortal
  await mortal.crash()
  story.meanwhile?.(mortal, other)
  await mortal.start()
  world.link()
  await settled()
  await world.pass(LISTING_MS)
  await settled()
  const wanted = JSON.stringify(Object.entries(story.expected))
  const faults = [mortal, other].flatMap(({ name, user }) => {
    const found = JSON.stringify([...user.files()])
    return found === wanted ? [] : [`before step ${step}: ${name} has ${found}`]
  })
  faults.push(...[mortal, other].flatMap(({ name, warnings }) => warnings.map((warning) => `before step ${step}: ${name} warns: ${warning}`)))
  for (const folder of [mortal, other]) await folder.stop()
  return { crashed, faults }
}

/** A folder with an older copy joins, and is cut off before a change; what its user does then. */
async function join(step: number, meanwhile: (mortal: SimFolder) => void): Promise<{ crashed: boolean; texts: readonly string[] }> {
  const world = new SimWorld({ seed: 1, realCrypto: false })
  using mortal = new SimFolder({ world, name: 'mortal', keys: KEYS })
  using other = new SimFolder({ world, name: 'other', keys: KEYS })
  other.user.save('a.md', `${LINES}four\n`)
  await other.start()
  await other.settled()
  mortal.user.save('a.md', LINES)
  mortal.crashBefore(step)
  await mortal.start()
  world.link()
  for (let round = 0; round < 3; round++) for (const folder of [mortal, other]) if (folder.running) await folder.settled()
  const crashed = mortal.crashed || !mortal.running
  await mortal.crash()
  meanwhile(mortal)
  await mortal.start()
  world.link()
  await world.pass(LISTING_MS)
  for (let round = 0; round < 3; round++) for (const folder of [mortal, other]) await folder.settled()
  const [here, there] = [mortal, other].map(({ user }) => [...user.files()])
  expect(here).toEqual(there)
  for (const folder of [mortal, other]) await folder.stop()
  return { crashed, texts: (here ?? []).map(([, text]) => text) }
}

/** By then the folder has been listed once more. */
const LISTING_MS = 6_000

describe('a folder that is cut off at every change of its disk and its store', () => {
  for (const story of STORIES) {
    it(`[FAULT5] ${story.name}: after the next start both folders are as if nothing had happened`, async () => {
      const faults: string[] = []
      let step = 0
      for (let crashed = true; crashed; step++) {
        const done = await run(story, step)
        crashed = done.crashed
        faults.push(...done.faults)
      }
      expect(faults).toEqual([])
      expect(step).toBeGreaterThan(3)
    })
  }

  it('[FAULT5] an older copy that joins deletes nothing that it lacks', async () => {
    let step = 0
    for (let crashed = true; crashed; step++) {
      const done = await join(step, () => undefined)
      crashed = done.crashed
      expect(done.texts, `before step ${step}`).toEqual([`${LINES}four\n`])
    }
    expect(step).toBeGreaterThan(3)
  })

  it('[FAULT5] nor does one that its user moves meanwhile', async () => {
    let step = 0
    for (let crashed = true; crashed; step++) {
      const done = await join(step, ({ user }) => user.exists('a.md') && user.move('a.md', 'd/b.md'))
      crashed = done.crashed
      expect(done.texts, `before step ${step}`).toContain(`${LINES}four\n`)
    }
    expect(step).toBeGreaterThan(3)
  })
})
