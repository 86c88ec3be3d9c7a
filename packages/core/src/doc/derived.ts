import type { Crypto } from '../base/crypto.js'
import type { DocId } from '../base/ids.js'
import { derivedClient } from './client-id.js'
import { decodeUpdate, encodeUpdate, type DecodedUpdate, type UnitId } from './update-codec.js'

/** The client that the structs of a machine-like change must have, when `own` is the one that they have. */
export function expectedClient(crypto: Crypto, doc: DocId, base: Uint8Array, update: DecodedUpdate, own: number): number {
  return derivedClient(crypto, doc, base, crypto.sha256(encodeUpdate(renameClient(update, own, 0))))
}

/** `update`, whose new structs are under `own`, as everyone who makes the same change on the state `base` writes it. */
export function sealDerived(crypto: Crypto, doc: DocId, base: Uint8Array, update: Uint8Array, own: number): Uint8Array {
  const decoded = decodeUpdate(update)
  return encodeUpdate(renameClient(decoded, own, expectedClient(crypto, doc, base, decoded, own)))
}

function renameClient(update: DecodedUpdate, from: number, to: number): DecodedUpdate {
  const client = (id: number) => (id === from ? to : id)
  const unit = (id: UnitId) => ({ client: client(id.client), clock: id.clock })
  return {
    structs: update.structs.map((struct) => ({
      ...struct,
      client: client(struct.client),
      ...(struct.origin && { origin: unit(struct.origin) }),
      ...(struct.rightOrigin && { rightOrigin: unit(struct.rightOrigin) })
    })),
    deletes: update.deletes.map((range) => ({ ...range, client: client(range.client) }))
  }
}
