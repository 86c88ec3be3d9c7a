import type * as Y from 'yjs'
import type { TextEdit } from '../base/text-diff.js'

/**
 * Makes `edits` in `content`, last one first so that positions hold. To be called inside a transaction.
 *
 * @throws {RangeError} when the edits are not sorted, overlap, reach beyond the text or break a surrogate pair; the
 *   text is then unchanged.
 */
export function makeEdits(content: Y.Text, edits: readonly TextEdit[]): void {
  checkEdits(content.toJSON(), edits)
  for (const edit of edits.toReversed()) {
    if (edit.remove > 0) content.delete(edit.at, edit.remove)
    if (edit.insert !== '') content.insert(edit.at, edit.insert)
  }
}

/** Half a surrogate pair reads differently on the peer that made it and on all others, for ever. */
function checkEdits(text: string, edits: readonly TextEdit[]): void {
  let at = 0
  for (const edit of edits) {
    if (!(edit.at >= at && edit.remove >= 0 && edit.at + edit.remove <= text.length)) {
      throw new RangeError('edits must be sorted, must not overlap and must lie inside the text')
    }
    at = edit.at + edit.remove
    if (!edit.insert.isWellFormed() || splitsPair(text, edit.at) || splitsPair(text, at)) {
      throw new RangeError('an edit must not break a surrogate pair')
    }
  }
}

function splitsPair(text: string, at: number): boolean {
  return at > 0 && at < text.length && !text.slice(at - 1, at).isWellFormed() && text.slice(at - 1, at + 1).isWellFormed()
}
