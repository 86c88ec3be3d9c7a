import { MalformedError } from '../base/errors.js'
import type { Crypto } from '../base/crypto.js'
import type { EntryHash } from '../base/ids.js'
import { epochKey } from '../keys/workspace-keys.js'
import { decodeChanges } from '../log/change.js'
import type { Change } from '../log/change.js'
import { openBody } from '../log/entry.js'
import type { Entry } from '../log/entry.js'

/**
 * Ciphertext bytes whose decoded changes are kept, so that neighbours in one entry are decoded once, and what a first
 * sync brings is still there when the folder asks for it.
 */
const CACHED_BYTES = 32 * 1024 * 1024

/** The changes inside entries: decrypted, decoded, the newest few kept. */
export class BodyReader {
  readonly #crypto: Crypto
  readonly #epochKeys = new Map<number, Uint8Array>()
  readonly #readKey: Uint8Array
  readonly #cache = new Map<EntryHash, { readonly changes: readonly Change[]; readonly bytes: number }>()
  #bytes = 0

  constructor(crypto: Crypto, readKey: Uint8Array) {
    this.#crypto = crypto
    this.#readKey = readKey
  }

  /** Key that encrypts the bodies of `epoch`. */
  epochKey(epoch: number): Uint8Array {
    const known = this.#epochKeys.get(epoch)
    if (known !== undefined) return known
    const key = epochKey(this.#crypto, this.#readKey, epoch)
    this.#epochKeys.set(epoch, key)
    return key
  }

  /** @throws {MalformedError} when the body does not decrypt or is not a list of changes. */
  read(entry: Entry): readonly Change[] {
    const known = this.cached(entry.hash)
    if (known !== undefined) return known
    const plain = openBody(this.#crypto, this.epochKey(entry.header.epoch), entry)
    if (plain === undefined) throw new MalformedError('the body does not decrypt')
    const changes = decodeChanges(plain)
    this.remember(entry, changes)
    return changes
  }

  cached(hash: EntryHash): readonly Change[] | undefined {
    return this.#cache.get(hash)?.changes
  }

  forget(): void {
    this.#cache.clear()
    this.#bytes = 0
  }

  remember(entry: Entry, changes: readonly Change[]): void {
    if (this.#cache.has(entry.hash)) return
    this.#cache.set(entry.hash, { changes, bytes: entry.body.length })
    this.#bytes += entry.body.length
    for (const [hash, { bytes }] of this.#cache) {
      if (this.#bytes <= CACHED_BYTES || hash === entry.hash) break
      this.#cache.delete(hash)
      this.#bytes -= bytes
    }
  }
}
