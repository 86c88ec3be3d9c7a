import { createCipheriv, createDecipheriv, createHash, createPrivateKey, createPublicKey, createSecretKey, diffieHellman, generateKeyPairSync } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { pureJsCrypto } from '@chainsafe/libp2p-noise'
import type { ICryptoInterface } from '@chainsafe/libp2p-noise'
import { Uint8ArrayList } from 'uint8arraylist'
import { concat, fromHex } from '../base/bytes.js'

/** Bytes, or a list of them: of the version of the list that the package was made with. */
type Bytes = Parameters<ICryptoInterface['chaCha20Poly1305Encrypt']>[0]
type List = Exclude<Bytes, Uint8Array>

const AEAD = 'chacha20-poly1305'
const TAG_BYTES = 16
const TAG = { authTagLength: TAG_BYTES } as const
const SPKI_X25519 = fromHex('302a300506032b656e032100')
const PKCS8_X25519 = fromHex('302e020100300506032b656e04220420')
/** From this size on copying a message costs more than sending it in two parts. */
const LISTED_FROM = 4096
/** The longest message of the Noise protocol. */
const scratch = new Uint8Array(65_535)
const keys = new WeakMap<Uint8Array, KeyObject>()

/**
 * Noise on Node's own library, as the package's default is, at less cost for streams of large messages: a key is
 * imported once instead of for every message, and a message of several pieces is enciphered in one call.
 */
export const noiseCrypto: ICryptoInterface = {
  ...pureJsCrypto,
  hashSHA256: (data) => createHash('sha256').update(whole(data)).digest(),
  chaCha20Poly1305Encrypt(plain, nonce, associated, key) {
    const length = plain.byteLength
    const cipher = createCipheriv(AEAD, imported(key), nonce, TAG)
    cipher.setAAD(associated, { plaintextLength: length })
    const sealed = cipher.update(gathered(plain))
    cipher.final()
    // Each part of a list is a packet of its own.
    if (length < LISTED_FROM) return concat(sealed, cipher.getAuthTag())
    // Lists of all versions know each other by a symbol of their own, which only the types do not see.
    return new Uint8ArrayList(sealed, cipher.getAuthTag()) as unknown as List
  },
  chaCha20Poly1305Decrypt(sealed, nonce, associated, key, inPlace) {
    const length = sealed.byteLength - TAG_BYTES
    const decipher = createDecipheriv(AEAD, imported(key), nonce, TAG)
    decipher.setAAD(associated, { plaintextLength: length })
    decipher.setAuthTag(sealed.subarray(length))
    // Where it may be deciphered in place, its bytes lie there already, in one piece.
    const plain = decipher.update(inPlace?.length === length ? inPlace : sealed.subarray(0, length))
    decipher.final()
    return plain
  },
  generateX25519KeyPair() {
    const { publicKey, privateKey } = generateKeyPairSync('x25519')
    return {
      publicKey: publicKey.export({ format: 'der', type: 'spki' }).subarray(SPKI_X25519.length),
      privateKey: privateKey.export({ format: 'der', type: 'pkcs8' }).subarray(PKCS8_X25519.length)
    }
  },
  generateX25519SharedKey(secret, publicKey) {
    const theirs = Buffer.from(concat(SPKI_X25519, whole(publicKey)))
    const own = Buffer.from(concat(PKCS8_X25519, whole(secret)))
    return diffieHellman({
      publicKey: createPublicKey({ key: theirs, format: 'der', type: 'spki' }),
      privateKey: createPrivateKey({ key: own, format: 'der', type: 'pkcs8' })
    })
  }
}

/** The keys of a connection are made once and never changed in place. */
function imported(key: Uint8Array): KeyObject {
  const known = keys.get(key) ?? createSecretKey(key)
  keys.set(key, known)
  return known
}

function whole(data: Bytes): Uint8Array {
  return data instanceof Uint8Array ? data : data.subarray()
}

/** In one piece, until the next call. */
function gathered(data: Bytes): Uint8Array {
  if (data instanceof Uint8Array || data.byteLength > scratch.length) return whole(data)
  let at = 0
  for (const part of data) {
    scratch.set(part, at)
    at += part.length
  }
  return scratch.subarray(0, at)
}
