import type { Clock } from '../base/clock.js'
import { FORGIVEN_FAILURES, FORGOTTEN_MS, MAX_REFUSALS, REFUSAL_MAX_MS, REFUSAL_MIN_MS } from './net-limits.js'

/**
 * Peers that failed, and until when they are refused. One that was good for long starts anew; the longest untouched is
 * forgotten when the table is full.
 */
export class Refusals {
  readonly #clock: Clock
  readonly #peers = new Map<string, { failures: number; until: number }>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  get size(): number {
    return this.#peers.size
  }

  /** Counts a failure of `peer`. */
  failed(peer: string): void {
    const now = this.#clock.monotonic()
    const before = this.#peers.get(peer)
    const failures = 1 + (before === undefined || now - before.until >= FORGOTTEN_MS ? 0 : before.failures)
    this.#peers.delete(peer)
    this.#peers.set(peer, { failures, until: now + refusalMs(failures) })
    const oldest = this.#peers.keys().next().value
    if (this.#peers.size > MAX_REFUSALS && oldest !== undefined) this.#peers.delete(oldest)
  }

  succeeded(peer: string): void {
    this.#peers.delete(peer)
  }

  refused(peer: string): boolean {
    return (this.#peers.get(peer)?.until ?? -Infinity) > this.#clock.monotonic()
  }
}

/** How long a peer is refused after that many failures in a row, in milliseconds. */
export function refusalMs(failures: number): number {
  if (failures <= FORGIVEN_FAILURES) return 0
  return Math.min(REFUSAL_MAX_MS, REFUSAL_MIN_MS * 2 ** (failures - FORGIVEN_FAILURES - 1))
}
