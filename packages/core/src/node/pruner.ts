import type { Clock } from '../base/clock.js'
import { errorMessage } from '../base/errors.js'
import type { DocId } from '../base/ids.js'
import type { Logger } from '../base/log.js'
import type { Log } from '../log/log.js'
import type { LeftEntries } from './left-entries.js'

/** Between two looks for what is old by now, in milliseconds. */
const LOOK_EVERY_MS = 60 * 60 * 1000
/** Who wrote nothing for so many times the age at which edits go is not waited for any more. */
const AWAY = 4
/** The first look: when a start is over. */
const FIRST_LOOK_MS = 60 * 1000

/** Versions that the owner of a workspace may ask for without any peer: document -> the oldest, in steps. */
export type PinSource = () => Promise<ReadonlyMap<DocId, number>>

export interface PrunerInit {
  readonly log: Log
  /** None on a blind replica, where nothing may go. */
  readonly left: LeftEntries | undefined
  readonly clock: Clock
  readonly logger: Logger
  /** What claims to be older than so many milliseconds may go; undefined: nothing ever does. */
  readonly pruneAfterMs: number | undefined
  /** Hashes of what went are kept for authors whose newest entry claims to be no older than so many milliseconds. @default 4 * pruneAfterMs */
  readonly awayAfterMs?: number
  /** Applies what waits for what went, however new it claims to be. */
  readonly release: () => Promise<void>
  /** Whether a connected peer keeps everything, and holds all that is held here. */
  readonly isKept: () => boolean
}

/** Leaves old entries to peers that keep everything, now and then. */
export class Pruner {
  readonly #init: PrunerInit
  readonly #pins = new Set<PinSource>()
  #cancel: (() => void) | undefined
  #looking: Promise<number> | undefined
  #isStopped = false

  constructor(init: PrunerInit) {
    this.#init = init
  }

  pin(source: PinSource): () => void {
    this.#pins.add(source)
    return () => void this.#pins.delete(source)
  }

  start(): void {
    const { pruneAfterMs, log } = this.#init
    if (pruneAfterMs !== undefined || !log.pruned.isEmpty) this.#lookIn(FIRST_LOOK_MS)
  }

  stop(): void {
    this.#isStopped = true
    this.#cancel?.()
  }

  /** Leaves what may go now; how many entries that were. Others take their turns in between, but no second look. */
  async look(): Promise<number> {
    this.#looking ??= this.#look().finally(() => (this.#looking = undefined))
    return await this.#looking
  }

  async #look(): Promise<number> {
    const { log, left, clock, pruneAfterMs } = this.#init
    await this.#init.release()
    if (left === undefined || pruneAfterMs === undefined) return 0
    const { awayAfterMs = AWAY * pruneAfterMs } = this.#init
    const before = clock.now() - pruneAfterMs
    const mayGo = (): boolean => !this.#isStopped && this.#init.isKept()
    const pinOf = await this.#pinOf()
    let count = 0
    for (const author of log.vector.keys()) {
      while (mayGo() && (await left.survey(author, before))) await this.#turn()
    }
    for (const author of log.vector.keys()) {
      for (let next = await left.leave(author, 0, pinOf, mayGo); next !== undefined; next = await left.leave(author, next.looked, pinOf, mayGo)) {
        count += next.pruned
        await this.#turn()
      }
    }
    const since = clock.now() - awayAfterMs
    for (const author of log.vector.keys()) while (mayGo() && (await left.bare(author, since))) await this.#turn()
    return count
  }

  async #pinOf(): Promise<(doc: DocId) => number> {
    const pins = await Promise.all([...this.#pins].map((source) => source()))
    return (doc) => Math.min(...pins.map((versions) => versions.get(doc) ?? Infinity))
  }

  async #turn(): Promise<void> {
    await new Promise<void>((resolve) => void this.#init.clock.after(0, resolve))
  }

  #lookIn(ms: number): void {
    this.#cancel = this.#init.clock.after(ms, () => {
      const note = (error: unknown): void => this.#init.logger.warn('old edits could not be left to others', { reason: errorMessage(error) })
      void this.look().catch(note).then(() => void (this.#isStopped || this.#lookIn(LOOK_EVERY_MS)))
    })
  }
}
