import type { Crypto } from '../base/crypto.js'
import type { DocId } from '../base/ids.js'
import { SharedUnits } from '../doc/shared-units.js'
import { Translations } from '../doc/translations.js'
import type { SeedLookup } from '../doc/translations.js'
import { Absorptions } from './absorptions.js'
import { withoutRepeats } from './document-steps.js'
import { canonicalOrder } from './step-row.js'
import type { StepRow } from './step-row.js'

/** How a contested document is built anew, the same on every peer. */
export interface Replay {
  readonly steps: readonly StepRow[]
  readonly absorptions: Absorptions
  /** Documents came in by several ways. */
  readonly shared: SharedUnits | undefined
}

/**
 * The order in which `steps` of `doc` are replayed. Merges come first, so that what a change is translated or rewritten to
 * name is there: they stand on nothing but first texts and each other. Yjs keeps what has to wait, and copies all of it
 * with each further change.
 */
export function replayOf(crypto: Crypto, doc: DocId, steps: readonly StepRow[], seeds: SeedLookup): Replay {
  const ordered = withoutRepeats(doc, [...steps].sort(canonicalOrder))
  const absorptions = new Absorptions(doc, ordered)
  const { ways } = absorptions
  const absorbing = new Map(ordered.map((step) => [keyOf(step.loser, step.origin ?? doc), step]))
  const merges = ways.flatMap(([loser, winner = doc]) => absorbing.get(keyOf(loser, winner)) ?? [])
  const isSeed = (step: StepRow): boolean => step.isSeed && step.origin === undefined
  const others = ordered.filter((step) => step.loser === undefined && !isSeed(step))
  const shared = absorptions.areSeveral ? new SharedUnits({ crypto, doc, ways, seeds, translations: new Translations(crypto, seeds) }) : undefined
  return { steps: [...ordered.filter(isSeed), ...merges, ...others], absorptions, shared }
}

function keyOf(loser: DocId | undefined, winner: DocId): string {
  return `${loser} ${winner}`
}
