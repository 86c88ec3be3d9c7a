import { concat, equalBytes, fromHex, toHex } from '../base/bytes.js'
import type { Crypto } from '../base/crypto.js'
import { parseAuthorId, type AuthorId, type EntryHash } from '../base/ids.js'
import { type KvOp, type KvReader, prefixRange, sortableNumber } from '../base/kv.js'
import type { Entry } from './entry.js'
import { decodeSegment, encodeSegment } from './segment.js'

/** author/seq of the last -> entries that follow each other. */
const SEGMENT = 'segment'
/** Beginning of a hash -> beginning of the author, and seq, of every packed entry whose hash begins so. */
const PLACE = 'place'
/** Author -> what is kept per author: by it a whole author is known from its beginning. */
const HEADS = 'heads'
const PREFIX_CHARS = 16
const PLACE_BYTES = PREFIX_CHARS / 2 + 4
/** Segments kept decoded: a reader goes on behind what it read. */
const CACHED = 16

/** Rows of the table of places that are to be committed: beginning of a hash -> where those that begin so are. */
export type Places = Map<string, Uint8Array>

export function placeOps(places: Places): readonly KvOp[] {
  return [...places].map(([key, value]) => ({ table: PLACE, key, value }))
}

/** A row of entries that follow each other. */
export interface Segment {
  readonly key: string
  readonly entries: readonly Entry[]
}

/** Runs of older entries, each in one row. What is packed stays as it is. */
export class SegmentRows {
  readonly #kv: KvReader
  readonly #crypto: Crypto
  readonly #decoded = new Map<string, readonly Entry[]>()
  readonly #entries = new Map<EntryHash, Entry>()

  constructor(kv: KvReader, crypto: Crypto) {
    this.#kv = kv
    this.#crypto = crypto
  }

  async get(hash: EntryHash): Promise<Entry | undefined> {
    const known = this.#entries.get(hash)
    if (known !== undefined) return known
    const row = await this.#kv.get(PLACE, hash.slice(0, PREFIX_CHARS))
    return row === undefined ? undefined : (await this.#at(row)).find(entry => entry.hash === hash)
  }

  /** Every packed entry whose hash begins with `prefix`. */
  async beginningWith(prefix: string): Promise<readonly Entry[]> {
    if (prefix === '') return (await this.#kv.scan(SEGMENT)).flatMap(([, row]) => decodeSegment(this.#crypto, row))
    const rows = await this.#kv.scan(PLACE, prefixRange(prefix.slice(0, PREFIX_CHARS)))
    const found: Entry[] = []
    for (const [, row] of rows) found.push(...(await this.#at(row)))
    return found.filter(({ hash }) => hash.startsWith(prefix))
  }

  /** The packed entries of an author from seq `from` to `to`, both included; each branch was packed before a fork. */
  async range(author: AuthorId, from: number, to: number): Promise<readonly Entry[]> {
    const found: Entry[] = []
    for (let at = from; at <= to; ) {
      const entries = await this.#holding(author, at)
      const last = entries.at(-1)
      if (last === undefined) break
      found.push(...entries.filter(({ header }) => header.seq >= at && header.seq <= to))
      at = last.header.seq + 1
    }
    return found
  }

  /** Seq of the author's newest packed entry, 0 without any: the first entry is never packed. */
  async end(author: AuthorId): Promise<number> {
    const [row] = await this.#kv.scan(SEGMENT, { ...prefixRange(`${author}/`), reverse: true, limit: 1 })
    return row === undefined ? 0 : Number.parseInt(row[0].slice(author.length + 1), 16)
  }

  /** The segments of an author behind seq `after`, oldest first, at most `limit`. */
  async behind(author: AuthorId, after: number, limit: number): Promise<readonly Segment[]> {
    const range = { from: `${author}/${sortableNumber(after + 1)}`, to: prefixRange(`${author}/`).to, limit }
    return (await this.#kv.scan(SEGMENT, range)).map(([key, row]) => ({ key, entries: decodeSegment(this.#crypto, row) }))
  }

  /** What takes segments away, and the places of their entries. */
  async removalOps(segments: readonly Segment[]): Promise<readonly KvOp[]> {
    const ops: KvOp[] = segments.map(({ key }) => ({ table: SEGMENT, key }))
    const places: Places = new Map()
    for (const { hash, header } of segments.flatMap(({ entries }) => entries)) {
      const at = hash.slice(0, PREFIX_CHARS)
      const row = places.get(at) ?? (await this.#kv.get(PLACE, at)) ?? new Uint8Array()
      places.set(at, without(row, placeOf(header.author, header.seq)))
    }
    for (const [at, value] of places) ops.push(value.length === 0 ? { table: PLACE, key: at } : { table: PLACE, key: at, value })
    return ops
  }

  /** Drops a segment from memory. */
  forget({ key }: Segment): void {
    for (const { hash } of this.#decoded.get(key) ?? []) this.#entries.delete(hash)
    this.#decoded.delete(key)
  }

  /**
   * The row that holds `entries`, whose places are added to `places`; undefined when they cannot be packed, or would not
   * come back as they are.
   */
  async pack(entries: readonly Entry[], places: Places): Promise<KvOp | undefined> {
    const last = entries.at(-1)
    const value = encodeSegment(entries)
    if (last === undefined || value === undefined || !this.#isSame(value, entries)) return undefined
    for (const { hash, header } of entries) {
      const key = hash.slice(0, PREFIX_CHARS)
      const others = places.get(key) ?? (await this.#kv.get(PLACE, key)) ?? new Uint8Array()
      places.set(key, concat(others, placeOf(header.author, header.seq)))
    }
    return { table: SEGMENT, key: `${last.header.author}/${sortableNumber(last.header.seq)}`, value }
  }

  #isSame(row: Uint8Array, entries: readonly Entry[]): boolean {
    const decoded = decodeSegment(this.#crypto, row)
    return decoded.length === entries.length && entries.every(({ hash }, at) => decoded[at]?.hash === hash)
  }

  /** The entries that a row of places may mean. */
  async #at(row: Uint8Array): Promise<readonly Entry[]> {
    const found: Entry[] = []
    const view = new DataView(row.buffer, row.byteOffset, row.byteLength)
    for (let at = 0; at + PLACE_BYTES <= row.length; at += PLACE_BYTES) {
      const seq = view.getUint32(at + PREFIX_CHARS / 2)
      const authors = await this.#kv.scan(HEADS, prefixRange(toHex(row.subarray(at, at + PREFIX_CHARS / 2))))
      for (const [author] of authors) found.push(...(await this.range(parseAuthorId(author), seq, seq)))
    }
    return found
  }

  /** The entries of the segment with an author's entry at `seq`, or of the next one behind it. */
  async #holding(author: AuthorId, seq: number): Promise<readonly Entry[]> {
    const range = { from: `${author}/${sortableNumber(seq)}`, to: prefixRange(`${author}/`).to, limit: 1 }
    const [row] = await this.#kv.scan(SEGMENT, range)
    if (row === undefined) return []
    const known = this.#decoded.get(row[0])
    if (known !== undefined) return known
    const entries = decodeSegment(this.#crypto, row[1])
    this.#remember(row[0], entries)
    return entries
  }

  #remember(key: string, entries: readonly Entry[]): void {
    this.#decoded.set(key, entries)
    for (const entry of entries) this.#entries.set(entry.hash, entry)
    if (this.#decoded.size <= CACHED) return
    for (const [oldest, others] of this.#decoded) {
      for (const { hash } of others) this.#entries.delete(hash)
      this.#decoded.delete(oldest)
      return
    }
  }
}

/** A row of places less one of them. */
function without(row: Uint8Array, place: Uint8Array): Uint8Array {
  const left: Uint8Array[] = []
  for (let at = 0; at + PLACE_BYTES <= row.length; at += PLACE_BYTES) {
    const other = row.subarray(at, at + PLACE_BYTES)
    if (!equalBytes(other, place)) left.push(other)
  }
  return concat(...left)
}

function placeOf(author: AuthorId, seq: number): Uint8Array {
  const place = new Uint8Array(PLACE_BYTES)
  place.set(fromHex(author.slice(0, PREFIX_CHARS)))
  new DataView(place.buffer).setUint32(PREFIX_CHARS / 2, seq)
  return place
}
