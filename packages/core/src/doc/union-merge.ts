import { Interner, matchRuns, splitLines } from '../base/line-match.js'

/** Text of the loser that goes into the winner's text at `at`, a position in the winner. */
export interface UnionHunk {
  readonly at: number
  readonly text: string
}

/** `length` units of the loser from `from` on are the same units, from `at` on, of the winner or of the joined hunks. */
export interface UnionSegment {
  readonly from: number
  readonly length: number
  readonly in: 'winner' | 'hunks'
  readonly at: number
}

/** How two texts become one: every line of both, lines in common once, the winner's lines first where they differ. */
export interface Union {
  /** In order of `at`. */
  readonly hunks: readonly UnionHunk[]
  /** Covers every unit of the loser that the union holds, in order; positions in the union rise along it. */
  readonly segments: readonly UnionSegment[]
}

/** Merges two texts without a common past. Pure and deterministic; nothing of either is left out. */
export function unionOf(winner: string, loser: string): Union {
  return new UnionBuilder(winner, loser).build()
}

/** The text that a union makes of the winner's text. */
export function unionText(winner: string, union: Union): string {
  const parts: string[] = []
  let at = 0
  for (const hunk of union.hunks) {
    parts.push(winner.slice(at, hunk.at), hunk.text)
    at = hunk.at
  }
  return parts.join('') + winner.slice(at)
}

/** Both texts' lines, those in common once; the first text's lines keep their order and stand first where they differ. */
export function mergeLines(first: string, second: string): string {
  return unionText(first, unionOf(first, second))
}

/**
 * Whether two first contents are one file begun twice: at least half of the non-blank lines of the shorter one
 * occur in the other, each as often as it is counted. A text without such a line shares with nothing.
 */
export function shareMostLines(a: string, b: string): boolean {
  const inA = countLines(a)
  const inB = countLines(b)
  let common = 0
  for (const [line, count] of inA) common += Math.min(count, inB.get(line) ?? 0)
  const shorter = Math.min(total(inA), total(inB))
  return shorter > 0 && common * 2 >= shorter
}

function countLines(text: string): ReadonlyMap<string, number> {
  const counts = new Map<string, number>()
  for (const line of splitLines(text)) {
    const content = contentOf(line)
    if (content.trim() !== '') counts.set(content, (counts.get(content) ?? 0) + 1)
  }
  return counts
}

function total(counts: ReadonlyMap<string, number>): number {
  let sum = 0
  for (const count of counts.values()) sum += count
  return sum
}

/** A line without its newline: so a last line that lacks one is still the same line. */
function contentOf(line: string): string {
  return line.endsWith('\n') ? line.slice(0, -1) : line
}

class UnionBuilder {
  readonly #winnerLines: readonly string[]
  readonly #loserLines: readonly string[]
  readonly #hunks: UnionHunk[] = []
  readonly #segments: UnionSegment[] = []
  /** Positions reached in the winner, in the loser and in the joined hunks. */
  #winnerAt = 0
  #loserAt = 0
  #hunksAt = 0
  /** The winner's text so far ends in a line without newline. */
  #open = false

  constructor(winner: string, loser: string) {
    this.#winnerLines = splitLines(winner)
    this.#loserLines = splitLines(loser)
  }

  build(): Union {
    const names = new Interner()
    const winner = names.numbers(this.#winnerLines.map(contentOf))
    const loser = names.numbers(this.#loserLines.map(contentOf))
    let w = 0
    let l = 0
    for (const run of [...matchRuns(winner, loser), { a: winner.length, b: loser.length, length: 0 }]) {
      while (w < run.a) this.#keep(this.#winnerLines[w++] ?? '')
      while (l < run.b) this.#add(this.#loserLines[l++] ?? '')
      while (w < run.a + run.length) this.#share(this.#winnerLines[w++] ?? '', this.#loserLines[l++] ?? '')
    }
    return { hunks: this.#hunks, segments: this.#segments }
  }

  /** A line of the winner alone. */
  #keep(line: string): void {
    this.#winnerAt += line.length
    this.#open = !line.endsWith('\n')
  }

  /** A line of the loser alone. */
  #add(line: string): void {
    if (this.#open) this.#insert('\n')
    this.#open = false
    this.#segment('hunks', this.#hunksAt, line.length)
    this.#insert(line)
  }

  /** A line of both; either may lack its newline at the end of its text. */
  #share(winnerLine: string, loserLine: string): void {
    const common = Math.min(winnerLine.length, loserLine.length)
    this.#segment('winner', this.#winnerAt, common)
    this.#keep(winnerLine)
    if (loserLine.length === common) return
    this.#segment('hunks', this.#hunksAt, 1)
    this.#insert('\n')
    this.#open = false
  }

  #insert(text: string): void {
    const last = this.#hunks.at(-1)
    if (last?.at === this.#winnerAt) this.#hunks[this.#hunks.length - 1] = { at: last.at, text: last.text + text }
    else this.#hunks.push({ at: this.#winnerAt, text })
    this.#hunksAt += text.length
  }

  #segment(where: UnionSegment['in'], at: number, length: number): void {
    const last = this.#segments.at(-1)
    if (last?.in === where && last.at + last.length === at && last.from + last.length === this.#loserAt) {
      this.#segments[this.#segments.length - 1] = { ...last, length: last.length + length }
    } else if (length > 0) {
      this.#segments.push({ from: this.#loserAt, length, in: where, at })
    }
    this.#loserAt += length
  }
}
