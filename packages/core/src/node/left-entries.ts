import type { AuthorId, DocId } from '../base/ids.js'
import type { KvStore } from '../base/kv.js'
import type { Entry } from '../log/entry.js'
import type { Log, PackedRuns } from '../log/log.js'
import { PrunedError } from '../log/pruned-rows.js'
import type { PrunedRun } from '../log/pruned-rows.js'
import type { Batch } from './batch.js'
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
        if (isGone()) await this.#move(await this.#log.restore(run, entries))
      })
    }
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
