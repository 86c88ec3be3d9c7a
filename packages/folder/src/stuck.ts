import { errorMessage } from '@collab/core'
import type { Logger } from '@collab/core'
import type { RelPath } from './rel-path.js'

interface Repair {
  readonly paths: readonly RelPath[]
  readonly run: () => void
}

export const STUCK_REASON = 'The disk failed in the middle of a change here. It is put right as soon as the disk works again.'

/**
 * Paths where the disk failed in the middle of a change, so that it could be neither finished nor undone. What is found
 * there is nobody's wish, and above all no deletion. It is put right as soon as the disk lets it; after a crash, by
 * recovery.
 */
export class StuckPaths {
  readonly #logger: Logger
  readonly #repairs = new Map<RelPath, Repair>()

  constructor(logger: Logger) {
    this.#logger = logger
  }

  /** Tries `run` now, and again at each look at one of the paths until it does not throw. */
  add(paths: readonly RelPath[], run: () => void): void {
    const repair = { paths, run }
    for (const path of paths) this.#repairs.set(path, repair)
    this.#try(repair)
  }

  /** Whether the path still waits for its repair. */
  has(path: RelPath): boolean {
    const repair = this.#repairs.get(path)
    return repair !== undefined && !this.#try(repair)
  }

  #try(repair: Repair): boolean {
    try {
      repair.run()
    } catch (error) {
      this.#logger.warn('a change of the disk could be neither finished nor undone', { path: repair.paths.join(', '), error: errorMessage(error) })
      return false
    }
    for (const path of repair.paths) if (this.#repairs.get(path) === repair) this.#repairs.delete(path)
    return true
  }
}
