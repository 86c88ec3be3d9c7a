import type { AuthorId, EntryHash } from '../base/ids.js'

/** The entry in which a branch ends. */
export interface BranchHead {
  readonly seq: number
  readonly hash: EntryHash
}

/** Entries of one log that follow each other; a branch is a run that begins behind an entry of another one. */
interface Run {
  readonly below: Run | undefined
  /** Seq of the first one. */
  readonly start: number
  readonly hashes: EntryHash[]
}

/** Entries of forked logs kept in memory, some 90 bytes each; those of the log that is asked for always are. */
const KEPT = 262_144

/**
 * Which entry stands where below the heads of forked logs. A log is walked once, and has few branches: every edit of a text
 * asks of each earlier one whether it is on the branch at hand.
 */
export class Branches {
  readonly #before: (hash: EntryHash) => Promise<EntryHash | null>
  readonly #logs = new Map<AuthorId, Run[]>()
  #kept = 0

  /** @param before - The entry before another one in its log. */
  constructor(before: (hash: EntryHash) => Promise<EntryHash | null>) {
    this.#before = before
  }

  /** The entries below `head` and itself, by their seq. */
  async below(author: AuthorId, head: BranchHead): Promise<(seq: number) => EntryHash | undefined> {
    const top = await this.#runOf(author, head)
    return (seq) => {
      let run: Run | undefined = top
      while (run !== undefined && seq < run.start) run = run.below
      return seq > head.seq ? undefined : run?.hashes[seq - run.start]
    }
  }

  async #runOf(author: AuthorId, { hash, seq }: BranchHead): Promise<Run> {
    const runs = this.#runsOf(author)
    const news: EntryHash[] = []
    let at: EntryHash | null = hash
    let below: Run | undefined
    while (at !== null && (below = runs.find((run) => run.hashes[seq - news.length - run.start] === at)) === undefined) {
      news.push(at)
      at = await this.#before(at)
    }
    if (news.length === 0 && below !== undefined) return below
    this.#kept += news.length
    const run = below !== undefined && below.hashes.at(-1) === at ? below : { below, start: seq - news.length + 1, hashes: [] }
    for (const each of news.reverse()) run.hashes.push(each)
    if (run !== below) runs.push(run)
    return run
  }

  #runsOf(author: AuthorId): Run[] {
    const known = this.#logs.get(author) ?? []
    if (this.#kept > KEPT && this.#logs.size > 1) {
      this.#logs.clear()
      this.#kept = known.reduce((sum, { hashes }) => sum + hashes.length, 0)
    }
    this.#logs.set(author, known)
    return known
  }
}
