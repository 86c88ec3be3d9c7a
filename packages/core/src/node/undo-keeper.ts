import type * as Y from 'yjs'
import { CborFields, decodeCbor, encodeCbor } from '../base/cbor.js'
import { equalBytes } from '../base/bytes.js'
import type { DocId } from '../base/ids.js'
import type { KvOp } from '../base/kv.js'
import { sortableNumber } from '../base/kv.js'
import { decodeRanges, encodeRanges, keepForUndo, redoneOf, sortByAge, splitRedone, stackItemOf, stepOf } from '../doc/undo-stack.js'
import type { Redone, UndoStep } from '../doc/undo-stack.js'
import type { Batch } from './batch.js'

/** document/kind/number -> one step of a stack, or units that came back as others. */
const TABLE = 'undo'
const KINDS = ['undo', 'redo', 'back'] as const
type Kind = (typeof KINDS)[number]

/** Steps of each stack that outlive a restart; the newest count. */
const MAX_STEPS = 200
/** Pieces of text that came back and are remembered as such; past it the oldest are forgotten. */
const MAX_REDONE = 4096

type StackItem = Y.UndoManager['undoStack'][number]

/**
 * What a user can undo in one document, as rows of the store. They are written in the transaction of the edits that they
 * are about, so that nothing is undone twice after a crash.
 */
export class UndoKeeper {
  readonly #doc: DocId
  /** As they are in the store. */
  readonly #rows: Map<string, Uint8Array>
  #steps: Record<'undo' | 'redo', readonly UndoStep[]>
  #redone: Redone[]
  #nextNumber: number
  readonly #numbers = new WeakMap<StackItem, number>()
  /** The sets of a step are replaced when it grows. */
  readonly #encoded = new WeakMap<StackItem, { readonly insertions: unknown; readonly deletions: unknown; readonly bytes: Uint8Array }>()
  #manager: Y.UndoManager | undefined

  private constructor(doc: DocId, rows: ReadonlyMap<string, Uint8Array>) {
    this.#doc = doc
    this.#rows = new Map(rows)
    const of = (kind: Kind): readonly Uint8Array[] => [...rows].filter(([key]) => key.startsWith(`${doc}/${kind}/`)).map(([, row]) => row)
    this.#steps = { undo: of('undo').map(decodeStep), redo: of('redo').map(decodeStep) }
    this.#redone = of('back').map(decodeRedone)
    this.#nextNumber = Math.max(0, ...[...rows.keys()].map((key) => Number.parseInt(key.slice(key.lastIndexOf('/') + 1), 16) + 1))
  }

  /** What can be undone of `doc` since runs before. */
  static async load(batch: Batch, doc: DocId): Promise<UndoKeeper> {
    return new UndoKeeper(doc, await batch.rows(TABLE, `${doc}/`))
  }

  /** An undo would bring back what was deleted: the document must be built of all that was ever in it. */
  get needsContent(): boolean {
    return this.#redone.length > 0 || [...this.#steps.undo, ...this.#steps.redo].some(({ deletions }) => deletions.length > 0)
  }

  /** Call inside of the transaction that brings the content. */
  keep(transaction: Y.Transaction): void {
    keepForUndo(transaction, [...this.#steps.undo, ...this.#steps.redo], this.#redone)
  }

  /** From now on these are the stacks; empty ones get what runs before left. `changed` is called when they change without an edit. */
  track(manager: Y.UndoManager, changed: () => void): () => void {
    this.#manager = manager
    if (manager.undoStack.length + manager.redoStack.length === 0) {
      manager.undoStack.push(...this.#steps.undo.map(stackItemOf))
      manager.redoStack.push(...this.#steps.redo.map(stackItemOf))
    }
    const popped = ({ stackItem }: { stackItem: StackItem }): void => {
      this.#redone = [...this.#redone, ...redoneOf(manager.doc, stackItem)].slice(-MAX_REDONE)
    }
    const isPop = ({ origin }: Y.Transaction): boolean => origin === manager && (manager.undoing || manager.redoing)
    const begins = (transaction: Y.Transaction): void => {
      if (!isPop(transaction)) return
      const stack = manager.undoing ? manager.undoStack : manager.redoStack
      splitRedone(transaction, stack)
      sortByAge(manager.doc, stack)
    }
    // Steps that have no effect any more are gone after it, without an edit.
    const ended = (transaction: Y.Transaction): void => {
      if (isPop(transaction)) changed()
    }
    const { doc } = manager
    doc.on('beforeTransaction', begins)
    doc.on('afterTransaction', ended)
    manager.on('stack-item-popped', popped)
    manager.on('stack-cleared', changed)
    return () => {
      doc.off('beforeTransaction', begins)
      doc.off('afterTransaction', ended)
      manager.off('stack-item-popped', popped)
      manager.off('stack-cleared', changed)
    }
  }

  /** The rows that changed since this was asked last. */
  changes(): readonly KvOp[] {
    const manager = this.#manager
    if (manager === undefined) return []
    if (manager.undoStack.length + manager.redoStack.length === 0) this.#redone = []
    const wanted = new Map<string, Uint8Array>()
    for (const kind of ['undo', 'redo'] as const) {
      const stack = kind === 'undo' ? manager.undoStack : manager.redoStack
      for (const item of stack.slice(-MAX_STEPS)) wanted.set(this.#key(kind, this.#numberOf(item)), this.#bytesOf(item))
    }
    for (const [index, redone] of this.#redone.entries()) wanted.set(this.#key('back', index), encodeRedone(redone))
    return this.#replace(wanted)
  }

  #replace(wanted: ReadonlyMap<string, Uint8Array>): readonly KvOp[] {
    const ops: KvOp[] = []
    for (const key of this.#rows.keys()) {
      if (wanted.has(key)) continue
      this.#rows.delete(key)
      ops.push({ table: TABLE, key })
    }
    for (const [key, value] of wanted) {
      const before = this.#rows.get(key)
      if (before !== undefined && equalBytes(before, value)) continue
      this.#rows.set(key, value)
      ops.push({ table: TABLE, key, value })
    }
    return ops
  }

  #key(kind: Kind, number: number): string {
    return `${this.#doc}/${kind}/${sortableNumber(number)}`
  }

  /** Steps are only ever added at the end of a stack, so their numbers rise in it. */
  #numberOf(item: StackItem): number {
    const known = this.#numbers.get(item)
    if (known !== undefined) return known
    const number = this.#nextNumber++
    this.#numbers.set(item, number)
    return number
  }

  #bytesOf(item: StackItem): Uint8Array {
    const known = this.#encoded.get(item)
    if (known !== undefined && known.insertions === item.insertions && known.deletions === item.deletions) return known.bytes
    const { insertions, deletions } = stepOf(item)
    const bytes = encodeCbor([encodeRanges(insertions), encodeRanges(deletions)])
    this.#encoded.set(item, { insertions: item.insertions, deletions: item.deletions, bytes })
    return bytes
  }
}

function decodeStep(row: Uint8Array): UndoStep {
  const fields = new CborFields(decodeCbor(row), 2)
  return { insertions: decodeRanges(fields.bytes()), deletions: decodeRanges(fields.bytes()) }
}

function encodeRedone({ from, length, to }: Redone): Uint8Array {
  return encodeCbor([from.client, from.clock, length, to.client, to.clock])
}

function decodeRedone(row: Uint8Array): Redone {
  const fields = new CborFields(decodeCbor(row), 5)
  const [client, clock, length] = [fields.uint(), fields.uint(), fields.uint()]
  return { from: { client, clock }, length, to: { client: fields.uint(), clock: fields.uint() } }
}
