import { keysFromWriteKey, nodeCrypto } from '@collab/core'
import { describe, expect, it } from 'vitest'
import { copyOf, emptyStore } from '../harness/sim-peer.js'
import type { SimPeer } from '../harness/sim-peer.js'
import { SimWorld } from '../harness/sim-world.js'
import { convergedFiles } from '../harness/world-checks.js'

const KEYS = keysFromWriteKey(nodeCrypto, new Uint8Array(32).fill(4))
const FORKED = /^forked-log: the log of author [0-9a-f]{8} has two continuations/

interface Pair {
  readonly world: SimWorld
  readonly a: SimPeer
  readonly b: SimPeer
}

/** Two peers that hold one file with a line of each. */
async function pair(): Promise<Pair> {
  const world = new SimWorld({ seed: 2 })
  const [a, b] = [world.add('a', KEYS), world.add('b', KEYS)]
  await world.heal()
  await a.create('f.md', 'start\n')
  await world.sync()
  await a.replace('f.md', 'start\n', 'start\nof a\n')
  await b.replace('f.md', 'start\n', 'of b\nstart\n')
  await convergedFiles(world)
  return { world, a, b }
}

function expectOnce(files: ReadonlyMap<string, string>, ...lines: readonly string[]): void {
  const shown = [...files.values()].flatMap((text) => text.split('\n'))
  for (const line of lines) expect(shown.filter((other) => other === line), JSON.stringify([...files])).toEqual([line])
}

describe('stores that come to harm', () => {
  it('[CTR20] a deleted store is filled again, and what is written into the new one joins the rest', async () => {
    const { world, a } = await pair()
    const author = a.live.status().author
    await a.stop()
    a.store = emptyStore()
    await a.start()
    expect(a.live.status().author).not.toBe(author)
    await a.create('f.md', 'start\nwritten on an empty store\n')
    expectOnce(await convergedFiles(world), 'start', 'of a', 'of b', 'written on an empty store')
  })

  it('[CTR21] [REG11] a store rolled back while it ran goes on as a new author and loses nothing that others hold', async () => {
    const { world, a } = await pair()
    const old = copyOf(a.store)
    const author = a.live.status().author
    await a.replace('f.md', 'of a', 'of a\nafter the copy')
    await world.sync()
    a.crash()
    a.store = old
    await a.start()
    expect(a.live.status().author).not.toBe(author)
    await a.replace('f.md', 'of a', 'of a\nafter the roll-back')
    expectOnce(await convergedFiles(world), 'start', 'of a', 'of b', 'after the copy', 'after the roll-back')
    expect(world.peers.map((peer) => peer.live.status().forks)).toEqual([0, 0])
  })

  it('[CTR22] a copy that runs beside a running store is another author', async () => {
    const { world, a } = await pair()
    const copy = world.add('copy', KEYS, { store: copyOf(a.store) })
    await copy.start()
    expect(copy.live.status().author).not.toBe(a.live.status().author)
    await copy.replace('f.md', 'start', 'copy before start\nstart')
    await a.replace('f.md', 'start', 'a before start\nstart')
    expectOnce(await convergedFiles(world), 'start', 'of a', 'of b', 'copy before start', 'a before start')
    expect(a.live.status().forks).toBe(0)
  })

  it('[CTR23] a store copied to another machine is another author there', async () => {
    const { world, a } = await pair()
    await a.stop()
    const copy = world.add('copy', KEYS, { store: copyOf(a.store), machine: 'another' })
    await a.start()
    await copy.start()
    expect(copy.live.status().author).not.toBe(a.live.status().author)
    await copy.replace('f.md', 'start', 'copy before start\nstart')
    await a.replace('f.md', 'start', 'a before start\nstart')
    expectOnce(await convergedFiles(world), 'start', 'of a', 'of b', 'copy before start', 'a before start')
    expect(a.live.status().forks).toBe(0)
  })

  it('[CTR24] one author on two copies of a stopped store: both branches are kept and applied, and it is said', async () => {
    const { world, a, b } = await pair()
    await a.stop()
    const copy = world.add('copy', KEYS, { store: copyOf(a.store) })
    await a.start()
    await copy.start()
    expect(copy.live.status().author).toBe(a.live.status().author)
    for (const [peer, who] of [
      [a, 'a'],
      [copy, 'copy']
    ] as const) {
      await peer.replace('f.md', 'start', `${who} before start\nstart`)
      await peer.create(`${who}.md`, `${who} alone\n`)
      await peer.replace('f.md', `${who} before`, `${who} changed\n${who} before`)
    }
    const files = await convergedFiles(world, FORKED)
    expectOnce(files, 'start', 'of a', 'of b', 'a before start', 'copy before start', 'a changed', 'copy changed', 'a alone', 'copy alone')
    for (const peer of world.peers) {
      expect(peer.live.status().forks, peer.name).toBe(1)
      expect(peer.warnings.some((warning) => FORKED.test(warning)), peer.name).toBe(true)
    }
    expect(copy.live.status().author).not.toBe(a.live.status().author)
    await b.replace('f.md', 'copy changed', 'after the fork\ncopy changed')
    await copy.replace('f.md', 'a changed', 'by the copy\na changed')
    expectOnce(await convergedFiles(world, FORKED), 'after the fork', 'by the copy')
    const fresh = world.add('fresh', KEYS)
    await convergedFiles(world, FORKED)
    expect(fresh.live.status().entries).toBe(b.live.status().entries)
  })

  it('[CTR25] a stopped store rolled back to an older clean copy goes on beside the part that it forgot', async () => {
    const { world, a } = await pair()
    await a.stop()
    const old = copyOf(a.store)
    await a.start()
    await a.replace('f.md', 'of a', 'of a\nforgotten by a')
    await world.heal()
    await a.stop()
    a.store = old
    await a.start()
    await a.replace('f.md', 'of a', 'of a\nafter the roll-back')
    expectOnce(await convergedFiles(world, FORKED), 'start', 'of a', 'of b', 'forgotten by a', 'after the roll-back')
  })
})
