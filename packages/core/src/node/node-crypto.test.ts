import { ed25519, ED25519_TORSION_SUBGROUP } from '@noble/curves/ed25519.js'
import { sha512 } from '@noble/hashes/sha2.js'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { concat, fromHex, utf8 } from '../base/bytes.js'
import type { Crypto } from '../base/crypto.js'
import { isSoundPublicKey } from '../keys/public-key-check.js'
import { nobleCrypto } from '../keys/noble-crypto.js'
import { nodeCrypto } from './node-crypto.js'

const { Point } = ed25519
const bytes = (length: number): fc.Arbitrary<Uint8Array> => fc.uint8Array({ minLength: length, maxLength: length })
const some = fc.uint8Array({ maxLength: 300 })
const key = bytes(32)
const parts = fc.array(some, { maxLength: 4 })
const mask = fc.integer({ min: 1, max: 255 })
const few = { numRuns: 25 }
const both: readonly (readonly [Crypto, Crypto])[] = [
  [nodeCrypto, nobleCrypto],
  [nobleCrypto, nodeCrypto]
]

describe('the two implementations of Crypto', () => {
  it('[KEY1] hash, authenticate and derive the same bytes', () => {
    fc.assert(
      fc.property(parts, key, some, fc.string(), fc.integer({ min: 1, max: 100 }), (parts, key, salt, info, length) => {
        expect(nodeCrypto.sha256(...parts)).toEqual(nobleCrypto.sha256(...parts))
        expect(nodeCrypto.sha256(...parts)).toEqual(nobleCrypto.sha256(concat(...parts)))
        expect(nodeCrypto.hmac(key, ...parts)).toEqual(nobleCrypto.hmac(key, ...parts))
        expect(nodeCrypto.hkdf(key, salt, info, length)).toEqual(nobleCrypto.hkdf(key, salt, info, length))
      })
    )
  })

  it('[KEY1] give the digests that the standards print', () => {
    for (const crypto of [nodeCrypto, nobleCrypto]) {
      expect(crypto.sha256(utf8('abc'))).toEqual(fromHex('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad'))
      const rfc8032 = crypto.signer(fromHex('9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60'))
      expect(rfc8032.publicKey).toEqual(fromHex('d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a'))
    }
  })

  it('[KEY1] stretch a password to the same bytes', async () => {
    await fc.assert(
      fc.asyncProperty(some, some, fc.integer({ min: 1, max: 6 }), async (password, salt, cost) => {
        expect(await nodeCrypto.scrypt(password, salt, cost)).toEqual(await nobleCrypto.scrypt(password, salt, cost))
      }),
      few
    )
  })

  it('[KEY1] make the same keys and signatures, and accept each other\'s', () => {
    fc.assert(
      fc.property(key, some, (seed, message) => {
        const signers = [nodeCrypto.signer(seed), nobleCrypto.signer(seed)] as const
        expect(signers[0].publicKey).toEqual(signers[1].publicKey)
        expect(signers[0].sign(message)).toEqual(signers[1].sign(message))
        expect(nodeCrypto.verify(signers[1].publicKey, message, signers[1].sign(message))).toBe(true)
        expect(nobleCrypto.verify(signers[0].publicKey, message, signers[0].sign(message))).toBe(true)
        expect(nodeCrypto.exchangePublicKey(seed)).toEqual(nobleCrypto.exchangePublicKey(seed))
      }),
      few
    )
  })

  it('[KEY1] a signer keeps its key when the seed it was made from is overwritten', () => {
    for (const crypto of [nodeCrypto, nobleCrypto]) {
      const seed = new Uint8Array(32).fill(7)
      const signer = crypto.signer(seed)
      seed.fill(0)
      expect(crypto.verify(signer.publicKey, utf8('m'), signer.sign(utf8('m')))).toBe(true)
    }
  })

  it('[KEY1] return plain byte arrays that share no memory with a pool', () => {
    const made = [nodeCrypto.randomBytes(32), nodeCrypto.sha256(utf8('a')), nodeCrypto.signer(new Uint8Array(32)).sign(utf8('a'))]
    for (const value of made) {
      expect(value.constructor).toBe(Uint8Array)
      expect(value.buffer.byteLength).toBe(value.length)
    }
  })
})

describe('signatures', () => {
  it('[KEY2] fail on another message, key or signature with both', () => {
    fc.assert(
      fc.property(key, bytes(20), fc.nat(19), fc.nat(63), mask, (seed, message, at, sigAt, flip) => {
        const signer = nodeCrypto.signer(seed)
        const signature = signer.sign(message)
        for (const crypto of [nodeCrypto, nobleCrypto]) {
          expect(crypto.verify(signer.publicKey, flipped(message, at, flip), signature)).toBe(false)
          expect(crypto.verify(signer.publicKey, message, flipped(signature, sigAt, flip))).toBe(false)
          expect(crypto.verify(nodeCrypto.signer(flipped(seed, at, flip)).publicKey, message, signature)).toBe(false)
        }
      }),
      few
    )
  })

  it('[KEY2] of any malformed key and signature are false and never throw', () => {
    const sizes = fc.oneof(some, bytes(32), bytes(64), fc.constantFrom(...ED25519_TORSION_SUBGROUP.map(fromHex)))
    fc.assert(
      fc.property(sizes, some, sizes, (publicKey, message, signature) => {
        for (const crypto of [nodeCrypto, nobleCrypto]) expect(crypto.verify(publicKey, message, signature)).toBe(false)
      })
    )
  })

  it('[KEY2] made to be disputed are accepted by both or by neither', () => {
    const verdicts = new Set<string>()
    fc.assert(
      fc.property(fc.nat(7), fc.nat(7), fc.boolean(), fc.nat(1_000_000), (torsionA, torsionR, smallKey, n) => {
        const { publicKey, message, signature } = disputed(torsionA, torsionR, smallKey, n)
        const verdict = nodeCrypto.verify(publicKey, message, signature)
        expect(nobleCrypto.verify(publicKey, message, signature)).toBe(verdict)
        verdicts.add(`${verdict} ${ed25519.verify(signature, message, publicKey)}`)
      }),
      { numRuns: 150, examples: [[0, 0, false, 1], [1, 0, false, 1]] }
    )
    // Both verdicts occurred, and so did signatures that a cofactored check would have taken.
    expect([...verdicts].sort()).toEqual(['false true', 'true true'])
  })

  it('[KEY2] with a second spelling of S, or a key that is not below the prime, are refused by both', () => {
    const signer = nodeCrypto.signer(new Uint8Array(32).fill(3))
    const message = utf8('once')
    const signature = signer.sign(message)
    const s = littleEndian(signature.subarray(32)) + Point.Fn.ORDER
    const respelled = concat(signature.subarray(0, 32), fromLittleEndian(s))
    const prime = 2n ** 255n - 19n
    const beyondPrime = fromLittleEndian(prime + 3n)
    const sound = [prime - 2n, prime, prime + 3n, prime + 3n + 2n ** 255n].map(y => isSoundPublicKey(fromLittleEndian(y)))
    expect(sound).toEqual([true, false, false, false])
    for (const crypto of [nodeCrypto, nobleCrypto]) {
      expect(crypto.verify(signer.publicKey, message, signature)).toBe(true)
      expect(crypto.verify(signer.publicKey, message, respelled)).toBe(false)
      expect(crypto.verify(beyondPrime, message, signature)).toBe(false)
    }
  })

  it('[KEY2] stay right when more keys are seen than are kept', () => {
    const message = utf8('m')
    const signed = Array.from({ length: 1100 }, (_, i) => {
      const signer = nodeCrypto.signer(nodeCrypto.sha256(utf8(String(i))))
      return { publicKey: signer.publicKey, signature: signer.sign(message) }
    })
    for (const { publicKey, signature } of [...signed, ...signed.slice(0, 50)]) {
      expect(nodeCrypto.verify(publicKey, message, signature)).toBe(true)
    }
    expect(nodeCrypto.verify(signed[0]?.publicKey ?? message, message, signed[1]?.signature ?? message)).toBe(false)
  })
})

describe('sealed bytes', () => {
  it('[KEY3] are the same from both, and each opens the other\'s', () => {
    fc.assert(
      fc.property(key, bytes(12), some, some, (key, nonce, associated, plain) => {
        for (const [a, b] of both) {
          const sealed = a.seal(key, nonce, associated, plain)
          expect(sealed).toEqual(b.seal(key, nonce, associated, plain))
          expect(b.open(key, nonce, associated, sealed)).toEqual(plain)
        }
      })
    )
  })

  it('[KEY3] do not open when any byte of them, the nonce, the key or the associated data differs, nor when cut', () => {
    fc.assert(
      fc.property(key, bytes(12), bytes(9), bytes(20), fc.nat(), mask, (key, nonce, associated, plain, at, flip) => {
        const sealed = nodeCrypto.seal(key, nonce, associated, plain)
        for (const crypto of [nodeCrypto, nobleCrypto]) {
          expect(crypto.open(key, nonce, associated, flipped(sealed, at, flip))).toBeUndefined()
          expect(crypto.open(flipped(key, at, flip), nonce, associated, sealed)).toBeUndefined()
          expect(crypto.open(key, flipped(nonce, at, flip), associated, sealed)).toBeUndefined()
          expect(crypto.open(key, nonce, flipped(associated, at, flip), sealed)).toBeUndefined()
          expect(crypto.open(key, nonce, associated, sealed.slice(0, at % sealed.length))).toBeUndefined()
        }
      })
    )
  })
})

function flipped(value: Uint8Array, at: number, flip: number): Uint8Array {
  const out = Uint8Array.from(value)
  const index = at % out.length
  out[index] = (out[index] ?? 0) ^ flip
  return out
}

/** A signature whose key and R carry a torsion component: S = r + k*a, A = a*B + T1, R = r*B + T2. */
function disputed(torsionA: number, torsionR: number, smallKey: boolean, n: number) {
  const torsion = (i: number) => Point.fromHex(ED25519_TORSION_SUBGROUP[i] ?? '')
  const a = smallKey ? 0n : BigInt(n) + 5n
  const r = BigInt(n) * 7n + 11n
  const publicKey = Point.BASE.multiplyUnsafe(a).add(torsion(torsionA)).toBytes()
  const R = Point.BASE.multiplyUnsafe(r).add(torsion(torsionR)).toBytes()
  const message = utf8(String(n))
  const k = littleEndian(sha512(concat(R, publicKey, message))) % Point.Fn.ORDER
  const S = (r + k * a) % Point.Fn.ORDER
  return { publicKey, message, signature: concat(R, fromLittleEndian(S)) }
}

function littleEndian(value: Uint8Array): bigint {
  return value.reduceRight((sum, byte) => sum * 256n + BigInt(byte), 0n)
}

function fromLittleEndian(value: bigint): Uint8Array {
  return Uint8Array.from({ length: 32 }, (_, i) => Number((value >> BigInt(8 * i)) & 255n))
}
