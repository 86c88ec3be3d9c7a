import { keysFromWriteKey, nodeCrypto } from '@collab/core'
import { expect, it } from 'vitest'
import { SimWorld } from '../harness/sim-world.js'

const KEYS = keysFromWriteKey(nodeCrypto, new Uint8Array(32).fill(13))

it('[SIM1] what a crashed peer still wants to say reaches nobody, also when the peer is there again', async () => {
  const world = new SimWorld({ seed: 1 })
  const [ann, bob] = [world.add('ann', KEYS), world.add('bob', KEYS)]
  await world.heal()
  const crashed = ann.live
  ann.crash()
  await world.heal()
  await world.pass(10_000)
  const before = world.network.messages
  await crashed.edit([{ type: 'create-file', path: 'ghost.md', text: 'boo\n', executable: false }])
  await world.pass(10_000)
  expect(world.network.messages).toBe(before)
  expect(await bob.read('ghost.md')).toBeUndefined()
  await ann.create('a.md', 'text\n')
  await world.sync()
  expect(await bob.read('a.md')).toBe('text\n')
})
