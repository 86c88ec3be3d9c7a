import * as Y from 'yjs'
import { MalformedError } from '../base/errors.js'
import { decodeUpdate, encodeUpdate } from './update-codec.js'
import type { DeleteRange } from './update-codec.js'

/** One step of an undo manager: the units that it brought, and those that it deleted. */
export interface UndoStep {
  readonly insertions: readonly DeleteRange[]
  readonly deletions: readonly DeleteRange[]
}

/** Units that an undo brought back as others. */
export interface Redone {
  readonly from: Y.ID
  readonly length: number
  readonly to: Y.ID
}

type StackItem = Y.UndoManager['undoStack'][number]
type DeleteSet = StackItem['insertions']

export function stepOf({ insertions, deletions }: StackItem): UndoStep {
  return { insertions: rangesOf(insertions), deletions: rangesOf(deletions) }
}

export function stackItemOf({ insertions, deletions }: UndoStep): StackItem {
  return { insertions: deleteSet(insertions), deletions: deleteSet(deletions), meta: new Map() }
}

function rangesOf(set: DeleteSet): readonly DeleteRange[] {
  return [...set.clients].flatMap(([client, items]) => items.map(({ clock, len }) => ({ client, from: clock, length: len })))
}

/** Yjs makes such a set by reading an update only. */
function deleteSet(ranges: readonly DeleteRange[]): DeleteSet {
  return Y.decodeUpdate(encodeUpdate({ structs: [], deletes: ranges })).ds
}

/** As bytes, in the form of an update that deletes. */
export function encodeRanges(ranges: readonly DeleteRange[]): Uint8Array {
  return encodeUpdate({ structs: [], deletes: ranges })
}

/** @throws {MalformedError} when the bytes are anything else. */
export function decodeRanges(bytes: Uint8Array): readonly DeleteRange[] {
  const { structs, deletes } = decodeUpdate(bytes, 'any')
  if (structs.length > 0) throw new MalformedError('ranges with content')
  return deletes
}

/** What of the units that `item` deleted came back as others. */
export function redoneOf({ store }: Y.Doc, item: StackItem): readonly Redone[] {
  return rangesOf(item.deletions).flatMap((range) => redoneIn(store, range))
}

function redoneIn(store: Y.Doc['store'], { client, from, length }: DeleteRange): readonly Redone[] {
  const found: Redone[] = []
  for (let clock = from; clock < from + length; ) {
    const struct = Y.getItem(store, Y.createID(client, clock))
    const offset = clock - struct.id.clock
    const part = Math.min(struct.length - offset, from + length - clock)
    const redone = struct instanceof Y.Item ? struct.redone : null
    if (redone !== null) found.push({ from: { client, clock }, length: part, to: { client: redone.client, clock: redone.clock + offset } })
    clock += part
  }
  return found
}

/**
 * Inside of the transaction that brings a document's content: keeps Yjs from letting go of what `steps` and `redone` name,
 * and tells it again what came back as what.
 */
export function keepForUndo(transaction: Y.Transaction, steps: readonly UndoStep[], redone: readonly Redone[]): void {
  const { store } = transaction.doc
  for (const { from, length, to } of redone) {
    Y.iterateDeletedStructs(transaction, deleteSet(held(store, [{ client: from.client, from: from.clock, length }])), (struct) => {
      if (struct instanceof Y.Item) struct.redone = Y.createID(to.client, to.clock + struct.id.clock - from.clock)
      keep(struct)
    })
  }
  for (const { deletions, insertions } of steps) Y.iterateDeletedStructs(transaction, deleteSet(held(store, [...deletions, ...insertions])), keep)
}

/**
 * Inside of the transaction in which one of `items` is taken back, before it is: what their units came back as begins and ends
 * with an item. Yjs takes back all of the item in which it finds such units, and the item may hold text of others: what comes
 * back side by side is joined.
 */
export function splitRedone(transaction: Y.Transaction, items: readonly StackItem[]): void {
  const { store } = transaction.doc
  const cuts: DeleteRange[] = []
  for (const { insertions } of items) {
    for (const range of held(store, rangesOf(insertions))) {
      // What is added meanwhile is followed as well: units come back more than once.
      const ranges = [range]
      for (const next of ranges) ranges.push(...held(store, redoneIn(store, next).map(({ to, length }) => ({ client: to.client, from: to.clock, length }))))
      cuts.push(...ranges.slice(1))
    }
  }
  for (const cut of cuts) Y.iterateDeletedStructs(transaction, deleteSet([cut]), () => undefined)
}

/**
 * Units come back in the order in which they came: where one comes back depends on which others did already. Clients stand in a
 * document in the order in which they came into it, and each start of a program is a client; in `items` they stand in any.
 */
export function sortByAge({ store }: Y.Doc, items: readonly StackItem[]): void {
  const ages = new Map([...store.clients.keys()].map((client, index) => [client, index]))
  for (const { deletions } of items) {
    if (deletions.clients.size < 2) continue
    const sorted = [...deletions.clients].toSorted(([a], [b]) => (ages.get(a) ?? 0) - (ages.get(b) ?? 0))
    deletions.clients.clear()
    for (const [client, ranges] of sorted) deletions.clients.set(client, ranges)
  }
}

/** With all that it is in. */
function keep(struct: Y.Item | Y.GC): void {
  for (let item: Y.Item | Y.GC | null = struct; item instanceof Y.Item && !item.keep; item = item.parent instanceof Y.AbstractType ? item.parent._item : null) item.keep = true
}

/** The part of `ranges` that the document holds. */
function held(store: Y.Doc['store'], ranges: readonly DeleteRange[]): readonly DeleteRange[] {
  return ranges.flatMap((range) => {
    const end = Math.min(range.from + range.length, Y.getState(store, range.client))
    return end > range.from ? [{ ...range, length: end - range.from }] : []
  })
}
