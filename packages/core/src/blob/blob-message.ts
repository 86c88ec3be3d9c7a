import { type Cbor, CborFields, decodeCbor, encodeCbor } from '../base/cbor.js'
import { assertNever, MalformedError } from '../base/errors.js'
import { idBytes, parseBlobId } from '../base/ids.js'
import type { BlobId } from '../base/ids.js'
import { MAX_BLOB_CHUNKS, MAX_SEALED_BYTES } from './chunk-limits.js'
import { MAX_HAVE_BITS } from './pull-limits.js'

export const BLOB_VERSION = 1
/** One frame of `/collab/blob/1`. `ref` is the number that who follows a blob gave it; `id` that of a request. */
export type BlobMessage =
  | { readonly type: 'hello'; readonly version: number }
  /** What do you have of this blob, now and later? */
  | { readonly type: 'follow'; readonly ref: number; readonly blob: BlobId }
  | { readonly type: 'unfollow'; readonly ref: number }
  /** These chunks too: bit i stands for chunk `from` + i. */
  | { readonly type: 'have'; readonly ref: number; readonly from: number; readonly bits: Uint8Array }
  /** All of it. */
  | { readonly type: 'whole'; readonly ref: number }
  | { readonly type: 'get'; readonly id: number; readonly ref: number; readonly part: BlobPart; readonly index: number }
  | { readonly type: 'cancel'; readonly id: number }
  | { readonly type: 'piece'; readonly id: number; readonly bytes: Uint8Array }
  /** Not here, or not any more. */
  | { readonly type: 'lack'; readonly id: number }
  /** Of a newer version: ignored. */
  | { readonly type: 'unknown' }

/** A sealed chunk, or a manifest: 0 is the root, 1 and up those that it names. */
export type BlobPart = 'chunk' | 'manifest'

/** The array, the code, an id and the length of a piece take less. */
const HEAD_BYTES = 64
const CODES = { hello: 0, follow: 1, unfollow: 2, have: 3, whole: 4, get: 5, cancel: 6, piece: 7, lack: 8 } as const

export function encodeBlobMessage(message: Exclude<BlobMessage, { type: 'unknown' }>): Uint8Array {
  return encodeCbor([CODES[message.type], ...fieldsOf(message)])
}

function fieldsOf(message: Exclude<BlobMessage, { type: 'unknown' }>): readonly Cbor[] {
  switch (message.type) {
    case 'hello':
      return [message.version]
    case 'follow':
      return [message.ref, idBytes(message.blob)]
    case 'have':
      return [message.ref, message.from, message.bits]
    case 'unfollow':
    case 'whole':
      return [message.ref]
    case 'get':
      return [message.id, message.ref, message.part === 'manifest', message.index]
    case 'piece':
      return [message.id, message.bytes]
    case 'cancel':
    case 'lack':
      return [message.id]
    default:
      return assertNever(message)
  }
}

/** @throws {MalformedError} when the frame is not a message; fields behind those known are ignored. */
export function decodeBlobMessage(frame: Uint8Array): BlobMessage {
  if (frame.length > MAX_SEALED_BYTES + HEAD_BYTES) throw new MalformedError('a frame larger than the limit')
  const fields = new CborFields(decodeCbor(frame))
  const code = fields.uint()
  switch (code) {
    case CODES.hello:
      return { type: 'hello', version: fields.uint() }
    case CODES.follow:
      return { type: 'follow', ref: fields.uint(), blob: parseBlobId(fields.bytes({ length: 32 })) }
    case CODES.unfollow:
      return { type: 'unfollow', ref: fields.uint() }
    case CODES.have:
      return { type: 'have', ref: fields.uint(), from: fields.uint(MAX_BLOB_CHUNKS), bits: fields.bytes({ max: MAX_HAVE_BITS / 8 }) }
    case CODES.whole:
      return { type: 'whole', ref: fields.uint() }
    case CODES.get: {
      const [id, ref] = [fields.uint(), fields.uint()]
      return { type: 'get', id, ref, part: fields.bool() ? 'manifest' : 'chunk', index: fields.uint(MAX_BLOB_CHUNKS) }
    }
    case CODES.cancel:
      return { type: 'cancel', id: fields.uint() }
    case CODES.piece:
      return { type: 'piece', id: fields.uint(), bytes: fields.bytes({ max: MAX_SEALED_BYTES }) }
    case CODES.lack:
      return { type: 'lack', id: fields.uint() }
    default:
      return { type: 'unknown' }
  }
}
