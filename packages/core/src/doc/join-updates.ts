import { integrationOrder } from './integration-order.js'
import type { DecodedUpdate, DeleteRange, Struct, UnitId } from './update-codec.js'
import { cutValues } from './update-content.js'

/** About what a struct takes beside its content. */
const STRUCT_BYTES = 24
const BYTES_PER_UNIT = 3

/**
 * One update that says what `updates`, made one after the other on one document, say together. Text typed on end
 * becomes one struct, as Yjs itself would have it: nobody has seen its parts, so nothing stands between them. What an
 * observer writes comes in several updates, of which the first says all; repetitions are left out.
 */
export function joinUpdates(updates: readonly DecodedUpdate[]): DecodedUpdate {
  const structs: Struct[] = []
  const newest = new Map<number, number>()
  for (const struct of updates.flatMap((update) => update.structs)) {
    const at = newest.get(struct.client)
    const before = at === undefined ? undefined : structs[at]
    if (before !== undefined && struct.clock + struct.length <= before.clock + before.length) continue
    if (at !== undefined && before !== undefined && continuesText(before, struct)) {
      structs[at] = { ...before, text: (before.text ?? '') + (struct.text ?? ''), length: before.length + struct.length }
    } else {
      newest.set(struct.client, structs.length)
      structs.push(struct)
    }
  }
  return { structs, deletes: updates.flatMap((update) => update.deletes) }
}

function continuesText(before: Struct, struct: Struct): boolean {
  if (before.kind !== 'string' || struct.kind !== 'string' || before.isKeyed === true || struct.isKeyed === true) return false
  const isNext = before.clock + before.length === struct.clock && struct.origin?.client === struct.client && struct.origin.clock === struct.clock - 1
  return isNext && isSame(before.rightOrigin, struct.rightOrigin)
}

function isSame(a: UnitId | undefined, b: UnitId | undefined): boolean {
  return a?.client === b?.client && a?.clock === b?.clock
}

/**
 * Cuts an update into updates of about `maxBytes`, each on top of the ones before it; deletions come last. A single
 * value may be larger. What fits is left as it is.
 */
export function cutUpdate({ structs, deletes }: DecodedUpdate, maxBytes: number): readonly DecodedUpdate[] {
  if (structs.reduce((sum, struct) => sum + sizeOf(struct), 0) <= maxBytes) return [{ structs, deletes }]
  const parts: DecodedUpdate[] = []
  let part: Struct[] = []
  let bytes = 0
  const starts = new Map(structs.toReversed().map(({ client, clock }) => [client, clock]))
  const ordered = integrationOrder(structs, (client) => starts.get(client) ?? Infinity) ?? structs
  for (const struct of ordered.flatMap((long) => cutStruct(long, maxBytes))) {
    const size = sizeOf(struct)
    if (part.length > 0 && bytes + size > maxBytes) {
      parts.push({ structs: part, deletes: [] })
      part = []
      bytes = 0
    }
    part.push(struct)
    bytes += size
  }
  return [...parts, { structs: part, deletes }]
}

function sizeOf({ content, text = '' }: Struct): number {
  return STRUCT_BYTES + (content?.length ?? text.length * BYTES_PER_UNIT)
}

/** Text, and values that were put into a list together, can be cut between two units. */
function cutStruct(struct: Struct, maxBytes: number): readonly Struct[] {
  if (sizeOf(struct) <= maxBytes) return [struct]
  const { kind, text, content } = struct
  if (kind === 'string' && text !== undefined) return inARow(struct, cutText(text, Math.floor(maxBytes / BYTES_PER_UNIT)))
  if ((kind === 'any' || kind === 'json') && content !== undefined) return inARow(struct, cutValues(content, kind, maxBytes))
  return [struct]
}

function cutText(text: string, maxUnits: number): readonly Pick<Struct, 'text' | 'length'>[] {
  const pieces: Pick<Struct, 'text' | 'length'>[] = []
  for (let at = 0; at < text.length; ) {
    const piece = text.slice(at, at + maxUnits)
    const whole = piece.isWellFormed() ? piece : piece.slice(0, -1)
    pieces.push({ text: whole, length: whole.length })
    at += whole.length
  }
  return pieces
}

/** The struct in pieces, each behind the one before it. */
function inARow(struct: Struct, pieces: readonly Pick<Struct, 'text' | 'content' | 'length'>[]): readonly Struct[] {
  const { client, kind, rightOrigin } = struct
  let clock = struct.clock
  return pieces.map((piece, index) => {
    const at = clock
    clock += piece.length
    if (index === 0) return { ...struct, ...piece }
    // A struct with a neighbour says no parent.
    return { client, kind, clock: at, ...piece, origin: { client, clock: at - 1 }, ...(rightOrigin && { rightOrigin }) }
  })
}

/** What of `ranges` no range of `known` covers. */
export function subtractRanges(ranges: readonly DeleteRange[], known: readonly DeleteRange[]): readonly DeleteRange[] {
  const byClient = new Map<number, DeleteRange[]>()
  for (const range of known) {
    const list = byClient.get(range.client)
    if (list === undefined) byClient.set(range.client, [range])
    else list.push(range)
  }
  for (const list of byClient.values()) list.sort((a, b) => a.from - b.from)
  return ranges.flatMap((range) => without(range, byClient.get(range.client) ?? []))
}

function without(range: DeleteRange, sorted: readonly DeleteRange[]): readonly DeleteRange[] {
  const left: DeleteRange[] = []
  const end = range.from + range.length
  let from = range.from
  for (const known of sorted) {
    if (known.from >= end) break
    if (known.from > from) left.push({ client: range.client, from, length: known.from - from })
    from = Math.max(from, known.from + known.length)
  }
  return from < end ? [...left, { client: range.client, from, length: end - from }] : left
}
