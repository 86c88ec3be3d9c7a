import type { DecodedUpdate, DeleteRange, Struct, UnitId } from './update-codec.js'

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

/** Cuts what one client made into updates of about `maxBytes`, each on top of the ones before it; deletions come last. */
export function cutUpdate({ structs, deletes }: DecodedUpdate, maxBytes: number): readonly DecodedUpdate[] {
  const parts: DecodedUpdate[] = []
  let part: Struct[] = []
  let bytes = 0
  for (const struct of structs.flatMap((long) => cutText(long, Math.floor(maxBytes / BYTES_PER_UNIT)))) {
    const size = STRUCT_BYTES + (struct.content?.length ?? (struct.text ?? '').length * BYTES_PER_UNIT)
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

function cutText(struct: Struct, maxUnits: number): readonly Struct[] {
  const pieces: Struct[] = []
  let rest = struct
  while (rest.kind === 'string' && rest.text !== undefined && rest.text.length > maxUnits) {
    const at = rest.text.slice(0, maxUnits).isWellFormed() ? maxUnits : maxUnits - 1
    pieces.push({ ...rest, text: rest.text.slice(0, at), length: at })
    const clock = rest.clock + at
    // A struct with a neighbour says no parent.
    const { client, kind, rightOrigin } = rest
    rest = { client, kind, clock, text: rest.text.slice(at), length: rest.length - at, origin: { client, clock: clock - 1 }, ...(rightOrigin && { rightOrigin }) }
  }
  return [...pieces, rest]
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
