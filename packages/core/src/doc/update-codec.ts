import { MalformedError } from '../base/errors.js'
import { UpdateReader, UpdateWriter } from './update-bytes.js'

/** The one shared type of a text document. */
export const TEXT_ROOT = 'content'

/** One unit of a document: Yjs' {client, clock}. */
export interface UnitId {
  readonly client: number
  readonly clock: number
}

/** `length` units of `client` from `clock` on. A string or deleted struct has its place; the others have none. */
export interface Struct {
  readonly client: number
  readonly clock: number
  readonly kind: 'gc' | 'deleted' | 'string' | 'skip'
  readonly length: number
  /** The unit it was put after, and the one it was put before. Without either it is in the root `content`. */
  readonly origin?: UnitId
  readonly rightOrigin?: UnitId
  /** Of a string, whose length in UTF-16 units is `length`. */
  readonly text?: string
}

export interface DeleteRange {
  readonly client: number
  readonly from: number
  readonly length: number
}

/** What a Yjs V1 update to a text document says. Structs of one client follow each other without a gap. */
export interface TextUpdate {
  readonly structs: readonly Struct[]
  readonly deletes: readonly DeleteRange[]
}

/** A clock stays far below the precision of a double, even after sums. */
const MAX_CLOCK = 2 ** 40
const MAX_CLIENT = Number.MAX_SAFE_INTEGER
/** Structs or delete ranges of one update: a text of the largest size, changed at every fourth unit. */
const MAX_PARTS = 262_144

const HAS_ORIGIN = 0x80
const HAS_RIGHT_ORIGIN = 0x40
const KIND_BITS = 0x1f
const KINDS = { gc: 0, deleted: 1, string: 4, skip: 10 } as const

/**
 * Reads a Yjs V1 update that touches only the text `content`. Allocates in proportion to the bytes that are there,
 * never to a number that they claim.
 *
 * @throws {MalformedError} when the bytes are anything else, numbers in a longer form than needed included.
 */
export function decodeUpdate(bytes: Uint8Array): TextUpdate {
  const reader = new UpdateReader(bytes)
  const structs = readStructs(reader)
  const deletes = readDeletes(reader)
  reader.end()
  return { structs, deletes }
}

function readStructs(reader: UpdateReader): readonly Struct[] {
  const structs: Struct[] = []
  const seen = new Set<number>()
  for (let clients = reader.count(); clients > 0; clients--) {
    const count = reader.count()
    const client = readClient(reader, seen)
    let clock = reader.uint(MAX_CLOCK)
    if (count === 0 || structs.length + count > MAX_PARTS) throw new MalformedError('a client with no structs, or too many')
    for (let i = 0; i < count; i++) {
      const struct = readStruct(reader, client, clock)
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

function readStruct(reader: UpdateReader, client: number, clock: number): Struct {
  const info = reader.byte()
  if (info === KINDS.gc) return { client, clock, kind: 'gc', length: reader.length(MAX_CLOCK) }
  if (info === KINDS.skip) return { client, clock, kind: 'skip', length: reader.length(MAX_CLOCK) }
  const origin = (info & HAS_ORIGIN) === 0 ? undefined : readUnit(reader)
  const rightOrigin = (info & HAS_RIGHT_ORIGIN) === 0 ? undefined : readUnit(reader)
  if (origin === undefined && rightOrigin === undefined) readRoot(reader)
  const place = { ...(origin && { origin }), ...(rightOrigin && { rightOrigin }) }
  switch (info & ~(HAS_ORIGIN | HAS_RIGHT_ORIGIN)) {
    case KINDS.deleted:
      return { client, clock, kind: 'deleted', length: reader.length(MAX_CLOCK), ...place }
    case KINDS.string: {
      const text = reader.text()
      if (text === '') throw new MalformedError('an empty string')
      return { client, clock, kind: 'string', length: text.length, text, ...place }
    }
    default:
      throw new MalformedError(`a struct that is not text: kind ${info & KIND_BITS}`)
  }
}

function readUnit(reader: UpdateReader): UnitId {
  return { client: reader.uint(MAX_CLIENT), clock: reader.uint(MAX_CLOCK) }
}

function readRoot(reader: UpdateReader): void {
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
export function encodeUpdate(update: TextUpdate): Uint8Array {
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
  const { kind, origin, rightOrigin } = struct
  writer.byte(KINDS[kind] | (origin === undefined ? 0 : HAS_ORIGIN) | (rightOrigin === undefined ? 0 : HAS_RIGHT_ORIGIN))
  if (kind === 'deleted' || kind === 'string') {
    if (origin !== undefined) writeUnit(writer, origin)
    if (rightOrigin !== undefined) writeUnit(writer, rightOrigin)
    if (origin === undefined && rightOrigin === undefined) {
      writer.byte(1)
      writer.text(TEXT_ROOT)
    }
  }
  if (kind === 'string') writer.text(struct.text ?? '')
  else writer.uint(struct.length)
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
