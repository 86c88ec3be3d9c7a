import type { Crypto } from '../base/crypto.js'

/** What a workspace's blobs are cut and sealed with. Whoever has R has all of it. */
export interface BlobKeys {
  /** Makes the tag of a chunk, 32 bytes. */
  readonly tagKey: Uint8Array
  /** Makes a chunk's key from its tag, 32 bytes. */
  readonly sealKey: Uint8Array
  /** The random number of each byte value: decides where files are cut. */
  readonly gear: Uint32Array
}

const NO_SALT = new Uint8Array(0)
const BYTE_VALUES = 256
/** HKDF gives at most 255 hashes in one go; a gear of 1,024 bytes is well below. */
const GEAR_BYTES = BYTE_VALUES * 4

/** The blob keys of a workspace, from its read key R. */
export function deriveBlobKeys(crypto: Crypto, readKey: Uint8Array): BlobKeys {
  const bytes = crypto.hkdf(readKey, NO_SALT, 'collab/1 chunk gear', GEAR_BYTES)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  return {
    tagKey: crypto.hkdf(readKey, NO_SALT, 'collab/1 chunk tag', 32),
    sealKey: crypto.hkdf(readKey, NO_SALT, 'collab/1 chunk seal', 32),
    gear: Uint32Array.from({ length: BYTE_VALUES }, (_, index) => view.getUint32(index * 4))
  }
}
