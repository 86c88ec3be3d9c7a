import type { AuthorId } from '../base/ids.js'
import type { KvStore } from '../base/kv.js'
import type { Entry } from '../log/entry.js'
import type { Log, PackedRuns } from '../log/log.js'
import type { PrunedError, PrunedRun } from '../log/pruned-rows.js'
import type { Batch } from './batch.js'
import { Pruning } from './pruning.js'
import type { PinOf, PruningInit } from './pruning.js'

/** Fetches a run that was left to others from one of them; undefined when none can be reached. */
export type Recall = (run: PrunedRun) => Promise<readonly Entry[] | undefined>

export interface LeftEntriesInit extends PruningInit {
  readonly kv: KvStore
}

/** Entries on their way out of a replica's store, and back into it. */
export class LeftEntries {
  /** @default none: without a network nothing comes back */
  recall: Recall | undefined
  readonly #log: Log
  readonly #kv: KvStore
  readonly #pruning: Pruning

  constructor(init: LeftEntriesInit) {
    this.#log = init.log
    this.#kv = init.kv
    this.#pruning = new Pruning(init)
  }

  /** Looks on where the old entries of an author end; false once that is known. */
  async survey(author: AuthorId, before: number): Promise<boolean> {
    return await this.#pruning.survey(author, before)
  }

  /**
   * Leaves the next old entries of an author behind seq `after` to others.
   *
   * @returns where to go on, and how many went; undefined where nothing is left to look at.
   */
  async leave(batch: Batch, author: AuthorId, after: number, pinOf: PinOf): Promise<{ readonly looked: number; readonly pruned: number } | undefined> {
    const found = await this.#pruning.next(batch, author, after, pinOf)
    if (found?.prunable !== undefined) await this.#move(found.prunable)
    return found && { looked: found.looked, pruned: found.prunable?.entries ?? 0 }
  }

  /**
   * Fetches what was missing; `inTurn` runs the job that puts it back.
   *
   * @throws `error` when nobody has it.
   */
  async takeBack(error: PrunedError, inTurn: (job: () => Promise<void>) => Promise<void>): Promise<void> {
    for (const run of error.runs) {
      const isGone = (): boolean => this.#log.pruned.at(run.author, run.first) === run
      const entries = isGone() ? await this.recall?.(run) : []
      if (entries === undefined) throw error
      await inTurn(async () => {
        if (isGone()) await this.#move(await this.#log.restore(run, entries))
      })
    }
  }

  async #move({ ops, settle }: Pick<PackedRuns, 'ops' | 'settle'>): Promise<void> {
    try {
      await this.#kv.commit(ops)
    } catch (error) {
      settle(false)
      throw error
    }
    settle(true)
  }
}
