/**
 * Says that a run ended with its tab, which has no time to write that into the database: `localStorage` takes a value
 * at once. Without it, each reload would begin another author.
 */
export class SessionMarker {
  readonly #key: string

  constructor(database: string) {
    this.#key = `collab ${database}`
  }

  /** The run that ended so, told once: from now on the store may go ahead of it. */
  take(): number | undefined {
    const value = this.#storage()?.getItem(this.#key)
    this.#storage()?.removeItem(this.#key)
    return value === null || value === undefined ? undefined : Number(value)
  }

  /** Marks the run when its tab ends, until the returned function is called. */
  keep(session: number): () => void {
    const ended = (): void => this.#storage()?.setItem(this.#key, String(session))
    const back = (): void => this.#storage()?.removeItem(this.#key)
    addEventListener('pagehide', ended)
    addEventListener('pageshow', back)
    return () => {
      removeEventListener('pagehide', ended)
      removeEventListener('pageshow', back)
    }
  }

  /** None where the user forbids it. */
  #storage(): Storage | undefined {
    try {
      return localStorage
    } catch {
      return undefined
    }
  }
}
