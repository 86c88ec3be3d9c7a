import type { CollabEvent } from './json-events.js'

/** As many of one kind are told one by one; a person reads no more, and status lists them all. */
const TOLD_EACH = 8
/** After this time the same kind is news again. */
const FORGET_MS = 60_000

/** Notices a stream of events that say the same of one path after the other (a full disk, say). */
export class Repetition {
  readonly #kinds = new Map<string, { count: number; since: number }>()

  /** Whether to tell this event, to tell instead that more follow, or to say nothing. */
  judge(event: CollabEvent, now: number): 'tell' | 'more' | 'quiet' {
    const kind = kindOf(event)
    if (kind === undefined) return 'tell'
    const known = this.#kinds.get(kind)
    const current = known === undefined || now - known.since > FORGET_MS ? { count: 0, since: now } : known
    this.#kinds.set(kind, current)
    current.count++
    if (current.count <= TOLD_EACH) return 'tell'
    return current.count === TOLD_EACH + 1 ? 'more' : 'quiet'
  }
}

function kindOf(event: CollabEvent): string | undefined {
  if (event.type === 'skipped') return `skipped ${event.reason}`
  return event.type === 'warning' ? `warning ${event.code}` : undefined
}

/** What stands for the events that are not told. */
export const MORE_OF_THE_SAME = 'and more of the same; collab status <folder> lists them'
