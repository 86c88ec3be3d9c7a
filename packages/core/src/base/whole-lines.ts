import type { TextEdit } from './text-diff.js'

/** Letters and pictures: what a line says. Digits, signs and blanks are often left where all else is rewritten. */
const CONTENT = /[\p{L}\p{So}]/u

/** Edits that change the same lines, and the part of the text that these lines are, the last newline included. */
interface Change {
  readonly start: number
  end: number
  readonly edits: TextEdit[]
}

/**
 * Takes a newline with its line: where edits leave no letter of a line, the whole line is replaced, with its end. Else
 * whoever deletes the line at the same time takes away the newline on which its new text relies, which is then glued
 * to the next line; and what two write there becomes one line.
 *
 * @param edits sorted, not overlapping
 */
export function replaceWholeLines(from: string, edits: readonly TextEdit[]): readonly TextEdit[] {
  const replaced: TextEdit[] = []
  for (const change of changesOf(from, edits)) {
    if (isRewritten(from, change)) replaced.push(replacement(from, change, endOf(replaced.at(-1))))
    else replaced.push(...change.edits)
  }
  return replaced
}

function changesOf(from: string, edits: readonly TextEdit[]): readonly Change[] {
  const changes: Change[] = []
  for (const edit of edits) {
    const last = changes.at(-1)
    if (last !== undefined && (edit.at < last.end || (edit.at === last.end && !isLineStart(from, edit.at)))) {
      last.edits.push(edit)
      last.end = Math.max(last.end, lineEnd(from, endOf(edit)))
    } else if (isOfWholeLines(from, edit)) {
      changes.push({ start: edit.at, end: endOf(edit), edits: [edit] })
    } else {
      changes.push({ start: edit.at === 0 ? 0 : from.lastIndexOf('\n', edit.at - 1) + 1, end: lineEnd(from, endOf(edit)), edits: [edit] })
    }
  }
  return changes
}

/** Whether something else is written where the lines were, no letter of them is left, and there is a newline to take. */
function isRewritten(from: string, { start, end, edits }: Change): boolean {
  if (edits.every((edit) => edit.insert === '' || isOfWholeLines(from, edit))) return false
  const hasNewline = start > 0 || isLineStart(from, end)
  return hasNewline && !CONTENT.test(partsBetween(from, start, end, edits).join(''))
}

/**
 * One edit of whole lines in place of the edits inside of them. A last line without a newline takes the one before it,
 * unless the edit before, which ends at `taken`, has that.
 */
function replacement(from: string, { start, end, edits }: Change, taken: number): TextEdit {
  const insert = partsBetween(from, start, end, edits).map((part, at) => part + (edits[at]?.insert ?? '')).join('')
  if (isLineStart(from, end) || taken === start) return { at: start, remove: end - start, insert }
  return { at: start - 1, remove: end - start + 1, insert: `\n${insert}` }
}

/** What is left of a part of the text before, between and after the edits in it. */
function partsBetween(from: string, start: number, end: number, edits: readonly TextEdit[]): readonly string[] {
  const borders = [start, ...edits.flatMap((edit) => [edit.at, endOf(edit)]), end]
  return [...edits, undefined].map((_, at) => from.slice(borders[2 * at], borders[2 * at + 1]))
}

function isOfWholeLines(from: string, { at, remove, insert }: TextEdit): boolean {
  return isLineStart(from, at) && isLineStart(from, at + remove) && (insert === '' || insert.endsWith('\n'))
}

function isLineStart(text: string, at: number): boolean {
  return at === 0 || text[at - 1] === '\n'
}

/** The end of the line that holds position `at`, its newline included. */
function lineEnd(text: string, at: number): number {
  const newline = text.indexOf('\n', at)
  return newline < 0 ? text.length : newline + 1
}

function endOf(edit: TextEdit | undefined): number {
  return edit === undefined ? 0 : edit.at + edit.remove
}
