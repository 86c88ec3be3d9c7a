import { errorMessage } from '@collab/core'
import type { Logger } from '@collab/core'
import type { RelPath } from './rel-path.js'

export const STUCK_REASON = 'The disk failed in the middle of a change here. It is put right as soon as the disk works again.'

/**
 * Paths where the disk failed in the middle of a change, so that it could be neither finished nor undone. What is found
 * there is nobody's wish, and above all no deletion. It is put right as soon as the disk lets it; after a crash, by
 * recovery.
 */
export class StuckPaths {
  readonly #logger: Logger
  readonly #repairs = new Map<RelPath, () => void>()

  constructor(logger: Logger) {
    this.#logger = logger
  }

  /** Tries `repair` now, and again at each look until it does not throw. */
  add(path: RelPath, repair: () => void): void {
    this.#repairs.set(path, repair)
    this.#try(path, repair)
  }

  /** Whether the path still waits for its repair. */
  has(path: RelPath): boolean {
    const repair = this.#repairs.get(path)
    return repair !== undefined && !this.#try(path, repair)
  }

  #try(path: RelPath, repair: () => void): boolean {
    try {
      repair()
      this.#repairs.delete(path)
      return true
    } catch (error) {
      this.#logger.warn('a change of the disk could be neither finished nor undone', { path, error: errorMessage(error) })
      return false
    }
  }
}
