import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decodeCbor, encodeCbor } from './cbor.js'
import type { Cbor } from './cbor.js'

const { item } = fc.letrec<{ item: Cbor }>((tie) => ({
  item: fc.oneof(
    { maxDepth: 4 },
    fc.maxSafeInteger(),
    fc.string({ unit: 'binary' }),
    fc.boolean(),
    fc.constant(null),
    fc.uint8Array({ maxLength: 40 }),
    fc.array(tie('item'), { maxLength: 5 })
  )
}))

/** Decodes, or undefined where the bytes are refused by name. */
function tryDecode(bytes: Uint8Array): Cbor | undefined {
  try {
    return decodeCbor(bytes)
  } catch (error) {
    expect((error as Error).name).toBe('MalformedError')
    return undefined
  }
}

describe('canonical CBOR', () => {
  it('[CBOR1] decodes what was encoded', () => {
    fc.assert(fc.property(item, (value) => {
      expect(decodeCbor(encodeCbor(value))).toEqual(value)
    }))
  })

  it('[CBOR1] keeps a byte order mark and the replacement character', () => {
    for (const text of ['\u{feff}', '\u{feff}text', 'a\u{fffd}b', '\u{feff}'.repeat(40)]) expect(decodeCbor(encodeCbor(text))).toBe(text)
  })

  it('[CBOR2] accepts one spelling of a value only, whatever the bytes', () => {
    const spoiled = fc.tuple(item, fc.nat(), fc.nat(255)).map(([value, at, byte]) => {
      const bytes = Uint8Array.from(encodeCbor(value))
      bytes[at % bytes.length] = byte
      return bytes
    })
    const check = (bytes: Uint8Array): void => {
      const value = tryDecode(bytes)
      if (value !== undefined) expect(encodeCbor(value)).toEqual(bytes)
    }
    fc.assert(fc.property(spoiled, check), { numRuns: 3000 })
    fc.assert(fc.property(fc.uint8Array({ maxLength: 30 }), check), { numRuns: 3000 })
  })

  it.each([
    ['a whole number as a float', [0xfb, 0x41, 0xf0, 0, 0, 0, 0, 0, 0]],
    ['a number in more bytes than it needs', [0x18, 0x01]],
    ['text that is not UTF-8', [0x61, 0xff]],
    ['an indefinite length', [0x9f, 0x01, 0xff]],
    ['a tag', [0xc1, 0x01]],
    ['a map', [0xa0]],
    ['undefined', [0xf7]],
    ['a second item behind', [0x01, 0x02]],
    ['a long form of null', [0xf8, 0x16]],
    ['nothing', []]
  ])('[CBOR3] refuses %s', (_what, bytes) => {
    expect(tryDecode(Uint8Array.from(bytes))).toBeUndefined()
  })
})
