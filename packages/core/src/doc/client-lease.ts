import type { Crypto } from '../base/crypto.js'
import type { AuthorId, DocId } from '../base/ids.js'
import { authorClient } from './client-id.js'

/** A client id that one open Y.Doc, and nothing else, writes under. */
export interface ClientLease {
  readonly author: AuthorId
  readonly doc: DocId
  readonly nonce: number
  readonly client: number
}

const NONCE_BYTES = 6
const RANDOM_CLIENT_BYTES = 4

/** Of 2^48 nonces, one that nobody drew before. */
export function leaseClient(crypto: Crypto, author: AuthorId, doc: DocId): ClientLease {
  const nonce = randomNumber(crypto, NONCE_BYTES)
  return { author, doc, nonce, client: authorClient(crypto, author, doc, nonce) }
}

/** Whether a lease that was kept elsewhere is one of `author` in `doc`. */
export function isLease(crypto: Crypto, lease: ClientLease, author: AuthorId, doc: DocId): boolean {
  return lease.author === author && lease.doc === doc && authorClient(crypto, author, doc, lease.nonce) === lease.client
}

/** An id as Yjs itself draws them, for a Y.Doc that no author writes in. */
export function randomClient(crypto: Crypto): number {
  return randomNumber(crypto, RANDOM_CLIENT_BYTES)
}

function randomNumber(crypto: Crypto, bytes: number): number {
  return crypto.randomBytes(bytes).reduce((sum, byte) => sum * 256 + byte, 0)
}
