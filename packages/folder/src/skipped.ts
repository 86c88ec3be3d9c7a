/** What is on the disk or in the workspace and is not synced, each with its reason; each told once. */
export class SkippedPaths {
  readonly #reasons = new Map<string, string>()
  readonly #onSkipped: (path: string, reason: string) => void

  constructor(onSkipped: (path: string, reason: string) => void) {
    this.#onSkipped = onSkipped
  }

  /** True when this was not known before. */
  add(path: string, reason: string): boolean {
    if (this.#reasons.get(path) === reason) return false
    this.#reasons.set(path, reason)
    this.#onSkipped(path, reason)
    return true
  }

  has(path: string): boolean {
    return this.#reasons.has(path)
  }

  delete(path: string): void {
    this.#reasons.delete(path)
  }

  list(): readonly { readonly path: string; readonly reason: string }[] {
    return Array.from(this.#reasons, ([path, reason]) => ({ path, reason })).sort((a, b) => (a.path < b.path ? -1 : 1))
  }
}
