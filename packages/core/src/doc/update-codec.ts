import { MalformedError } from '../base/errors.js'
import { UpdateReader, UpdateWriter } from './update-bytes.js'
import { checkKey, CONTENT_KINDS, skipContent, type ContentKind } from './update-content.js'

/** The one shared type of a text document. */
export const TEXT_ROOT = 'content'

/** One unit of a document: Yjs' {client, clock}. */
export interface UnitId {
  readonly client: number
  readonly clock: number
}

/** `length` units of `client` from `clock` on. All but `gc` and `skip` have a place. */
export interface Struct {
  readonly client: number
  readonly clock: number
  readonly kind: ContentKind | 'gc' | 'skip'
  readonly length: number
  /** The unit it was put after, and the one it was put before. */
  readonly origin?: UnitId
  readonly rightOrigin?: UnitId
  /** Without either of those: the name of the root or the unit of the type that it is in. @default TEXT_ROOT */
  readonly parent?: string | UnitId
  /** It is the value of a key; without a neighbour the update says of which. */
  readonly isKeyed?: boolean
  readonly key?: string
  /** Of a string, whose length in UTF-16 units is `length`. */
  readonly text?: string
  /** What the update says of other content, as it stands there. */
  readonly content?: Uint8Array
}

/** `length` units of `client` from clock `from` on. */
export interface UnitRange {
  readonly client: number
  readonly from: number
  readonly length: number
}

export type DeleteRange = UnitRange

/** What a Yjs V1 update says. Structs of one client follow each other without a gap. */
export interface DecodedUpdate {
  readonly structs: readonly Struct[]
  readonly deletes: readonly DeleteRange[]
}

/** What an update may touch: the text `content` alone, or any shared type of Yjs 13. */
export type UpdateScope = 'text' | 'any'

/** A clock stays far below the precision of a double, even after sums. */
const MAX_CLOCK = 2 ** 40
const MAX_CLIENT = Number.MAX_SAFE_INTEGER
/** Structs or delete ranges of one update: a text of the largest size, changed at every fourth unit. */
const MAX_PARTS = 262_144

const HAS_ORIGIN = 0x80
const HAS_RIGHT_ORIGIN = 0x40
const IS_KEYED = 0x20
const KIND_BITS = 0x1f
const KINDS = { gc: 0, ...CONTENT_KINDS, skip: 10 } as const
const KIND_NAMES = new Map(Object.entries(CONTENT_KINDS).map(([name, kind]) => [kind as number, name as ContentKind]))

/**
 * Reads a Yjs V1 update that touches nothing outside of `scope`. Allocates in proportion to the bytes that are there,
 * never to a number that they claim.
 *
 * @throws {MalformedError} when the bytes are anything else, numbers in a longer form than needed included.
 */
export function decodeUpdate(bytes: Uint8Array, scope: UpdateScope = 'text'): DecodedUpdate {
  const reader = new UpdateReader(bytes)
  const structs = readStructs(reader, scope)
  const deletes = readDeletes(reader)
  reader.end()
  return { structs, deletes }
}

function readStructs(reader: UpdateReader, scope: UpdateScope): readonly Struct[] {
  const structs: Struct[] = []
  const seen = new Set<number>()
  for (let clients = reader.count(); clients > 0; clients--) {
    const count = reader.count()
    const client = readClient(reader, seen)
    let clock = reader.uint(MAX_CLOCK)
    if (count === 0 || structs.length + count > MAX_PARTS) throw new MalformedError('a client with no structs, or too many')
    for (let i = 0; i < count; i++) {
      const struct = readStruct(reader, client, clock, scope)
      structs.push(struct)
      clock += struct.length
      if (clock > MAX_CLOCK) throw new MalformedError('a clock is too large')
    }
  }
  return structs
}

function readClient(reader: UpdateReader, seen: Set<number>): number {
  const client = reader.uint(MAX_CLIENT)
  if (seen.has(client)) throw new MalformedError('a client comes twice')
  seen.add(client)
  return client
}

function readStruct(reader: UpdateReader, client: number, clock: number, scope: UpdateScope): Struct {
  const info = reader.byte()
  if (info === KINDS.gc) return { client, clock, kind: 'gc', length: reader.length(MAX_CLOCK) }
  if (info === KINDS.skip) return { client, clock, kind: 'skip', length: reader.length(MAX_CLOCK) }
  const kind = KIND_NAMES.get(info & KIND_BITS)
  const isText = (kind === 'deleted' || kind === 'string') && (info & IS_KEYED) === 0
  if (kind === undefined || (scope === 'text' && !isText)) throw new MalformedError(`a struct that does not belong here: kind ${info & KIND_BITS}`)
  const place = readPlace(reader, info, scope)
  if (kind === 'deleted') return { client, clock, kind, length: reader.length(MAX_CLOCK), ...place }
  if (kind === 'string') {
    const text = reader.text()
    if (text === '') throw new MalformedError('an empty string')
    return { client, clock, kind, length: text.length, text, ...place }
  }
  const from = reader.position
  const length = skipContent(reader, kind)
  return { client, clock, kind, length, content: reader.since(from), ...place }
}

function readPlace(reader: UpdateReader, info: number, scope: UpdateScope): Pick<Struct, 'origin' | 'rightOrigin' | 'parent' | 'isKeyed' | 'key'> {
  const origin = (info & HAS_ORIGIN) === 0 ? undefined : readUnit(reader)
  const rightOrigin = (info & HAS_RIGHT_ORIGIN) === 0 ? undefined : readUnit(reader)
  const isKeyed = (info & IS_KEYED) !== 0 && { isKeyed: true }
  if (origin !== undefined || rightOrigin !== undefined) return { ...(origin && { origin }), ...(rightOrigin && { rightOrigin }), ...isKeyed }
  if (scope === 'text') {
    readTextRoot(reader)
    return {}
  }
  const parent = reader.uint(1) === 1 ? checkKey(reader.text()) : readUnit(reader)
  return { parent, ...(isKeyed && { ...isKeyed, key: checkKey(reader.text()) }) }
}

function readUnit(reader: UpdateReader): UnitId {
  return { client: reader.uint(MAX_CLIENT), clock: reader.uint(MAX_CLOCK) }
}

function readTextRoot(reader: UpdateReader): void {
  if (reader.uint(1) !== 1) throw new MalformedError('a struct inside another struct')
  if (reader.text() !== TEXT_ROOT) throw new MalformedError('a struct outside the text')
}

function readDeletes(reader: UpdateReader): readonly DeleteRange[] {
  const deletes: DeleteRange[] = []
  const seen = new Set<number>()
  for (let clients = reader.count(); clients > 0; clients--) {
    const client = readClient(reader, seen)
    const count = reader.count()
    if (count === 0 || deletes.length + count > MAX_PARTS) throw new MalformedError('a client with no deletions, or too many')
    let end = 0
    for (let i = 0; i < count; i++) {
      const from = reader.uint(MAX_CLOCK)
      const length = reader.length(MAX_CLOCK)
      if (from < end || from + length > MAX_CLOCK) throw new MalformedError('deletions are not in order')
      deletes.push({ client, from, length })
      end = from + length
    }
  }
  return deletes
}

/**
 * The V1 update that says `update`, in one canonical form: clients falling, clocks and deletions rising, deletions
 * that touch or overlap joined.
 *
 * @throws {RangeError} when the structs of one client leave a gap or overlap.
 */
export function encodeUpdate(update: DecodedUpdate): Uint8Array {
  const writer = new UpdateWriter()
  writeStructs(writer, byClient(update.structs, (struct) => struct.clock))
  writeDeletes(writer, byClient(update.deletes, (range) => range.from))
  return writer.bytes()
}

/** The parts of each client, in order; clients falling, as Yjs writes them. */
function byClient<T extends { readonly client: number }>(parts: readonly T[], position: (part: T) => number): readonly T[][] {
  const groups = new Map<number, T[]>()
  for (const part of parts) {
    const group = groups.get(part.client)
    if (group === undefined) groups.set(part.client, [part])
    else group.push(part)
  }
  const sorted = [...groups].sort(([a], [b]) => b - a)
  return sorted.map(([, group]) => group.sort((a, b) => position(a) - position(b)))
}

function writeStructs(writer: UpdateWriter, groups: readonly Struct[][]): void {
  writer.uint(groups.length)
  for (const group of groups) {
    writer.uint(group.length)
    writer.uint(group[0]?.client ?? 0)
    let clock = group[0]?.clock ?? 0
    writer.uint(clock)
    for (const struct of group) {
      if (struct.clock !== clock) throw new RangeError('the structs of a client must follow each other')
      writeStruct(writer, struct)
      clock += struct.length
    }
  }
}

function writeStruct(writer: UpdateWriter, struct: Struct): void {
  const { kind, origin, rightOrigin, isKeyed } = struct
  writer.byte(KINDS[kind] | (origin === undefined ? 0 : HAS_ORIGIN) | (rightOrigin === undefined ? 0 : HAS_RIGHT_ORIGIN) | (isKeyed === true ? IS_KEYED : 0))
  if (kind !== 'gc' && kind !== 'skip') writePlace(writer, struct)
  if (struct.content !== undefined) writer.raw(struct.content)
  else if (kind === 'string') writer.text(struct.text ?? '')
  else writer.uint(struct.length)
}

function writePlace(writer: UpdateWriter, { origin, rightOrigin, parent = TEXT_ROOT, key }: Struct): void {
  if (origin !== undefined) writeUnit(writer, origin)
  if (rightOrigin !== undefined) writeUnit(writer, rightOrigin)
  if (origin !== undefined || rightOrigin !== undefined) return
  writer.byte(typeof parent === 'string' ? 1 : 0)
  if (typeof parent === 'string') writer.text(parent)
  else writeUnit(writer, parent)
  if (key !== undefined) writer.text(key)
}

function writeUnit(writer: UpdateWriter, unit: UnitId): void {
  writer.uint(unit.client)
  writer.uint(unit.clock)
}

function writeDeletes(writer: UpdateWriter, groups: readonly DeleteRange[][]): void {
  writer.uint(groups.length)
  for (const group of groups) {
    const joined = joinRanges(group)
    writer.uint(group[0]?.client ?? 0)
    writer.uint(joined.length)
    for (const range of joined) {
      writer.uint(range.from)
      writer.uint(range.length)
    }
  }
}

function joinRanges(sorted: readonly DeleteRange[]): readonly DeleteRange[] {
  const joined: DeleteRange[] = []
  for (const range of sorted) {
    const last = joined.at(-1)
    if (last === undefined || last.from + last.length < range.from) {
      joined.push(range)
    } else {
      const end = Math.max(last.from + last.length, range.from + range.length)
      joined[joined.length - 1] = { client: last.client, from: last.from, length: end - last.from }
    }
  }
  return joined
}
