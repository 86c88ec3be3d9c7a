import { concat } from '../base/bytes.js'
import { CborFields, decodeCbor, encodeCbor } from '../base/cbor.js'
import { CollabError } from '../base/errors.js'
import { idBytes, parseAuthorId, parseEntryHash, type AuthorId, type EntryHash } from '../base/ids.js'
import { type KvOp, type KvReader, sortableNumber } from '../base/kv.js'
import { type Entry, entryBytes } from './entry.js'

/** author/seq of the last -> entries that were left to others: seq of the first, hash before it, hash and time of the last, bytes, whether it is bare. */
const PRUNED = 'pruned'
/** author/seq of the last -> their hashes, in order; of a bare run there is none. */
const HASHES = 'pruned_hash'
const HASH_BYTES = 32
/** Runs whose hashes are kept in memory, at 32 KB each. */
const CACHED = 8
/** An index of all pruned hashes, a number each: the beginning of the hash, then the place of its entry. */
const PREFIX_BITS = 24
const PREFIX_CHARS = PREFIX_BITS / 4
const PLACES = 2 ** (53 - PREFIX_BITS)

/**
 * Entries of one author that follow each other and were left to others: of them only the hashes are here, and of a bare run
 * not even those, but the last.
 */
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
  /** No entry that is here, and none that is to be expected, names one of them but the last. */
  readonly isBare: boolean
}

/** Where an entry stands in its author's log. */
export interface Link {
  readonly author: AuthorId
  readonly seq: number
  /** The entry before it, null for the first; undefined when that is one of a bare run. */
  readonly prev: EntryHash | null | undefined
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
  /** Bare runs by their last entry. */
  readonly #bare = new Map<EntryHash, PrunedRun>()
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

  get hasBare(): boolean {
    return this.#bare.size > 0
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
    const runs = this.of(author)
    const run = runs[lastUpTo(runs, ({ first }) => first, seq)]
    return run !== undefined && run.first <= seq && seq <= run.last ? run : undefined
  }

  /** The bare run with the entry of `author` at `seq`. */
  bareAt(author: AuthorId, seq: number): PrunedRun | undefined {
    const run = this.at(author, seq)
    return run?.isBare === true ? run : undefined
  }

  bareEndingIn(head: EntryHash): PrunedRun | undefined {
    return this.#bare.get(head)
  }

  /** Bare runs, of one author or of all. */
  bare(author?: AuthorId): readonly PrunedRun[] {
    return author === undefined ? [...this.#bare.values()] : this.of(author).filter(({ isBare }) => isBare)
  }

  /** Seq of the author's newest pruned entry, 0 without any: the first entry never is. */
  end(author: AuthorId): number {
    return this.of(author).at(-1)?.last ?? 0
  }

  add(run: PrunedRun, hashes?: readonly EntryHash[]): void {
    if (run.isBare) this.#bare.set(run.head, run)
    this.#runs.set(run.author, [...this.of(run.author), run].sort((a, b) => a.first - b.first))
    if (hashes !== undefined) this.#hashes.set(run, concat(...hashes.map(idBytes)))
    this.#index = undefined
  }

  remove(run: PrunedRun): void {
    const left = this.of(run.author).filter((other) => other !== run)
    if (this.#bare.get(run.head) === run) this.#bare.delete(run.head)
    if (left.length === 0) this.#runs.delete(run.author)
    else this.#runs.set(run.author, left)
    this.#hashes.delete(run)
    this.#index = undefined
  }

  /** @throws {PrunedError} for a bare one. */
  async hashesOf(run: PrunedRun): Promise<readonly EntryHash[]> {
    if (run.isBare) throw new PrunedError([run])
    const bytes = await this.#bytesOf(run)
    return Array.from({ length: bytes.length / HASH_BYTES }, (_, at) => hashAt(bytes, at))
  }

  /** Whether this very entry, of `author` at `seq`, was left to others; of a bare run it has no name. */
  async holding(author: AuthorId, seq: number, hash: EntryHash | undefined): Promise<PrunedRun | undefined> {
    const run = this.at(author, seq)
    if (run?.isBare === true) return run
    return run !== undefined && hashAt(await this.#bytesOf(run), seq - run.first) === hash ? run : undefined
  }

  async find(hash: EntryHash): Promise<{ readonly run: PrunedRun; readonly link: Link } | undefined> {
    for (const { run, at, hashes } of await this.#candidates(hash)) {
      if (hashAt(hashes, at) !== hash) continue
      const prev = at === 0 ? run.before : hashAt(hashes, at - 1)
      return { run, link: { author: run.author, seq: run.first + at, prev } }
    }
    const run = this.#bare.get(hash)
    return run && { run, link: { author: run.author, seq: run.last, prev: undefined } }
  }

  /** The runs with an entry whose hash begins with `prefix`, as far as hashes are here. */
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
      const number = lastUpTo(starts, (start) => start, place)
      const run = runs[number]
      if (run !== undefined) found.push({ run, at: place - (starts[number] ?? 0), hashes: await this.#bytesOf(run) })
    }
    return found
  }

  #named(): readonly PrunedRun[] {
    return this.all().filter(({ isBare }) => !isBare)
  }

  async #indexed(): Promise<Index> {
    while (this.#index === undefined) {
      const runs = this.#named()
      const index = await this.#makeIndex(runs)
      // Runs may have come or gone meanwhile.
      const now = this.#named()
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
  return { author: first.header.author, first: first.header.seq, last: last.header.seq, before: first.header.prev, head: last.hash, time: last.header.time, bytes: entries.reduce((sum, entry) => sum + entryBytes(entry), 0), isBare: false }
}

export function pruningOps(run: PrunedRun, hashes: readonly EntryHash[]): readonly KvOp[] {
  return [runOp(run), { table: HASHES, key: keyOf(run), value: concat(...hashes.map(idBytes)) }]
}

/** What drops the hashes of a run. */
export function baringOps(bare: PrunedRun): readonly KvOp[] {
  return [runOp(bare), { table: HASHES, key: keyOf(bare) }]
}

function runOp(run: PrunedRun): KvOp {
  return { table: PRUNED, key: keyOf(run), value: encodeCbor([run.first, idBytes(run.before), idBytes(run.head), run.time, run.bytes, run.isBare]) }
}

/** What takes back the rows of `pruningOps`. */
export function unpruningOps(run: PrunedRun): readonly KvOp[] {
  return [{ table: PRUNED, key: keyOf(run) }, { table: HASHES, key: keyOf(run) }]
}

function decodeRun(key: string, value: Uint8Array): PrunedRun {
  const [author = '', last = ''] = key.split('/')
  const fields = new CborFields(decodeCbor(value))
  const [first, before, head, time, bytes] = [fields.uint(), parseEntryHash(fields.bytes()), parseEntryHash(fields.bytes()), fields.uint(), fields.uint()]
  return { author: parseAuthorId(author), last: Number.parseInt(last, 16), first, before, head, time, bytes, isBare: fields.remaining > 0 && fields.bool() }
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

/** The last place of a value whose number is not above `most`, or the first of all. */
function lastUpTo<T>(rising: readonly T[], numberOf: (value: T) => number, most: number): number {
  let [low, high] = [0, rising.length - 1]
  while (low < high) {
    const middle = (low + high + 1) >> 1
    const value = rising[middle]
    if (value !== undefined && numberOf(value) <= most) low = middle
    else high = middle - 1
  }
  return low
}
