import { CborFields, decodeCbor, encodeCbor } from '../base/cbor.js'

/** What a browser says of a connection that it offers, or answers: SDP with all its candidates. */
export interface DirectLetter {
  readonly kind: 'offer' | 'answer'
  /** Chosen by who offers: which offer is answered. */
  readonly id: Uint8Array
  readonly description: string
}

export const LETTER_ID_BYTES = 16
/** Some hundred lines, one for each candidate, and it fits a letter. */
const MAX_DESCRIPTION = 15_000

const KINDS = ['offer', 'answer'] as const

export function encodeLetter({ kind, id, description }: DirectLetter): Uint8Array {
  return encodeCbor([KINDS.indexOf(kind), id, description])
}

/** @throws {MalformedError} when the bytes are anything else. */
export function decodeLetter(bytes: Uint8Array): DirectLetter {
  const fields = new CborFields(decodeCbor(bytes))
  const kind = fields.uint(KINDS.length - 1) === 0 ? 'offer' : 'answer'
  return { kind, id: fields.bytes({ length: LETTER_ID_BYTES }), description: fields.text(MAX_DESCRIPTION) }
}
