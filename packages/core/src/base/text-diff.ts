import { Interner, matchRuns, splitLines, type Run } from './line-match.js'
import { replaceWholeLines } from './whole-lines.js'

/** Replace `remove` UTF-16 units at `at` (in the text before any of the list's edits) by `insert`. */
export interface TextEdit {
  readonly at: number
  readonly remove: number
  readonly insert: string
}

/** A changed hunk longer than this, in UTF-16 units of both sides, is not refined below lines: work stays bounded. */
const MAX_REFINED_UNITS = 20_000
/** Edits on one line that keep fewer units than this between them become one: scattered single matches mean nothing. */
const MIN_KEPT_UNITS = 3
/** Words, runs of blanks, newlines, single code points: never half a surrogate pair. */
const TOKEN = /[\p{L}\p{N}_]+|[^\S\n]+|\n|[^]/gu
const WORD_UNIT = /[\p{L}\p{N}_\ud800-\udfff]/u
/** From this many changed lines on, or whole lines added or removed at this many places, a change is taken for a machine's. */
const MACHINE_LINES = 4
const MACHINE_HUNKS = 2

/**
 * The edits that turn `from` into `to`: by lines, and by words inside lines of which a word is left, so that edits made
 * elsewhere at the same time merge well. Deterministic; work is bounded. No edit starts or ends inside a surrogate pair of
 * well-formed text.
 *
 * @returns edits sorted by `at`, not overlapping, positions in `from`.
 */
export function diffText(from: string, to: string): readonly TextEdit[] {
  if (from === to) return []
  const middle = changedLines(from, to)
  const fromLines = splitLines(from.slice(middle.start, from.length - middle.tail))
  const toLines = splitLines(to.slice(middle.start, to.length - middle.tail))
  const edits: TextEdit[] = []
  for (const hunk of unmatched(fromLines, toLines)) {
    for (const edit of refine(hunk.from, hunk.to)) edits.push({ ...edit, at: edit.at + hunk.at + middle.start })
  }
  return replaceWholeLines(from, tidy(from, edits))
}

/**
 * `text` with `edits` made.
 *
 * @throws {RangeError} when the edits are not sorted, overlap or reach beyond the text.
 */
export function applyEdits(text: string, edits: readonly TextEdit[]): string {
  const parts: string[] = []
  let at = 0
  for (const edit of edits) {
    if (edit.at < at || edit.remove < 0 || edit.at + edit.remove > text.length) {
      throw new RangeError('edits must be sorted, must not overlap and must lie inside the text')
    }
    parts.push(text.slice(at, edit.at), edit.insert)
    at = edit.at + edit.remove
  }
  parts.push(text.slice(at))
  return parts.join('')
}

/** UTF-16 units that `edits` insert and delete. */
export function diffCost(edits: readonly TextEdit[]): number {
  return edits.reduce((sum, edit) => sum + edit.remove + edit.insert.length, 0)
}

/**
 * Whether the change looks like a formatter's or a pulled commit's: whole lines added or removed at two places at
 * least, or at least four lines changed, added or removed. An ordinary save of typing does neither.
 */
export function looksMachineMade(from: string, edits: readonly TextEdit[]): boolean {
  let hunks = 0
  let lines = 0
  let counted = 0
  for (const edit of edits) {
    const end = edit.at + edit.remove
    if (isWholeLines(from, edit) && (edit.remove === 0 || edit.insert === '')) hunks++
    lines += Math.max(newlines(from.slice(Math.max(edit.at, counted), end)), newlines(edit.insert))
    const partial = end > 0 && from[end - 1] === '\n' && edit.remove > 0 ? end : lineEnd(from, end)
    if (!isWholeLines(from, edit) && partial > counted) lines++
    counted = Math.max(counted, partial)
  }
  return hunks >= MACHINE_HUNKS || lines >= MACHINE_LINES
}

function isWholeLines(from: string, edit: TextEdit): boolean {
  const end = edit.at + edit.remove
  const startsLine = edit.at === 0 || from[edit.at - 1] === '\n'
  const removesLines = edit.remove === 0 || end === from.length || from[end - 1] === '\n'
  const insertsLines = edit.insert === '' || end === from.length || edit.insert.endsWith('\n')
  return startsLine && removesLines && insertsLines
}

function newlines(text: string): number {
  let count = 0
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) count++
  return count
}

/** The end of the line that holds position `at`, its newline included. */
function lineEnd(text: string, at: number): number {
  const newline = text.indexOf('\n', at)
  return newline < 0 ? text.length : newline + 1
}

interface Hunk {
  /** Position in the first text. */
  readonly at: number
  readonly from: readonly string[]
  readonly to: readonly string[]
}

/** What is left of two lists of strings when their equal items are matched. */
function unmatched(from: readonly string[], to: readonly string[]): readonly Hunk[] {
  const names = new Interner()
  const hunks: Hunk[] = []
  let a = 0
  let b = 0
  let at = 0
  const end: Run = { a: from.length, b: to.length, length: 0 }
  for (const run of [...matchRuns(names.numbers(from), names.numbers(to)), end]) {
    if (run.a > a || run.b > b) hunks.push({ at, from: from.slice(a, run.a), to: to.slice(b, run.b) })
    while (a < run.a + run.length) at += from[a++]?.length ?? 0
    b = run.b + run.length
  }
  return hunks
}

/** Edits inside one hunk of lines; positions are relative to the hunk. */
function refine(from: readonly string[], to: readonly string[]): readonly TextEdit[] {
  const before = from.join('')
  const after = to.join('')
  if (before.length + after.length <= MAX_REFINED_UNITS) return refineTokens(before, after)
  // Every line of a large part changed (indentation, line endings): the lines still correspond one to one.
  if (from.length > 1 && from.length === to.length) return refinePairs(from, to)
  return [{ at: 0, remove: before.length, insert: after }]
}

function refinePairs(from: readonly string[], to: readonly string[]): readonly TextEdit[] {
  const edits: TextEdit[] = []
  let at = 0
  for (const [i, line] of from.entries()) {
    for (const edit of refine([line], [to[i] ?? ''])) edits.push({ ...edit, at: edit.at + at })
    at += line.length
  }
  return edits
}

function refineTokens(from: string, to: string): readonly TextEdit[] {
  if (from === '' || to === '') return [{ at: 0, remove: from.length, insert: to }]
  const hunks = unmatched(from.match(TOKEN) ?? [], to.match(TOKEN) ?? [])
  return hunks.map((hunk) => ({ at: hunk.at, remove: hunk.from.join('').length, insert: hunk.to.join('') }))
}

/** Joins edits that nearly touch, and trims what an edit removes and inserts alike. */
function tidy(from: string, edits: readonly TextEdit[]): readonly TextEdit[] {
  const joined: TextEdit[] = []
  for (const edit of edits) {
    const last = joined.at(-1)
    const kept = last === undefined ? '' : from.slice(last.at + last.remove, edit.at)
    if (last === undefined || kept.length >= MIN_KEPT_UNITS || kept.includes('\n')) {
      joined.push(edit)
    } else {
      joined[joined.length - 1] = { at: last.at, remove: edit.at + edit.remove - last.at, insert: last.insert + kept + edit.insert }
    }
  }
  return joined.map((edit) => trim(from, edit)).filter((edit) => edit.remove > 0 || edit.insert !== '')
}

function trim(from: string, edit: TextEdit): TextEdit {
  const removed = from.slice(edit.at, edit.at + edit.remove)
  const { insert } = edit
  let head = commonPrefix(removed, insert)
  let tail = commonSuffix(removed, insert, head)
  if (head + tail < Math.min(removed.length, insert.length)) {
    // One word replaced by another: letters that both happen to have do not make them one word.
    while (head > 0 && (isInWord(removed, head) || isInWord(insert, head))) head--
    while (tail > 0 && (isInWord(removed, removed.length - tail) || isInWord(insert, insert.length - tail))) tail--
  }
  return { at: edit.at + head, remove: edit.remove - head - tail, insert: edit.insert.slice(head, edit.insert.length - tail) }
}

/** Whether position `at` has letters, digits or halves of a pair on both sides. */
function isInWord(text: string, at: number): boolean {
  return at > 0 && at < text.length && WORD_UNIT.test(text[at - 1] ?? '') && WORD_UNIT.test(text[at] ?? '')
}

/** Units that both texts start with, not ending inside a surrogate pair of either. */
function commonPrefix(a: string, b: string): number {
  const limit = Math.min(a.length, b.length)
  let length = 0
  while (length < limit && a.charCodeAt(length) === b.charCodeAt(length)) length++
  return length > 0 && isHigh(a.charCodeAt(length - 1)) ? length - 1 : length
}

/** Units that both texts end with, `head` units at the start left out, not starting inside a surrogate pair. */
function commonSuffix(a: string, b: string, head: number): number {
  const limit = Math.min(a.length, b.length) - head
  let length = 0
  while (length < limit && a.charCodeAt(a.length - 1 - length) === b.charCodeAt(b.length - 1 - length)) length++
  return length > 0 && isLow(a.charCodeAt(a.length - length)) ? length - 1 : length
}

function isHigh(unit: number): boolean {
  return unit >= 0xd800 && unit <= 0xdbff
}

function isLow(unit: number): boolean {
  return unit >= 0xdc00 && unit <= 0xdfff
}

/** Units to leave alone at the start and at the end of both texts, cut at line borders. */
function changedLines(from: string, to: string): { start: number; tail: number } {
  const prefix = commonPrefix(from, to)
  const head = prefix === 0 ? 0 : from.lastIndexOf('\n', prefix - 1) + 1
  const suffix = commonSuffix(from, to, head)
  const tailStart = from.length - suffix
  const bordered = suffix === 0 || (isLineStart(from, tailStart, head) && isLineStart(to, to.length - suffix, head))
  return { start: head, tail: bordered ? suffix : from.length - lineEnd(from, tailStart) }
}

function isLineStart(text: string, at: number, head: number): boolean {
  return at === head || text[at - 1] === '\n'
}
