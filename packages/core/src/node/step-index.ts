import type { AuthorId } from '../base/ids.js'
import type { ClientRange, StepRow } from './step-row.js'

interface Piece {
  readonly from: number
  readonly to: number
  readonly step: StepRow
}

/** What the steps hold of one client, in the order in which they came. */
interface ClientPieces {
  readonly pieces: Piece[]
  end: number
  /** Each piece ends behind the ones before it: so it always is, unless ids are used twice. */
  isRising: boolean
}

/**
 * A document's steps in the order in which they were applied, found by client and author: a document that is typed
 * in has many thousands, and every further one is judged by what they hold.
 */
export class StepIndex {
  readonly all: StepRow[] = []
  /** Steps that absorbed a document. */
  readonly absorbing: StepRow[] = []
  readonly byAuthor = new Map<AuthorId, StepRow[]>()
  readonly #clients = new Map<number, ClientPieces>()

  constructor(steps: readonly StepRow[]) {
    for (const step of steps) this.add(step)
  }

  add(step: StepRow): void {
    this.all.push(step)
    if (step.loser !== undefined) this.absorbing.push(step)
    const own = this.byAuthor.get(step.author)
    if (own === undefined) this.byAuthor.set(step.author, [step])
    else own.push(step)
    for (const range of step.ranges) this.#addPiece(step, range)
  }

  /** Whose structs are there. */
  clients(): readonly number[] {
    return [...this.#clients.keys()]
  }

  /** End of what is there of `client` in the steps of a causal past. */
  clockOf(client: number, isInPast: (step: StepRow) => boolean): number {
    const known = this.#clients.get(client)
    if (known === undefined) return 0
    let clock = 0
    for (let at = known.pieces.length - 1; at >= 0; at--) {
      const piece = known.pieces[at]
      if (piece === undefined || piece.to <= clock || !isInPast(piece.step)) continue
      clock = piece.to
      if (known.isRising) return clock
    }
    return clock
  }

  /** Whether some of `ranges` is there already. */
  overlaps(ranges: readonly ClientRange[]): boolean {
    return ranges.some(({ client, from, to }) => {
      const known = this.#clients.get(client)
      return known !== undefined && from < known.end && known.pieces.some((piece) => from < piece.to && piece.from < to)
    })
  }

  #addPiece(step: StepRow, { client, from, to }: ClientRange): void {
    const known = this.#clients.get(client)
    if (known === undefined) {
      this.#clients.set(client, { pieces: [{ from, to, step }], end: to, isRising: true })
      return
    }
    known.pieces.push({ from, to, step })
    if (to < known.end) known.isRising = false
    known.end = Math.max(known.end, to)
  }
}
