import type { AuthorId, DocId } from '../base/ids.js'
import type { UpdatingChange } from '../doc/gate.js'
import type { DocStep } from '../doc/text-document.js'
import type { Change, SeedChange } from '../log/change.js'
import type { Provenance } from './document-types.js'
import { newestSeq } from './past.js'
import { Absorptions } from './absorptions.js'
import type { HeldSteps, StepIndex } from './step-index.js'
import type { ClientRange, StepRow } from './step-row.js'

export function isDocumentChange(change: Change): change is SeedChange | UpdatingChange {
  return change.kind === 'seed' || change.kind === 'update' || change.kind === 'derived' || change.kind === 'import' || change.kind === 'app'
}

export function stepOf(from: Provenance, ranges: readonly ClientRange[]): StepRow {
  return { entry: from.entry, index: from.index, author: from.author, seq: from.seq, weight: from.weight, origin: undefined, loser: undefined, isSeed: false, ranges }
}

/** As a step is stored: the range of a first text follows from the text. */
export function withoutSeedRanges(step: StepRow): StepRow {
  return step.isSeed && step.origin === undefined ? { ...step, ranges: [] } : step
}

/** Those of `steps` from number `from` on that do not say again what one before them said: each merge once. */
export function withoutRepeats(doc: DocId, steps: readonly StepRow[], from = 0): readonly StepRow[] {
  const before = new Absorptions(doc)
  return steps.filter((step, at) => {
    if (step.loser === undefined) return at >= from
    const isRepeated = before.isRepeated(step)
    before.add(step)
    return at >= from && !isRepeated
  })
}

/** A step of `loser` as the document that absorbed it has it. */
export function within(step: StepRow, loser: DocId): StepRow {
  return step.origin === undefined ? { ...step, origin: loser, ranges: step.isSeed ? [] : step.ranges } : step
}

/** Whether structs of `step` stand under ids that another step already used; derived ids may repeat: they hash what they carry. */
export function overlaps(steps: StepIndex, step: StepRow, change: DocStep['change'] | undefined): boolean {
  return change?.kind !== 'derived' && change?.kind !== 'seed' && steps.overlaps(step.ranges)
}

/**
 * Which of a document's steps the causal past of a change holds, and the change's own entry so far. What came
 * from an absorbed document is there once its absorption is.
 */
export async function stepsInPast(doc: DocId, steps: StepIndex, from: Provenance, isForked: (author: AuthorId) => boolean): Promise<HeldSteps> {
  const branches = new Map<AuthorId, (step: StepRow) => boolean>()
  for (const author of steps.byAuthor.keys()) if (isForked(author)) branches.set(author, await from.branches(author))
  const holds = (step: StepRow): boolean =>
    step.entry === from.entry || (branches.get(step.author)?.(step) ?? step.seq <= newestSeq(from.past, step.author))
  const absorbing = steps.absorbing.filter(holds)
  const absorptions = absorbing.length === steps.absorbing.length ? steps.absorptions : new Absorptions(doc, absorbing)
  return { includes: (step) => holds(step) && absorptions.has(step.origin), absorptions }
}
