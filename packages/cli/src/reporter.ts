import type { CollabEvent } from './json-events.js'
import type { Heading, Snapshot } from './view.js'

/** Tells a person or a script what a run does. */
export interface Reporter {
  /** Before everything else. `snapshot` gives undefined until the session is open. */
  begin(heading: Heading, snapshot: () => Snapshot | undefined): void
  tell(event: CollabEvent): void
  /** The end was asked for: what is shown from now on is no news of the session, which is being closed. */
  ending(): void
  end(): void
}
