import { CborFields, decodeCbor, encodeCbor, type Cbor } from '../base/cbor.js'
import { MalformedError, assertNever } from '../base/errors.js'
import { idBytes, parseAuthorId, parseEntryHash, type AuthorId, type EntryHash } from '../base/ids.js'
import { MAX_AUTHORS, MAX_BODY_BYTES, MAX_BRANCHES, MAX_FRAME_BYTES, MAX_HEADER_BYTES } from '../base/limits.js'
import type { Entry } from '../log/entry.js'
import type { Head } from '../log/version-vector.js'

/** The newest version of the sync protocol spoken here. */
export const SYNC_VERSION = 1
/** The oldest version still understood. */
export const OLDEST_SYNC_VERSION = 1
/** Authors in one page of a vector: a page comes to about 80 KiB, so that entries get their turn between pages. */
export const HEADS_PER_PAGE = 1024
/** Entries in one frame: the smallest take about 256 bytes, so that a full frame holds no more than this. */
export const MAX_ENTRIES_PER_FRAME = 1024
/** Named in a hello by who takes entries that follow each other as one run, in which little is said twice. */
export const RUNS = 'runs'
/** Named in a hello by who may have left old entries to others: nobody may rely on it to have them. */
export const PRUNES = 'prunes'
/** Features in a hello, and the length of a feature's name. */
const MAX_FEATURES = 64
const MAX_FEATURE_NAME = 32
/** A digest is 32 bytes as hexadecimal. */
const MAX_DIGEST = 64
/** A reason is one sentence. */
const MAX_REASON = 256

/** Heads of some authors; an author's heads replace those that were told before. */
export type HeadList = readonly (readonly [AuthorId, readonly Head[]])[]

/** First on every stream, once from each side. The lower version is used. */
export interface HelloMessage {
  readonly type: 'hello'
  readonly version: number
  readonly features: readonly string[]
  /** Digest of the sender's version vector. */
  readonly digest: string
}

/** A page of the whole version vector, sent only when the digests of the two hellos differ. */
export interface VectorMessage {
  readonly type: 'vector'
  readonly heads: HeadList
  /** Digest of the whole vector, the same in every page. */
  readonly digest: string
  readonly last: boolean
}

/** What changed since the sender's vector, hello or heads before. Repairs what gossip lost, without periodic traffic. */
export interface HeadsMessage {
  readonly type: 'heads'
  readonly heads: HeadList
  /** Digest of the sender's whole vector after this change. */
  readonly digest: string
}

/** Send me `from`..`to` (both included) of the branch that ends in `head`. */
export interface WantMessage {
  readonly type: 'want'
  /** Chosen by the asker, never used twice on a stream. */
  readonly id: number
  readonly author: AuthorId
  readonly head: EntryHash
  readonly from: number
  readonly to: number
}

/** The next entries of a want, in order of seq. */
export interface EntriesMessage {
  readonly type: 'entries'
  readonly id: number
  readonly entries: readonly Entry[]
  readonly last: boolean
}

/** `bytes` of entries were stored: the sender may have that many more under way. */
export interface AckMessage {
  readonly type: 'ack'
  readonly bytes: number
}

/** The rest of a want cannot be served. */
export interface MissingMessage {
  readonly type: 'missing'
  readonly id: number
  readonly reason: 'unknown' | 'pruned'
}

/** I hold everything that your vector with this digest names. */
export interface SyncedMessage {
  readonly type: 'synced'
  readonly digest: string
}

/** Last on a stream: why it ends, as a sentence. */
export interface ByeMessage {
  readonly type: 'bye'
  readonly reason: string
}

/** A kind from a newer version: ignored. */
export interface UnknownMessage {
  readonly type: 'unknown'
  readonly code: number
}

export type Message =
  | HelloMessage
  | VectorMessage
  | HeadsMessage
  | WantMessage
  | EntriesMessage
  | AckMessage
  | MissingMessage
  | SyncedMessage
  | ByeMessage
  | UnknownMessage

/** Makes an entry of its three parts, checking their format (not the signature); throws MalformedError. */
export type EntryDecoder = (parts: { headerBytes: Uint8Array; signature: Uint8Array; body: Uint8Array }) => Entry

/** Entries that follow each other, as bytes; undefined when they are no run. */
export type RunEncoder = (entries: readonly Entry[]) => Uint8Array | undefined
/** The entries of a run, at most `max`; throws MalformedError for anything else. */
export type RunDecoder = (bytes: Uint8Array, max: number) => readonly Entry[]

/** An `entries` message whose entries are runs, where they are. */
const PACKED_CODE = 9
const CODES = { hello: 0, vector: 1, heads: 2, want: 3, entries: 4, ack: 5, missing: 6, synced: 7, bye: 8 } as const

/**
 * One frame: canonical CBOR of an array of the kind's code and its fields.
 *
 * @param encodeRun - For a peer that takes runs.
 */
export function encodeMessage(message: Message, encodeRun?: RunEncoder): Uint8Array {
  if (message.type === 'entries' && encodeRun !== undefined) {
    const parts = packed(message.entries, encodeRun)
    if (parts !== undefined) return encodeCbor([PACKED_CODE, message.id, parts, message.last])
  }
  return encodeCbor(message.type === 'unknown' ? [message.code] : [CODES[message.type], ...fieldsOf(message)])
}

/**
 * The message in one frame. A later version may add fields behind those known here and kinds after
 * the last code; the former are skipped, the latter become `unknown`.
 *
 * @throws {MalformedError} for anything else.
 */
export function decodeMessage(frame: Uint8Array, decodeEntry: EntryDecoder, decodeRun: RunDecoder = refuseRun): Message {
  if (frame.length > MAX_FRAME_BYTES) throw new MalformedError('a frame is larger than any message may be')
  const fields = new CborFields(decodeCbor(frame))
  const code = fields.uint()
  if (code === PACKED_CODE) return { type: 'entries', id: fields.uint(), entries: readPacked(fields, decodeEntry, decodeRun), last: fields.bool() }
  const read = READERS[code]
  return read === undefined ? { type: 'unknown', code } : read(fields, decodeEntry)
}

function fieldsOf(message: Exclude<Message, UnknownMessage>): readonly Cbor[] {
  switch (message.type) {
    case 'hello':
      return [message.version, message.features, message.digest]
    case 'vector':
      return [message.heads.map(headsToCbor), message.digest, message.last]
    case 'heads':
      return [message.heads.map(headsToCbor), message.digest]
    case 'want':
      return [message.id, idBytes(message.author), idBytes(message.head), message.from, message.to]
    case 'entries':
      return [message.id, message.entries.map(entryToCbor), message.last]
    case 'ack':
      return [message.bytes]
    case 'missing':
      return [message.id, message.reason === 'pruned']
    case 'synced':
      return [message.digest]
    case 'bye':
      return [message.reason]
    default:
      return assertNever(message)
  }
}

const READERS: readonly ((fields: CborFields, decodeEntry: EntryDecoder) => Message)[] = [
  (fields) => ({ type: 'hello', version: fields.uint(), features: readFeatures(fields), digest: fields.text(MAX_DIGEST) }),
  (fields) => ({ type: 'vector', heads: readHeadList(fields), digest: fields.text(MAX_DIGEST), last: fields.bool() }),
  (fields) => ({ type: 'heads', heads: readHeadList(fields), digest: fields.text(MAX_DIGEST) }),
  readWant,
  (fields, decodeEntry) => ({ type: 'entries', id: fields.uint(), entries: readEntries(fields, decodeEntry), last: fields.bool() }),
  (fields) => ({ type: 'ack', bytes: fields.uint() }),
  (fields) => ({ type: 'missing', id: fields.uint(), reason: fields.bool() ? 'pruned' : 'unknown' }),
  (fields) => ({ type: 'synced', digest: fields.text(MAX_DIGEST) }),
  (fields) => ({ type: 'bye', reason: fields.text(MAX_REASON) })
]

function readFeatures(fields: CborFields): readonly string[] {
  const list = new CborFields(fields.list(MAX_FEATURES))
  const features: string[] = []
  while (list.remaining > 0) features.push(list.text(MAX_FEATURE_NAME))
  return features
}

function readWant(fields: CborFields): WantMessage {
  const id = fields.uint()
  const author = parseAuthorId(fields.bytes({ length: 32 }))
  const head = parseEntryHash(fields.bytes({ length: 32 }))
  const from = fields.uint(Number.MAX_SAFE_INTEGER - 1)
  const to = fields.uint(Number.MAX_SAFE_INTEGER - 1)
  if (from > to) throw new MalformedError('a want ends before it begins')
  return { type: 'want', id, author, head, from, to }
}

function readEntries(fields: CborFields, decodeEntry: EntryDecoder): readonly Entry[] {
  return fields.list(MAX_ENTRIES_PER_FRAME).map((item) => readEntry(item, decodeEntry))
}

function readEntry(item: Cbor, decodeEntry: EntryDecoder): Entry {
  const parts = new CborFields(item, 3)
  return decodeEntry({
    headerBytes: parts.bytes({ max: MAX_HEADER_BYTES }),
    signature: parts.bytes({ length: 64 }),
    body: parts.bytes({ max: MAX_BODY_BYTES })
  })
}

function entryToCbor({ headerBytes, signature, body }: Entry): Cbor {
  return [headerBytes, signature, body]
}

/** What answers a want follows each other; the very first entry of a log is in no run. */
function packed(entries: readonly Entry[], encodeRun: RunEncoder): readonly Cbor[] | undefined {
  const first = entries[0]?.header.seq === 0 ? 1 : 0
  const run = entries.length - first < 2 ? undefined : encodeRun(entries.slice(first))
  return run === undefined ? undefined : [...entries.slice(0, first).map(entryToCbor), run]
}

function readPacked(fields: CborFields, decodeEntry: EntryDecoder, decodeRun: RunDecoder): readonly Entry[] {
  const entries: Entry[] = []
  for (const part of fields.list(MAX_ENTRIES_PER_FRAME)) {
    if (part instanceof Uint8Array) entries.push(...decodeRun(part, MAX_ENTRIES_PER_FRAME - entries.length))
    else entries.push(readEntry(part, decodeEntry))
    if (entries.length > MAX_ENTRIES_PER_FRAME) throw new MalformedError('more entries than a frame may hold')
  }
  return entries
}

function refuseRun(): never {
  throw new MalformedError('a run that was not asked for')
}

function headsToCbor([author, heads]: HeadList[number]): Cbor {
  return [idBytes(author), heads.map(({ floor, seq, hash }) => [floor, seq, idBytes(hash)])]
}

function readHeadList(fields: CborFields): HeadList {
  return fields.list(Math.min(HEADS_PER_PAGE, MAX_AUTHORS)).map((item) => {
    const pair = new CborFields(item, 2)
    const author = parseAuthorId(pair.bytes({ length: 32 }))
    const heads = pair.list(MAX_BRANCHES).map(readHead)
    if (heads.length === 0) throw new MalformedError('an author without a head')
    return [author, heads] as const
  })
}

function readHead(item: Cbor): Head {
  const fields = new CborFields(item, 3)
  const floor = fields.uint()
  // One below the largest safe integer, so that the seq after it is still exact.
  const seq = fields.uint(Number.MAX_SAFE_INTEGER - 1)
  if (floor > seq) throw new MalformedError('a head below its floor')
  return { floor, seq, hash: parseEntryHash(fields.bytes({ length: 32 })) }
}
