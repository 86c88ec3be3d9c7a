import type { Random } from '../base/random.js'

/** Milliseconds before attempt number `attempt` (0, 1, ...): doubling from `min` to `max`, less up to half by chance. */
export function backoffMs(attempt: number, min: number, max: number, random: Random): number {
  return Math.min(max, min * 2 ** Math.min(attempt, 30)) * (1 - random.next() / 2)
}
