/** Below this a patient attacker with rented machines finds the name, even at scrypt's price of a guess. */
const STRONG_BITS = 60
/** One word of a list of 4,096: what a word that someone thinks of is worth at most. */
const BITS_PER_WORD = 12
const BITS_PER_WORD_LETTER = 2.5
const BITS_PER_RANDOM_LETTER = 4
const BITS_PER_DIGIT = 3.3
const BITS_PER_HAN = 6
const BITS_PER_SYMBOL = 2
const BITS_PER_YEAR = 6
const BITS_PER_HEX_DIGIT = 3.5

/** Characters in an order that people type along. */
const ROWS = ['abcdefghijklmnopqrstuvwxyz', '01234567890', 'qwertyuiop', 'asdfghjkl', 'zxcvbnm']
const PAIRS = ROWS.flatMap(row => Array.from(row.slice(1), (char, i) => row.charAt(i) + char))
const STEPS = new Set(PAIRS.flatMap(pair => [pair, reversed(pair)]))

/**
 * Whether someone who tries likely names would find `name` (normalised): an estimate on the safe side, for one
 * warning, never to decide. A repeated character and the next one of the alphabet or keyboard count nothing. Of the
 * rest, each different word counts 2.5 bits a letter and at most 12, a run of letters that no one could pronounce 4
 * a letter, a digit 3.3 (a year 6 in all), a Han character 6, another character 2; a token of 16 or more in which
 * letters and digits alternate like dice counts 4 a character (3.5 in hexadecimal). Under 60 bits is guessable.
 * Five words picked by dice come to about 60; six pass, and so do nearly all tokens of 20 random letters
 * and digits.
 */
export function isGuessable(name: string): boolean {
  const parts = name.match(/\p{Script=Han}+|[[\p{L}\p{M}\p{N}]--\p{Script=Han}]+|[^\p{L}\p{M}\p{N}]/gv) ?? []
  const tokens = new Set(parts.flatMap(part => (looksRandom(part) ? [part] : (part.match(/\p{N}+|\P{N}+/gu) ?? []))))
  let bits = 0
  for (const token of tokens) bits += tokenBits(token)
  return bits < STRONG_BITS
}

function tokenBits(token: string): number {
  if (/^(19|20)\d\d$/.test(token)) return BITS_PER_YEAR
  const length = surprising(token).length
  if (looksRandom(token)) return length * (/^[0-9a-f]+$/.test(token) ? BITS_PER_HEX_DIGIT : BITS_PER_RANDOM_LETTER)
  if (/^\p{Script=Han}/u.test(token)) return length * BITS_PER_HAN
  if (/^\p{N}/u.test(token)) return length * BITS_PER_DIGIT
  if (!/^\p{L}/u.test(token)) return length * BITS_PER_SYMBOL
  if (/[b-df-hj-np-tv-xz]{5}/.test(token)) return length * BITS_PER_RANDOM_LETTER
  return Math.min(length * BITS_PER_WORD_LETTER, BITS_PER_WORD * Math.ceil(token.length / 12))
}

/** Long, and changing between letters and digits more often than words and numbers do. */
function looksRandom(token: string): boolean {
  const runs = token.match(/[a-z]+|\d+/g) ?? []
  return token.length >= 16 && /^[a-z0-9]+$/.test(token) && runs.length > token.length / 5
}

/** The characters that don't follow from the one before. */
function surprising(token: string): readonly string[] {
  const chars = Array.from(token)
  return chars.filter((char, i) => char !== chars[i - 1] && !STEPS.has((chars[i - 1] ?? '') + char))
}

function reversed(pair: string): string {
  return pair.charAt(1) + pair.charAt(0)
}
