import { fromUtf8, isLongerInUtf8, utf8 } from '../base/bytes.js'
import { type Cbor, CborFields, decodeCbor, encodeCbor } from '../base/cbor.js'
import { assertNever, MalformedError } from '../base/errors.js'
import { idBytes, parseAuthorId, parseDocId, parseNodeId, parseOpId, type OpId } from '../base/ids.js'
import {
  MAX_AUTHORS,
  MAX_BODY_BYTES,
  MAX_CHANGES,
  MAX_DOCUMENT_NAME_BYTES,
  MAX_DISPLAY_NAME,
  MAX_NAME_BYTES,
  MAX_PATH_BYTES,
  MAX_TEXT_BYTES
} from '../base/limits.js'
import type { AppChange, Assign, Change, FileContent, MalformedChange, MemberChange, Place, TreeChange, UnknownChange } from './change-types.js'

export type {
  AbsorbChange,
  AppChange,
  Assign,
  Change,
  DerivedChange,
  FileContent,
  ImportChange,
  MalformedChange,
  MemberChange,
  Place,
  SeedChange,
  TreeChange,
  UnknownChange,
  UpdateChange
} from './change-types.js'

/** The tag that the cipher adds to a body's plain text. */
const TAG_BYTES = 16
/** A target is an id of at most 32 bytes; newer kinds have room for two. */
const MAX_TARGET_BYTES = 64
/** Operations that one assignment replaces: one per author at most, as each replaces its own. */
const MAX_REPLACED = MAX_AUTHORS
const CODES = { tree: 1, member: 2, seed: 3, update: 4, derived: 5, import: 6, absorb: 7, app: 8 } as const
const NOTHING = new Uint8Array(0)

type Encodable = Exclude<Change, MalformedChange>
type Parts = readonly [code: number, target: Uint8Array, payload: Uint8Array]

/**
 * The plain text of a body: a CBOR list of [code, target, payload], each payload CBOR bytes of its own so that one
 * that fails leaves the others readable. The same changes give the same bytes.
 *
 * @throws {RangeError} when a change, or all of them together, break a limit that every peer checks.
 */
export function encodeChanges(changes: readonly Change[]): Uint8Array {
  if (changes.length > MAX_CHANGES) throw new RangeError(`more than ${MAX_CHANGES} changes in one entry`)
  const bytes = encodeCbor(changes.map(encodeChecked))
  if (bytes.length > MAX_BODY_BYTES - TAG_BYTES) throw new RangeError(`a body of more than ${MAX_BODY_BYTES} bytes`)
  return bytes
}

/**
 * The changes of a body, in order. A change that breaks its kind's format comes back as `malformed`, one of a kind
 * that isn't known here as `unknown`: verdicts are per change.
 *
 * @throws {MalformedError} when the whole is not a canonical list of at most `MAX_CHANGES` items.
 */
export function decodeChanges(bytes: Uint8Array): readonly Change[] {
  if (bytes.length > MAX_BODY_BYTES) throw new MalformedError('a body larger than the limit')
  const list = decodeCbor(bytes)
  if (!Array.isArray(list)) throw new MalformedError('a body that is not a list of changes')
  if (list.length > MAX_CHANGES) throw new MalformedError('a body with more changes than the limit')
  return list.map(decodeOne)
}

/** The bytes of a change that was decoded or is about to be sealed: it was checked, or will be. */
export function encodeChange(change: Change): Uint8Array {
  return encodeCbor([encodeOne(change)])
}

/** What is written must be readable by the same rules, or every peer would void it. */
function encodeChecked(change: Change): Parts {
  const parts = encodeOne(change)
  const back = decodeOne(parts)
  if (back.kind === 'malformed') throw new RangeError(`a change of kind ${change.kind} that peers would refuse: ${back.reason}`)
  return parts
}

function encodeOne(change: Change): Parts {
  if (change.kind === 'malformed') throw new RangeError('a malformed change cannot be written')
  if (change.kind === 'unknown') return [change.code, NOTHING, change.bytes]
  return [CODES[change.kind], targetOf(change), encodeCbor(payloadOf(change))]
}

function targetOf(change: Exclude<Encodable, UnknownChange>): Uint8Array {
  switch (change.kind) {
    case 'tree':
      return idBytes(change.node)
    case 'member':
      return idBytes(change.author)
    case 'absorb':
      return idBytes(change.winner)
    case 'seed':
    case 'update':
    case 'derived':
    case 'import':
    case 'app':
      return idBytes(change.doc)
    default:
      return assertNever(change)
  }
}

function payloadOf(change: Exclude<Encodable, UnknownChange>): Cbor {
  switch (change.kind) {
    case 'tree':
      return treePayload(change)
    case 'member':
      return [change.exchangeKey, change.role, wellFormed(change.name)]
    case 'absorb':
      return [idBytes(change.loser)]
    case 'seed':
      return [utf8(wellFormed(change.text))]
    case 'update':
      return [change.nonce, change.update]
    case 'derived':
      return [change.base, change.update]
    case 'import':
      return [change.update]
    case 'app':
      return [wellFormed(change.name), change.nonce, change.update]
    default:
      return assertNever(change)
  }
}

/** Half a surrogate pair would silently become another character. */
function wellFormed(text: string): string {
  if (!text.isWellFormed()) throw new RangeError('text with half a surrogate pair')
  return text
}

function treePayload({ create, place, content, executable, deleted }: TreeChange): Cbor {
  return [
    create === undefined ? null : [create.type, wellFormed(create.path), create.contentHash],
    place === undefined ? null : [[idBytes(place.value.parent), wellFormed(place.value.name)], place.replaces.map(idBytes)],
    content === undefined ? null : [contentPayload(content.value), content.replaces.map(idBytes)],
    executable === undefined ? null : [executable.value, executable.replaces.map(idBytes)],
    deleted === undefined ? null : deleted.seen.map(([author, seq]) => [idBytes(author), seq])
  ]
}

function contentPayload(content: FileContent): Cbor {
  return content.kind === 'text' ? ['text', idBytes(content.doc)] : ['blob', content.hash, content.size]
}

function decodeOne(item: Cbor): Change {
  try {
    const fields = new CborFields(item, 3)
    return decodeParts(fields.uint(), fields.bytes({ max: MAX_TARGET_BYTES }), fields.bytes())
  } catch (error) {
    // The id parsers throw RangeError on a wrong length.
    if (error instanceof MalformedError || error instanceof RangeError) return { kind: 'malformed', reason: error.message }
    throw error
  }
}

function decodeParts(code: number, target: Uint8Array, payload: Uint8Array): Change {
  switch (code) {
    case CODES.tree:
      return decodeTree(target, fieldsOf(payload, 5))
    case CODES.member:
      return decodeMember(target, fieldsOf(payload, 3))
    case CODES.seed:
      return { kind: 'seed', doc: parseDocId(target), text: exactText(fieldsOf(payload, 1).bytes({ max: MAX_TEXT_BYTES })) }
    case CODES.update: {
      const fields = fieldsOf(payload, 2)
      return { kind: 'update', doc: parseDocId(target), nonce: fields.uint(), update: fields.bytes() }
    }
    case CODES.derived: {
      const fields = fieldsOf(payload, 2)
      return { kind: 'derived', doc: parseDocId(target), base: fields.bytes({ length: 32 }), update: fields.bytes() }
    }
    case CODES.import:
      return { kind: 'import', doc: parseDocId(target), update: fieldsOf(payload, 1).bytes() }
    case CODES.absorb:
      return { kind: 'absorb', winner: parseNodeId(target), loser: parseNodeId(fieldsOf(payload, 1).bytes({ length: 16 })) }
    case CODES.app:
      return decodeApp(target, fieldsOf(payload, 3))
    default:
      return { kind: 'unknown', code, bytes: payload }
  }
}

function fieldsOf(payload: Uint8Array, length: number): CborFields {
  return new CborFields(decodeCbor(payload), length)
}

function decodeMember(target: Uint8Array, fields: CborFields): MemberChange {
  const exchangeKey = fields.bytes({ length: 32 })
  const role = oneOf(fields, ['writer', 'reader'])
  return { kind: 'member', author: parseAuthorId(target), exchangeKey, role, name: fields.text(MAX_DISPLAY_NAME) }
}

function decodeApp(target: Uint8Array, fields: CborFields): AppChange {
  const name = boundedText(fields, MAX_DOCUMENT_NAME_BYTES)
  const nonce = fields.isNull() ? null : fields.uint()
  return { kind: 'app', doc: parseDocId(target), name, nonce, update: fields.bytes() }
}

function decodeTree(target: Uint8Array, fields: CborFields): TreeChange {
  const node = parseNodeId(target)
  const create = fields.isNull() ? undefined : decodeCreate(fields.any())
  const place = fields.isNull() ? undefined : decodeAssign(fields.any(), decodePlace)
  const content = fields.isNull() ? undefined : decodeAssign(fields.any(), decodeContent)
  const executable = fields.isNull() ? undefined : decodeAssign(fields.any(), assign => assign.bool())
  const deleted = fields.isNull() ? undefined : { seen: fields.list(MAX_AUTHORS).map(decodeSeen) }
  return {
    kind: 'tree',
    node,
    ...(create && { create }),
    ...(place && { place }),
    ...(content && { content }),
    ...(executable && { executable }),
    ...(deleted && { deleted })
  }
}

function decodeCreate(value: Cbor): NonNullable<TreeChange['create']> {
  const fields = new CborFields(value, 3)
  const type = oneOf(fields, ['file', 'directory'])
  const path = boundedText(fields, MAX_PATH_BYTES)
  return { type, path, contentHash: fields.isNull() ? null : fields.bytes({ length: 32 }) }
}

function decodeAssign<T>(value: Cbor, decodeValue: (fields: CborFields) => T): Assign<T> {
  const fields = new CborFields(value, 2)
  return { value: decodeValue(fields), replaces: fields.list(MAX_REPLACED).map(decodeOpId) }
}

function decodePlace(assign: CborFields): Place {
  const fields = new CborFields(assign.any(), 2)
  return { parent: parseNodeId(fields.bytes({ length: 16 })), name: boundedText(fields, MAX_NAME_BYTES) }
}

function decodeContent(assign: CborFields): FileContent {
  const value = assign.any()
  const fields = new CborFields(value)
  if (oneOf(fields, ['text', 'blob']) === 'text') {
    if (fields.remaining !== 1) throw new MalformedError('text content with other fields than its document')
    return { kind: 'text', doc: parseDocId(fields.bytes({ length: 16 })) }
  }
  if (fields.remaining !== 2) throw new MalformedError('blob content with other fields than hash and size')
  return { kind: 'blob', hash: fields.bytes({ length: 32 }), size: fields.uint() }
}

function decodeSeen(value: Cbor): readonly [ReturnType<typeof parseAuthorId>, number] {
  const fields = new CborFields(value, 2)
  return [parseAuthorId(fields.bytes({ length: 32 })), fields.uint()]
}

function decodeOpId(value: Cbor): OpId {
  return parseOpId(new CborFields([value]).bytes({ length: 18 }))
}

/** Text whose UTF-8 form has at most `maxBytes`. */
function boundedText(fields: CborFields, maxBytes: number): string {
  const text = fields.text(maxBytes)
  if (isLongerInUtf8(text, maxBytes)) throw new MalformedError('text longer than the limit')
  return text
}

/** A document's text travels as bytes: it may begin with a byte order mark, and is large enough to be decoded once only. */
function exactText(bytes: Uint8Array): string {
  try {
    return fromUtf8(bytes)
  } catch (error) {
    throw new MalformedError('a text that is not UTF-8', { cause: error })
  }
}

function oneOf<T extends string>(fields: CborFields, allowed: readonly T[]): T {
  const text = fields.text(16)
  const found = allowed.find(candidate => candidate === text)
  if (found === undefined) throw new MalformedError(`expected one of ${allowed.join(', ')}`)
  return found
}
