/** A seeded generator (xoshiro128**): the whole 32-bit seed space gives distinct streams. */
export class SeededRandom {
  readonly #state: Uint32Array

  constructor(seed: number) {
    let mix = seed >>> 0
    this.#state = Uint32Array.from({ length: 4 }, () => {
      mix = (mix + 0x9e3779b9) >>> 0
      let word = mix
      word = Math.imul(word ^ (word >>> 16), 0x21f0aaad)
      word = Math.imul(word ^ (word >>> 15), 0x735a2d97)
      return (word ^ (word >>> 15)) >>> 0
    })
  }

  /** Uniform 32-bit word. */
  word(): number {
    const s = this.#state
    const [a = 0, b = 0, c = 0, d = 0] = s
    const result = Math.imul(rotl(Math.imul(b, 5), 7), 9) >>> 0
    const t = b << 9
    s[2] = c ^ a
    s[3] = d ^ b
    s[1] = b ^ (s[2] ?? 0)
    s[0] = a ^ (s[3] ?? 0)
    s[2] = (s[2] ?? 0) ^ t
    s[3] = rotl(s[3] ?? 0, 11)
    return result
  }

  /** Uniform in [0, 1). */
  next(): number {
    return this.word() / 2 ** 32
  }

  /** Uniform whole number from 0 to `below` - 1. */
  int(below: number): number {
    return Math.floor(this.next() * below)
  }

  chance(probability: number): boolean {
    return this.next() < probability
  }

  /** @throws {RangeError} when there is nothing to choose from. */
  pick<T>(items: readonly T[]): T {
    if (items.length === 0) throw new RangeError('nothing to choose from')
    return items[this.int(items.length)] as T
  }

  bytes(length: number): Uint8Array {
    return Uint8Array.from({ length }, () => this.word() & 0xff)
  }
}

function rotl(word: number, by: number): number {
  return ((word << by) | (word >>> (32 - by))) >>> 0
}
