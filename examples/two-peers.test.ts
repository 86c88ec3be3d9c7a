import { expect, it } from 'vitest'
import { main } from './two-peers.js'

it('[EX1] the example of two peers ends with both edits in one text', async () => {
  const text = await main(() => undefined)
  expect(text.split('\n').toSorted()).toEqual(['', 'from Ann', 'from Bob', 'the plan'])
})
