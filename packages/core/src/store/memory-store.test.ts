import { describe, expect, it } from 'vitest'
import * as fc from 'fast-check'
import { compareBytes, utf8 } from '../base/bytes.js'
import { createMemoryStore } from './memory-store.js'
import { registerStoreConformance } from './store-conformance.js'
import { compareKeys } from './store-rules.js'

registerStoreConformance({ describe, it }, 'memory', async () => ({ store: createMemoryStore() }))

describe('the order of keys', () => {
  it('[STO4] is the order of their UTF-8 bytes', () => {
    const key = fc.string({ unit: 'binary' })
    fc.assert(
      fc.property(key, key, (a, b) => {
        expect(Math.sign(compareKeys(a, b))).toBe(Math.sign(compareBytes(utf8(a), utf8(b))))
      })
    )
  })
})
