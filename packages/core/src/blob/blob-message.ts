import { concat, equalBytes, uint32 } from '../base/bytes.js'
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
/** An array of three. */
const PIECE_START = 0x83
const CODES = { hello: 0, follow: 1, unfollow: 2, have: 3, whole: 4, get: 5, cancel: 6, piece: 7, lack: 8 } as const

export function encodeBlobMessage(message: Exclude<BlobMessage, { type: 'unknown' }>): Uint8Array {
  return encodeCbor([CODES[message.type], ...fieldsOf(message)])
}

/** The frame of a piece in two parts, so that its bytes are not copied. */
export function encodePiece(id: number, bytes: Uint8Array): readonly [head: Uint8Array, bytes: Uint8Array] {
  return [concat(Uint8Array.of(PIECE_START, CODES.piece), encodeCbor(id), bytesHead(bytes.length)), bytes]
}

/** Reads what `encodePiece` wrote without copying the bytes; undefined for anything else. */
function decodePiece(frame: Uint8Array): BlobMessage | undefined {
  if (frame[0] !== PIECE_START || frame[1] !== CODES.piece) return undefined
  const id = countAt(frame, 2)
  const length = countAt(frame, id.end)
  const bytes = frame.subarray(length.end)
  const [head] = encodePiece(id.value, bytes)
  return equalBytes(head, frame.subarray(0, length.end)) ? { type: 'piece', id: id.value, bytes } : undefined
}

/** The number in the head of an item: in its first byte, or in the one, two, four or eight behind it. */
function countAt(frame: Uint8Array, at: number): { readonly value: number; readonly end: number } {
  const minor = (frame[at] ?? 0) & 31
  if (minor < 24) return { value: minor, end: at + 1 }
  const end = at + 1 + 2 ** (minor - 24)
  let value = 0
  for (const byte of frame.subarray(at + 1, Math.min(end, at + 9))) value = value * 256 + byte
  return { value: Math.min(value, Number.MAX_SAFE_INTEGER), end: Math.min(end, frame.length) }
}

/** The head of a byte string (RFC 8949). */
function bytesHead(length: number): Uint8Array {
  if (length < 24) return Uint8Array.of(0x40 | length)
  if (length < 256) return Uint8Array.of(0x58, length)
  return length < 65_536 ? Uint8Array.of(0x59, length >> 8, length & 255) : concat(Uint8Array.of(0x5a), uint32(length))
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
  const piece = decodePiece(frame)
  if (piece !== undefined) return piece
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
