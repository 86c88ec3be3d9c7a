/** What many may use, and the last one stops. */
export interface Stoppable {
  stop(): Promise<void>
}

/** A joined workspace, for as long as somebody uses it. */
export interface Shared<Joined> {
  readonly workspace: Joined
  /** The last one to release it stops it. */
  release(): Promise<void>
}

/** Joins once for all who give the same key: one peer serves many documents. */
export class SharedWorkspaces<Joined extends Stoppable> {
  readonly #entries = new Map<string, { readonly joining: Promise<Joined>; users: number }>()

  async share(key: string, join: () => Promise<Joined>): Promise<Shared<Joined>> {
    const entry = this.#entries.get(key) ?? { joining: join(), users: 0 }
    this.#entries.set(key, entry)
    entry.users++
    const release = async (): Promise<void> => {
      if (--entry.users > 0) return
      this.#forget(key, entry)
      await (await entry.joining).stop()
    }
    try {
      return { workspace: await entry.joining, release }
    } catch (error) {
      this.#forget(key, entry)
      throw error
    }
  }

  #forget(key: string, entry: unknown): void {
    if (this.#entries.get(key) === entry) this.#entries.delete(key)
  }
}
