/** One edit of one character. */
export interface TraceEdit {
  readonly at: number
  /** How many characters are removed at `at`: 0 or 1. */
  readonly remove: number
  readonly insert: string
}

/** Of the trace of a paper of 104,852 characters that benchmarks of this field replay, whose shape this one has. */
const INSERTS = 182_315
const DELETES = 77_463
const LETTERS = 'eeeeetttaaaooiinnsshhrrdlcumwfgypbvk      ,.\n'

/**
 * Somebody writes a paper: types on, takes back what was just typed, goes elsewhere. The same edits every time.
 *
 * @param share of the whole trace, from 0 to 1
 */
export function makeTrace(share = 1): readonly TraceEdit[] {
  const random = numbers()
  const edits: TraceEdit[] = []
  let [inserts, deletes] = [Math.floor(INSERTS * share), Math.floor(DELETES * share)]
  let [length, cursor] = [0, 0]
  while (inserts + deletes > 0) {
    const types = length === 0 || random() < 0.6
    for (let run = runLength(random, types ? 24 : 15); run > 0; run--) {
      if (types) {
        if (inserts-- <= 0) break
        edits.push({ at: cursor++, remove: 0, insert: LETTERS[Math.floor(random() * LETTERS.length)] ?? ' ' })
        length++
      } else {
        if (cursor === 0 || deletes-- <= 0) break
        edits.push({ at: --cursor, remove: 1, insert: '' })
        length--
      }
    }
    inserts = Math.max(0, inserts)
    deletes = Math.max(0, deletes)
    if (cursor === 0 || random() < 0.25) cursor = jump(random, cursor, length)
  }
  return edits
}

/** Mostly near by, sometimes anywhere. */
function jump(random: () => number, cursor: number, length: number): number {
  if (random() < 0.1) return Math.floor(random() * (length + 1))
  return Math.max(0, Math.min(length, cursor + Math.floor((random() - 0.4) * 400)))
}

/** Most runs are short, some are long. */
function runLength(random: () => number, mean: number): number {
  return 1 + Math.floor(-Math.log(1 - random()) * mean)
}

/** From 0 to 1, the same every time. */
function numbers(): () => number {
  let state = 1
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 2 ** 32
  }
}
