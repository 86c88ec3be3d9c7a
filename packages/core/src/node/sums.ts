import type { AuthorId, DocId } from '../base/ids.js'
import type { KvOp } from '../base/kv.js'
import { IMPORT_END } from '../doc/client-id.js'
import type { PrunedRows, PrunedRun } from '../log/pruned-rows.js'
import { PrunedError } from '../log/pruned-rows.js'
import type { Batch } from './batch.js'
import { decodeSnapshot, encodeSnapshot } from './snapshots.js'
import type { Snapshot } from './snapshots.js'
import type { StepIndex } from './step-index.js'
import type { DocRow, StepRow } from './step-row.js'

/** document -> what its first steps add up to, where their entries were left to others. */
const TABLE = 'sum'
/** document/... -> steps that can be undone: they need deleted content. */
const UNDO = 'undo'

/** Which changes of a document its stored sum holds, so that their entries may be left to others. */
export interface Cover {
  readonly covers: (author: AuthorId, seq: number, index: number) => boolean
  /** The sum, to be committed before, or with, what leaves the entries to others; empty when it is stored. */
  readonly ops: readonly KvOp[]
  /** Steps in the sum. */
  readonly count: number
}

export async function readSum(batch: Batch, doc: DocId, steps: readonly StepRow[]): Promise<Snapshot | undefined> {
  const row = await batch.get(TABLE, doc)
  return row === undefined ? undefined : decodeSnapshot(row, steps)
}

export function sumOp(doc: DocId, steps: readonly StepRow[], update: Uint8Array): KvOp {
  return { table: TABLE, key: doc, value: encodeSnapshot(steps, update) }
}

export function dropSum(batch: Batch, doc: DocId): void {
  batch.delete(TABLE, doc)
}

/**
 * Whether a document is the sum of its first steps whatever comes later, as far as can be foreseen: no document whose
 * history another one may repeat, and none that would have to be built anew from its first step.
 */
export async function isCoverable(batch: Batch, doc: DocId, row: DocRow, steps: StepIndex, isForked: (author: AuthorId) => boolean): Promise<boolean> {
  if (row.contested || row.into.length > 0 || steps.absorbing.length > 0) return false
  if ([...steps.byAuthor.keys()].some(isForked) || steps.clients().some((client) => client < IMPORT_END)) return false
  return (await batch.scan(UNDO, `${doc}/`)).length === 0
}

/** What the first `count` of a document's steps cover. Each author's come in order of seq, as no log here forked. */
export function coverOf(steps: StepIndex, count: number, ops: readonly KvOp[]): Cover {
  const newest = new Map<AuthorId, StepRow>()
  for (let at = 0; at < count; at++) {
    const step = steps.all[at]
    if (step !== undefined) newest.set(step.author, step)
  }
  const covers = (author: AuthorId, seq: number, index: number): boolean => {
    const last = newest.get(author)
    // An entry may bring several edits, of which the sum holds the first.
    if (last === undefined || seq > last.seq || (seq === last.seq && index > last.index)) return false
    const own = steps.byAuthor.get(author) ?? []
    for (let at = firstFrom(own, seq); own[at]?.seq === seq; at++) if (own[at]?.index === index) return true
    return false
  }
  return { covers, ops, count }
}

/** @throws {PrunedError} when an entry of one of `steps` was left to others. */
export async function checkHere(pruned: Pick<PrunedRows, 'isEmpty' | 'holding'>, steps: readonly StepRow[]): Promise<void> {
  if (pruned.isEmpty) return
  const gone = new Set<PrunedRun>()
  for (const { author, seq, entry, loser } of steps) {
    const run = loser === undefined ? await pruned.holding(author, seq, entry) : undefined
    if (run !== undefined) gone.add(run)
  }
  if (gone.size > 0) throw new PrunedError([...gone])
}

function firstFrom(own: readonly StepRow[], seq: number): number {
  let [low, high] = [0, own.length]
  while (low < high) {
    const middle = (low + high) >> 1
    if ((own[middle]?.seq ?? Infinity) < seq) low = middle + 1
    else high = middle
  }
  return low
}
