import { MalformedError } from '../base/errors.js'
import { UpdateReader, UpdateWriter } from './update-bytes.js'

/** The number that Yjs gives to each kind of content. */
export const CONTENT_KINDS = { deleted: 1, json: 2, binary: 3, string: 4, embed: 5, format: 6, type: 7, any: 8, doc: 9 } as const

export type ContentKind = keyof typeof CONTENT_KINDS

/** Nesting of a value: far deeper than any app's, far from the end of the stack, which a deeper one would reach in Yjs. */
const MAX_VALUE_DEPTH = 64
/** A number of lib0's `any` in 31 bits, and its sign. */
const MAX_ANY_INTEGER = 2 ** 31
/** Array, map, text, XML element, XML fragment, XML hook, XML text. */
const TYPES = 7
/** Those with a name behind them: XML element and XML hook. */
const NAMED_TYPES: readonly number[] = [3, 5]
/** What a sub-document may say of itself; anything else would go to the constructor of a Y.Doc unchecked. */
const DOC_OPTIONS: Readonly<Record<string, readonly AnyTag[]>> = { gc: ['false', 'true'], autoLoad: ['false', 'true'] }

/** The tag before each value of lib0's `any`. */
const ANY_TAGS = {
  undefined: 127,
  null: 126,
  integer: 125,
  float32: 124,
  float64: 123,
  bigint: 122,
  false: 121,
  true: 120,
  string: 119,
  object: 118,
  array: 117,
  bytes: 116
} as const
type AnyTag = keyof typeof ANY_TAGS
const TAG_NAMES = new Map(Object.entries(ANY_TAGS).map(([name, tag]) => [tag as number, name as AnyTag]))

/**
 * Reads one content other than text or nothing, and keeps its bytes as they are: Yjs must be able to read them
 * without throwing and without going deep.
 *
 * @returns how many units it is.
 * @throws {MalformedError} for anything that Yjs 13 does not write.
 */
export function skipContent(reader: UpdateReader, kind: Exclude<ContentKind, 'deleted' | 'string'>): number {
  switch (kind) {
    case 'json':
      return skipMany(reader, () => checkJson(reader.text(), true))
    case 'any':
      return skipMany(reader, () => void skipAny(reader, 0))
    case 'binary':
      reader.skip(reader.uint(reader.remaining))
      return 1
    case 'embed':
      checkJson(reader.text())
      return 1
    case 'format':
      checkKey(reader.text())
      checkJson(reader.text())
      return 1
    case 'type':
      if (NAMED_TYPES.includes(reader.uint(TYPES - 1))) reader.text()
      return 1
    case 'doc':
      reader.text()
      skipDocOptions(reader)
      return 1
  }
}

/** A list of values in pieces of at most `maxBytes`, a single larger value left whole. */
export function cutValues(content: Uint8Array, kind: 'any' | 'json', maxBytes: number): readonly { readonly content: Uint8Array; readonly length: number }[] {
  const reader = new UpdateReader(content)
  const pieces: { content: Uint8Array; length: number }[] = []
  let values: Uint8Array[] = []
  let bytes = 0
  const end = (): void => {
    if (values.length === 0) return
    const writer = new UpdateWriter()
    writer.uint(values.length)
    for (const value of values) writer.raw(value)
    pieces.push({ content: writer.bytes(), length: values.length })
    values = []
    bytes = 0
  }
  for (let left = reader.length(reader.remaining); left > 0; left--) {
    const from = reader.position
    if (kind === 'any') skipAny(reader, 0)
    else reader.text()
    const value = reader.since(from)
    if (bytes + value.length > maxBytes) end()
    values.push(value)
    bytes += value.length
  }
  end()
  return pieces
}

/** A key that sets an object's prototype when it is copied is nobody's. */
export function checkKey(key: string): string {
  if (key === '__proto__') throw new MalformedError('a key that no object may have')
  return key
}

function skipMany(reader: UpdateReader, skip: () => void): number {
  const length = reader.length(reader.remaining)
  for (let i = 0; i < length; i++) skip()
  return length
}

/** @throws {MalformedError} for what is no JSON, goes deep or sets a prototype. */
export function checkJson(text: string, orUndefined = false): void {
  if (orUndefined && text === 'undefined') return
  try {
    checkDepth(JSON.parse(text) as unknown, 0)
  } catch (error) {
    throw new MalformedError('a value that is not JSON', { cause: error })
  }
}

function checkDepth(value: unknown, depth: number): void {
  if (typeof value !== 'object' || value === null) return
  if (depth > MAX_VALUE_DEPTH) throw new MalformedError('a value is nested too deep')
  for (const [key, inner] of Object.entries(value)) {
    checkKey(key)
    checkDepth(inner, depth + 1)
  }
}

function skipAny(reader: UpdateReader, depth: number): AnyTag {
  if (depth > MAX_VALUE_DEPTH) throw new MalformedError('a value is nested too deep')
  const tag = TAG_NAMES.get(reader.byte())
  if (tag === undefined) throw new MalformedError('a value of an unknown kind')
  switch (tag) {
    case 'undefined':
    case 'null':
    case 'false':
    case 'true':
      return tag
    case 'integer':
      reader.int(MAX_ANY_INTEGER)
      return tag
    case 'float32':
      reader.skip(4)
      return tag
    case 'float64':
    case 'bigint':
      reader.skip(8)
      return tag
    case 'string':
      reader.text()
      return tag
    case 'bytes':
      reader.skip(reader.uint(reader.remaining))
      return tag
    case 'array':
      for (let left = reader.uint(reader.remaining); left > 0; left--) skipAny(reader, depth + 1)
      return tag
    case 'object':
      for (let left = reader.uint(reader.remaining); left > 0; left--) {
        checkKey(reader.text())
        skipAny(reader, depth + 1)
      }
      return tag
  }
}

function skipDocOptions(reader: UpdateReader): void {
  if (reader.byte() !== ANY_TAGS.object) throw new MalformedError('a sub-document without options')
  for (let left = reader.uint(reader.remaining); left > 0; left--) {
    const key = reader.text()
    const tag = skipAny(reader, 1)
    if (key !== 'meta' && DOC_OPTIONS[key]?.includes(tag) !== true) throw new MalformedError('a sub-document with an option that is not known')
  }
}
