const ALPHABET = 'abcdefghijklmnopqrstuvwxyz234567'

/** RFC 4648 base32 in lower case, no padding: one token for double-click, QR codes and DNS. */
export function toBase32(bytes: Uint8Array): string {
  let out = ''
  let buffer = 0
  let bits = 0
  for (const byte of bytes) {
    buffer = ((buffer & 0x1f) << 8) | byte
    bits += 8
    for (; bits >= 5; bits -= 5) out += ALPHABET[(buffer >> (bits - 5)) & 31]
  }
  return bits > 0 ? out + ALPHABET[(buffer << (5 - bits)) & 31] : out
}

/**
 * The bytes of `text`, or undefined when it is not exactly what `toBase32` writes: a foreign character, a length
 * that no bytes have, or left-over bits that aren't zero (a second spelling of the same bytes).
 */
export function fromBase32(text: string): Uint8Array | undefined {
  const out = new Uint8Array(Math.floor((text.length * 5) / 8))
  let buffer = 0
  let bits = 0
  let at = 0
  for (const char of text) {
    const value = ALPHABET.indexOf(char)
    if (value < 0) return undefined
    buffer = ((buffer & 0xff) << 5) | value
    bits += 5
    if (bits >= 8) out[at++] = (buffer >> (bits -= 8)) & 0xff
  }
  const isWhole = bits < 5 && (buffer & ((1 << bits) - 1)) === 0
  return isWhole ? out : undefined
}
