import type { AuthorId, DocId } from '../base/ids.js'
import { mergeOf } from '../doc/client-id.js'
import { Absorptions } from './absorptions.js'
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

/** The merge of one document into another, wherever in the document at hand that one stands. */
interface Merge {
  readonly winner: DocId
  readonly length: number
  readonly steps: StepRow[]
}

/** A part of a document's steps, closed under causes. */
export interface HeldSteps {
  readonly includes: (step: StepRow) => boolean
  /** What the steps among them that absorb make of the document. */
  readonly absorptions: Absorptions
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
  readonly absorptions: Absorptions
  readonly #doc: DocId
  readonly #clients = new Map<number, ClientPieces>()
  readonly #merges = new Map<number, Merge>()
  /** What a document brought when this one absorbed it. */
  readonly #brought = new Map<DocId, readonly ClientRange[]>()
  /** Changes of absorbed documents. */
  readonly #absorbed = new Set<string>()

  constructor(doc: DocId, steps: readonly StepRow[]) {
    this.#doc = doc
    this.absorptions = new Absorptions(doc)
    for (const step of steps) this.add(step)
  }

  add(step: StepRow): void {
    this.all.push(step)
    if (step.origin !== undefined) this.#absorbed.add(keyOf(step))
    const own = this.byAuthor.get(step.author)
    if (own === undefined) this.byAuthor.set(step.author, [step])
    else own.push(step)
    if (step.loser !== undefined) this.#addMerge(step, step.ranges)
    // Of an absorbed document's first text nothing is here but what the merge brings.
    else if (!step.isSeed || step.origin === undefined) for (const range of step.ranges) this.#addPiece(step, range)
  }

  /** Whether the change of an absorbed document is here: it may come by several ways. */
  hasAbsorbed(step: StepRow): boolean {
    return this.#absorbed.has(keyOf(step))
  }

  /** The structs that the merge of `loser` into this very document brought; undefined before it. */
  rangesOfMerge(loser: DocId): readonly ClientRange[] | undefined {
    return this.#brought.get(loser)
  }

  /** All of them. */
  get whole(): HeldSteps {
    return { includes: () => true, absorptions: this.absorptions }
  }

  /** Whose structs are there. */
  clients(): readonly number[] {
    return [...this.#clients.keys()]
  }

  /** End of what is there of `client` in the steps of a causal past. */
  clockOf(client: number, { includes, absorptions }: HeldSteps): number {
    const place = mergeOf(client)
    if (place !== undefined) {
      const merge = this.#merges.get(place.merge)
      return merge !== undefined && absorptions.isAt(merge.winner, place.depth) && merge.steps.some(includes) ? merge.length : 0
    }
    const known = this.#clients.get(client)
    if (known === undefined) return 0
    let clock = 0
    for (let at = known.pieces.length - 1; at >= 0; at--) {
      const piece = known.pieces[at]
      if (piece === undefined || piece.to <= clock || !includes(piece.step)) continue
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

  #addMerge(step: StepRow, ranges: readonly ClientRange[]): void {
    this.absorbing.push(step)
    this.absorptions.add(step)
    if (step.loser !== undefined && step.origin === undefined) this.#brought.set(step.loser, ranges)
    for (const { client, to } of ranges) {
      const place = mergeOf(client)
      const known = place === undefined ? undefined : this.#merges.get(place.merge)
      if (known !== undefined) known.steps.push(step)
      else if (place !== undefined) this.#merges.set(place.merge, { winner: step.origin ?? this.#doc, length: to, steps: [step] })
    }
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

function keyOf({ entry, author, seq, index }: StepRow): string {
  return `${entry ?? `${author}/${seq}`}/${index}`
}
