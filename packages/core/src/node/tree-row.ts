import { CborFields, decodeCbor, encodeCbor } from '../base/cbor.js'
import { idBytes, parseAuthorId, parseOpId } from '../base/ids.js'
import type { TreeOp } from '../doc/tree-state.js'
import { decodeChanges, encodeChange } from '../log/change.js'

/** Table of the operations on the tree, in the order in which they were applied here. */
export const TREE_TABLE = 'tree'

export function encodeTreeRow({ id, author, seq, change }: TreeOp): Uint8Array {
  return encodeCbor([idBytes(id), idBytes(author), seq, encodeChange(change)])
}

/** Undefined for a kind of change that this version does not know. */
export function decodeTreeRow(row: Uint8Array): TreeOp | undefined {
  const fields = new CborFields(decodeCbor(row), 4)
  const id = parseOpId(fields.bytes())
  const author = parseAuthorId(fields.bytes())
  const seq = fields.uint()
  const [change] = decodeChanges(fields.bytes())
  return change?.kind === 'tree' || change?.kind === 'absorb' ? { id, author, seq, change } : undefined
}
