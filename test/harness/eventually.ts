import { setTimeout as delay } from 'node:timers/promises'

/** How often a state that tells nobody when it is reached (the content of a folder, say) is looked at. */
const LOOK_MS = 100
/** Far longer than anything takes on a busy machine: reaching it is the failure. */
const DEADLINE_MS = 60_000

export interface EventuallyInit {
  readonly deadlineMs?: number
  /** What to tell when the state is not reached. */
  readonly otherwise?: () => string | Promise<string>
}

/**
 * Looks until `look` gives something other than undefined or false, and gives that.
 *
 * @throws {Error} that says what was not reached.
 */
export async function eventually<T>(what: string, look: () => T | Promise<T>, init: EventuallyInit = {}): Promise<NonNullable<T>> {
  const { deadlineMs = DEADLINE_MS, otherwise } = init
  const end = performance.now() + deadlineMs
  for (;;) {
    const seen = await look()
    if (seen !== undefined && seen !== null && seen !== false) return seen
    if (performance.now() > end) throw new Error(`not reached within ${deadlineMs} ms: ${what}\n${(await otherwise?.()) ?? ''}`)
    await delay(LOOK_MS)
  }
}
