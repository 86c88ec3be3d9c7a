import type { CollabEvent } from './json-events.js'
import type { Heading, Snapshot } from './view.js'

/** Tells a person or a script what a run does. */
export interface Reporter {
  /** Before everything else. `snapshot` gives undefined until the session is open. */
  begin(heading: Heading, snapshot: () => Snapshot | undefined): void
  tell(event: CollabEvent): void
  end(): void
}
