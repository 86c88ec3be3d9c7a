import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { Crowd } from '../harness/crowd.js'
import type { Topology } from '../harness/crowd.js'
import { eventually } from '../harness/eventually.js'
import { SeededRandom } from '../harness/random.js'
import { BLOB_FILES, ODD_FILES, SKIPPED_FILES, importInto, realFiles, sampleRealFiles, writeFiles } from '../harness/real-input.js'
import { differences, pathsBelow, readTree } from '../harness/tree.js'
import type { Tree } from '../harness/tree.js'
import { TreeModel } from '../harness/tree-model.js'
import { Writers } from '../harness/writers.js'

/** Everything random comes from this; a failure prints it. Another one can be given, to look for more. */
const SEED = Number(process.env['COLLAB_SEED'] ?? 20_240_229)

interface Story {
  readonly peers: number
  readonly topology: Topology
  readonly files: number
  readonly acts: number
}

const STORIES: readonly Story[] = [
  { peers: 2, topology: 'chain', files: 150, acts: 80 },
  { peers: 3, topology: 'chain', files: 300, acts: 120 },
  { peers: 3, topology: 'star', files: 100, acts: 80 },
  { peers: 5, topology: 'star', files: 80, acts: 100 }
]

/** Import on two sides, then two rounds: all online, then with processes killed and stopped in between. */
async function live({ peers, topology, files, acts }: Story, seed: number): Promise<Writers> {
  const random = new SeededRandom(seed)
  await using crowd = await Crowd.make(peers, topology)
  const model = new TreeModel()
  const writers = new Writers(crowd, model, random)
  try {
    importInto(crowd.peer(0).folder, sampleRealFiles(random, files))
    importInto(crowd.peer(peers - 1).folder, sampleRealFiles(random, files / 4))
    const imported = both(readTree(crowd.peer(0).folder), readTree(crowd.peer(peers - 1).folder))
    const tree = await crowd.settle()
    expect(differences(imported, tree)).toEqual([])
    model.begin(tree)
    for (let act = 0; act < acts; act++) writers.act()
    await writers.agree()
    for (let act = 0; act < acts; act++) {
      if (random.chance(8 / acts)) await writers.disturb(random.pick(crowd.peers))
      else writers.act()
    }
    await writers.agree()
    return writers
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error)
    throw new Error(`seed ${seed}: ${message}\n${await crowd.describe()}\nsince they last agreed:\n${writers.log.join('\n')}`, { cause: error })
  }
}

describe('real processes on real files', () => {
  for (const [index, story] of STORIES.entries()) {
    it(`[E2E1] ${story.peers} peers in a ${story.topology} end with the same folders and every line that was saved`, { timeout: 180_000 }, async () => {
      const { figures } = await live(story, SEED + index)
      expect(figures.saves).toBeGreaterThan(20)
      expect(figures.moves + figures.folderMoves).toBeGreaterThan(5)
      expect(figures.kills + figures.stops).toBeGreaterThan(0)
    })
  }

  it('[E2E9] odd files arrive byte by byte, or are listed as skipped and never touched', { timeout: 90_000 }, async () => {
    await using crowd = await Crowd.make(2, 'chain')
    const [from, to] = [crowd.peer(0), crowd.peer(1)]
    const arriving = [...ODD_FILES, ...BLOB_FILES]
    writeFiles(from.folder, [...arriving, ...SKIPPED_FILES])
    const large = realFiles().filter(({ bytes }) => bytes > 1024 * 1024).slice(0, 1)
    importInto(from.folder, large)
    const tree = await crowd.settle()
    expect(tree.size).toBe(arriving.length + large.length)
    for (const [path, content] of arriving) expect(readFileSync(join(to.folder, path)).equals(Buffer.from(content)), path).toBe(true)
    for (const [path, content] of SKIPPED_FILES) expect(readFileSync(join(from.folder, path)).equals(Buffer.from(content)), path).toBe(true)
    for (const { path, source } of large) expect(readFileSync(join(to.folder, path)).equals(readFileSync(source)), path).toBe(true)
    expect(pathsBelow(to.folder).length).toBe(arriving.length + large.length)
    const skipped = await eventually('they are listed', async () => (await from.status())?.folder?.skipped)
    for (const [path] of SKIPPED_FILES) expect(skipped.map((one) => one.path)).toContain(path)
  })
})

function both(a: Tree, b: Tree): Tree {
  return new Map([...a, ...b])
}
