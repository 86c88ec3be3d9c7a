import { utf8 } from '../base/bytes.js'
import { shortId, type NodeId } from '../base/ids.js'
import { MAX_NAME_BYTES } from '../base/limits.js'

/** Of a display name, what fits in a file name without crowding out the file's own. */
const MAX_WHO = 24
/** A longer "extension" is part of a sentence, not a file type. */
const MAX_EXTENSION = 16

/**
 * The name for a file whose own name is taken: `notes (conflict, Ann 1f2e3d4c).md`. It sorts beside the
 * original and says whose it is. `attempt` counts from 1; from 2 on it is part of the name.
 */
export function conflictName(name: string, who: string | undefined, node: NodeId, attempt: number): string {
  const { stem, extension } = splitName(name)
  const count = attempt > 1 ? ` ${attempt}` : ''
  const tail = ` (conflict, ${cleanWho(who)} ${shortId(node)}${count})${extension}`
  return truncate(stem, MAX_NAME_BYTES - utf8(tail).length) + tail
}

const PATTERN = /^(.*) \(conflict, (.+) [0-9a-f]{8}(?: \d+)?\)(\.[^.\s]*)?$/su

/** Whose file a conflict name says that it is, and the name that it claims; undefined for any other name. */
export function parseConflictName(name: string): { readonly original: string; readonly who: string } | undefined {
  const match = PATTERN.exec(name)
  return match === null ? undefined : { original: `${match[1] ?? ''}${match[3] ?? ''}`, who: match[2] ?? '' }
}

/** Letters, digits, space, - and _ only: the name is a stranger's, and becomes part of a path. */
function cleanWho(who: string | undefined): string {
  const words = (who ?? '').normalize('NFC').replace(/[^\p{L}\p{Nd}_-]+/gu, ' ').trim()
  return Array.from(words).slice(0, MAX_WHO).join('').trim() || 'someone'
}

function splitName(name: string): { stem: string; extension: string } {
  const dot = name.lastIndexOf('.')
  const extension = dot > 0 ? name.slice(dot) : ''
  if (extension.length > MAX_EXTENSION || /\s/u.test(extension)) return { stem: name, extension: '' }
  return { stem: name.slice(0, name.length - extension.length), extension }
}

/** The longest start of `text` within `maxBytes`, whole code points only. */
function truncate(text: string, maxBytes: number): string {
  let bytes = 0
  let kept = ''
  for (const character of text) {
    bytes += utf8(character).length
    if (bytes > maxBytes) break
    kept += character
  }
  return kept
}
