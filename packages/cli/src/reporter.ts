import type { CollabEvent } from './json-events.js'
import type { Heading, Snapshot } from './view.js'

/** Tells a person or a script what a run does. */
export interface Reporter {
  /** From now on there is something to show. */
  begin(heading: Heading, snapshot: () => Snapshot): void
  tell(event: CollabEvent): void
  end(): void
}
