import type { Crypto } from '../base/crypto.js'
import type { AuthorId, DocId } from '../base/ids.js'
import { authorClient } from './client-id.js'

/** A client id that one open Y.Doc, and nothing else, writes under. */
export interface ClientLease {
  readonly author: AuthorId
  readonly nonce: number
  readonly client: number
}

const NONCE_BYTES = 6

/** Of 2^48 nonces, one that nobody drew before. */
export function leaseClient(crypto: Crypto, author: AuthorId, doc: DocId): ClientLease {
  const nonce = crypto.randomBytes(NONCE_BYTES).reduce((sum, byte) => sum * 256 + byte, 0)
  return { author, nonce, client: authorClient(crypto, author, doc, nonce) }
}
