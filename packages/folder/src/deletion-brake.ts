import type { Clock } from '@collab/core'
import { guardDeletions } from './guard.js'
import type { GuardStop } from './guard.js'
import type { RelPath } from './rel-path.js'

/** Deletions this close together count as one: a slow rm is still one act. */
const WINDOW_MS = 10_000

/** Holds back the deletions of one side while they are too many at once, until they are confirmed or taken back. */
export class DeletionBrake {
  readonly #side: 'disk' | 'peers'
  readonly #clock: Clock
  readonly #onStop: (stop: GuardStop) => void
  readonly #held = new Set<RelPath>()
  readonly #confirmed = new Set<RelPath>()
  #recent: number[] = []
  #stop: GuardStop | undefined

  constructor(side: 'disk' | 'peers', clock: Clock, onStop: (stop: GuardStop) => void) {
    this.#side = side
    this.#clock = clock
    this.#onStop = onStop
  }

  get stop(): GuardStop | undefined {
    return this.#stop
  }

  /**
   * Those of the deleted files that may go on: all of them, or when they are too many only the confirmed ones.
   *
   * @param known files that both sides agreed on before
   */
  admit(paths: readonly RelPath[], known: number): ReadonlySet<RelPath> {
    const open = paths.filter((path) => !this.#confirmed.has(path))
    const total = new Set([...this.#held, ...open]).size
    const recent = this.#countRecent()
    const stop = open.length === 0 ? undefined : guardDeletions({ side: this.#side, files: total + recent, known: known + recent })
    if (stop === undefined) return new Set(paths)
    for (const path of open) this.#held.add(path)
    const news = this.#stop?.count !== stop.count
    this.#stop = stop
    if (news) this.#onStop(stop)
    return new Set(paths.filter((path) => this.#confirmed.has(path)))
  }

  /** A deletion was carried out. */
  done(path: RelPath): void {
    this.#recent.push(this.#clock.monotonic())
    this.#confirmed.delete(path)
    this.release(path)
  }

  /** The file is back, or the deletion is no longer wanted. */
  release(path: RelPath): void {
    if (this.#held.delete(path) && this.#held.size === 0) this.#stop = undefined
  }

  /** Lets everything that is held go on; returns it. */
  confirm(): readonly RelPath[] {
    const paths = [...this.#held]
    for (const path of paths) this.#confirmed.add(path)
    this.#held.clear()
    this.#stop = undefined
    return paths
  }

  #countRecent(): number {
    const since = this.#clock.monotonic() - WINDOW_MS
    this.#recent = this.#recent.filter((at) => at >= since)
    return this.#recent.length
  }
}
