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
  /** What each peer said last: it may have had everything before us, and does not say so again. */
  readonly #said = new Map<string, string>()

  /** Number of the state of the log here; later ones are larger. */
  get state(): number {
    return this.#state
  }

  /** True when a peer is known to hold all of that already. */
  grew(digest: string): boolean {
    if (digest === this.#digest) return false
    this.#digest = digest
    this.#digests.set(digest, ++this.#state)
    for (const oldest of this.#digests.keys()) {
      if (this.#digests.size <= REMEMBERED) break
      this.#digests.delete(oldest)
    }
    const ahead = [...this.#said].filter(([, said]) => said === digest)
    for (const [peer] of ahead) this.#peers.set(peer, this.#state)
    return ahead.length > 0
  }

  confirmed(peer: string, digest: string): void {
    this.#said.set(peer, digest)
    const state = this.#digests.get(digest)
    if (state !== undefined) this.#peers.set(peer, Math.max(state, this.#peers.get(peer) ?? 0))
  }

  left(peer: string): void {
    this.#peers.delete(peer)
    this.#said.delete(peer)
  }

  /** Whether `peer` holds everything that was held here in `state`. */
  holds(peer: string, state: number): boolean {
    return (this.#peers.get(peer) ?? 0) >= state
  }
}
