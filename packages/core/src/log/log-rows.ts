import { concat } from '../base/bytes.js'
import { CborFields, decodeCbor, encodeCbor } from '../base/cbor.js'
import type { Crypto } from '../base/crypto.js'
import { StoreDamagedError } from '../base/errors.js'
import { idBytes, parseAuthorId, parseEntryHash, type AuthorId, type EntryHash } from '../base/ids.js'
import { type KvOp, type KvReader, prefixRange, sortableNumber } from '../base/kv.js'
import { decodeHeader, decodeHeaderRow, encodeHeaderRow, type Entry, type EntryHeader } from './entry.js'
import { type Link, PrunedError, type PrunedRows } from './pruned-rows.js'
import { SegmentRows } from './segment-rows.js'
import { decodeHeads, encodeHeads, type Head } from './version-vector.js'

/** hash -> signature and header. */
const HEADER = 'header'
/** hash -> encrypted body, apart from the header: most questions are about headers. */
const BODY = 'body'
/** author/seq -> hash, or several on a fork in the order in which they came. */
const CHAIN = 'chain'
/** author -> count of entries and heads: what a start reads instead of the entries. */
const HEADS = 'heads'
const HASH_BYTES = 32

/** What is kept per author. */
export interface AuthorState {
  readonly heads: readonly Head[]
  /** Entries held, all branches together. */
  readonly count: number
}

/**
 * The rows of a log in a store: newer entries each in rows of its own, older ones in segments, of those that were left to
 * others the hashes. A reader may run while entries move: rows are looked at first, so that what is gone from them is in a
 * segment already, and what is gone from there is known for pruned.
 */
export class LogRows {
  readonly segments: SegmentRows
  readonly pruned: PrunedRows
  readonly #kv: KvReader

  constructor(kv: KvReader, crypto: Crypto, pruned: PrunedRows) {
    this.#kv = kv
    this.segments = new SegmentRows(kv, crypto)
    this.pruned = pruned
  }

  async authors(): Promise<Map<AuthorId, AuthorState>> {
    const rows = await this.#kv.scan(HEADS)
    return new Map(rows.map(([author, value]) => [parseAuthorId(author), decodeAuthorState(value)]))
  }

  async has(hash: EntryHash): Promise<boolean> {
    return (await this.#kv.get(HEADER, hash)) !== undefined || (await this.segments.get(hash)) !== undefined || (await this.pruned.find(hash)) !== undefined
  }

  /** Where an entry stands; of a pruned one too. */
  async link(hash: EntryHash): Promise<Link | undefined> {
    return (await this.#heldHeader(hash)) ?? (await this.pruned.find(hash))?.link
  }

  /** @throws {PrunedError} when it was left to others. */
  async header(hash: EntryHash): Promise<EntryHeader | undefined> {
    return (await this.#heldHeader(hash)) ?? (await this.#missing(hash))
  }

  async #heldHeader(hash: EntryHash): Promise<EntryHeader | undefined> {
    const row = await this.#kv.get(HEADER, hash)
    return row === undefined ? (await this.segments.get(hash))?.header : decodeHeader(decodeHeaderRow(row).headerBytes)
  }

  async #missing(hash: EntryHash): Promise<undefined> {
    const found = await this.pruned.find(hash)
    if (found !== undefined) throw new PrunedError([found.run])
    return undefined
  }

  /**
   * Every header, those whose hash begins with `prefix`.
   *
   * @throws {PrunedError} when one of them was left to others.
   */
  async headers(prefix: string): Promise<ReadonlyMap<EntryHash, EntryHeader>> {
    const gone = await this.pruned.beginningWith(prefix)
    if (gone.length > 0) throw new PrunedError(gone)
    const rows = await this.#kv.scan(HEADER, prefixRange(prefix))
    const packed = await this.segments.beginningWith(prefix)
    const found = new Map([
      ...rows.map(([hash, row]) => [parseEntryHash(hash), decodeHeader(decodeHeaderRow(row).headerBytes)] as const),
      ...packed.map(({ hash, header }) => [hash, header] as const)
    ])
    const bare = this.pruned.bare()
    if (found.size === 0 && bare.length > 0) throw new PrunedError(bare)
    return found
  }

  /**
   * The entry, or undefined when it isn't held.
   *
   * @throws {PrunedError} when it was left to others.
   */
  async entry(hash: EntryHash): Promise<Entry | undefined> {
    return (await this.heldEntry(hash)) ?? (await this.#missing(hash))
  }

  /** The entry, if its bytes are here. */
  async heldEntry(hash: EntryHash): Promise<Entry | undefined> {
    const row = await this.#kv.get(HEADER, hash)
    const body = row && (await this.#kv.get(BODY, hash))
    if (row === undefined || body === undefined) return await this.segments.get(hash)
    const { headerBytes, signature } = decodeHeaderRow(row)
    return { hash, header: decodeHeader(headerBytes), headerBytes, signature, body }
  }

  async at(author: AuthorId, seq: number): Promise<readonly EntryHash[]> {
    return (await this.chain(author, seq, seq))[0] ?? []
  }

  /** The hashes at each seq of `from`..`to`, both included, as far as they are held. */
  async chain(author: AuthorId, from: number, to: number): Promise<readonly (readonly EntryHash[])[]> {
    const rows = await this.#kv.scan(CHAIN, { from: chainKey(author, from), to: chainKey(author, to + 1) })
    // A row names all entries at its seq, those in segments too.
    const hashes = new Map(rows.map(([key, value]) => [key, decodeHashes(value)]))
    if (rows.length <= to - from) {
      for (const { hash, header } of await this.segments.range(author, from, to)) {
        const key = chainKey(author, header.seq)
        if (!hashes.has(key)) hashes.set(key, [hash])
      }
      for (const { seq, hash } of await this.#prunedRange(author, from, to)) {
        const key = chainKey(author, seq)
        if (!hashes.has(key)) hashes.set(key, [hash])
      }
    }
    const found: (readonly EntryHash[])[] = []
    for (let seq = from; seq <= to; seq++) {
      const at = hashes.get(chainKey(author, seq))
      if (at === undefined) break
      found.push(at)
    }
    return found
  }

  async #prunedRange(author: AuthorId, from: number, to: number): Promise<readonly { readonly seq: number; readonly hash: EntryHash }[]> {
    const found: { seq: number; hash: EntryHash }[] = []
    for (const run of this.pruned.of(author)) {
      if (run.last < from || run.first > to || run.isBare) continue
      const start = Math.max(from, run.first)
      const hashes = (await this.pruned.hashesOf(run)).slice(start - run.first, to - run.first + 1)
      for (const [at, hash] of hashes.entries()) found.push({ seq: start + at, hash })
    }
    return found
  }

  /** Seq of the author's newest entry that is in a segment or pruned, 0 without any: the first entry never is. */
  async packedEnd(author: AuthorId): Promise<number> {
    return Math.max(await this.segments.end(author), this.pruned.end(author))
  }
}

export function entryOps(entry: Entry): readonly KvOp[] {
  return [
    { table: HEADER, key: entry.hash, value: encodeHeaderRow(entry) },
    { table: BODY, key: entry.hash, value: entry.body }
  ]
}

/** What `entryOps` and `chainOp` wrote of an unforked entry that a segment holds. */
export function removalOps({ hash, header }: Pick<Entry, 'hash' | 'header'>): readonly KvOp[] {
  return [
    { table: HEADER, key: hash },
    { table: BODY, key: hash },
    { table: CHAIN, key: chainKey(header.author, header.seq) }
  ]
}

export function chainOp(author: AuthorId, seq: number, hashes: readonly EntryHash[]): KvOp {
  return { table: CHAIN, key: chainKey(author, seq), value: concat(...hashes.map(idBytes)) }
}

export function authorOp(author: AuthorId, { heads, count }: AuthorState): KvOp {
  return { table: HEADS, key: author, value: encodeCbor([count, encodeHeads(heads)]) }
}

function decodeAuthorState(value: Uint8Array): AuthorState {
  const fields = new CborFields(decodeCbor(value), 2)
  return { count: fields.uint(), heads: decodeHeads(fields.any()) }
}

function decodeHashes(row: Uint8Array): readonly EntryHash[] {
  if (row.length === 0 || row.length % HASH_BYTES !== 0) throw new StoreDamagedError('a row of the log has a wrong length; the store is damaged')
  return Array.from({ length: row.length / HASH_BYTES }, (_, i) => parseEntryHash(row.subarray(i * HASH_BYTES, (i + 1) * HASH_BYTES)))
}

function chainKey(author: AuthorId, seq: number): string {
  return `${author}/${sortableNumber(seq)}`
}
