import {
  createCipheriv,
  createDecipheriv,
  createHash,
  createHmac,
  createPrivateKey,
  createPublicKey,
  createSecretKey,
  hash,
  hkdfSync,
  randomBytes,
  scrypt,
  sign,
  verify,
  type KeyObject
} from 'node:crypto'
import { concat, fromHex } from '../base/bytes.js'
import type { Crypto, Signer } from '../base/crypto.js'
import { isSoundPublicKey } from '../keys/public-key-check.js'

const AEAD = 'chacha20-poly1305'
const TAG = { authTagLength: 16 } as const
const NOTHING = new Uint8Array(0)
const SPKI_ED25519 = fromHex('302a300506032b6570032100')
const PKCS8_ED25519 = fromHex('302e020100300506032b657004220420')
const PKCS8_X25519 = fromHex('302e020100300506032b656e04220420')
/** Imported verification keys that are kept: importing costs more than verifying; one is about 1 KiB. */
const MAX_CACHED_KEYS = 1024

/**
 * The primitives from Node's own library. Secrets go in as key objects: of bytes, Node first finds out by a thrown
 * error that they are none, which takes longer than opening a small body.
 */
export const nodeCrypto: Crypto = {
  sha256: (...parts) => plain(sha256(parts)),
  hmac(key, ...parts) {
    const mac = createHmac('sha256', createSecretKey(key))
    for (const part of parts) mac.update(part)
    return plain(mac.digest())
  },
  hkdf: (key, salt, info, length) => new Uint8Array(hkdfSync('sha256', createSecretKey(key), salt, info, length)),
  scrypt: scryptBytes,
  randomBytes: length => plain(randomBytes(length)),
  signer: nodeSigner,
  verify(publicKey, message, signature) {
    if (signature.length !== 64 || !isSoundPublicKey(publicKey)) return false
    return verify(null, message, cachedPublicKey(publicKey), signature)
  },
  exchangePublicKey: secret => rawPublicKey(privateKey(PKCS8_X25519, secret)),
  seal(key, nonce, associated, text, head = NOTHING) {
    const cipher = createCipheriv(AEAD, createSecretKey(key), nonce, TAG)
    cipher.setAAD(associated, { plaintextLength: text.length })
    const sealed = cipher.update(text)
    cipher.final()
    return concat(head, sealed, cipher.getAuthTag())
  },
  open: openSealed
}

/** The same bytes without Buffer's own meaning of `slice`. */
function plain(buffer: Buffer): Uint8Array {
  return new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.byteLength)
}

function sha256(parts: readonly Uint8Array[]): Buffer {
  const [only] = parts
  if (parts.length === 1 && only !== undefined) return hash('sha256', only, 'buffer')
  const digest = createHash('sha256')
  for (const part of parts) digest.update(part)
  return digest.digest()
}

function scryptBytes(password: Uint8Array, salt: Uint8Array, costLog2: number): Promise<Uint8Array> {
  const cost = 2 ** costLog2
  // 128 * N * r bytes are needed; Node refuses more than 32 MiB unless told.
  const options = { cost, blockSize: 8, parallelization: 1, maxmem: 2 * 128 * 8 * cost + 1024 * 1024 }
  return new Promise((resolve, reject) => {
    scrypt(password, salt, 32, options, (error, key) => (error === null ? resolve(plain(key)) : reject(error)))
  })
}

function nodeSigner(seed: Uint8Array): Signer {
  const key = privateKey(PKCS8_ED25519, seed)
  return { publicKey: rawPublicKey(key), sign: message => plain(sign(null, message, key)) }
}

function privateKey(prefix: Uint8Array, secret: Uint8Array): KeyObject {
  if (secret.length !== 32) throw new RangeError('a secret key has 32 bytes')
  return createPrivateKey({ key: Buffer.from(concat(prefix, secret)), format: 'der', type: 'pkcs8' })
}

function rawPublicKey(key: KeyObject): Uint8Array {
  return Uint8Array.from(createPublicKey(key).export({ format: 'der', type: 'spki' }).subarray(-32))
}

function importPublicKey(raw: Uint8Array): KeyObject {
  return createPublicKey({ key: Buffer.from(concat(SPKI_ED25519, raw)), format: 'der', type: 'spki' })
}

const publicKeys = new Map<string, KeyObject>()

/** The least recently used key makes room. */
function cachedPublicKey(raw: Uint8Array): KeyObject {
  const name = Buffer.from(raw.buffer, raw.byteOffset, raw.byteLength).toString('latin1')
  const key = publicKeys.get(name) ?? importPublicKey(raw)
  publicKeys.delete(name)
  publicKeys.set(name, key)
  if (publicKeys.size > MAX_CACHED_KEYS) {
    const [oldest] = publicKeys.keys()
    if (oldest !== undefined) publicKeys.delete(oldest)
  }
  return key
}

function openSealed(...[key, nonce, associated, sealed]: Parameters<Crypto['open']>): Uint8Array | undefined {
  const length = sealed.length - TAG.authTagLength
  if (length < 0) return undefined
  const decipher = createDecipheriv(AEAD, createSecretKey(key), nonce, TAG)
  decipher.setAAD(associated, { plaintextLength: length })
  decipher.setAuthTag(sealed.subarray(length))
  const text = decipher.update(sealed.subarray(0, length))
  try {
    decipher.final()
    return plain(text)
  } catch {
    return undefined
  }
}
