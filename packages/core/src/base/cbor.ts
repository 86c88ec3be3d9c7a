import { Tokenizer, Type, decode, encode } from 'cborg'
import type { Token } from 'cborg'
import { equalBytes } from './bytes.js'
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

/** Refuses floats, which can spell a whole number a second time, and notes text that may have been repaired. */
class PlainTokenizer extends Tokenizer {
  mayBeRepaired = false

  override next(): Token {
    const token = super.next()
    if (token.type === Type.float) throw new MalformedError('a CBOR value of a kind that the format does not use')
    if (token.type === Type.string && String(token.value).includes('\u{fffd}')) this.mayBeRepaired = true
    return token
  }
}

/**
 * Decodes exactly one canonical CBOR item. A second spelling of the same value is refused, so that
 * equal values have equal bytes and hashes: strict decoding leaves floats and invalid UTF-8 as the only ways to
 * have one.
 *
 * @throws {MalformedError} when the bytes are anything else.
 */
export function decodeCbor(bytes: Uint8Array): Cbor {
  const tokenizer = new PlainTokenizer(bytes, STRICT)
  let plain: Cbor
  try {
    plain = checkPlain(decode(bytes, { ...STRICT, tokenizer }))
  } catch (error) {
    if (error instanceof MalformedError) throw error
    throw new MalformedError('not well-formed CBOR', { cause: error })
  }
  if (tokenizer.mayBeRepaired && !equalBytes(encodeCbor(plain), bytes)) throw new MalformedError('not canonical CBOR')
  return plain
}

function checkPlain(value: unknown): Cbor {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return value
  if (value instanceof Uint8Array) return value
  if (typeof value === 'number' && Number.isSafeInteger(value)) return value
  if (Array.isArray(value)) return value.map(checkPlain)
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
