import { concat, equalBytes } from '../base/bytes.js'
import { type Cbor, CborFields, decodeCbor, encodeCbor } from '../base/cbor.js'
import type { Crypto, Signer } from '../base/crypto.js'
import { MalformedError } from '../base/errors.js'
import { idBytes, parseAuthorId, parseBlobId, parseEntryHash, parseWorkspaceId } from '../base/ids.js'
import type { AuthorId, BlobId, EntryHash, WorkspaceId } from '../base/ids.js'
import { MAX_BODY_BYTES, MAX_DEPS, MAX_ENTRY_BLOBS, MAX_HEADER_BYTES } from '../base/limits.js'
import type { Certificate } from '../keys/certificate.js'
import { bodyKey } from '../keys/workspace-keys.js'

export type { Certificate, Role } from '../keys/certificate.js'

/** The part of an entry that everyone may read and that the author signs. */
export interface EntryHeader {
  readonly version: 1
  readonly workspace: WorkspaceId
  /** Which epoch key encrypts the body; 0 is derived from the read key. */
  readonly epoch: number
  readonly author: AuthorId
  /** 0, 1, 2, ... in the author's log. */
  readonly seq: number
  /** Hash of the author's entry before this one; null at seq 0. */
  readonly prev: EntryHash | null
  /** Hashes of other authors' newest entries applied since the author's entry before this one, sorted. */
  readonly deps: readonly EntryHash[]
  /** Claimed wall-clock milliseconds: shown to people, decides nothing. */
  readonly time: number
  /** 32 random bytes, from which the body's key is derived. */
  readonly salt: Uint8Array
  /** SHA-256 of the encrypted body. */
  readonly bodyHash: Uint8Array
  readonly bodyLength: number
  /** The author's admission, at seq 0 only. */
  readonly admission: readonly Certificate[] | null
  /**
   * The blobs that the body brings into the tree, sorted: what who cannot read the body is to hold, and has the
   * author's word for.
   */
  readonly blobs: readonly BlobId[]
}

/** An entry as it is stored, sent and verified: the body still encrypted. Made by `sealEntry` and `decodeEntry` only. */
export interface Entry {
  /**
   * SHA-256 of header bytes and signature. The signature is part of it, so that a chain whose last signature holds
   * vouches for every signature before it too: nobody on the way can spoil one unseen.
   */
  readonly hash: EntryHash
  readonly header: EntryHeader
  /** Canonical CBOR of the header. */
  readonly headerBytes: Uint8Array
  /** Ed25519 by the author over `headerBytes`, 64 bytes. */
  readonly signature: Uint8Array
  /** AEAD ciphertext. */
  readonly body: Uint8Array
}

/** What `sealEntry` signs: a header less what it computes, and the body's plain text. */
export interface EntryDraft extends Omit<EntryHeader, 'version' | 'author' | 'salt' | 'bodyHash' | 'bodyLength' | 'blobs'> {
  /** @default none */
  readonly blobs?: readonly BlobId[]
  readonly crypto: Crypto
  /** The author's key. */
  readonly signer: Signer
  /** Key of `epoch`, 32 bytes. */
  readonly epochKey: Uint8Array
  /** What `encodeChanges` gave. */
  readonly plain: Uint8Array
}

export const SIGNATURE_BYTES = 64
const HASH_BYTES = 32
const SALT_BYTES = 32
const HEADER_FIELDS = 13
/** Links of an admission chain: one today, delegated invites later. */
const MAX_ADMISSION = 8
const MAX_EPOCH = 0xffff_ffff
/** Each body has a key of its own, so the nonce need not differ. */
const NONCE = new Uint8Array(12)

/**
 * Encrypts and signs one entry. Dependencies are put in order; a time that no header can carry (before 1970, not a
 * whole number) is made one.
 *
 * @throws {RangeError} when a limit is passed.
 */
export function sealEntry(draft: EntryDraft): Entry {
  const { crypto, signer, epochKey, plain } = draft
  const sealed = {
    version: 1 as const,
    workspace: draft.workspace,
    epoch: draft.epoch,
    author: parseAuthorId(signer.publicKey),
    seq: draft.seq,
    prev: draft.prev,
    deps: draft.deps.toSorted(),
    time: claimableTime(draft.time),
    salt: crypto.randomBytes(SALT_BYTES),
    admission: draft.admission,
    blobs: [...new Set(draft.blobs)].sort()
  }
  const body = crypto.seal(bodyKey(crypto, epochKey, sealed.salt), NONCE, encodeCbor(sealedFields(sealed)), plain)
  const header: EntryHeader = { ...sealed, bodyHash: crypto.sha256(body), bodyLength: body.length }
  const headerBytes = encodeHeader(header)
  checkReadable(headerBytes)
  const signature = signer.sign(headerBytes)
  return { hash: hashOf(crypto, headerBytes, signature), header, headerBytes, signature, body }
}

/** The body's plain text, or undefined when it doesn't decrypt under `epochKey`. */
export function openBody(crypto: Crypto, epochKey: Uint8Array, entry: Entry): Uint8Array | undefined {
  const key = bodyKey(crypto, epochKey, entry.header.salt)
  return crypto.open(key, NONCE, encodeCbor(sealedFields(entry.header)), entry.body)
}

/**
 * An entry from its three parts. Says nothing about whether it is valid: `Log.stage` does.
 *
 * @throws {MalformedError} when a part is too large or the header isn't canonical.
 */
export function decodeEntry(crypto: Crypto, parts: Pick<Entry, 'headerBytes' | 'signature' | 'body'>): Entry {
  const { headerBytes, signature, body } = parts
  if (signature.length !== SIGNATURE_BYTES) throw new MalformedError('a signature of a wrong length')
  if (body.length > MAX_BODY_BYTES) throw new MalformedError('a body larger than the limit')
  const header = decodeHeader(headerBytes)
  return { hash: hashOf(crypto, headerBytes, signature), header, headerBytes, signature, body }
}

/** CBOR of [header bytes, signature, body]. */
export function encodeEntryWire(entry: Entry): Uint8Array {
  return encodeCbor([entry.headerBytes, entry.signature, entry.body])
}

/**
 * Reads what `encodeEntryWire` wrote.
 *
 * @throws {MalformedError} when the bytes are anything else.
 */
export function decodeEntryWire(crypto: Crypto, bytes: Uint8Array): Entry {
  if (bytes.length > MAX_BODY_BYTES + MAX_HEADER_BYTES + SIGNATURE_BYTES + 16) throw new MalformedError('an entry larger than the limit')
  const fields = new CborFields(decodeCbor(bytes), 3)
  const headerBytes = fields.bytes({ max: MAX_HEADER_BYTES })
  const signature = fields.bytes({ length: SIGNATURE_BYTES })
  return decodeEntry(crypto, { headerBytes, signature, body: fields.bytes({ max: MAX_BODY_BYTES }) })
}

/** The identity of an entry: of its header bytes and its signature. */
export function hashOf(crypto: Crypto, headerBytes: Uint8Array, signature: Uint8Array): EntryHash {
  return parseEntryHash(crypto.sha256(headerBytes, signature))
}

/** Whether `body` is the one that the header names. */
export function isBodyOf(crypto: Crypto, header: EntryHeader, body: Uint8Array): boolean {
  return body.length === header.bodyLength && equalBytes(crypto.sha256(body), header.bodyHash)
}

/** Canonical CBOR of a header. */
export function encodeHeader(header: EntryHeader): Uint8Array {
  return encodeCbor([...sealedFields(header), header.bodyHash, header.bodyLength])
}

/**
 * Reads a header: every field has one spelling, so equal headers have equal bytes.
 *
 * @throws {MalformedError} when the bytes are anything else.
 */
export function decodeHeader(bytes: Uint8Array): EntryHeader {
  if (bytes.length > MAX_HEADER_BYTES) throw new MalformedError('a header larger than the limit')
  const fields = new CborFields(decodeCbor(bytes), HEADER_FIELDS)
  if (fields.uint() !== 1) throw new MalformedError('a header of another version')
  const header: EntryHeader = {
    version: 1,
    workspace: parseWorkspaceId(fields.bytes({ length: 32 })),
    epoch: fields.uint(MAX_EPOCH),
    author: parseAuthorId(fields.bytes({ length: 32 })),
    seq: fields.uint(),
    prev: fields.isNull() ? null : decodeHash(fields),
    deps: decodeRising(fields.list(MAX_DEPS), parseEntryHash),
    time: fields.uint(),
    salt: fields.bytes({ length: SALT_BYTES }),
    admission: fields.isNull() ? null : fields.list(MAX_ADMISSION).map(decodeCertificate),
    blobs: decodeRising(fields.list(MAX_ENTRY_BLOBS), parseBlobId),
    bodyHash: fields.bytes({ length: HASH_BYTES }),
    bodyLength: fields.uint(MAX_BODY_BYTES)
  }
  const isFirst = header.seq === 0
  if (isFirst !== (header.prev === null)) throw new MalformedError('the first entry, and only it, has none before it')
  if (isFirst !== (header.admission !== null)) throw new MalformedError('the first entry, and only it, carries an admission')
  return header
}

/** The fields that the body's cipher covers: all but the body's own hash and length. */
function sealedFields(header: Omit<EntryHeader, 'bodyHash' | 'bodyLength'>): readonly Cbor[] {
  return [
    header.version,
    idBytes(header.workspace),
    header.epoch,
    idBytes(header.author),
    header.seq,
    header.prev === null ? null : idBytes(header.prev),
    header.deps.map(idBytes),
    header.time,
    header.salt,
    header.admission === null ? null : header.admission.map(link => [idBytes(link.author), link.role, link.signature]),
    header.blobs.map(idBytes)
  ]
}

function decodeHash(fields: CborFields): EntryHash {
  return parseEntryHash(fields.bytes({ length: HASH_BYTES }))
}

function decodeRising<T extends string>(list: readonly Cbor[], parse: (bytes: Uint8Array) => T): readonly T[] {
  const hashes = list.map(item => parse(new CborFields([item]).bytes({ length: HASH_BYTES })))
  for (let i = 1; i < hashes.length; i++) {
    if ((hashes[i - 1] ?? '') >= (hashes[i] ?? '')) throw new MalformedError('hashes out of order or repeated')
  }
  return hashes
}

function decodeCertificate(item: Cbor): Certificate {
  const fields = new CborFields(item, 3)
  const author = parseAuthorId(fields.bytes({ length: 32 }))
  if (fields.text(16) !== 'writer') throw new MalformedError('a role that is not known')
  return { author, role: 'writer', signature: fields.bytes({ length: SIGNATURE_BYTES }) }
}

function claimableTime(time: number): number {
  const whole = Math.floor(time)
  return Number.isSafeInteger(whole) && whole > 0 ? whole : 0
}

/** What is signed must be readable by the same rules, or the log would end here for every peer. */
function checkReadable(headerBytes: Uint8Array): void {
  try {
    decodeHeader(headerBytes)
  } catch (error) {
    throw new RangeError('an entry that peers would refuse', { cause: error })
  }
}

/** The bytes that an entry takes in a store or a frame, less a few of framing. */
export function entryBytes(entry: Pick<Entry, 'headerBytes' | 'body'>): number {
  return entry.headerBytes.length + SIGNATURE_BYTES + entry.body.length
}

/** A header and its signature as one row: the signature first, as its length is fixed. */
export function encodeHeaderRow(entry: Pick<Entry, 'headerBytes' | 'signature'>): Uint8Array {
  return concat(entry.signature, entry.headerBytes)
}

/** @throws {MalformedError} when the row is too short. */
export function decodeHeaderRow(row: Uint8Array): Pick<Entry, 'headerBytes' | 'signature'> {
  if (row.length <= SIGNATURE_BYTES) throw new MalformedError('a header row that is too short')
  return { signature: row.subarray(0, SIGNATURE_BYTES), headerBytes: row.subarray(SIGNATURE_BYTES) }
}
