/** Which of `length` chunks: one bit each, the first in the highest bit of the first byte. */
export class Bitfield {
  readonly length: number
  readonly bytes: Uint8Array
  #count = 0

  constructor(length: number) {
    this.length = length
    this.bytes = new Uint8Array(Math.ceil(length / 8))
  }

  static whole(length: number): Bitfield {
    const field = new Bitfield(length)
    for (let at = 0; at < length; at++) field.set(at)
    return field
  }

  /** How many are in it. */
  get count(): number {
    return this.#count
  }

  get isWhole(): boolean {
    return this.#count === this.length
  }

  has(index: number): boolean {
    return ((this.bytes[index >> 3] ?? 0) & bit(index)) !== 0
  }

  /** False when it was in it already or cannot be. */
  set(index: number): boolean {
    if (index < 0 || index >= this.length || this.has(index)) return false
    this.bytes[index >> 3] = (this.bytes[index >> 3] ?? 0) | bit(index)
    this.#count++
    return true
  }

  clear(index: number): boolean {
    if (!this.has(index)) return false
    this.bytes[index >> 3] = (this.bytes[index >> 3] ?? 0) & ~bit(index)
    this.#count--
    return true
  }

  /** The first one at or after `from`, -1 without any. */
  next(from: number): number {
    for (let at = from; at < this.length; ) {
      if ((at & 7) === 0 && this.bytes[at >> 3] === 0) at += 8
      else if (this.has(at)) return at
      else at++
    }
    return -1
  }
}

function bit(index: number): number {
  return 128 >> (index & 7)
}
