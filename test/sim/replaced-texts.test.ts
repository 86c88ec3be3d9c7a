import { keysFromWriteKey, nodeCrypto, parseBlobId } from '@collab/core'
import type { OpenDocument } from '@collab/core'
import { expect, it } from 'vitest'
import type { SimPeer } from '../harness/sim-peer.js'
import { SimWorld } from '../harness/sim-world.js'
import { occurrences } from '../harness/world-checks.js'

const KEYS = keysFromWriteKey(nodeCrypto, new Uint8Array(32).fill(12))
/** Longer than it takes until what is quiet is put in order. */
const PAUSE_MS = 7000

/** Ann and Cay write into a text, out of reach of each other and of Bob, who puts something else in its place. */
class ReplacedWorld {
  readonly world: SimWorld
  readonly typed: string[] = []
  readonly #writers: OpenDocument[] = []

  constructor(seed: number) {
    this.world = new SimWorld({ seed, delayMs: 5 + seed * 10, loss: seed % 3 === 0 ? 0.05 : 0 })
  }

  async part(): Promise<readonly SimPeer[]> {
    const { world } = this
    const peers = ['ann', 'bob', 'cay'].map((name) => world.add(name, KEYS))
    const [ann, bob, cay] = peers
    if (ann === undefined || bob === undefined || cay === undefined) throw new Error('no peers')
    await world.heal()
    await bob.create('a.md', 'start\n')
    await world.sync()
    for (const peer of [ann, cay]) this.#writers.push(await world.until(peer.live.openText('a.md')))
    world.unlink()
    await this.type(6, PAUSE_MS)
    const { node, doc } = await bob.open('a.md')
    await bob.live.edit([{ type: 'set-blob', node, base: { kind: 'text', doc }, content: { blob: parseBlobId(nodeCrypto.randomBytes(32)), size: 5 } }])
    return [ann, bob, cay]
  }

  /** Whoever still can types, in all texts that are open. */
  async type(times: number, pauseMs: number): Promise<void> {
    for (let time = 0; time < times; time++) {
      for (const { doc, status } of this.#writers) {
        if (status.error !== undefined) continue
        const mark = `<${this.typed.length}>`
        this.typed.push(mark)
        doc.getText('content').insert(0, mark)
      }
      await this.world.pass(pauseMs)
    }
  }

  /** Types on while all are linked, until nobody has anything to say. */
  async rest(): Promise<void> {
    this.world.link()
    await this.type(100, 50)
    await this.world.sync()
    await this.world.pass(2 * PAUSE_MS)
    await this.world.sync()
  }

  /** What all see, after a check that they see the same. */
  async texts(): Promise<readonly string[]> {
    const [files, ...others] = await Promise.all(this.world.peers.map(async (peer) => [...(await peer.files())]))
    for (const other of others) expect(other).toEqual(files)
    return (files ?? []).map(([, text]) => text)
  }
}

it.each([1, 2, 3, 4, 5, 6])('[EMB74] what several wrote into a text that became something else is in one file, also when they type on (seed %i)', async (seed) => {
  const replaced = new ReplacedWorld(seed)
  await replaced.part()
  await replaced.rest()
  const texts = await replaced.texts()
  expect(texts).toHaveLength(1)
  for (const mark of replaced.typed) expect(occurrences(texts[0] ?? '', mark)).toBe(1)
})

it.each([1, 2, 3])('[EMB74] who comes back long after the text was kept makes one more file of what all wrote (seed %i)', async (seed) => {
  const replaced = new ReplacedWorld(seed)
  const [ann, bob] = await replaced.part()
  if (ann === undefined || bob === undefined) throw new Error('no peers')
  replaced.world.link([ann, bob])
  await replaced.type(6, PAUSE_MS)
  await replaced.rest()
  const texts = (await replaced.texts()).toSorted((a, b) => a.length - b.length)
  expect(texts).toHaveLength(2)
  for (const mark of replaced.typed) expect(occurrences(texts[1] ?? '', mark)).toBe(1)
})
