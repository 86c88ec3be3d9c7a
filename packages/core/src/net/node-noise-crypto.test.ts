import { pureJsCrypto } from '@chainsafe/libp2p-noise'
import { randomBytes } from 'node:crypto'
import { Uint8ArrayList } from 'uint8arraylist'
import { describe, expect, it } from 'vitest'
import { noiseCrypto } from './node-noise-crypto.js'

const [key, nonce, data] = [randomBytes(32), randomBytes(12), randomBytes(7)]
type Bytes = Parameters<typeof noiseCrypto.chaCha20Poly1305Encrypt>[0]
const whole = (bytes: Bytes): Buffer => Buffer.from(bytes.subarray())
/** As a connection has them: in pieces. */
const pieces = (bytes: Uint8Array): Bytes => {
  const list = new Uint8ArrayList()
  for (let at = 0; at < bytes.length; at += 1000) list.append(bytes.subarray(at, at + 1000))
  return list as unknown as Bytes
}

describe('the cipher of connections', () => {
  for (const size of [0, 1, 999, 4095, 4096, 65_519]) {
    it(`[BLOB50] gives the bytes that any other implementation gives: ${size}`, () => {
      const plain = randomBytes(size)
      const expected = whole(pureJsCrypto.chaCha20Poly1305Encrypt(plain, nonce, data, key))
      for (const given of [plain, pieces(plain)]) expect(whole(noiseCrypto.chaCha20Poly1305Encrypt(given, nonce, data, key)).equals(expected)).toBe(true)
      for (const given of [expected, pieces(expected)]) {
        expect(whole(noiseCrypto.chaCha20Poly1305Decrypt(given, nonce, data, key)).equals(plain)).toBe(true)
        expect(whole(noiseCrypto.chaCha20Poly1305Decrypt(given, nonce, data, key, Buffer.from(expected.subarray(0, size)))).equals(plain)).toBe(true)
      }
    })
  }

  it('[BLOB50] opens nothing that was changed', () => {
    const sealed = whole(noiseCrypto.chaCha20Poly1305Encrypt(randomBytes(5000), nonce, data, key))
    for (const at of [0, 4999, 5000, 5015]) {
      const spoilt = Buffer.from(sealed)
      spoilt[at] = (spoilt[at] ?? 0) ^ 1
      expect(() => noiseCrypto.chaCha20Poly1305Decrypt(spoilt, nonce, data, key)).toThrow()
    }
    expect(() => noiseCrypto.chaCha20Poly1305Decrypt(sealed, nonce, randomBytes(7), key)).toThrow()
  })

  it('[BLOB50] agrees on a key with any other implementation', () => {
    const [ours, theirs] = [noiseCrypto.generateX25519KeyPair(), pureJsCrypto.generateX25519KeyPair()]
    const shared = noiseCrypto.generateX25519SharedKey(ours.privateKey, theirs.publicKey)
    expect(Buffer.from(shared).equals(pureJsCrypto.generateX25519SharedKey(theirs.privateKey, ours.publicKey))).toBe(true)
    expect(whole(noiseCrypto.hashSHA256(pieces(ours.publicKey))).equals(pureJsCrypto.hashSHA256(ours.publicKey))).toBe(true)
  })
})
