import { chacha20poly1305 } from '@noble/ciphers/chacha.js'
import { ed25519, x25519 } from '@noble/curves/ed25519.js'
import { bytesToNumberLE } from '@noble/curves/utils.js'
import { hkdf } from '@noble/hashes/hkdf.js'
import { hmac } from '@noble/hashes/hmac.js'
import { scryptAsync } from '@noble/hashes/scrypt.js'
import { sha256, sha512 } from '@noble/hashes/sha2.js'
import { concat, equalBytes, utf8 } from '../base/bytes.js'
import type { Crypto, Signer } from '../base/crypto.js'
import { isSoundPublicKey } from './public-key-check.js'

const { Point } = ed25519
const ORDER = Point.Fn.ORDER

/** The primitives in plain JavaScript: runs anywhere, an order of magnitude slower than `nodeCrypto`. */
export const nobleCrypto: Crypto = {
  sha256: (...parts) => sha256(joined(parts)),
  hmac: (key, ...parts) => hmac(sha256, key, joined(parts)),
  hkdf: (key, salt, info, length) => hkdf(sha256, key, salt, utf8(info), length),
  scrypt: (password, salt, costLog2) => scryptAsync(password, salt, { N: 2 ** costLog2, r: 8, p: 1, dkLen: 32 }),
  randomBytes: length => globalThis.crypto.getRandomValues(new Uint8Array(length)),
  signer: nobleSigner,
  verify,
  exchangePublicKey: secret => x25519.getPublicKey(secret),
  seal(key, nonce, associated, plain, head) {
    const sealed = chacha20poly1305(key, nonce, associated).encrypt(plain)
    return head === undefined ? sealed : concat(head, sealed)
  },
  open(key, nonce, associated, sealed) {
    const cipher = chacha20poly1305(key, nonce, associated)
    try {
      return cipher.decrypt(sealed)
    } catch {
      return undefined
    }
  }
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const [only] = parts
  return parts.length === 1 && only !== undefined ? only : concat(...parts)
}

function nobleSigner(seed: Uint8Array): Signer {
  const secret = Uint8Array.from(seed)
  return { publicKey: ed25519.getPublicKey(secret), sign: message => ed25519.sign(message, secret) }
}

function verify(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  if (signature.length !== 64 || !isSoundPublicKey(publicKey)) return false
  try {
    return satisfiesEquation(publicKey, message, signature)
  } catch {
    return false
  }
}

/**
 * R = S*B - k*A, compared as bytes (RFC 8032 5.1.7 without the cofactor). The library's own `verify` multiplies by
 * the cofactor, OpenSSL doesn't: they disagree on signatures made to be disputed, and peers must not.
 */
function satisfiesEquation(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  const r = signature.subarray(0, 32)
  const s = bytesToNumberLE(signature.subarray(32))
  if (s >= ORDER) return false
  const k = bytesToNumberLE(sha512(concat(r, publicKey, message))) % ORDER
  const expected = Point.BASE.multiplyUnsafe(s).subtract(Point.fromBytes(publicKey).multiplyUnsafe(k))
  return equalBytes(expected.toBytes(), r)
}
