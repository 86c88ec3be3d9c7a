import { cpSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { Crowd, sameTree } from '../harness/crowd.js'
import { eventually } from '../harness/eventually.js'
import { countLines, insertLine, onceEach } from '../harness/lines.js'
import { SeededRandom } from '../harness/random.js'
import { importInto, sampleRealFiles } from '../harness/real-input.js'
import { conflictCopies } from '../harness/tree-model.js'
import { readTree } from '../harness/tree.js'
import type { Tree } from '../harness/tree.js'

interface Prepared {
  readonly crowd: Crowd
  /** Paths of texts that can take a line. */
  readonly paths: readonly string[]
}

/** Two peers that agree on some real files. */
async function agreed(seed: number): Promise<Prepared> {
  const crowd = await Crowd.make(2, 'chain')
  importInto(crowd.peer(0).folder, sampleRealFiles(new SeededRandom(seed), 40))
  const tree = await crowd.settle()
  return { crowd, paths: [...tree].filter(([, { text }]) => text.split('\n').length > 3).map(([path]) => path) }
}

async function forks(crowd: Crowd): Promise<readonly (number | undefined)[]> {
  return await Promise.all(crowd.peers.map(async (peer) => (await peer.status())?.workspace.forks))
}

function check(tree: Tree, files: number, lines: readonly string[]): void {
  expect(countLines(tree, lines)).toEqual(onceEach(lines))
  expect(tree.size).toBe(files)
  expect(conflictCopies(tree)).toBe(0)
}

describe('a store that is not what it was', () => {
  it('[E2E4] deleted: the folder joins anew, nothing is lost, nothing doubled', { timeout: 90_000 }, async () => {
    const { crowd, paths } = await agreed(4)
    await using _ = crowd
    const [kept, lost] = [crowd.peer(0), crowd.peer(1)]
    const files = readTree(kept.folder).size
    const [a = '', b = '', both = ''] = paths
    await lost.stop()
    rmSync(lost.home, { recursive: true })
    insertLine(lost, a, '§ only in the folder without a store')
    insertLine(kept, b, '§ only at the peer')
    insertLine(lost, both, '§ one side of both')
    insertLine(kept, both, '§ other side of both')
    check(await crowd.settle(), files, ['§ only in the folder without a store', '§ only at the peer', '§ one side of both', '§ other side of both'])
    expect(await forks(crowd)).toEqual([0, 0])
    expect(crowd.leftovers()).toEqual([])
  })

  it('[E2E5] rolled back to an older copy: what was written since is still there, once, and no log forks', { timeout: 90_000 }, async () => {
    const { crowd, paths } = await agreed(5)
    await using _ = crowd
    const [other, rolled] = [crowd.peer(0), crowd.peer(1)]
    const files = readTree(other.folder).size
    const [a = '', b = '', c = '', d = '', e = ''] = paths
    await rolled.stop()
    cpSync(rolled.home, join(crowd.directory, 'older'), { recursive: true })
    await crowd.start(rolled)
    insertLine(rolled, a, '§ after the copy, by itself')
    insertLine(other, b, '§ after the copy, by the other')
    await crowd.settle()
    await rolled.stop()
    rmSync(rolled.home, { recursive: true })
    cpSync(join(crowd.directory, 'older'), rolled.home, { recursive: true })
    insertLine(rolled, c, '§ before it starts from the copy')
    insertLine(other, d, '§ meanwhile')
    await crowd.start(rolled)
    insertLine(rolled, e, '§ right after it started')
    const lines = ['§ after the copy, by itself', '§ after the copy, by the other', '§ before it starts from the copy', '§ meanwhile', '§ right after it started']
    check(await crowd.settle(), files, lines)
    expect(await forks(crowd)).toEqual([0, 0])
  })

  it('[E2E6] rolled back while the only other peer is away: what was written since is not lost when it comes', { timeout: 90_000 }, async () => {
    const { crowd, paths } = await agreed(6)
    await using _ = crowd
    const [other, rolled] = [crowd.peer(0), crowd.peer(1)]
    const files = readTree(other.folder).size
    const [a = '', b = ''] = paths
    await rolled.stop()
    cpSync(rolled.home, join(crowd.directory, 'older'), { recursive: true })
    await crowd.start(rolled)
    insertLine(rolled, a, '§ since the copy')
    await crowd.settle()
    await Promise.all([rolled.stop(), other.stop()])
    rmSync(rolled.home, { recursive: true })
    cpSync(join(crowd.directory, 'older'), rolled.home, { recursive: true })
    await crowd.start(rolled)
    await eventually('it has looked at everything', async () => (await rolled.status())?.folder?.dirty === 0)
    insertLine(rolled, b, '§ alone')
    await eventually('the edit is taken in', async () => (await rolled.status())?.folder?.dirty === 0)
    check(await crowd.settle(), files, ['§ since the copy', '§ alone'])
    expect(await forks(crowd)).toEqual([0, 0])
  })

  it('[E2E7] copied with its folder to a second place: both run, as two peers, and end the same', { timeout: 90_000 }, async () => {
    const { crowd, paths } = await agreed(7)
    await using _ = crowd
    const [other, source] = [crowd.peer(0), crowd.peer(1)]
    const files = readTree(other.folder).size
    const [a = '', b = '', c = ''] = paths
    await source.stop()
    cpSync(join(crowd.directory, 'p1'), join(crowd.directory, 'copy'), { recursive: true, preserveTimestamps: true })
    const copy = await crowd.add({ name: 'copy' })
    insertLine(copy, a, '§ in the copy')
    insertLine(source, a, '§ in the source')
    await copy.start([other])
    await crowd.start(source)
    insertLine(copy, b, '§ later in the copy')
    insertLine(other, c, '§ at the third')
    const lines = ['§ in the copy', '§ in the source', '§ later in the copy', '§ at the third']
    await eventually('the copy is a peer like any other', async () => sameTree(await crowd.settle(), readTree(copy.folder)) && lines.every((line) => countLines(readTree(copy.folder), [line])[line] === 1), { otherwise: () => crowd.describe() })
    check(await crowd.settle(), files, lines)
    expect(await forks(crowd)).toEqual([0, 0])
    expect((await copy.status())?.workspace.peerId).not.toBe((await source.status())?.workspace.peerId)
    await copy.stop()
  })

  it('[E2E10] deleted: a file that was edited since it was made is not doubled either', { timeout: 90_000 }, async () => {
    const { crowd, paths } = await agreed(10)
    await using _ = crowd
    const [kept, lost] = [crowd.peer(0), crowd.peer(1)]
    const files = readTree(kept.folder).size
    const [a = ''] = paths
    insertLine(kept, a, '§ seen by both')
    await crowd.settle()
    await lost.stop()
    rmSync(lost.home, { recursive: true })
    insertLine(kept, a, '§ not seen by one')
    check(await crowd.settle(), files, ['§ seen by both', '§ not seen by one'])
  })
})
