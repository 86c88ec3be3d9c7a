import { CborFields, decodeCbor, encodeCbor } from '../base/cbor.js'
import { idBytes, parseAuthorId, parseEntryHash } from '../base/ids.js'
import type { DocId, EntryHash } from '../base/ids.js'
import type { KvOp } from '../base/kv.js'
import type { Batch } from './batch.js'
import type { StepRow } from './step-row.js'

/** document -> what its first steps add up to. */
const TABLE = 'snapshot'
/** A document that grew by this part since its snapshot gets a new one: all of them together cost a few times the last. */
const GROWTH = 1 / 8
/** Where the work is done anyway, or nobody waits for it, so much less is enough. */
const AT_REST = 1 / 4

/** The sum of a document's first `count` steps, as one update. */
export interface Snapshot {
  readonly count: number
  readonly update: Uint8Array
}

/**
 * Stored sums of documents' first steps, so that opening a long one does not replay it. A cache: made of the stored
 * steps alone, never taken from a peer. Steps are only ever added behind, so a snapshot never grows stale.
 */
export class Snapshots {
  readonly #steps: number
  readonly #made = new Map<DocId, { readonly count: number; readonly op: KvOp }>()

  /** @param steps - That are applied one by one at opening before a snapshot is made. */
  constructor(steps: number) {
    this.#steps = steps
  }

  /** Fewest steps for which a snapshot is ever made. */
  get least(): number {
    return Math.ceil(this.#steps * AT_REST)
  }

  /** Whether a document of `count` steps, `stored` of them in its snapshot, should have a new one. */
  isDue(count: number, stored: number, atRest: boolean): boolean {
    return count - stored >= (atRest ? this.least : Math.max(this.#steps, count * GROWTH))
  }

  /** The stored sum of the first of `steps`; it names the last step that it holds, so that no other history is taken for it. */
  async read(batch: Batch, doc: DocId, steps: readonly StepRow[]): Promise<Snapshot | undefined> {
    const row = steps.length < this.least ? undefined : await batch.get(TABLE, doc)
    return row === undefined ? undefined : decodeSnapshot(row, steps)
  }

  /** Keeps `update`, the sum of `steps`, until it is stored. */
  make(doc: DocId, steps: readonly StepRow[], update: Uint8Array): void {
    if (steps.length > 0) this.#made.set(doc, { count: steps.length, op: { table: TABLE, key: doc, value: encodeSnapshot(steps, update) } })
  }

  /** Where differing structs overlap, a document is not the sum of its steps in the order of their arrival. */
  drop(batch: Batch, doc: DocId): void {
    this.#made.delete(doc)
    batch.delete(TABLE, doc)
  }

  /** What was made and is to be stored: document -> steps that it holds, and its row. */
  get made(): ReadonlyMap<DocId, { readonly count: number; readonly op: KvOp }> {
    return this.#made
  }

  forget(): void {
    this.#made.clear()
  }
}

export function snapshotRemovalOp(doc: DocId): KvOp {
  return { table: TABLE, key: doc }
}

/** `update` is the sum of `steps`, at least one; the row names the last of them. */
export function encodeSnapshot(steps: readonly StepRow[], update: Uint8Array): Uint8Array {
  const last = steps.at(-1)
  if (last === undefined) throw new TypeError('a sum of no steps')
  return encodeCbor([steps.length, idBytes(last.author), last.seq, last.index, update])
}

/** The sum of the first of `steps`; undefined when it is one of another history. */
export function decodeSnapshot(row: Uint8Array, steps: readonly StepRow[]): Snapshot | undefined {
  const fields = new CborFields(decodeCbor(row))
  const count = fields.uint()
  const last = steps[count - 1]
  // Older rows name the entry by its hash, which may be gone.
  const isIt = fields.remaining === 3 ? isNamed(last, parseEntryHash(fields.bytes())) : last?.author === parseAuthorId(fields.bytes()) && last.seq === fields.uint()
  const isOfThese = isIt && last?.index === fields.uint()
  return isOfThese ? { count, update: fields.bytes() } : undefined
}

function isNamed(step: StepRow | undefined, entry: EntryHash): boolean {
  return step !== undefined && (step.entry ?? entry) === entry
}
