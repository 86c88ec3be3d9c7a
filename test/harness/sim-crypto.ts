import { hash } from 'node:crypto'
import { nodeCrypto } from '@collab/core'
import type { Crypto } from '@collab/core'
import type { SeededRandom } from './random.js'

const TAG_BYTES = 16

/**
 * Stand-ins for what costs most of a simulated run: signatures that anyone could forge, bodies that anyone could
 * read. Every check still fails on changed bytes. Random bytes come from the seed.
 */
export function simCrypto(random: Pick<SeededRandom, 'bytes'>): Crypto {
  return {
    ...nodeCrypto,
    sha256,
    randomBytes: (length) => random.bytes(length),
    hkdf: (key, salt, info, length) => fill(length, Buffer.from(info), key, salt),
    signer(seed) {
      const publicKey = sha256(Buffer.from('public'), seed)
      return { publicKey, sign: (message) => signature(publicKey, message) }
    },
    verify: (publicKey, message, given) => Buffer.compare(signature(publicKey, message), given) === 0,
    exchangePublicKey: (seed) => sha256(Buffer.from('exchange'), seed),
    seal: (key, _nonce, data, plain, head = new Uint8Array(0)) => new Uint8Array(Buffer.concat([head, plain, tag(key, data, plain)])),
    open(key, _nonce, data, sealed) {
      const plain = sealed.slice(0, Math.max(0, sealed.length - TAG_BYTES))
      return Buffer.compare(tag(key, data, plain), sealed.subarray(plain.length)) === 0 ? plain : undefined
    }
  }
}

function sha256(...parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(hash('sha256', Buffer.concat(parts), 'buffer'))
}

function signature(publicKey: Uint8Array, message: Uint8Array): Uint8Array {
  return fill(64, Buffer.from('signature'), publicKey, message)
}

function tag(key: Uint8Array, data: Uint8Array, plain: Uint8Array): Uint8Array {
  return sha256(key, data, plain).subarray(0, TAG_BYTES)
}

function fill(length: number, ...parts: readonly Uint8Array[]): Uint8Array {
  const block = sha256(...parts)
  const bytes = new Uint8Array(length)
  for (let at = 0; at < length; at += block.length) bytes.set(block.subarray(0, length - at), at)
  return bytes
}
