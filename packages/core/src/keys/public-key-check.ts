import { ED25519_TORSION_SUBGROUP } from '@noble/curves/ed25519.js'
import { fromHex, toHex } from '../base/bytes.js'

const SMALL_ORDER_Y = new Set(ED25519_TORSION_SUBGROUP.map(point => toHex(withoutSign(fromHex(point)))))

/**
 * Whether `publicKey` has the form of an honest Ed25519 key: 32 bytes, y below the field's prime, not a point of
 * small order (under which one signature fits many messages). Libraries differ on exactly these keys, and a
 * signature that one peer takes and another refuses would part them for ever; so every `Crypto` asks here first.
 */
export function isSoundPublicKey(publicKey: Uint8Array): boolean {
  if (publicKey.length !== 32) return false
  const y = withoutSign(publicKey)
  return isBelowPrime(y) && !SMALL_ORDER_Y.has(toHex(y))
}

/** The y coordinate alone: the top bit of the last byte is the sign of x. */
function withoutSign(point: Uint8Array): Uint8Array {
  const y = Uint8Array.from(point)
  y[31] = (y[31] ?? 0) & 0x7f
  return y
}

/** y < 2^255 - 19, little-endian. */
function isBelowPrime(y: Uint8Array): boolean {
  if (y[31] !== 0x7f || (y[0] ?? 0) < 0xed) return true
  return y.subarray(1, 31).some(byte => byte !== 0xff)
}
