import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decodeSignature, encodeSignature, equalSignature, isRacy, sameContentState } from './signature.js'

const signatures = fc.record({
  ino: fc.bigInt(0n, 2n ** 64n - 1n),
  size: fc.bigInt(0n, 2n ** 53n),
  mtimeNs: fc.bigInt(-(2n ** 62n), 2n ** 62n),
  ctimeNs: fc.bigInt(-(2n ** 62n), 2n ** 62n)
})

describe('signature', () => {
  it('[DISK2] is the same after encoding and decoding', () => {
    fc.assert(
      fc.property(signatures, (signature) => {
        expect(decodeSignature(encodeSignature(signature))).toEqual(signature)
      })
    )
  })

  it('[DISK2] differs as soon as one part does', () => {
    fc.assert(
      fc.property(signatures, fc.constantFrom('ino', 'size', 'mtimeNs', 'ctimeNs'), (signature, part) => {
        const other = { ...signature, [part]: signature[part] + 1n }
        expect(equalSignature(signature, other)).toBe(false)
        expect(sameContentState(signature, other)).toBe(part === 'ctimeNs')
      })
    )
  })

  it('refuses bytes of another length', () => {
    expect(() => decodeSignature(new Uint8Array(31))).toThrow(expect.objectContaining({ name: 'MalformedError' }))
  })

  it('[DISK3] a file that was touched just before it was looked at may change again unseen, so it is racy', () => {
    const at = (mtimeMs: number, ctimeMs: number) => ({ ino: 1n, size: 1n, mtimeNs: BigInt(mtimeMs) * 1_000_000n, ctimeNs: BigInt(ctimeMs) * 1_000_000n })
    expect(isRacy(at(7999, 7999), 10_000)).toBe(false)
    expect(isRacy(at(8000, 1), 10_000)).toBe(true)
    expect(isRacy(at(1, 9999), 10_000)).toBe(true)
    expect(isRacy(at(20_000, 1), 10_000)).toBe(true)
  })
})
