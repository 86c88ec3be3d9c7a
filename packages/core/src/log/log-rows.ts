import { concat } from '../base/bytes.js'
import { CborFields, decodeCbor, encodeCbor } from '../base/cbor.js'
import { StoreDamagedError } from '../base/errors.js'
import { idBytes, parseAuthorId, parseEntryHash, type AuthorId, type EntryHash } from '../base/ids.js'
import { type KvOp, type KvStore, prefixRange, sortableNumber } from '../base/kv.js'
import { decodeHeader, decodeHeaderRow, encodeHeaderRow, type Entry, type EntryHeader } from './entry.js'
import { decodeHeads, encodeHeads, type Head } from './version-vector.js'

/** hash -> signature and header. */
const HEADER = 'header'
/** hash -> encrypted body; apart from the header, so that a body may be pruned one day. */
const BODY = 'body'
/** author/seq -> hash, or several on a fork. */
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

/** The rows of a log in a store: the only place that knows their form. */
export class LogRows {
  readonly #kv: KvStore

  constructor(kv: KvStore) {
    this.#kv = kv
  }

  async authors(): Promise<Map<AuthorId, AuthorState>> {
    const rows = await this.#kv.scan(HEADS)
    return new Map(rows.map(([author, value]) => [parseAuthorId(author), decodeAuthorState(value)]))
  }

  async has(hash: EntryHash): Promise<boolean> {
    return (await this.#kv.get(HEADER, hash)) !== undefined
  }

  async header(hash: EntryHash): Promise<EntryHeader | undefined> {
    const row = await this.#kv.get(HEADER, hash)
    return row === undefined ? undefined : decodeHeader(decodeHeaderRow(row).headerBytes)
  }

  /** Every header, those whose hash begins with `prefix`. */
  async headers(prefix: string): Promise<ReadonlyMap<EntryHash, EntryHeader>> {
    const rows = await this.#kv.scan(HEADER, prefixRange(prefix))
    return new Map(rows.map(([hash, row]) => [parseEntryHash(hash), decodeHeader(decodeHeaderRow(row).headerBytes)]))
  }

  /** The entry, or undefined when it isn't held or its body was pruned. */
  async entry(hash: EntryHash): Promise<Entry | undefined> {
    const row = await this.#kv.get(HEADER, hash)
    const body = row && (await this.#kv.get(BODY, hash))
    if (row === undefined || body === undefined) return undefined
    const { headerBytes, signature } = decodeHeaderRow(row)
    return { hash, header: decodeHeader(headerBytes), headerBytes, signature, body }
  }

  async at(author: AuthorId, seq: number): Promise<readonly EntryHash[]> {
    const row = await this.#kv.get(CHAIN, chainKey(author, seq))
    return row === undefined ? [] : decodeHashes(row)
  }

  /** The hashes at each seq of `from`..`to`, both included, as far as they are held. */
  async chain(author: AuthorId, from: number, to: number): Promise<readonly (readonly EntryHash[])[]> {
    const rows = await this.#kv.scan(CHAIN, { from: chainKey(author, from), to: chainKey(author, to + 1) })
    const gap = rows.findIndex(([key], index) => key !== chainKey(author, from + index))
    return (gap < 0 ? rows : rows.slice(0, gap)).map(([, value]) => decodeHashes(value))
  }
}

export function entryOps(entry: Entry): readonly KvOp[] {
  return [
    { table: HEADER, key: entry.hash, value: encodeHeaderRow(entry) },
    { table: BODY, key: entry.hash, value: entry.body }
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
