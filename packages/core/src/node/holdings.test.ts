import { expect, it } from 'vitest'
import { Holdings } from './holdings.js'

it('[EMB45] a peer that had everything before us counts as soon as we have it too', () => {
  const holdings = new Holdings()
  holdings.grew('ours')
  holdings.confirmed('peer', 'both')
  expect(holdings.holds('peer', holdings.state)).toBe(false)
  expect(holdings.grew('both')).toBe(true)
  expect(holdings.holds('peer', holdings.state)).toBe(true)
  expect(holdings.grew('more')).toBe(false)
  expect(holdings.holds('peer', holdings.state)).toBe(false)
  holdings.left('peer')
  expect(holdings.grew('both')).toBe(false)
})
