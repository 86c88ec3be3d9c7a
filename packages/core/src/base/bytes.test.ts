import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { fromHex, isLongerInUtf8, toHex, utf8 } from './bytes.js'

describe('bytes as text', () => {
  it('[CBOR4] are two digits each in hexadecimal, for an id and for what is longer', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      expect(toHex(bytes)).toBe(Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join(''))
      expect(fromHex(toHex(bytes))).toEqual(bytes)
    }))
  })

  it('[CBOR5] are counted as they are encoded, also where the count of units decides', () => {
    const near = fc.tuple(fc.string({ unit: 'binary', maxLength: 30 }), fc.integer({ min: -3, max: 3 }))
    fc.assert(fc.property(near, ([text, more]) => {
      for (const limit of [text.length + more, text.length * 3 + more, utf8(text).length + more]) expect(isLongerInUtf8(text, limit)).toBe(utf8(text).length > limit)
    }))
  })
})
