import type { Crypto } from '../base/crypto.js'
import type { AuthorId, EntryHash, WorkspaceId } from '../base/ids.js'
import type { KvOp, KvReader, KvStore } from '../base/kv.js'
import { type Entry, entryBytes, type EntryHeader, isBodyOf } from './entry.js'
import { type AuthorState, LogRows, removalOps } from './log-rows.js'
import { MalformedError } from '../base/errors.js'
import { DEFAULT_PACKING, type Packed, Packing, type PackingPace } from './packing.js'
import { type Link, type PrunedRun, PrunedRows, baringOps, prunedRun, pruningOps, unpruningOps } from './pruned-rows.js'
import { placeOps, type Places, type Segment } from './segment-rows.js'
import { type Staged, Staging } from './staging.js'
import { digestOf, type Head, headsToCheck, missingFrom, type VersionVector, type Want } from './version-vector.js'

export { isSendersFault } from './staging.js'
export type { Fault, FaultReason, Fork, Staged } from './staging.js'

export interface LogInit {
  readonly kv: KvStore
  readonly crypto: Crypto
  readonly workspace: WorkspaceId
  /** @default DEFAULT_PACKING */
  readonly packing?: PackingPace | undefined
}

export interface StageOptions {
  /** Entries that this process sealed itself: no signature, admission or body is checked. @default false */
  readonly trusted?: boolean
}

export interface ReadRange extends Want {
  /** Stops before this many bytes, but gives at least one entry. */
  readonly maxBytes: number
}

/** Rows of a chain that are looked up at once. */
const PAGE = 256
/** Runs that are packed at once, at some 3 ms each: the next job, or the end of the process, waits for them. */
const RUNS_AT_ONCE = 16

/** Older entries that move together: into fewer rows, out of the store or back into it. */
export interface PackedRuns {
  readonly ops: readonly KvOp[]
  /** To be called once `ops` were committed, or could not be. */
  readonly settle: (isStored: boolean) => void
}

/**
 * The signed logs of all authors of one workspace, in a store. Invariant: of every branch that the vector names,
 * each entry from its floor to its head is held and was checked; some may have been left to others since.
 *
 * Growing takes three steps, one batch after the other: `stage` checks, the caller commits `ops` together with its own
 * rows, `adopt` makes the batch part of this object.
 */
export class Log {
  readonly #crypto: Crypto
  readonly #workspace: WorkspaceId
  readonly #rows: LogRows
  #authors: ReadonlyMap<AuthorId, AuthorState>
  #vector: VersionVector
  #digest: string | undefined
  readonly #packing: Packing
  readonly #segmentEntries: number
  readonly #staged = new WeakMap<Staged, { base: ReadonlyMap<AuthorId, AuthorState>; authors: ReadonlyMap<AuthorId, AuthorState> }>()
  /** The newest branch that was walked through a fork: a reader comes back for its next page. */
  #walked: { head: EntryHash; hashes: Map<number, EntryHash>; lowest: Link } | undefined

  private constructor(init: LogInit, rows: LogRows, authors: ReadonlyMap<AuthorId, AuthorState>) {
    this.#crypto = init.crypto
    this.#workspace = init.workspace
    this.#rows = rows
    this.#segmentEntries = (init.packing ?? DEFAULT_PACKING).segmentEntries
    this.#packing = new Packing(init.packing ?? DEFAULT_PACKING)
    this.#authors = authors
    this.#vector = vectorOf(authors)
  }

  /** Reads one row per author, whatever the number of entries. */
  static async open(init: LogInit): Promise<Log> {
    const rows = new LogRows(init.kv, init.crypto, await PrunedRows.load(init.kv))
    return new Log(init, rows, await rows.authors())
  }

  /** What is held; a new object after each `adopt`. */
  get vector(): VersionVector {
    return this.#vector
  }

  /** Equal on two peers exactly when they hold the same entries. */
  get digest(): string {
    return (this.#digest ??= digestOf(this.#crypto, this.#vector))
  }

  /** Entries held. */
  get count(): number {
    let count = 0
    for (const state of this.#authors.values()) count += state.count
    return count
  }

  /** Authors whose log has more than one branch. */
  get forks(): readonly AuthorId[] {
    return [...this.#authors].filter(([, { heads }]) => heads.length > 1).map(([author]) => author)
  }

  /**
   * Checks the envelope of entries, in any order, and says what they would change; the log stays as it is. Entries
   * must come from `decodeEntry` or `sealEntry`.
   */
  async stage(entries: readonly Entry[], { trusted = false }: StageOptions = {}): Promise<Staged> {
    const base = this.#authors
    const staging = new Staging({ crypto: this.#crypto, workspace: this.#workspace, rows: this.#rows, authors: base, trusted })
    const { staged, authors } = await staging.run(entries)
    this.#staged.set(staged, { base, authors })
    return staged
  }

  /**
   * Makes a batch part of the log, after its `ops` were committed.
   *
   * @throws {TypeError} when another batch was adopted since this one was staged: its rows would undo the other's.
   */
  adopt(staged: Staged): void {
    const change = this.#staged.get(staged)
    if (change === undefined || change.base !== this.#authors) throw new TypeError('a batch that was not staged on this state of the log')
    this.#staged.delete(staged)
    if (change.authors.size === 0) return
    this.#authors = new Map([...this.#authors, ...change.authors])
    this.#vector = vectorOf(this.#authors)
    this.#digest = undefined
  }

  /**
   * Moves older entries of all logs into fewer rows, some at a time. Nothing has changed before `ops` are committed; call
   * while no batch is staged.
   */
  async pack(): Promise<PackedRuns> {
    const { runs, places } = await this.#pack(this.#rows, this.#authors, RUNS_AT_ONCE)
    const settle = (isStored: boolean): void => {
      if (!isStored) for (const run of runs.toReversed()) this.#packing.undo(run)
    }
    return { ops: [...runs.map(({ row }) => row), ...placeOps(places), ...runs.flatMap(({ entries }) => entries.flatMap(removalOps))], settle }
  }

  /**
   * As `pack`, of the logs that a batch makes grow and with its commit, so that what it brings is not written twice. `kv`
   * reads what the store will hold.
   *
   * @returns rows to write and to delete, and rows of the batch that are not to be written.
   */
  async packStaged(staged: Staged, kv: KvReader): Promise<{ readonly ops: readonly KvOp[]; readonly unwritten: readonly KvOp[] }> {
    const authors = this.#staged.get(staged)?.authors ?? new Map<AuthorId, AuthorState>()
    const most = this.#packing.runsFor(staged.accepted.length)
    const { runs, places } = await this.#pack(new LogRows(kv, this.#crypto, this.#rows.pruned), authors, most)
    const fresh = new Set(staged.accepted.map(({ hash }) => hash))
    const { old = [], young = [] } = Object.groupBy(runs.flatMap(({ entries }) => entries), ({ hash }) => (fresh.has(hash) ? 'young' : 'old'))
    return { ops: [...runs.map(({ row }) => row), ...placeOps(places), ...old.flatMap(removalOps)], unwritten: young.flatMap(removalOps) }
  }

  async #pack(rows: LogRows, authors: ReadonlyMap<AuthorId, AuthorState>, most: number): Promise<{ runs: readonly Packed[]; places: Places }> {
    const runs: Packed[] = []
    const places: Places = new Map()
    for (const [author, state] of authors) {
      while (runs.length < most) {
        const run = await this.#packing.pack(rows, author, state, places)
        if (run === undefined) break
        runs.push(run)
      }
    }
    return { runs, places }
  }

  /** Entries that were left to others: of them only the hashes are here. */
  get pruned(): Pick<PrunedRows, 'isEmpty' | 'hasBare' | 'count' | 'of' | 'at' | 'bareAt' | 'bareEndingIn' | 'bare' | 'holding' | 'all'> {
    return this.#rows.pruned
  }

  /** Packed entries of an author behind seq `after`, oldest first: at most `limit` segments. */
  async packed(author: AuthorId, after: number, limit: number): Promise<readonly Segment[]> {
    return await this.#rows.segments.behind(author, after, limit)
  }

  /** Leaves the entries of segments that follow each other to others. Nothing has changed before `ops` are committed. */
  async prune(segments: readonly Segment[]): Promise<PackedRuns> {
    const { pruned, segments: rows } = this.#rows
    const entries = segments.flatMap((segment) => segment.entries)
    const run = prunedRun(entries)
    if (run === undefined) throw new TypeError('no entries that follow each other')
    const hashes = entries.map(({ hash }) => hash)
    const ops = [...pruningOps(run, hashes), ...(await rows.removalOps(segments))]
    // From now on who finds no row looks here.
    pruned.add(run, hashes)
    const settle = (isStored: boolean): void => {
      if (!isStored) pruned.remove(run)
      else for (const segment of segments) rows.forget(segment)
    }
    return { ops, settle }
  }

  /**
   * Takes back what was left to others. Nothing has changed before `ops` are committed.
   *
   * @throws {MalformedError} when `entries` are anything else than the entries of `run`.
   */
  async restore(run: PrunedRun, entries: readonly Entry[]): Promise<PackedRuns> {
    const { pruned, segments } = this.#rows
    const hashes = run.isBare ? undefined : await pruned.hashesOf(run)
    const isNext = (entry: Entry, at: number): boolean => entry.hash === (hashes?.[at] ?? entry.hash) && entry.header.prev === (entries[at - 1]?.hash ?? run.before)
    const isWhole = entries.length === run.last - run.first + 1 && entries.at(-1)?.hash === run.head
    if (!isWhole || !entries.every((entry, at) => isNext(entry, at) && isBodyOf(this.#crypto, entry.header, entry.body))) throw new MalformedError('other entries than those that were asked for')
    const places: Places = new Map()
    const ops: KvOp[] = []
    for (let at = 0; at < entries.length; at += this.#segmentEntries) {
      const row = await segments.pack(entries.slice(at, at + this.#segmentEntries), places)
      if (row === undefined) throw new MalformedError('entries that cannot be packed')
      ops.push(row)
    }
    return { ops: [...ops, ...placeOps(places), ...unpruningOps(run)], settle: (isStored) => void (isStored && pruned.remove(run)) }
  }

  /** Drops the hashes of a run that was left to others. Nothing has changed before `ops` are committed. */
  bare(run: PrunedRun): PackedRuns {
    const { pruned } = this.#rows
    const bare = { ...run, isBare: true }
    const settle = (isStored: boolean): void => {
      if (!isStored) return
      pruned.remove(run)
      pruned.add(bare)
    }
    return { ops: baringOps(bare), settle }
  }

  /** Whether it is held; of an entry of a bare run that cannot be told. */
  async has(hash: EntryHash): Promise<boolean> {
    return await this.#rows.has(hash)
  }

  /**
   * As `has`, of a head that a peer says to hold. At the place of an entry whose hash is gone it is taken for that, unless the
   * peer names several heads of the author: those are ends of branches, and the place is on ours.
   */
  async hasHead(author: AuthorId, { seq, hash }: Pick<Head, 'seq' | 'hash'>, isOnly: boolean): Promise<boolean> {
    return (isOnly && this.#rows.pruned.bareAt(author, seq) !== undefined) || (await this.#rows.has(hash))
  }

  /**
   * The entry, or undefined when it isn't held.
   *
   * @throws {PrunedError} when it was left to others; so do `header` and `headers`.
   */
  async get(hash: EntryHash): Promise<Entry | undefined> {
    return await this.#rows.entry(hash)
  }

  async header(hash: EntryHash): Promise<EntryHeader | undefined> {
    return await this.#rows.header(hash)
  }

  /** All headers held, or those whose hash begins with `prefix`. */
  async headers(prefix = ''): Promise<ReadonlyMap<EntryHash, EntryHeader>> {
    return await this.#rows.headers(prefix)
  }

  /** Where an entry stands; of one that was left to others too. */
  async link(hash: EntryHash): Promise<Link | undefined> {
    return await this.#rows.link(hash)
  }

  async position(hash: EntryHash): Promise<{ author: AuthorId; seq: number } | undefined> {
    const link = await this.#rows.link(hash)
    return link && { author: link.author, seq: link.seq }
  }

  /** The entries of an author at one seq, sorted: several on a fork. */
  async at(author: AuthorId, seq: number): Promise<readonly EntryHash[]> {
    return [...(await this.#rows.at(author, seq))].sort()
  }

  /**
   * The entries of an author at the seqs `from`..`to`, both included, as far as they are held and their hashes here: of each
   * the one that was held before any other there.
   */
  async firstIn(author: AuthorId, from: number, to: number): Promise<readonly EntryHash[]> {
    if (this.#rows.pruned.bareAt(author, from) !== undefined) return []
    return (await this.#rows.chain(author, from, to)).flatMap(([first]) => first ?? [])
  }

  /** What the holder of `theirs` has and this log lacks. */
  async missing(theirs: VersionVector): Promise<readonly Want[]> {
    const held = new Set<EntryHash>()
    for (const { author, head, isOnly } of headsToCheck(this.#vector, theirs)) if (await this.hasHead(author, head, isOnly)) held.add(head.hash)
    return missingFrom(this.#vector, theirs, hash => held.has(hash))
  }

  /**
   * Entries `from`..`to`, both included, of the branch that ends in `head`, ascending, up to the first that was left to
   * others; none when `head` isn't held, isn't the author's, or is of a batch that isn't adopted: its rows may be there and
   * not be durable yet.
   */
  async read({ author, head, from, to, maxBytes }: ReadRange): Promise<readonly Entry[]> {
    const end = await this.#rows.link(head)
    if (end === undefined || end.author !== author || end.seq > this.#newestSeq(author)) return []
    const last = Math.min(to, end.seq)
    const entries: Entry[] = []
    let bytes = 0
    for (let seq = from; seq <= last; seq += PAGE) {
      const until = Math.min(last, seq + PAGE - 1)
      const branch = await this.#branch(head, end, seq, until)
      for (const hash of branch) {
        const entry = await this.#rows.heldEntry(hash)
        if (entry === undefined) return entries
        bytes += entryBytes(entry)
        if (entries.length > 0 && bytes > maxBytes) return entries
        entries.push(entry)
      }
      if (branch.length <= until - seq) break
    }
    return entries
  }

  #newestSeq(author: AuthorId): number {
    return Math.max(-1, ...(this.#authors.get(author)?.heads ?? []).map(({ seq }) => seq))
  }

  /** Hashes of a stretch of a branch. Where only one entry is held at a seq, every branch that reaches so far has it. */
  async #branch(head: EntryHash, end: Link, from: number, to: number): Promise<readonly EntryHash[]> {
    const rows = await this.#rows.chain(end.author, from, to)
    const hashes: EntryHash[] = []
    for (const [index, row] of rows.entries()) {
      const hash = row.length === 1 ? row[0] : await this.#onBranch(head, end, from + index)
      if (hash === undefined) break
      hashes.push(hash)
    }
    return hashes
  }

  /** The entry at `seq` of a forked author's branch, by walking back from its head. */
  async #onBranch(head: EntryHash, end: Link, seq: number): Promise<EntryHash | undefined> {
    if (this.#walked?.head !== head) this.#walked = { head, hashes: new Map([[end.seq, head]]), lowest: end }
    const walked = this.#walked
    while (walked.lowest.seq > seq) {
      const { prev } = walked.lowest
      const link = prev === null || prev === undefined ? undefined : await this.#rows.link(prev)
      if (prev === null || prev === undefined || link === undefined) return undefined
      walked.hashes.set(link.seq, prev)
      walked.lowest = link
    }
    return walked.hashes.get(seq)
  }
}

function vectorOf(authors: ReadonlyMap<AuthorId, AuthorState>): VersionVector {
  return new Map([...authors].map(([author, { heads }]) => [author, heads]))
}
