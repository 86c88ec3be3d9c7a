/** States of the log that are remembered: a peer confirms the newest within a second, or none of them. */
const REMEMBERED = 1024

/**
 * Which peers hold what is held here. A peer says by digest what it has; a digest that was ours at some time says
 * that it holds everything that we held then.
 */
export class Holdings {
  #state = 0
  #digest = ''
  readonly #digests = new Map<string, number>()
  readonly #peers = new Map<string, number>()

  /** Number of the state of the log here; later ones are larger. */
  get state(): number {
    return this.#state
  }

  grew(digest: string): void {
    if (digest === this.#digest) return
    this.#digest = digest
    this.#digests.set(digest, ++this.#state)
    for (const oldest of this.#digests.keys()) {
      if (this.#digests.size <= REMEMBERED) return
      this.#digests.delete(oldest)
    }
  }

  confirmed(peer: string, digest: string): void {
    const state = this.#digests.get(digest)
    if (state !== undefined) this.#peers.set(peer, Math.max(state, this.#peers.get(peer) ?? 0))
  }

  left(peer: string): void {
    this.#peers.delete(peer)
  }

  /** Whether `peer` holds everything that was held here in `state`. */
  holds(peer: string, state: number): boolean {
    return (this.#peers.get(peer) ?? 0) >= state
  }
}
