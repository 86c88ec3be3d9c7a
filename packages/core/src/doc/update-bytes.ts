import { fromUtf8, utf8 } from '../base/bytes.js'
import { MalformedError } from '../base/errors.js'

/** Reads the numbers and strings of a V1 update; whatever is wrong is a MalformedError. */
export class UpdateReader {
  readonly #bytes: Uint8Array
  #at = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  get position(): number {
    return this.#at
  }

  get remaining(): number {
    return this.#bytes.length - this.#at
  }

  /** The bytes read since `position` was `from`: a view. */
  since(from: number): Uint8Array {
    return this.#bytes.subarray(from, this.#at)
  }

  skip(length: number): void {
    if (length > this.remaining) throw new MalformedError('an update ends too early')
    this.#at += length
  }

  byte(): number {
    const byte = this.#bytes[this.#at]
    if (byte === undefined) throw new MalformedError('an update ends too early')
    this.#at++
    return byte
  }

  /** A variable-length unsigned integer, in its shortest form, up to `max`. */
  uint(max: number): number {
    let value = 0
    for (let scale = 1; scale <= 2 ** 49; scale *= 128) {
      const byte = this.byte()
      value += (byte & 0x7f) * scale
      if (byte >= 0x80) continue
      if ((byte === 0 && scale > 1) || value > max) break
      return value
    }
    throw new MalformedError('a number is out of range')
  }

  /** A signed integer of lib0: the sign and six bits in its first byte. Its size is at most `max`. */
  int(max: number): void {
    const first = this.byte()
    let value = first & 0x3f
    if (first >= 0x80) {
      const rest = this.uint(max / 64)
      if (rest === 0) throw new MalformedError('a number is out of range')
      value += rest * 64
    }
    if (value > max) throw new MalformedError('a number is out of range')
  }

  /** How many things follow, each of at least two bytes. */
  count(): number {
    return this.uint(this.remaining / 2)
  }

  length(max: number): number {
    const length = this.uint(max)
    if (length === 0) throw new MalformedError('a length of zero')
    return length
  }

  text(): string {
    const length = this.uint(this.remaining)
    if (length > this.remaining) throw new MalformedError('an update ends too early')
    const part = this.#bytes.subarray(this.#at, this.#at + length)
    this.#at += length
    try {
      return fromUtf8(part)
    } catch (error) {
      throw new MalformedError('text that is not UTF-8', { cause: error })
    }
  }

  end(): void {
    if (this.#at !== this.#bytes.length) throw new MalformedError('bytes after the end of an update')
  }
}

/** Writes the numbers and strings of a V1 update. */
export class UpdateWriter {
  #bytes = new Uint8Array(256)
  #length = 0

  byte(value: number): void {
    this.#reserve(1)
    this.#bytes[this.#length++] = value
  }

  uint(value: number): void {
    let rest = value
    while (rest >= 128) {
      this.byte((rest % 128) | 0x80)
      rest = Math.floor(rest / 128)
    }
    this.byte(rest)
  }

  text(value: string): void {
    const encoded = utf8(value)
    this.uint(encoded.length)
    this.raw(encoded)
  }

  raw(value: Uint8Array): void {
    this.#reserve(value.length)
    this.#bytes.set(value, this.#length)
    this.#length += value.length
  }

  bytes(): Uint8Array {
    return this.#bytes.slice(0, this.#length)
  }

  #reserve(more: number): void {
    if (this.#length + more <= this.#bytes.length) return
    const larger = new Uint8Array(Math.max(this.#length + more, this.#bytes.length * 2))
    larger.set(this.#bytes.subarray(0, this.#length))
    this.#bytes = larger
  }
}
