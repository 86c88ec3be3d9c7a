import type { Crypto } from '../base/crypto.js'
import type { BlobKeys } from './blob-keys.js'
import { MAX_CHUNK_BYTES, MAX_SEALED_BYTES, SEAL_BYTES } from './chunk-limits.js'

const TAG_BYTES = 32
const NO_DATA = new Uint8Array(0)
/** Each content has a key of its own, so the nonce need not differ. */
const NONCE = new Uint8Array(12)

export type SealKeys = Pick<BlobKeys, 'tagKey' | 'sealKey'>

/**
 * A chunk as it travels and as who cannot read holds it: its tag, then its ciphertext under a key made from the tag.
 * The same bytes give the same chunk, so a file on the disk can stand for its sealed chunks.
 *
 * @throws {RangeError} when `plain` is empty or larger than a chunk.
 */
export function sealChunk(crypto: Crypto, keys: SealKeys, plain: Uint8Array): Uint8Array {
  if (plain.length === 0 || plain.length > MAX_CHUNK_BYTES) throw new RangeError(`a chunk of ${plain.length} bytes`)
  const tag = crypto.hmac(keys.tagKey, plain)
  return crypto.seal(crypto.hmac(keys.sealKey, tag), NONCE, NO_DATA, plain, tag)
}

/** The tag of a sealed chunk, 32 bytes: chunks of one tag are the same. */
export function tagOf(sealed: Uint8Array): Uint8Array {
  return sealed.subarray(0, TAG_BYTES)
}

/**
 * The content of a sealed chunk whose hash is the one that its list of chunks names; undefined when it does not open.
 * Whether its content would give this very chunk again is not looked at: that shows when it is sealed to be served
 * (decision 0074).
 */
export function openChunk(crypto: Crypto, keys: SealKeys, sealed: Uint8Array): Uint8Array | undefined {
  if (sealed.length <= SEAL_BYTES || sealed.length > MAX_SEALED_BYTES) return undefined
  return crypto.open(crypto.hmac(keys.sealKey, tagOf(sealed)), NONCE, NO_DATA, sealed.subarray(TAG_BYTES))
}
