import { Tokenizer, Type, decode, encode } from 'cborg'
import type { Token } from 'cborg'
import { fromUtf8 } from './bytes.js'
import { MalformedError } from './errors.js'

/** What our formats are made of: no floats, no tags, no undefined. Maps are not used on the wire. */
export type Cbor = number | string | boolean | null | Uint8Array | readonly Cbor[]

/** Canonical CBOR (RFC 8949 section 4.2): shortest integers and lengths, definite lengths only. */
export function encodeCbor(value: Cbor): Uint8Array {
  const bytes = encode(value)
  // In Node it is a Buffer, whose `slice` and printed form are not those of a Uint8Array.
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

const STRICT = {
  strict: true,
  allowIndefinite: false,
  allowUndefined: false,
  allowInfinity: false,
  allowNaN: false,
  allowBigInt: false
}

/**
 * Strict, with two holes closed through which one value could have two spellings: floats are refused, and text is
 * decoded exactly (the library repairs invalid UTF-8 and drops a byte order mark).
 */
class PlainTokenizer extends Tokenizer {
  override next(): Token {
    const start = this.pos()
    const token = super.next()
    if (token.type === Type.float) throw new MalformedError('a CBOR value of a kind that the format does not use')
    if (token.type === Type.string) token.value = exactText(String(token.value), this.data.subarray(start, this.pos()))
    return token
  }
}

function exactText(decoded: string, item: Uint8Array): string {
  const content = item.subarray(headLength(item[0] ?? 0))
  if (decoded.length === content.length && !decoded.includes('\u{fffd}')) return decoded
  try {
    return fromUtf8(content)
  } catch (error) {
    throw new MalformedError('text that is not UTF-8', { cause: error })
  }
}

/** Bytes of an item's head: its length stands in the first byte, or in the 1, 2, 4 or 8 bytes behind it. */
function headLength(first: number): number {
  const minor = first & 31
  return minor < 24 ? 1 : 1 + 2 ** (minor - 24)
}

/**
 * Decodes exactly one canonical CBOR item. A second spelling of the same value is refused, so that
 * equal values have equal bytes and hashes.
 *
 * @throws {MalformedError} when the bytes are anything else.
 */
export function decodeCbor(bytes: Uint8Array): Cbor {
  try {
    return checkPlain(decode(bytes, { ...STRICT, tokenizer: new PlainTokenizer(bytes, STRICT) }))
  } catch (error) {
    if (error instanceof MalformedError) throw error
    throw new MalformedError('not well-formed CBOR', { cause: error })
  }
}

/** A list, whose items are still to be checked. */
function isList(value: unknown): value is readonly Cbor[] {
  return Array.isArray(value)
}

function checkPlain(value: unknown): Cbor {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return value
  if (value instanceof Uint8Array) return value
  if (typeof value === 'number' && Number.isSafeInteger(value)) return value
  if (isList(value)) {
    for (const item of value) checkPlain(item)
    return value
  }
  throw new MalformedError('a CBOR value of a kind that the format does not use')
}

/** Reads the fields of a decoded array one by one, each with its type checked. */
export class CborFields {
  readonly #fields: readonly Cbor[]
  #next = 0

  /** @throws {MalformedError} unless `value` is an array of `length` items (any length when omitted). */
  constructor(value: Cbor | undefined, length?: number) {
    if (!isArray(value)) throw new MalformedError('expected an array')
    if (length !== undefined && value.length !== length) throw new MalformedError(`expected ${length} fields, found ${value.length}`)
    this.#fields = value
  }

  get remaining(): number {
    return this.#fields.length - this.#next
  }

  any(): Cbor {
    const value = this.#fields[this.#next++]
    if (value === undefined) throw new MalformedError('a field is missing')
    return value
  }

  /** A whole number from 0 to `max`. */
  uint(max = Number.MAX_SAFE_INTEGER): number {
    const value = this.any()
    if (typeof value !== 'number' || value < 0 || value > max) throw new MalformedError('expected a whole number in range')
    return value
  }

  bool(): boolean {
    const value = this.any()
    if (typeof value !== 'boolean') throw new MalformedError('expected true or false')
    return value
  }

  /** Bytes of exactly `length`, or of any length up to `max`. */
  bytes({ length, max = Number.MAX_SAFE_INTEGER }: { length?: number; max?: number } = {}): Uint8Array {
    const value = this.any()
    if (!(value instanceof Uint8Array)) throw new MalformedError('expected bytes')
    if (value.length > max || (length !== undefined && value.length !== length)) throw new MalformedError('bytes of a wrong length')
    return value
  }

  /** Well-formed text of at most `max` UTF-16 units. */
  text(max: number): string {
    const value = this.any()
    if (typeof value !== 'string' || value.length > max || !value.isWellFormed()) throw new MalformedError('expected text')
    return value
  }

  /** A list of at most `max` items. */
  list(max: number): readonly Cbor[] {
    const value = this.any()
    if (!isArray(value) || value.length > max) throw new MalformedError('expected a list in range')
    return value
  }

  /** True when the next field is null, which is then consumed. */
  isNull(): boolean {
    if (this.#fields[this.#next] !== null) return false
    this.#next++
    return true
  }
}

function isArray(value: Cbor | undefined): value is readonly Cbor[] {
  return Array.isArray(value)
}
