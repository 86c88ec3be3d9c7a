import type { Clock } from '../base/clock.js'
import type { WorkspaceKeys } from '../keys/workspace-keys.js'
import { PrunedError } from '../log/pruned-rows.js'
import type { Replica } from './replica.js'
import type { Outcome } from './replica-types.js'

/**
 * Collisions are merged for good once every connected peer is synced, or nothing came for this long, in milliseconds:
 * half way through a catch-up, files meet at a path that they have long left.
 */
const MERGE_AFTER_QUIET_MS = 5000

export interface MergerInit {
  readonly clock: Clock
  readonly keys: WorkspaceKeys
  readonly replica: Replica
  /** Tells peers and listeners what was merged. */
  readonly publish: (merges: Outcome) => void
  readonly onFailure: (error: unknown) => void
}

/** Merges for good what collides in the tree, as soon as nothing more is on its way. */
export class Merger {
  readonly #init: MergerInit
  #cancel: (() => void) | undefined
  #isStarted = false

  constructor(init: MergerInit) {
    this.#init = init
  }

  /** Does nothing without write rights. */
  start(): void {
    this.#isStarted = this.#init.keys.rights === 'write'
    this.mergeWhenQuiet()
  }

  stop(): void {
    this.#isStarted = false
    this.#cancel?.()
  }

  mergeWhenQuiet(): void {
    this.#cancel?.()
    if (this.#isStarted) this.#cancel = this.#init.clock.after(MERGE_AFTER_QUIET_MS, () => this.merge())
  }

  merge(): void {
    this.#cancel?.()
    if (!this.#isStarted) return
    const { replica, publish, onFailure } = this.#init
    // Their last edits are on the way into the texts that are to be kept.
    if ([...replica.live].some(({ doc }) => replica.applier.tree.isReplaced(doc))) return this.mergeWhenQuiet()
    const onMerged = (merges: Outcome | undefined): void => {
      if (merges !== undefined) publish(merges)
    }
    const onError = (error: unknown): void => {
      // Edits that it needs are with peers that are not here now.
      if (error instanceof PrunedError) this.mergeWhenQuiet()
      else onFailure(error)
    }
    void replica.mergeCollisions().then(onMerged).catch(onError)
  }
}
