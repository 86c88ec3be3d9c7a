/** `length` items that are equal, in order, at `a` in the first sequence and at `b` in the second. */
export interface Run {
  readonly a: number
  readonly b: number
  readonly length: number
}

/** Part of both sequences that is still to be matched; ends are exclusive. */
interface Span {
  readonly aFrom: number
  readonly aTo: number
  readonly bFrom: number
  readonly bTo: number
}

/** Differences that the exact search may find before it gives up: work grows with their square. */
const MAX_DIFFERENCES = 600
/** The same for long sequences, where each difference costs more. */
const MAX_DIFFERENCES_LONG = 200
const LONG_SEQUENCE = 4000
/** How often the part between two anchors may be searched for anchors of its own. */
const MAX_ANCHOR_DEPTH = 3

/**
 * Equal items of two sequences in order: the longest common subsequence where the two differ little, anchors on
 * items that occur once in each where they differ much. Work is bounded by counts, not by a clock, so that the
 * result is the same everywhere.
 *
 * @returns runs in order, none touching the next on both sides.
 */
export function matchRuns(a: readonly number[], b: readonly number[]): readonly Run[] {
  const runs: Run[] = []
  matchSpan(a, b, { aFrom: 0, aTo: a.length, bFrom: 0, bTo: b.length }, 0, runs)
  return runs
}

function matchSpan(a: readonly number[], b: readonly number[], span: Span, depth: number, runs: Run[]): void {
  let { aFrom, aTo, bFrom, bTo } = span
  while (aFrom < aTo && bFrom < bTo && a[aFrom] === b[bFrom]) {
    aFrom++
    bFrom++
  }
  addRun(runs, span.aFrom, span.bFrom, aFrom - span.aFrom)
  while (aTo > aFrom && bTo > bFrom && a[aTo - 1] === b[bTo - 1]) {
    aTo--
    bTo--
  }
  if (aFrom < aTo && bFrom < bTo) matchCore(a, b, { aFrom, aTo, bFrom, bTo }, depth, runs)
  addRun(runs, aTo, bTo, span.aTo - aTo)
}

function matchCore(a: readonly number[], b: readonly number[], span: Span, depth: number, runs: Run[]): void {
  const steps = shortestEdit(a, b, span)
  if (steps !== undefined) {
    for (const step of steps) addRun(runs, step.a, step.b, step.length)
    return
  }
  if (depth >= MAX_ANCHOR_DEPTH) return
  let { aFrom, bFrom } = span
  const anchors = uniqueAnchors(a, b, span)
  if (anchors.length === 0) return
  for (const anchor of anchors) {
    matchSpan(a, b, { aFrom, aTo: anchor.a, bFrom, bTo: anchor.b }, depth + 1, runs)
    addRun(runs, anchor.a, anchor.b, 1)
    aFrom = anchor.a + 1
    bFrom = anchor.b + 1
  }
  matchSpan(a, b, { aFrom, aTo: span.aTo, bFrom, bTo: span.bTo }, depth + 1, runs)
}

function addRun(runs: Run[], a: number, b: number, length: number): void {
  if (length === 0) return
  const last = runs.at(-1)
  if (last !== undefined && last.a + last.length === a && last.b + last.length === b) {
    runs[runs.length - 1] = { a: last.a, b: last.b, length: last.length + length }
  } else {
    runs.push({ a, b, length })
  }
}

/** Myers' greedy search (1986); undefined when the two differ in more than the cap. */
function shortestEdit(a: readonly number[], b: readonly number[], span: Span): readonly Run[] | undefined {
  const n = span.aTo - span.aFrom
  const m = span.bTo - span.bFrom
  const cap = Math.min(n + m, n + m > LONG_SEQUENCE ? MAX_DIFFERENCES_LONG : MAX_DIFFERENCES)
  if (Math.abs(n - m) > cap) return undefined
  const reach = new Int32Array(2 * cap + 3)
  const offset = cap + 1
  const history: Int32Array[] = []
  for (let d = 0; d <= cap; d++) {
    // Only diagonals -d-1..d+1 of this round are ever looked at again.
    history.push(reach.slice(offset - d - 1, offset + d + 2))
    for (let k = -d; k <= d; k += 2) {
      const below = reach[offset + k - 1] ?? 0
      const above = reach[offset + k + 1] ?? 0
      let x = k === -d || (k !== d && below < above) ? above : below + 1
      while (x < n && x - k < m && a[span.aFrom + x] === b[span.bFrom + x - k]) x++
      reach[offset + k] = x
      if (x >= n && x - k >= m) return walkBack(history, n, m, span)
    }
  }
  return undefined
}

function walkBack(history: readonly Int32Array[], n: number, m: number, span: Span): readonly Run[] {
  const runs: Run[] = []
  let x = n
  let y = m
  for (let d = history.length - 1; d >= 0; d--) {
    const reach = history[d] ?? new Int32Array()
    const k = x - y
    const at = d + 1 + k
    const below = reach[at - 1] ?? 0
    const above = reach[at + 1] ?? 0
    const down = k === -d || (k !== d && below < above)
    const startX = d === 0 ? 0 : down ? above : below + 1
    if (x > startX) runs.push({ a: span.aFrom + startX, b: span.bFrom + startX - k, length: x - startX })
    x = down ? above : below
    y = x - (down ? k + 1 : k - 1)
  }
  return runs.reverse()
}

/** Items that occur once on each side and keep their order (patience): the longest such list. */
function uniqueAnchors(a: readonly number[], b: readonly number[], span: Span): readonly { a: number; b: number }[] {
  const inA = uniquePositions(a, span.aFrom, span.aTo)
  const inB = uniquePositions(b, span.bFrom, span.bTo)
  const pairs: { a: number; b: number }[] = []
  for (const [item, at] of inA) {
    const other = inB.get(item)
    if (at >= 0 && other !== undefined && other >= 0) pairs.push({ a: at, b: other })
  }
  return longestRising(pairs.sort((p, q) => p.a - q.a))
}

/** Position of each item in the span; -1 when it occurs twice. */
function uniquePositions(items: readonly number[], from: number, to: number): Map<number, number> {
  const positions = new Map<number, number>()
  for (let i = from; i < to; i++) {
    const item = items[i] ?? -1
    positions.set(item, positions.has(item) ? -1 : i)
  }
  return positions
}

function longestRising(pairs: readonly { a: number; b: number }[]): readonly { a: number; b: number }[] {
  const tails: number[] = []
  const before: number[] = []
  for (const [i, pair] of pairs.entries()) {
    let low = 0
    let high = tails.length
    while (low < high) {
      const middle = (low + high) >> 1
      if ((pairs[tails[middle] ?? 0]?.b ?? 0) < pair.b) low = middle + 1
      else high = middle
    }
    before.push(low > 0 ? (tails[low - 1] ?? -1) : -1)
    tails[low] = i
  }
  const rising: { a: number; b: number }[] = []
  for (let i = tails.at(-1) ?? -1; i >= 0; i = before[i] ?? -1) {
    const pair = pairs[i]
    if (pair !== undefined) rising.push(pair)
  }
  return rising.reverse()
}

/** Gives equal strings equal numbers. */
export class Interner {
  readonly #numbers = new Map<string, number>()

  numbers(items: readonly string[]): readonly number[] {
    return items.map((item) => this.#number(item))
  }

  #number(item: string): number {
    const known = this.#numbers.get(item)
    if (known !== undefined) return known
    this.#numbers.set(item, this.#numbers.size)
    return this.#numbers.size - 1
  }
}

/** The lines of `text`, each with its newline; only the last may lack one. */
export function splitLines(text: string): readonly string[] {
  const lines: string[] = []
  let from = 0
  while (from < text.length) {
    const newline = text.indexOf('\n', from)
    const to = newline < 0 ? text.length : newline + 1
    lines.push(text.slice(from, to))
    from = to
  }
  return lines
}
