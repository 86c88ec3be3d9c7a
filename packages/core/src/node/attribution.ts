import type { AuthorId, EntryHash } from '../base/ids.js'
import { mergeOf } from '../doc/client-id.js'
import type { UnitRun } from '../doc/y-document.js'
import type { StepRow } from './step-row.js'

/** A part of a shared type, by its positions, that one author wrote. */
export interface AuthoredRange {
  readonly from: number
  /** Exclusive. */
  readonly to: number
  readonly author: AuthorId
  /** What the author calls itself; hostile until shown escaped. */
  readonly name: string | undefined
  /** The entry that brought it; none while it is not saved, or when it was left to others and its hash is gone. */
  readonly entry: EntryHash | undefined
}

/** Units that one entry brought. */
interface Piece {
  readonly from: number
  readonly to: number
  readonly step: StepRow
}

export interface AttributionInit {
  readonly steps: readonly StepRow[]
  /** Whose the units are that no step has yet. */
  readonly self: AuthorId
  readonly nameOf: (author: AuthorId) => string | undefined
}

/** Who wrote what is shown: neighbours by one author in one entry are one range. */
export function attribute(shown: readonly UnitRun[], { steps, self, nameOf }: AttributionInit): readonly AuthoredRange[] {
  const pieces = piecesOf(steps)
  const ranges: AuthoredRange[] = []
  let at = 0
  const add = (length: number, step: StepRow | undefined): void => {
    const author = step?.author ?? self
    const last = ranges.at(-1)
    if (last?.author === author && last.entry === step?.entry) ranges[ranges.length - 1] = { ...last, to: at + length }
    else ranges.push({ from: at, to: at + length, author, name: nameOf(author), entry: step?.entry })
    at += length
  }
  for (const { client, clock, length } of shown) {
    for (let from = clock; from < clock + length; ) {
      const piece = pieceAt(pieces.get(asMade(client)) ?? [], from)
      const end = Math.min(clock + length, piece === undefined ? clock + length : piece.to)
      add(end - from, piece?.step)
      from = end
    }
  }
  return ranges
}

/**
 * By client, in order. Where two steps bring the same units, the first one counts. What a merge brings was written by who
 * wrote the first text of the file that it absorbs.
 */
function piecesOf(steps: readonly StepRow[]): ReadonlyMap<number, readonly Piece[]> {
  const seeds = new Map(steps.flatMap((step) => (step.isSeed && step.origin !== undefined ? [[step.origin, step]] : [])))
  const pieces = new Map<number, Piece[]>()
  for (const each of steps) {
    const step = each.loser === undefined ? each : (seeds.get(each.loser) ?? each)
    for (const { client, from, to } of each.ranges) {
      const made = asMade(client)
      const list = pieces.get(made) ?? []
      const start = Math.max(from, list.at(-1)?.to ?? 0)
      if (start < to) list.push({ from: start, to, step })
      pieces.set(made, list)
    }
  }
  return pieces
}

/** The client under which units were first written. */
function asMade(client: number): number {
  return mergeOf(client)?.merge ?? client
}

function pieceAt(pieces: readonly Piece[], clock: number): Piece | undefined {
  let low = 0
  let high = pieces.length
  while (low < high) {
    const middle = (low + high) >> 1
    if ((pieces[middle]?.to ?? 0) <= clock) low = middle + 1
    else high = middle
  }
  const piece = pieces[low]
  return piece !== undefined && piece.from <= clock ? piece : undefined
}
