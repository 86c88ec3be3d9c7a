import { type Cbor, CborFields, encodeCbor } from '../base/cbor.js'
import { toHex } from '../base/bytes.js'
import type { Crypto } from '../base/crypto.js'
import { MalformedError } from '../base/errors.js'
import { idBytes, parseAuthorId, parseEntryHash, type AuthorId, type EntryHash } from '../base/ids.js'
import { MAX_AUTHORS, MAX_BRANCHES } from '../base/limits.js'
import type { Entry } from './entry.js'

/** The newest entry of one branch of one author's log that is held without a gap. */
export interface Head {
  /** First seq that is still held; 0 until checkpoints exist. */
  readonly floor: number
  readonly seq: number
  readonly hash: EntryHash
}

/** Author -> heads: one, unless the log forked; sorted by hash where several. */
export type VersionVector = ReadonlyMap<AuthorId, readonly Head[]>

/** A run of one author's entries: the branch that ends in `head`, seqs `from` to `to`, both included. */
export interface Want {
  readonly author: AuthorId
  readonly head: EntryHash
  readonly from: number
  readonly to: number
}

/**
 * Entries asked for below a head that joins nothing held: the fork is likely near the end of the log, and where it
 * isn't, the gap that `Log.stage` reports leads to the next stretch down.
 */
export const FORK_WINDOW = 1024

/** Digest of the heads, hex: equal exactly when both hold the same entries, whatever the order of the map. */
export function digestOf(crypto: Crypto, vector: VersionVector): string {
  const heads = sorted(vector).map(([author, heads]): Cbor => [idBytes(author), heads.map(head => idBytes(head.hash))])
  return toHex(crypto.sha256(encodeCbor(heads)))
}

/** For the wire: [author, [[floor, seq, hash], ...]], authors in order. */
export function encodeVector(vector: VersionVector): Cbor {
  return sorted(vector).map(([author, heads]) => [idBytes(author), encodeHeads(heads)])
}

/** @throws {MalformedError} when `value` is not exactly what `encodeVector` gives, or passes a limit. */
export function decodeVector(value: Cbor): VersionVector {
  const vector = new Map<AuthorId, readonly Head[]>()
  let last = ''
  for (const item of new CborFields([value]).list(MAX_AUTHORS)) {
    const fields = new CborFields(item, 2)
    const author = parseAuthorId(fields.bytes({ length: 32 }))
    if (author <= last) throw new MalformedError('authors out of order or repeated')
    last = author
    vector.set(author, decodeHeads(fields.any()))
  }
  return vector
}

export function encodeHeads(heads: readonly Head[]): Cbor {
  return heads.map(({ floor, seq, hash }) => [floor, seq, idBytes(hash)])
}

/** @throws {MalformedError} unless `value` is one to `MAX_BRANCHES` heads in order of their hash. */
export function decodeHeads(value: Cbor): readonly Head[] {
  const heads = new CborFields([value]).list(MAX_BRANCHES).map(decodeHead)
  if (heads.length === 0) throw new MalformedError('an author without a head')
  for (let i = 1; i < heads.length; i++) {
    if ((heads[i - 1]?.hash ?? '') >= (heads[i]?.hash ?? '')) throw new MalformedError('heads out of order or repeated')
  }
  return heads
}

function decodeHead(item: Cbor): Head {
  const fields = new CborFields(item, 3)
  const floor = fields.uint()
  const seq = fields.uint()
  if (floor > seq) throw new MalformedError('a head below its floor')
  return { floor, seq, hash: parseEntryHash(fields.bytes({ length: 32 })) }
}

/**
 * What they hold and we lack, one want per head of theirs. `has` says whether an entry is held; it is asked only for
 * the hashes that `headsToCheck` lists.
 */
export function missingFrom(ours: VersionVector, theirs: VersionVector, has: (hash: EntryHash) => boolean): readonly Want[] {
  const wants: Want[] = []
  for (const [author, heads] of theirs) {
    const own = ours.get(author) ?? []
    for (const { floor, seq, hash } of heads) {
      if (isHead(own, hash) || (mayHold(own, seq) && has(hash))) continue
      wants.push({ author, head: hash, from: Math.max(floor, wantFrom(own, seq)), to: seq })
    }
  }
  return wants
}

/** Their heads that may lie inside our logs: the only ones that `missingFrom` asks `has` about. */
export function headsToCheck(ours: VersionVector, theirs: VersionVector): readonly { readonly author: AuthorId; readonly head: Head; readonly isOnly: boolean }[] {
  const found: { author: AuthorId; head: Head; isOnly: boolean }[] = []
  for (const [author, heads] of theirs) {
    const own = ours.get(author) ?? []
    for (const head of heads) if (!isHead(own, head.hash) && mayHold(own, head.seq)) found.push({ author, head, isOnly: heads.length === 1 })
  }
  return found
}

/**
 * First seq to ask for, of a branch that ends at `seq` and isn't held: after the lowest of our heads that it may
 * extend, from the start for an author that is not known, else a window that likely holds the fork.
 */
export function wantFrom(own: readonly Head[], seq: number): number {
  if (own.length === 0) return 0
  const below = own.filter(head => head.seq < seq)
  if (below.length === 0) return Math.max(0, seq - FORK_WINDOW + 1)
  return Math.min(...below.map(head => head.seq)) + 1
}

/** The vector once `entry` is held too, whose `prev` is held already. */
export function advance(vector: VersionVector, entry: Pick<Entry, 'hash' | 'header'>): VersionVector {
  const { author } = entry.header
  return new Map(vector).set(author, advanceHeads(vector.get(author) ?? [], entry))
}

/** One author's heads once `entry` is held: it replaces the head it extends, or begins a branch. */
export function advanceHeads(heads: readonly Head[], entry: Pick<Entry, 'hash' | 'header'>): readonly Head[] {
  const { header, hash } = entry
  const extended = heads.find(head => head.hash === header.prev)
  const others = heads.filter(head => head !== extended)
  const floor = extended?.floor ?? 0
  return [...others, { floor, seq: header.seq, hash }].sort((a, b) => (a.hash < b.hash ? -1 : 1))
}

function isHead(heads: readonly Head[], hash: EntryHash): boolean {
  return heads.some(head => head.hash === hash)
}

function mayHold(heads: readonly Head[], seq: number): boolean {
  return heads.some(head => head.seq > seq)
}

function sorted(vector: VersionVector): readonly (readonly [AuthorId, readonly Head[]])[] {
  return [...vector].sort(([a], [b]) => (a < b ? -1 : 1))
}
