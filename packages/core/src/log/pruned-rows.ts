import { concat } from '../base/bytes.js'
import { CborFields, decodeCbor, encodeCbor } from '../base/cbor.js'
import { CollabError } from '../base/errors.js'
import { idBytes, parseAuthorId, parseEntryHash, type AuthorId, type EntryHash } from '../base/ids.js'
import { type KvOp, type KvReader, sortableNumber } from '../base/kv.js'
import { type Entry, entryBytes } from './entry.js'

/** author/seq of the last -> entries that were left to others: seq of the first, hash before it, hash and time of the last, bytes. */
const PRUNED = 'pruned'
/** author/seq of the last -> their hashes, in order. */
const HASHES = 'pruned_hash'
const HASH_BYTES = 32
/** Runs whose hashes are kept in memory, at 32 KB each. */
const CACHED = 8
/** An index of all pruned hashes, a number each: the beginning of the hash, then the place of its entry. */
const PREFIX_BITS = 24
const PREFIX_CHARS = PREFIX_BITS / 4
const PLACES = 2 ** (53 - PREFIX_BITS)

/** Entries of one author that follow each other and were left to others: of them only the hashes are here. */
export interface PrunedRun {
  readonly author: AuthorId
  readonly first: number
  readonly last: number
  /** Hash of the entry before the first. */
  readonly before: EntryHash
  /** Hash of the last entry: it proves all of them. */
  readonly head: EntryHash
  /** Claimed time of the last entry. */
  readonly time: number
  /** What the entries take on the wire: more is never taken back. */
  readonly bytes: number
}

/** Where an entry stands in its author's log. */
export interface Link {
  readonly author: AuthorId
  readonly seq: number
  readonly prev: EntryHash | null
}

/** The entries of all runs one after the other: where each run starts, and the numbers of their hashes and places, rising. */
interface Index {
  readonly runs: readonly PrunedRun[]
  readonly starts: readonly number[]
  readonly sorted: Float64Array
}

/** Something needs entries that were left to others. */
export class PrunedError extends CollabError {
  readonly runs: readonly PrunedRun[]

  constructor(runs: readonly PrunedRun[]) {
    super('PrunedHistoryError', 'this needs edits that this peer has left to others; connect one that keeps everything, and try again')
    this.runs = runs
  }
}

/**
 * What is known of the entries that were left to others: which they are, and in which order. Few runs, so they are in
 * memory; their hashes are read when one is looked for.
 */
export class PrunedRows {
  readonly #kv: KvReader
  readonly #runs = new Map<AuthorId, PrunedRun[]>()
  readonly #hashes = new Map<PrunedRun, Uint8Array>()
  #index: Index | undefined

  private constructor(kv: KvReader) {
    this.#kv = kv
  }

  static async load(kv: KvReader): Promise<PrunedRows> {
    const rows = new PrunedRows(kv)
    for (const [key, value] of await kv.scan(PRUNED)) rows.add(decodeRun(key, value))
    return rows
  }

  get isEmpty(): boolean {
    return this.#runs.size === 0
  }

  /** Entries that were left to others. */
  get count(): number {
    return this.all().reduce(addEntries, 0)
  }

  all(): readonly PrunedRun[] {
    return [...this.#runs.values()].flat()
  }

  of(author: AuthorId): readonly PrunedRun[] {
    return this.#runs.get(author) ?? []
  }

  at(author: AuthorId, seq: number): PrunedRun | undefined {
    return this.of(author).find(({ first, last }) => first <= seq && seq <= last)
  }

  /** Seq of the author's newest pruned entry, 0 without any: the first entry never is. */
  end(author: AuthorId): number {
    return this.of(author).at(-1)?.last ?? 0
  }

  add(run: PrunedRun, hashes?: readonly EntryHash[]): void {
    this.#runs.set(run.author, [...this.of(run.author), run].sort((a, b) => a.first - b.first))
    if (hashes !== undefined) this.#hashes.set(run, concat(...hashes.map(idBytes)))
    this.#index = undefined
  }

  remove(run: PrunedRun): void {
    const left = this.of(run.author).filter((other) => other !== run)
    if (left.length === 0) this.#runs.delete(run.author)
    else this.#runs.set(run.author, left)
    this.#hashes.delete(run)
    this.#index = undefined
  }

  async hashesOf(run: PrunedRun): Promise<readonly EntryHash[]> {
    const bytes = await this.#bytesOf(run)
    return Array.from({ length: bytes.length / HASH_BYTES }, (_, at) => hashAt(bytes, at))
  }

  /** Whether this very entry, of `author` at `seq`, was left to others. */
  async holding(author: AuthorId, seq: number, hash: EntryHash): Promise<PrunedRun | undefined> {
    const run = this.at(author, seq)
    return run !== undefined && hashAt(await this.#bytesOf(run), seq - run.first) === hash ? run : undefined
  }

  async find(hash: EntryHash): Promise<{ readonly run: PrunedRun; readonly link: Link } | undefined> {
    for (const { run, at, hashes } of await this.#candidates(hash)) {
      if (hashAt(hashes, at) !== hash) continue
      const prev = at === 0 ? run.before : hashAt(hashes, at - 1)
      return { run, link: { author: run.author, seq: run.first + at, prev } }
    }
    return undefined
  }

  /** The runs with an entry whose hash begins with `prefix`. */
  async beginningWith(prefix: string): Promise<readonly PrunedRun[]> {
    if (prefix.length < PREFIX_CHARS) return this.all()
    const found = (await this.#candidates(prefix)).filter(({ at, hashes }) => hashAt(hashes, at).startsWith(prefix))
    return [...new Set(found.map(({ run }) => run))]
  }

  /** The entries that may have a hash that begins so. */
  async #candidates(prefix: string): Promise<readonly { readonly run: PrunedRun; readonly at: number; readonly hashes: Uint8Array }[]> {
    if (this.isEmpty) return []
    const { runs, starts, sorted } = await this.#indexed()
    const lowest = Number.parseInt(prefix.slice(0, PREFIX_CHARS), 16) * PLACES
    const found: { run: PrunedRun; at: number; hashes: Uint8Array }[] = []
    for (let i = firstFrom(sorted, lowest); i < sorted.length; i++) {
      const place = (sorted[i] ?? Infinity) - lowest
      if (place >= PLACES) break
      const number = lastUpTo(starts, place)
      const run = runs[number]
      if (run !== undefined) found.push({ run, at: place - (starts[number] ?? 0), hashes: await this.#bytesOf(run) })
    }
    return found
  }

  async #indexed(): Promise<Index> {
    while (this.#index === undefined) {
      const runs = this.all()
      const index = await this.#makeIndex(runs)
      // Runs may have come or gone meanwhile.
      const now = this.all()
      if (now.length === runs.length && now.every((run, at) => run === runs[at])) this.#index = index
    }
    return this.#index
  }

  async #makeIndex(runs: readonly PrunedRun[]): Promise<Index> {
    const starts: number[] = []
    const sorted = new Float64Array(runs.reduce(addEntries, 0))
    let place = 0
    for (const run of runs) {
      starts.push(place)
      const bytes = await this.#bytesOf(run)
      for (let at = 0; at < bytes.length; at += HASH_BYTES) {
        const prefix = ((bytes[at] ?? 0) << 16) | ((bytes[at + 1] ?? 0) << 8) | (bytes[at + 2] ?? 0)
        sorted[place] = prefix * PLACES + place
        place++
      }
    }
    sorted.sort()
    return { runs, starts, sorted }
  }

  async #bytesOf(run: PrunedRun): Promise<Uint8Array> {
    const known = this.#hashes.get(run)
    if (known !== undefined) return known
    const bytes = (await this.#kv.get(HASHES, keyOf(run))) ?? new Uint8Array()
    this.#hashes.set(run, bytes)
    for (const oldest of this.#hashes.keys()) {
      if (this.#hashes.size <= CACHED) break
      this.#hashes.delete(oldest)
    }
    return bytes
  }
}

/** The run that `entries`, which follow each other, would be. */
export function prunedRun(entries: readonly Entry[]): PrunedRun | undefined {
  const [first, last] = [entries[0], entries.at(-1)]
  if (first === undefined || last === undefined || first.header.prev === null) return undefined
  return { author: first.header.author, first: first.header.seq, last: last.header.seq, before: first.header.prev, head: last.hash, time: last.header.time, bytes: entries.reduce((sum, entry) => sum + entryBytes(entry), 0) }
}

export function pruningOps(run: PrunedRun, hashes: readonly EntryHash[]): readonly KvOp[] {
  return [
    { table: PRUNED, key: keyOf(run), value: encodeCbor([run.first, idBytes(run.before), idBytes(run.head), run.time, run.bytes]) },
    { table: HASHES, key: keyOf(run), value: concat(...hashes.map(idBytes)) }
  ]
}

/** What takes back the rows of `pruningOps`. */
export function unpruningOps(run: PrunedRun): readonly KvOp[] {
  return [{ table: PRUNED, key: keyOf(run) }, { table: HASHES, key: keyOf(run) }]
}

function decodeRun(key: string, value: Uint8Array): PrunedRun {
  const [author = '', last = ''] = key.split('/')
  const fields = new CborFields(decodeCbor(value), 5)
  return { author: parseAuthorId(author), last: Number.parseInt(last, 16), first: fields.uint(), before: parseEntryHash(fields.bytes()), head: parseEntryHash(fields.bytes()), time: fields.uint(), bytes: fields.uint() }
}

function keyOf({ author, last }: PrunedRun): string {
  return `${author}/${sortableNumber(last)}`
}

function addEntries(sum: number, { first, last }: PrunedRun): number {
  return sum + last - first + 1
}

function hashAt(bytes: Uint8Array, at: number): EntryHash {
  return parseEntryHash(bytes.subarray(at * HASH_BYTES, (at + 1) * HASH_BYTES))
}

/** The first place of a number that is not below `least`. */
function firstFrom(sorted: Float64Array, least: number): number {
  let [low, high] = [0, sorted.length]
  while (low < high) {
    const middle = (low + high) >> 1
    if ((sorted[middle] ?? 0) < least) low = middle + 1
    else high = middle
  }
  return low
}

/** The last place of a number that is not above `most`. */
function lastUpTo(rising: readonly number[], most: number): number {
  let [low, high] = [0, rising.length - 1]
  while (low < high) {
    const middle = (low + high + 1) >> 1
    if ((rising[middle] ?? 0) <= most) low = middle
    else high = middle - 1
  }
  return low
}
