import { type Cbor, CborFields, decodeCbor, encodeCbor } from '../base/cbor.js'
import type { Crypto } from '../base/crypto.js'
import { MalformedError, StoreDamagedError } from '../base/errors.js'
import { idBytes, parseAuthorId, parseBlobId, parseEntryHash, parseWorkspaceId } from '../base/ids.js'
import { MAX_BODY_BYTES, MAX_DEPS, MAX_ENTRY_BLOBS } from '../base/limits.js'
import { decodeHeader, encodeHeader, type Entry, type EntryHeader, hashOf, SIGNATURE_BYTES } from './entry.js'

/** Milliseconds between two entries that follow each other: clocks may claim anything, but not all of it is packed. */
const MAX_PASSED = 2 ** 40

/**
 * Entries in one row: what all of them say, or what follows from the one before, is not written down again.
 * [workspace, author, first seq, hash before it, hash of the last, time before it, entries], each entry being [epoch, deps,
 * milliseconds since the one before, salt, blobs, signature, body].
 *
 * @returns undefined when they are no run of one author, hold a first one (its admission stays in a row of its own), or
 * claim times that are far apart.
 */
export function encodeSegment(entries: readonly Entry[]): Uint8Array | undefined {
  const [first, last] = [entries[0], entries.at(-1)]
  const before = first?.header.prev ?? null
  if (first === undefined || last === undefined || before === null) return undefined
  const { workspace, author, seq } = first.header
  const follows = (header: EntryHeader, previous: Entry | undefined): boolean =>
    header.author === author && header.prev === (previous?.hash ?? before) && Math.abs(header.time - (previous?.header.time ?? header.time)) <= MAX_PASSED
  if (!entries.every(({ header }, at) => follows(header, entries[at - 1]))) return undefined
  let time = first.header.time
  const list = entries.map(({ header, signature, body }): Cbor => {
    const passed = header.time - time
    time = header.time
    return [header.epoch, header.deps.map(idBytes), folded(passed), header.salt, header.blobs.map(idBytes), signature, body]
  })
  return encodeCbor([idBytes(workspace), idBytes(author), seq, idBytes(before), idBytes(last.hash), first.header.time, list])
}

/**
 * The entries, byte for byte: a header has one spelling, and each hash is in the header behind it, up to the last, which
 * is written down.
 *
 * @param max - Entries that are taken.
 * @throws {StoreDamagedError} when they are not; {MalformedError} and {RangeError} when it is no segment.
 */
export function decodeSegment(crypto: Crypto, row: Uint8Array, max = Number.MAX_SAFE_INTEGER): readonly Entry[] {
  const fields = new CborFields(decodeCbor(row), 7)
  const workspace = parseWorkspaceId(fields.bytes())
  const author = parseAuthorId(fields.bytes())
  const start = fields.uint()
  let prev = parseEntryHash(fields.bytes())
  const last = parseEntryHash(fields.bytes())
  let time = fields.uint()
  const entries: Entry[] = []
  for (const item of fields.list(max)) {
    const parts = new CborFields(item, 7)
    const epoch = parts.uint()
    const deps = readIds(parts, MAX_DEPS).map(parseEntryHash)
    time += unfolded(parts.uint())
    const salt = parts.bytes()
    const blobs = readIds(parts, MAX_ENTRY_BLOBS).map(parseBlobId)
    const signature = parts.bytes({ length: SIGNATURE_BYTES })
    const body = parts.bytes({ max: MAX_BODY_BYTES })
    const seq = start + entries.length
    const header: EntryHeader = { version: 1, workspace, epoch, author, seq, prev, deps, time, salt, admission: null, blobs, bodyHash: crypto.sha256(body), bodyLength: body.length }
    const headerBytes = encodeHeader(header)
    const hash = hashOf(crypto, headerBytes, signature)
    entries.push({ hash, header, headerBytes, signature, body })
    prev = hash
  }
  if (prev !== last) throw new StoreDamagedError('a segment of a log does not hold what it should; the store is damaged')
  return entries
}

/**
 * The entries in what a peer sent: each is held to what `decodeEntry` asks of one that comes alone.
 *
 * @throws {MalformedError} for anything else, and for more than `max` entries.
 */
export function decodeRun(crypto: Crypto, bytes: Uint8Array, max: number): readonly Entry[] {
  try {
    return decodeSegment(crypto, bytes, max).map(entry => ({ ...entry, header: decodeHeader(entry.headerBytes) }))
  } catch (error) {
    throw new MalformedError('a run of entries that is none', { cause: error })
  }
}

function readIds(fields: CborFields, max: number): readonly Uint8Array[] {
  const ids = new CborFields(fields.list(max))
  return Array.from({ length: ids.remaining }, () => ids.bytes())
}

/** A difference as a whole number from 0 on; a claimed time may be any. */
function folded(difference: number): number {
  return difference >= 0 ? 2 * difference : -2 * difference - 1
}

function unfolded(number: number): number {
  return number % 2 === 0 ? number / 2 : -(number + 1) / 2
}
