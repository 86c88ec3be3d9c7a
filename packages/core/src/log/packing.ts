import type { AuthorId } from '../base/ids.js'
import type { KvOp } from '../base/kv.js'
import type { Entry } from './entry.js'
import type { AuthorState, LogRows } from './log-rows.js'
import type { Places } from './segment-rows.js'

/** How entries are packed; small numbers are for tests. */
export interface PackingPace {
  /** Entries in one row, and how many newer ones stay in rows of their own. @default 64: some 13 KB */
  readonly segmentEntries: number
}

export const DEFAULT_PACKING: PackingPace = { segmentEntries: 64 }
/** A run with more than that per entry would gain little. */
const MAX_MEAN_BODY = 1024

/** Runs that were left and are packed with a batch, at some 5 ms each. */
const RUNS_BESIDE = 2

/** One run that was packed: its row, the entries whose own rows may go, and the seq behind it. */
export interface Packed {
  readonly author: AuthorId
  readonly end: number
  readonly row: KvOp
  readonly entries: readonly Entry[]
}

/** Moves older, small entries of unforked logs from rows of their own into segments, run by run. */
export class Packing {
  readonly #length: number
  /** Author -> first seq that was neither packed nor passed over. */
  readonly #next = new Map<AuthorId, number>()

  constructor({ segmentEntries }: PackingPace) {
    this.#length = segmentEntries
  }

  /** Runs that are packed with a batch of so many entries: a store from before is packed little by little. */
  runsFor(entries: number): number {
    return Math.ceil(entries / this.#length) + RUNS_BESIDE
  }

  /** The next run of an author, if there is one; nothing has changed before its row and `places` are committed. */
  async pack(rows: LogRows, author: AuthorId, { heads }: AuthorState, places: Places): Promise<Packed | undefined> {
    const [head, other] = heads
    if (head === undefined || other !== undefined) return undefined
    let next = this.#next.get(author) ?? (await rows.packedEnd(author)) + 1
    for (; next + 2 * this.#length <= head.seq + 1; next += this.#length) {
      const entries = await this.#run(rows, author, next)
      const row = entries && (await rows.segments.pack(entries, places))
      this.#next.set(author, next + this.#length)
      if (entries !== undefined && row !== undefined) return { author, end: next + this.#length, row, entries }
    }
    this.#next.set(author, next)
    return undefined
  }

  /** The rows of a run could not be committed: it is packed later. */
  undo({ author, end }: Packed): void {
    this.#next.set(author, Math.min(end - this.#length, this.#next.get(author) ?? end))
  }

  /** The entries from seq `from` on, if they are small and each is the only one at its seq. */
  async #run(rows: LogRows, author: AuthorId, from: number): Promise<readonly Entry[] | undefined> {
    const chain = await rows.chain(author, from, from + this.#length - 1)
    const hashes = chain.flatMap(at => (at.length === 1 ? at : []))
    if (hashes.length !== this.#length) return undefined
    const entries: Entry[] = []
    let bytes = 0
    for (const hash of hashes) {
      const entry = await rows.entry(hash)
      bytes += entry?.body.length ?? Infinity
      if (entry === undefined || bytes > this.#length * MAX_MEAN_BODY) return undefined
      entries.push(entry)
    }
    return entries
  }
}
