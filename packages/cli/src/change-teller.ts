import type { AuthorId, HistoryItem } from '@collab/core'
import type { ChangeEvent } from './json-events.js'

/** In a larger batch nobody reads who did each. */
const MAX_CREDITED = 32
/** Recent history that is looked through for the authors of a batch. */
const HISTORY_LIMIT = 200

/** Adds to the changes of peers who made them, others than this one, and tells them in order. */
export class ChangeTeller {
  readonly #history: (limit: number) => Promise<readonly HistoryItem[]>
  readonly #own: () => AuthorId | undefined
  readonly #tell: (change: ChangeEvent) => void
  #waiting: ChangeEvent[] = []
  #work: Promise<void> = Promise.resolve()

  constructor(history: (limit: number) => Promise<readonly HistoryItem[]>, own: () => AuthorId | undefined, tell: (change: ChangeEvent) => void) {
    this.#history = history
    this.#own = own
    this.#tell = tell
  }

  add(change: ChangeEvent): void {
    this.#waiting.push(change)
    if (this.#waiting.length === 1) this.#work = this.#work.then(() => this.#flush())
  }

  /** Resolves when everything was told. */
  async idle(): Promise<void> {
    await this.#work
  }

  async #flush(): Promise<void> {
    // What is already on its way in this turn belongs to the batch.
    await new Promise((resolve) => setImmediate(resolve))
    const batch = this.#waiting
    this.#waiting = []
    const names = await this.#authors(batch)
    for (const change of batch) {
      const by = change.from === 'peer' ? names.get(change.path) : undefined
      this.#tell(by === undefined ? change : { ...change, by })
    }
  }

  async #authors(batch: readonly ChangeEvent[]): Promise<ReadonlyMap<string, string>> {
    const names = new Map<string, string>()
    const peers = batch.filter(({ from }) => from === 'peer')
    if (peers.length === 0 || peers.length > MAX_CREDITED) return names
    try {
      const own = this.#own()
      for (const { path, name, author } of await this.#history(HISTORY_LIMIT)) {
        if (path !== undefined && name !== undefined && author !== own && !names.has(path)) names.set(path, name)
      }
    } catch {
      // The workspace is being closed; the change itself is told all the same.
    }
    return names
  }
}
