import { keysFromWriteKey, nodeCrypto } from '@collab/core'
import { expect, it } from 'vitest'
import { copyOf } from '../harness/sim-peer.js'
import { SimWorld } from '../harness/sim-world.js'
import { convergedFiles } from '../harness/world-checks.js'

const KEYS = keysFromWriteKey(nodeCrypto, new Uint8Array(32).fill(6))
const PRUNES = { pruneAfterMs: 10, pace: { snapshotSteps: 4, pageSteps: 5, segmentEntries: 2 } }
const LINES = 40

it('[PRUNE2] a branch of a log that is only at a peer that left what comes before it to others is had by all', async () => {
  const world = new SimWorld({ seed: 1 })
  const keeper = world.add('keeper', KEYS)
  const one = world.add('one', KEYS, PRUNES)
  await world.heal()
  await one.create('a.md', 'begun\n')
  for (let line = 0; line < LINES; line++) {
    await one.replace('a.md', 'begun\n', `begun\nline ${line}\n`)
    await world.pass(20)
  }
  await world.sync()
  expect(await world.until(one.live.prune())).toBeGreaterThan(LINES / 2)
  await one.stop()
  const two = world.add('two', KEYS, { ...PRUNES, store: copyOf(one.store) })
  // Both go on as one author, and meet nobody meanwhile.
  for (const [at, peer] of [one, two].entries()) {
    await peer.start()
    await peer.replace('a.md', 'begun\n', `branch ${at}\nbegun\n`)
  }
  world.link([keeper, one])
  await world.sync([keeper, one])
  expect(await keeper.read('a.md')).toContain('branch 0')
  const files = await convergedFiles(world, /^forked-log: /)
  const text = files.get('a.md') ?? ''
  for (const line of ['branch 0', 'branch 1', ...Array.from({ length: LINES }, (_, at) => `line ${at}`)]) expect(text.split(`${line}\n`).length).toBe(2)
  expect(world.peers.map((peer) => peer.live.status().forks)).toEqual([1, 1, 1])
})

it('[PRUNE17] a newcomer that meets only one who left old edits to others waits, which is said, and has all once it meets the other', async () => {
  const world = new SimWorld({ seed: 2 })
  const keeper = world.add('keeper', KEYS)
  const one = world.add('one', KEYS, PRUNES)
  await world.heal()
  await one.create('a.md', 'begun\n')
  await one.create('b.md', 'other\n')
  for (let line = 0; line < LINES; line++) {
    await one.replace('a.md', 'begun\n', `begun\nline ${line}\n`)
    await world.pass(20)
  }
  await world.sync()
  expect(await world.until(one.live.prune())).toBeGreaterThan(LINES / 2)
  const late = world.add('late', KEYS)
  await late.start()
  world.unlink([keeper, one])
  world.link([one, late])
  await world.pass(5_000)
  expect([await late.read('b.md'), late.live.status().peers.map(({ synced }) => synced)]).toEqual(['other\n', [false]])
  expect(one.warnings).toEqual([expect.stringMatching(/^pruned-missing: .* keeps everything$/)])
  // What it writes meanwhile is its own, and joins the rest.
  await late.create('c.md', 'from the newcomer\n')
  world.link([keeper, late])
  const files = await convergedFiles(world, /^pruned-missing: /)
  expect([files.get('c.md'), files.get('a.md')?.split('\n').length]).toEqual(['from the newcomer\n', LINES + 2])
  expect(one.warnings.length).toBe(1)
})
