import * as Y from 'yjs'
import { subtractRanges } from './join-updates.js'
import { decodeUpdate, type DecodedUpdate, type DeleteRange } from './update-codec.js'

/** What is asked of an app's Y.Doc: the one place outside of text-document.ts that knows Yjs. */

/** Applies `updates` in one transaction with `origin`; `then` is called inside of it, before Yjs lets go of what was deleted. */
export function applyAll(y: Y.Doc, updates: readonly Uint8Array[], origin: unknown, then?: (transaction: Y.Transaction) => void): void {
  Y.transact(
    y,
    (transaction) => {
      for (const update of updates) Y.applyUpdate(y, update, origin)
      then?.(transaction)
    },
    origin,
    false
  )
}

/** What `y` holds and a document that is the sum of `updates` does not. */
export function ownContent(y: Y.Doc, updates: readonly Uint8Array[]): DecodedUpdate {
  const known = new Y.Doc({ guid: y.guid })
  applyAll(known, updates, undefined)
  const update = decodeUpdate(Y.encodeStateAsUpdate(y, Y.encodeStateVector(known)), 'any')
  const before = decodeUpdate(Y.encodeStateAsUpdate(known, Y.encodeStateVector(known)), 'any')
  known.destroy()
  return { structs: update.structs, deletes: subtractRanges(update.deletes, before.deletes) }
}

/**
 * What an app did under `client` inside of the transaction in which `applied` came in, as observers do: its structs, and the
 * deletions that neither came in nor follow from what did.
 */
export function madeMeanwhile(y: Y.Doc, client: number, update: DecodedUpdate, applied: readonly DecodedUpdate[]): DecodedUpdate {
  const structs = update.structs.filter((struct) => struct.client === client)
  const unexplained = subtractRanges(
    update.deletes,
    applied.flatMap(({ deletes }) => deletes)
  )
  return { structs, deletes: unexplained.flatMap((range) => deliberate(y, range)) }
}

/** The parts of a deleted range that are neither a value that another one replaced nor inside of something deleted. */
function deliberate(y: Y.Doc, { client, from, length }: DeleteRange): readonly DeleteRange[] {
  const parts: DeleteRange[] = []
  for (let clock = from; clock < from + length; ) {
    const item = Y.getItem(y.store, Y.createID(client, clock))
    const end = Math.min(from + length, item.id.clock + item.length)
    if (item instanceof Y.Item && !follows(item)) parts.push({ client, from: clock, length: end - clock })
    clock = end
  }
  return parts
}

function follows(item: Y.Item): boolean {
  if (item.parentSub !== null && item.right !== null) return true
  return item.parent instanceof Y.AbstractType && item.parent._item?.deleted === true
}

/** Units of one client that stand together. */
export interface UnitRun {
  readonly client: number
  readonly clock: number
  readonly length: number
}

/** A text, list or XML fragment of any content. */
export type ShownType = Pick<Y.Text, '_start'>

/** What `type` shows, in order: the runs of units that its positions count. */
export function shownUnits(type: ShownType): readonly UnitRun[] {
  const runs: UnitRun[] = []
  for (let item = type._start; item !== null; item = item.right) {
    if (!item.deleted && item.countable) runs.push({ client: item.id.client, clock: item.id.clock, length: item.length })
  }
  return runs
}
