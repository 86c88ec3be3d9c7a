import type { Crypto } from '../base/crypto.js'
import type { DocId } from '../base/ids.js'
import { seedClient } from './client-id.js'
import { encodeUpdate } from './update-codec.js'

/**
 * The V1 update that a document's first text stands for: one insert of the whole text at clock 0, the same bytes
 * whoever derives it. An empty text has no structs.
 *
 * @throws {RangeError} when the text holds half a surrogate pair.
 */
export function seedUpdate(crypto: Crypto, doc: DocId, text: string): Uint8Array {
  if (!text.isWellFormed()) throw new RangeError('a text with half a surrogate pair cannot be stored')
  if (text === '') return encodeUpdate({ structs: [], deletes: [] })
  const client = seedClient(crypto, doc, text)
  return encodeUpdate({ structs: [{ client, clock: 0, kind: 'string', length: text.length, text }], deletes: [] })
}
