/** A text that an editor may have had in hand, and the version of the document that it is. */
export interface BaseCandidate<Version> {
  readonly text: string
  readonly version: Version
}

/** An older text that shows up again within this time is a stale save; later it is somebody's wish. */
export const STALE_SAVE_MS = 3_000

export interface BestBaseOptions<Version> {
  /** What the disk and the document last agreed on. */
  readonly base: BaseCandidate<Version>
  /** Texts put on disk before that since the last save of a user, newest first. */
  readonly ring: readonly BaseCandidate<Version>[]
  /** Set when the file was made anew while the old one was aside: whoever made it started from nothing. */
  readonly empty?: BaseCandidate<Version> | undefined
  readonly sinceWriteMs: number
  /** Inserted plus deleted characters from one text to another. */
  readonly cost: (from: string, to: string) => number
}

/**
 * The text that the editor most likely had when it saved `text`: the one that differs least, newest first among equals.
 * A stale buffer diffed against the newest text would delete what it never saw.
 */
export function bestBase<Version>(text: string, options: BestBaseOptions<Version>): BaseCandidate<Version> {
  const { base, ring, empty, sinceWriteMs, cost } = options
  if (empty === undefined && isCutShort(text, base.text) && ring.every((candidate) => candidate.text !== text)) return base
  const unseen = ring.filter((candidate) => !holdsNewLine(text, candidate.text, base.text))
  const candidates = [base, ...unseen, ...(empty === undefined ? [] : [empty])]
  let best = base
  let bestCost = Infinity
  for (const candidate of candidates) {
    const candidateCost = cost(candidate.text, text)
    if (candidateCost < bestCost) {
      best = candidate
      bestCost = candidateCost
    }
  }
  const restored = bestCost === 0 && best !== base && best !== empty && sinceWriteMs > STALE_SAVE_MS
  return restored ? base : best
}

/**
 * Whether `text` is the newest one as far as the middle of a line, as a slow save leaves it for a moment: an older one may be
 * nearer. Where it ends with a line, somebody may have deleted the last ones of an older text, and never seen the newest.
 */
function isCutShort(text: string, newest: string): boolean {
  return text !== '' && !text.endsWith('\n') && newest.startsWith(text) && newest[text.length] !== '\n'
}

/** A line without any, a closing brace, is in many texts. */
const CONTENT = /[\p{L}\p{N}\p{So}]/u

/** Whether `text` holds a line that came after `older`: then its editor had seen the newer text. */
export function holdsNewLine(text: string, older: string, newer: string): boolean {
  const known = new Set(older.split('\n'))
  const saved = new Set(text.split('\n'))
  return newer.split('\n').some((line) => CONTENT.test(line) && !known.has(line) && saved.has(line))
}
