import type { Clock } from '@collab/core'
import { guardMany } from './guard.js'
import type { GuardKind, GuardStop } from './guard.js'
import type { RelPath } from './rel-path.js'

/** Deletions this close together count as one: a slow rm is still one act. */
export const WINDOW_MS = 10_000

/** Holds back the deletions or rewritings of one side while they are too many at once, until they are confirmed or taken back. */
export class Brake {
  readonly #kind: GuardKind
  readonly #clock: Clock
  readonly #onStop: (stop: GuardStop) => void
  readonly #held = new Set<RelPath>()
  readonly #confirmed = new Set<RelPath>()
  #recent: { readonly path: RelPath; readonly at: number }[] = []
  #stop: GuardStop | undefined

  constructor(kind: GuardKind, clock: Clock, onStop: (stop: GuardStop) => void) {
    this.#kind = kind
    this.#clock = clock
    this.#onStop = onStop
  }

  get stop(): GuardStop | undefined {
    return this.#stop
  }

  /**
   * Those of the files that may go on: all of them, or when they are too many only the confirmed ones.
   *
   * @param known files that both sides agreed on before
   */
  admit(paths: readonly RelPath[], known: number): ReadonlySet<RelPath> {
    const open = paths.filter((path) => !this.#confirmed.has(path))
    const total = new Set([...this.#held, ...open]).size
    const recent = this.recent().length
    const stop = open.length === 0 ? undefined : guardMany({ ...this.#kind, files: total + recent, known: known + (this.#kind.what === 'deleted' ? recent : 0) })
    if (stop === undefined) return new Set(paths)
    for (const path of open) this.#held.add(path)
    const news = this.#stop?.count !== stop.count
    this.#stop = stop
    if (news) this.#onStop(stop)
    return new Set(paths.filter((path) => this.#confirmed.has(path)))
  }

  /** It was carried out. */
  done(path: RelPath): void {
    this.#recent.push({ path, at: this.#clock.monotonic() })
    this.#confirmed.delete(path)
    this.release(path)
  }

  /** What it was done to a moment ago, because it was not yet too much. */
  recent(): readonly RelPath[] {
    const since = this.#clock.monotonic() - WINDOW_MS
    this.#recent = this.#recent.filter(({ at }) => at >= since)
    return this.#recent.map(({ path }) => path)
  }

  /** The file is back as it was, or it is no longer wanted otherwise. */
  release(path: RelPath): void {
    if (this.#held.delete(path) && this.#held.size === 0) this.#stop = undefined
  }

  /** What waits, which then no longer does. */
  giveUp(): readonly RelPath[] {
    const paths = [...this.#held]
    this.#held.clear()
    this.#stop = undefined
    return paths
  }

  /** Lets everything that is held go on; returns it. */
  confirm(): readonly RelPath[] {
    const paths = this.giveUp()
    for (const path of paths) this.#confirmed.add(path)
    return paths
  }
}
