import type { Crypto } from '../base/crypto.js'
import { MalformedError, assertNever } from '../base/errors.js'
import type { AuthorId, DocId } from '../base/ids.js'
import { MAX_CLIENTS_PER_DOC } from '../base/limits.js'
import type { AppChange, DerivedChange, ImportChange, UpdateChange } from '../log/change.js'
import { authorClient, IMPORT_END } from './client-id.js'
import { expectedClient } from './derived.js'
import { integrationOrder } from './integration-order.js'
import { appDocumentId } from './node-id.js'
import { decodeUpdate, type DecodedUpdate } from './update-codec.js'

/** What the causal past of a change holds of its document. */
export interface Knowledge {
  /** The number of units of `client` that are held, from clock 0 on. */
  clockOf(client: number): number
}

/** Units of one client: `from` inclusive, `to` exclusive. */
export interface ClockRange {
  readonly client: number
  readonly from: number
  readonly to: number
}

/** A change whose bytes are a Yjs update. */
export type UpdatingChange = UpdateChange | DerivedChange | ImportChange | AppChange

export type Verdict =
  | { readonly ok: true; readonly ranges: readonly ClockRange[] }
  | { readonly ok: false; readonly reason: string }

/**
 * Whether a change to a document may be applied: a function of the change and its causal past, the same on
 * every peer. What passes never leaves Yjs waiting for something, and brings structs only under ids that are its
 * author's to use. What is refused is void; `reason` says why in one sentence.
 *
 * @returns the structs that the change brings.
 */
export function checkUpdate(
  crypto: Crypto,
  doc: DocId,
  author: AuthorId,
  change: UpdatingChange,
  past: Knowledge
): Verdict {
  let update: DecodedUpdate
  try {
    update = decodeUpdate(change.update, change.kind === 'app' ? 'any' : 'text')
  } catch (error) {
    if (error instanceof MalformedError) return refuse(`The update is malformed: ${error.message}.`)
    throw error
  }
  const ranges = rangesOf(update)
  const reason =
    ownershipFault(crypto, doc, author, change, update, ranges) ?? countFault(update, ranges) ?? pastFault(update, ranges, past)
  return reason === undefined ? { ok: true, ranges } : refuse(reason)
}

/** The structs that an update brings, one range per client. */
export function updateRanges(update: Uint8Array): readonly ClockRange[] {
  return rangesOf(decodeUpdate(update))
}

function refuse(reason: string): Verdict {
  return { ok: false, reason }
}

function rangesOf(update: DecodedUpdate): readonly ClockRange[] {
  const ranges = new Map<number, ClockRange>()
  for (const { client, clock, length } of update.structs) {
    ranges.set(client, { client, from: ranges.get(client)?.from ?? clock, to: clock + length })
  }
  return [...ranges.values()]
}

function ownershipFault(
  crypto: Crypto,
  doc: DocId,
  author: AuthorId,
  change: UpdatingChange,
  update: DecodedUpdate,
  ranges: readonly ClockRange[]
): string | undefined {
  const isOnly = (client: number) => ranges.every((range) => range.client === client)
  switch (change.kind) {
    case 'update':
      return isOnly(authorClient(crypto, author, doc, change.nonce)) ? kindFault(update) : NOT_OWN
    case 'derived': {
      const first = ranges[0]
      if (first === undefined) return undefined
      if (first.from !== 0 || !isOnly(first.client)) return 'The machine change does not start an id of its own.'
      const matches = expectedClient(crypto, doc, change.base, update, first.client) === first.client
      return matches ? kindFault(update) : 'The id of the machine change does not match what it does.'
    }
    case 'import':
      return importFault(ranges)
    case 'app':
      if (doc !== appDocumentId(crypto, change.name)) return 'The document has another name.'
      if (change.nonce === null) return importFault(ranges)
      return isOnly(authorClient(crypto, author, doc, change.nonce)) ? undefined : NOT_OWN
    default:
      return assertNever(change)
  }
}

const NOT_OWN = "The update adds structs under an id that is not its author's."

function importFault(ranges: readonly ClockRange[]): string | undefined {
  return ranges.every((range) => range.client < IMPORT_END) ? undefined : 'The imported history uses ids outside its range.'
}

/** Own edits are text, or text that was deleted again at once; nothing else is ever written for them. */
function kindFault(update: DecodedUpdate): string | undefined {
  const plain = update.structs.every(({ kind }) => kind === 'string' || kind === 'deleted')
  return plain ? undefined : 'The update adds something that is not text.'
}

function countFault(update: DecodedUpdate, ranges: readonly ClockRange[]): string | undefined {
  const clients = new Set(update.deletes.map((range) => range.client))
  const most = Math.max(clients.size, ranges.length)
  return most > MAX_CLIENTS_PER_DOC ? 'The update names too many clients.' : undefined
}

function pastFault(update: DecodedUpdate, ranges: readonly ClockRange[], past: Knowledge): string | undefined {
  if (update.structs.some(({ kind }) => kind === 'skip')) return 'The update leaves a part out.'
  if (ranges.some(({ client, from }) => from > past.clockOf(client))) return 'The update leaves out earlier text of the same id.'
  const ends = new Map(ranges.map(({ client, to }) => [client, to]))
  const endOf = (client: number) => Math.max(ends.get(client) ?? 0, past.clockOf(client))
  const deletesUnseen = update.deletes.some(({ client, from, length }) => from + length > endOf(client))
  if (deletesUnseen) return 'The update deletes text that it cannot have seen.'
  return integrationOrder(update.structs, (client) => past.clockOf(client)) !== undefined ? undefined : 'The update refers to text that it cannot have seen.'
}
