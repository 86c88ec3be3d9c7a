import type { AuthorId, DocId, EntryHash } from '../base/ids.js'
import type { KvStore } from '../base/kv.js'
import type { Entry } from '../log/entry.js'
import type { Log, PackedRuns } from '../log/log.js'
import { PrunedError } from '../log/pruned-rows.js'
import type { PrunedRun } from '../log/pruned-rows.js'
import type { Batch } from './batch.js'
import { newestSeq } from './past.js'
import { Pruning } from './pruning.js'
import type { PinOf, PruningInit } from './pruning.js'
import type { LiveSource } from './replica-types.js'

/** Fetches a run that was left to others from one of them; undefined when none can be reached. */
export type Recall = (run: PrunedRun) => Promise<readonly Entry[] | undefined>

export interface LeftEntriesInit extends PruningInit {
  readonly kv: KvStore
  /** Y.Docs that are open: what comes behind their position must be at hand. */
  readonly live: ReadonlySet<Pick<LiveSource, 'doc' | 'position'>>
  /** Runs a job of the replica, in its turn. */
  readonly inTurn: <T>(job: (batch: Batch) => Promise<T>) => Promise<T>
}

/** Entries on their way out of a replica's store, and back into it. */
export class LeftEntries {
  /** @default none: without a network nothing comes back */
  recall: Recall | undefined
  readonly #init: LeftEntriesInit
  readonly #log: Log
  readonly #pruning: Pruning
  /** Causes that are in no run that is bare by now. */
  readonly #sought = new Set<EntryHash>()

  constructor(init: LeftEntriesInit) {
    this.#init = init
    this.#log = init.log
    this.#pruning = new Pruning(init)
  }

  /** Looks on where the old entries of an author end; false once that is known. */
  async survey(author: AuthorId, before: number): Promise<boolean> {
    return await this.#init.inTurn(async () => await this.#pruning.survey(author, before))
  }

  /**
   * Leaves the next old entries of an author behind seq `after` to others, if `mayGo` still holds in its turn.
   *
   * @returns where to go on, and how many went; undefined where nothing is left to look at.
   */
  async leave(author: AuthorId, after: number, pinOf: PinOf, mayGo: () => boolean): Promise<{ readonly looked: number; readonly pruned: number } | undefined> {
    return await this.#init.inTurn(async (batch) => {
      const pin = (doc: DocId): number => Math.min(pinOf(doc), ...[...this.#init.live].filter((source) => source.doc === doc).map(({ position }) => position))
      const found = mayGo() ? await this.#pruning.next(batch, author, after, pin) : undefined
      if (found?.prunable !== undefined) await this.#move(found.prunable)
      return found && { looked: found.looked, pruned: found.prunable?.entries ?? 0 }
    })
  }

  /**
   * Fetches what was missing and puts it back.
   *
   * @throws `error` when nobody has it.
   */
  async takeBack(error: PrunedError): Promise<void> {
    for (const run of error.runs) {
      const isGone = (): boolean => this.#log.pruned.at(run.author, run.first) === run
      const entries = isGone() ? await this.recall?.(run) : []
      if (entries === undefined) throw error
      await this.#init.inTurn(async () => {
        if (!isGone()) return
        await this.#move(await this.#log.restore(run, entries))
        // Their steps have names again.
        if (run.isBare) this.#init.applier.documents.forget()
      })
    }
  }

  /**
   * Whether the entry that `waiting` ones wait for is known, after the bare runs that may hold it were taken back: those from
   * the time of the ones that wait first. What was not in any is not looked for again.
   *
   * @param isOverdue - Otherwise nothing is taken back for what claims to be newer than all that went: it waits for something
   * that is on its way.
   */
  async find(cause: EntryHash, waiting: readonly EntryHash[], isOverdue: boolean): Promise<boolean> {
    const { pruned } = this.#log
    const isKnown = async (): Promise<boolean> => {
      const link = await this.#log.link(cause)
      return link !== undefined && pruned.bareAt(link.author, link.seq) === undefined
    }
    if (await isKnown()) return true
    if (this.#sought.has(cause)) return false
    const named = pruned.bareEndingIn(cause)
    const time = (waiting[0] && (await this.#log.header(waiting[0]))?.time) ?? 0
    if (named === undefined && !isOverdue && pruned.bare().every((run) => run.time < time)) return false
    const distance = (run: PrunedRun): number => Math.abs(run.time - time)
    for (const run of named === undefined ? [...pruned.bare()].sort((a, b) => distance(a) - distance(b)) : [named]) {
      if (!(await this.putBack(run))) return false
      if (await isKnown()) return true
    }
    this.#sought.add(cause)
    return false
  }

  /**
   * Drops the hashes of an author's next run that was left to others: no entry names one of it but by coming back after
   * `since`, or from an author who is not known.
   *
   * @returns false where there is none.
   */
  async bare(author: AuthorId, since: number): Promise<boolean> {
    return await this.#init.inTurn(async () => {
      const run = this.#log.pruned.of(author).find(({ isBare }) => !isBare)
      if (run === undefined || !(await this.#isSettled(run, since))) return false
      await this.#move(this.#log.bare(run))
      this.#sought.clear()
      return true
    })
  }

  /** Whether everybody who wrote something after `since` stands on all of a run. */
  async #isSettled({ author, last }: PrunedRun, since: number): Promise<boolean> {
    const { applier, isForked } = this.#init
    if (isForked(author) || applier.waiting.size > 0 || !(await applier.isPastKept(author, last))) return false
    for (const [other, heads] of this.#log.vector) {
      for (const { hash } of other === author ? [] : heads) {
        const header = await this.#log.header(hash)
        if (header !== undefined && header.time >= since && newestSeq(await applier.past(hash), author) < last) return false
      }
    }
    return true
  }

  /** Takes a run back; false when nobody can be asked. */
  async putBack(run: PrunedRun): Promise<boolean> {
    try {
      await this.takeBack(new PrunedError([run]))
      return true
    } catch (error) {
      if (error instanceof PrunedError) return false
      throw error
    }
  }

  async #move({ ops, settle }: Pick<PackedRuns, 'ops' | 'settle'>): Promise<void> {
    try {
      await this.#init.kv.commit(ops)
    } catch (error) {
      settle(false)
      throw error
    }
    settle(true)
  }
}
