import { expect, it } from 'vitest'
import { main } from './own-libp2p.js'

it('[EX3] the example of an own libp2p node syncs a document and speaks a protocol of the app', async () => {
  expect(await main(() => undefined)).toEqual(['over the same connection', 'hello from the app'])
})
