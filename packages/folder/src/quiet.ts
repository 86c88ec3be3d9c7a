/** A reading of a file, and what is known about how it came about. */
export interface Reading {
  readonly ino: bigint
  readonly bytes: Uint8Array
  /**
   * Something other than a write came last (a rename, a chmod): its change time is past its modification time. On a
   * new inode that is how a file looks that was written elsewhere and renamed here whole.
   */
  readonly finished: boolean
}

export interface QuietInput {
  /** What the path held before; undefined for a new path. */
  readonly last: { readonly ino: bigint | undefined; readonly bytes: Uint8Array } | undefined
  readonly now: Reading
  /** Last component of the path. */
  readonly name: string
  /** Since the first reading of this path that was not stable. */
  readonly waitedMs: number
}

/** One write call of an editor has ended; a writer that was preempted in it has mostly come back. */
export const QUIET_KEPT_MS = 20
/** Enough under heavy load for every save measured (0 of 148 torn). */
export const QUIET_CHANGED_MS = 100
/** A truncated file: editors leave it so for up to 12 ms, more under load. */
export const QUIET_SHRUNK_MS = 500
/** A new file: longer than the life of most temporary files. */
export const QUIET_NEW_MS = 150
/** A new file whose name looks like a temporary one (sed, perl, vim's probe, rsync). */
export const QUIET_TEMPORARY_MS = 1000
/** From here on a file that is saved all the time is read between two saves. */
export const WAIT_LIMIT_MS = 2000
/** From here on a log that grows all the time is read as it is. */
export const GROWTH_LIMIT_MS = 30_000

/** Bytes of the old content that a reading may lack before it counts as more than an edit of a few words. */
const SMALL_LOSS = 64
/** An old ending this long, found again at the end, shows that the writer got to its end. */
const TAIL_BYTES = 64

/**
 * How long a reading must have been left alone before it is taken for a finished save.
 *
 * An unfinished save is a prefix of what is being written: the end is missing. So what counts is how much of the last
 * content this reading would delete. One that keeps nearly all of it, or still has its ending, is complete or harmless;
 * one that lost its ending is suspect, the more so if it shrank.
 */
export function quietMs({ last, now, name, waitedMs }: QuietInput): number {
  const change = last === undefined ? newFile(name, now.bytes) : changed(last, now)
  if (waitedMs >= GROWTH_LIMIT_MS && change.lost === 0 && now.bytes.length > 0) return 0
  if (waitedMs < WAIT_LIMIT_MS) return change.quiet
  return Math.min(change.quiet, now.bytes.length === 0 ? QUIET_CHANGED_MS : QUIET_KEPT_MS)
}

interface Judgement {
  readonly quiet: number
  /** Bytes of the last content that the reading lacks. */
  readonly lost: number
}

function newFile(name: string, bytes: Uint8Array): Judgement {
  if (looksTemporary(name)) return { quiet: QUIET_TEMPORARY_MS, lost: 0 }
  return { quiet: bytes.length === 0 ? QUIET_SHRUNK_MS : QUIET_NEW_MS, lost: 0 }
}

function changed(last: { readonly ino: bigint | undefined; readonly bytes: Uint8Array }, now: Reading): Judgement {
  const { prefix, suffix } = common(last.bytes, now.bytes)
  const lost = last.bytes.length - prefix - suffix
  const ordinary = ordinaryQuiet(last.bytes.length, now.bytes.length, lost, suffix)
  const renamedHere = last.ino !== undefined && last.ino !== now.ino && now.finished
  return { quiet: renamedHere ? oneStepLess(ordinary) : ordinary, lost }
}

function ordinaryQuiet(before: number, after: number, lost: number, suffix: number): number {
  if (before === after && lost === 0) return 0
  if (after === 0) return QUIET_SHRUNK_MS
  if (lost <= Math.min(SMALL_LOSS, before / 4)) return QUIET_KEPT_MS
  const shrunk = before - after > Math.max(SMALL_LOSS, before / 20)
  if (suffix >= TAIL_BYTES) return shrunk ? QUIET_CHANGED_MS : QUIET_KEPT_MS
  return shrunk ? QUIET_SHRUNK_MS : QUIET_CHANGED_MS
}

function oneStepLess(quiet: number): number {
  if (quiet <= QUIET_KEPT_MS) return 0
  return quiet <= QUIET_CHANGED_MS ? QUIET_KEPT_MS : QUIET_CHANGED_MS
}

/** Lengths of the beginning and of the ending that both have, not overlapping in either. */
export function common(a: Uint8Array, b: Uint8Array): { prefix: number; suffix: number } {
  const length = Math.min(a.length, b.length)
  let prefix = 0
  while (prefix < length && a[prefix] === b[prefix]) prefix++
  let suffix = 0
  while (suffix < length - prefix && a[a.length - 1 - suffix] === b[b.length - 1 - suffix]) suffix++
  return { prefix, suffix }
}

/** Names without an extension or with a leading dot: `sedQx3k9a`, `4913`, `.note.md.Xy12Ab`. */
export function looksTemporary(name: string): boolean {
  return name.startsWith('.') || !/\.[^.]+$/.test(name)
}
