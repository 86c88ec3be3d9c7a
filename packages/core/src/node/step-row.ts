import { CborFields, decodeCbor, encodeCbor } from '../base/cbor.js'
import { idBytes, parseAuthorId, parseDocId, parseEntryHash } from '../base/ids.js'
import type { AuthorId, DocId, EntryHash } from '../base/ids.js'
import { compareText } from '../doc/tree-node.js'

/** Structs that a step brings into a document: clocks `from` (inclusive) to `to` (exclusive) of one client. */
export interface ClientRange {
  readonly client: number
  readonly from: number
  readonly to: number
}

/** One change of one document, in the order in which they were applied here. */
export interface StepRow {
  /** Undefined when it was left to others and its hash is gone. */
  readonly entry: EntryHash | undefined
  readonly index: number
  readonly author: AuthorId
  readonly seq: number
  /** Entries in the entry's causal past: with the hash, an order that is the same everywhere and respects causes. */
  readonly weight: number
  /** The absorbed document that was changed; undefined for the document itself. */
  readonly origin: DocId | undefined
  /** Set when what was changed absorbed this document. */
  readonly loser: DocId | undefined
  /** The step is a first text: stored without its range, which follows from the text. */
  readonly isSeed: boolean
  readonly ranges: readonly ClientRange[]
}

export function encodeStep(step: StepRow): Uint8Array {
  if (step.entry === undefined) throw new TypeError('a step without its entry')
  return encodeCbor([
    idBytes(step.entry),
    step.index,
    idBytes(step.author),
    step.seq,
    step.weight,
    step.origin === undefined ? [] : [idBytes(step.origin)],
    step.loser === undefined ? null : idBytes(step.loser),
    step.isSeed,
    step.ranges.map(({ client, from, to }) => [client, from, to])
  ])
}

export function decodeStep(row: Uint8Array): StepRow {
  const fields = new CborFields(decodeCbor(row), 9)
  return {
    entry: parseEntryHash(fields.bytes()),
    index: fields.uint(),
    author: parseAuthorId(fields.bytes()),
    seq: fields.uint(),
    weight: fields.uint(),
    origin: decodeOrigin(fields.list(Number.MAX_SAFE_INTEGER)),
    loser: fields.isNull() ? undefined : parseDocId(fields.bytes()),
    isSeed: fields.bool(),
    ranges: fields.list(Number.MAX_SAFE_INTEGER).map((range) => {
      const parts = new CborFields(range, 3)
      return { client: parts.uint(), from: parts.uint(), to: parts.uint() }
    })
  }
}

/** Older rows name after the document that was changed those through which it came, and are there once for each way. */
function decodeOrigin([origin]: readonly unknown[]): DocId | undefined {
  return origin === undefined ? undefined : parseDocId(origin as Uint8Array)
}

/** Causes before effects, and the same on every peer; of steps whose entries are known. */
export function canonicalOrder(a: StepRow, b: StepRow): number {
  return a.weight - b.weight || compareText(a.entry ?? '', b.entry ?? '') || a.index - b.index
}

/** What is kept of a document beside its steps. */
export interface DocRow {
  /** Steps applied. */
  readonly count: number
  /** Its first step; the others have rows of their own. */
  readonly first: StepRow | undefined
  /** Where its first text is, when it has one. */
  readonly seed: { readonly entry: EntryHash; readonly index: number } | undefined
  /** Nothing but seeds so far: its text is the seed's. */
  readonly seedOnly: boolean
  /** Differing structs overlap: built by replay in canonical order. */
  readonly contested: boolean
  /** Documents that absorbed this one. */
  readonly into: readonly DocId[]
}

export const EMPTY_DOC: DocRow = { count: 0, first: undefined, seed: undefined, seedOnly: true, contested: false, into: [] }

export function encodeDocRow(row: DocRow): Uint8Array {
  return encodeCbor([
    row.count,
    row.first === undefined ? null : encodeStep(row.first),
    row.seed === undefined ? null : [idBytes(row.seed.entry), row.seed.index],
    row.seedOnly,
    row.contested,
    row.into.map(idBytes)
  ])
}

export function decodeDocRow(bytes: Uint8Array): DocRow {
  const fields = new CborFields(decodeCbor(bytes), 6)
  const count = fields.uint()
  const first = fields.isNull() ? undefined : decodeStep(fields.bytes())
  let seed: DocRow['seed']
  if (!fields.isNull()) {
    const parts = new CborFields(fields.any(), 2)
    seed = { entry: parseEntryHash(parts.bytes()), index: parts.uint() }
  }
  return {
    count,
    first,
    seed,
    seedOnly: fields.bool(),
    contested: fields.bool(),
    into: fields.list(Number.MAX_SAFE_INTEGER).map((doc) => parseDocId(doc as Uint8Array))
  }
}
