import type { Crypto } from '../base/crypto.js'
import type { DocId } from '../base/ids.js'
import { SharedUnits } from '../doc/shared-units.js'
import type { Way } from '../doc/shared-units.js'
import { Translations } from '../doc/translations.js'
import type { SeedLookup } from '../doc/translations.js'
import { compareText } from '../doc/tree-node.js'
import { canonicalOrder } from './step-row.js'
import type { StepRow } from './step-row.js'

/** How a contested document is built anew, the same on every peer. */
export interface Replay {
  readonly steps: readonly StepRow[]
  /** Documents came in by several ways. */
  readonly shared: SharedUnits | undefined
}

/** Whether `step` brings a document that others of `absorbing` brought by another way. */
export function isAnotherWay(absorbing: readonly StepRow[], step: StepRow): boolean {
  return step.loser !== undefined && absorbing.some((other) => other.loser === step.loser && wayKey(other) !== wayKey(step))
}

/**
 * The order in which `steps` of `doc` are replayed. Where a document came in by several ways, merges come first, so that
 * what a change is rewritten to name is there: they stand on nothing but first texts and each other.
 */
export function replayOf(crypto: Crypto, doc: DocId, steps: readonly StepRow[], seeds: SeedLookup): Replay {
  const ordered = [...steps].sort(canonicalOrder)
  const absorbing = ordered.filter(({ loser }) => loser !== undefined)
  if (!absorbing.some((step) => isAnotherWay(absorbing, step))) return { steps: ordered, shared: undefined }
  const merges = absorbing.sort((a, b) => a.via.length - b.via.length || compareText(wayKey(a), wayKey(b)))
  const isSeed = (step: StepRow): boolean => step.isSeed && step.via.length === 0
  const others = ordered.filter((step) => step.loser === undefined && !isSeed(step))
  const ways = new Map(merges.map((step) => [wayKey(step), wayOf(step)]))
  const translations = new Translations(crypto, seeds)
  return { steps: [...ordered.filter(isSeed), ...merges, ...others], shared: new SharedUnits({ crypto, doc, ways: [...ways.values()], seeds, translations }) }
}

function wayOf({ loser, via }: StepRow): Way {
  if (loser === undefined) throw new RangeError('a step that absorbs nothing')
  return [loser, ...via]
}

function wayKey({ loser, via }: StepRow): string {
  return [loser, ...via].join()
}
