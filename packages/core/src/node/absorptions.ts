import type { DocId } from '../base/ids.js'
import { DEEPEST_MERGE } from '../doc/client-id.js'
import type { Way } from '../doc/shared-units.js'
import { compareText } from '../doc/tree-node.js'
import type { StepRow } from './step-row.js'

interface Found {
  readonly first: ReadonlyMap<DocId, Way>
  readonly ways: readonly Way[]
  depths: ReadonlyMap<DocId, number> | undefined
}

/**
 * The documents that came into one, and through which others: a function of its steps that absorb. A document may have
 * come through several, and the ways double with each; so nothing here walks them all, only what absorbed what.
 */
export class Absorptions {
  readonly #doc: DocId
  readonly #losers = new Map<DocId, Set<DocId>>()
  readonly #winners = new Map<DocId, DocId>()
  #found: Found | undefined

  constructor(doc: DocId, steps: Iterable<StepRow> = []) {
    this.#doc = doc
    for (const step of steps) this.add(step)
  }

  add({ origin, loser }: StepRow): void {
    if (loser === undefined) return
    const winner = origin ?? this.#doc
    const known = this.#losers.get(winner)
    if (known?.has(loser) === true) return
    if (known === undefined) this.#losers.set(winner, new Set([loser]))
    else known.add(loser)
    if (!this.#winners.has(loser)) this.#winners.set(loser, winner)
    this.#found = undefined
  }

  /** Whether `step` says again that one document absorbed another. */
  isRepeated({ origin, loser }: StepRow): boolean {
    return loser !== undefined && this.#losers.get(origin ?? this.#doc)?.has(loser) === true
  }

  /** Whether `step` absorbs what came through another document before. */
  isAnotherWay({ origin, loser }: StepRow): boolean {
    const known = loser === undefined ? undefined : this.#winners.get(loser)
    return known !== undefined && known !== (origin ?? this.#doc)
  }

  /** Something came by several ways. */
  get areSeveral(): boolean {
    return this.ways.length > this.#first.size
  }

  /** For each absorption one way: of several the one that is found first, breadth first and in order of ids. */
  get ways(): readonly Way[] {
    return (this.#found ??= this.#find()).ways
  }

  /** Whether `doc` came in, or is the document itself. */
  has(doc: DocId = this.#doc): boolean {
    return doc === this.#doc || this.#first.has(doc)
  }

  /** By which way changes of `doc` are taken: itself, then what absorbed it; [] for the document's own. */
  wayOf(doc: DocId = this.#doc): readonly DocId[] {
    return this.#first.get(doc) ?? []
  }

  /** Whether `doc` came in through so many others, by any way; from `DEEPEST_MERGE` on more are as many. */
  isAt(doc: DocId, depth: number): boolean {
    return ((this.#depths.get(doc) ?? 0) & (1 << depth)) !== 0
  }

  get #first(): ReadonlyMap<DocId, Way> {
    return (this.#found ??= this.#find()).first
  }

  get #depths(): ReadonlyMap<DocId, number> {
    return ((this.#found ??= this.#find()).depths ??= this.#findDepths())
  }

  #find(): Found {
    const first = new Map<DocId, Way>()
    const ways: Way[] = []
    const found = [this.#doc]
    for (const winner of found) {
      for (const loser of [...(this.#losers.get(winner) ?? [])].sort(compareText)) {
        const way: Way = [loser, ...(first.get(winner) ?? [])]
        ways.push(way)
        if (loser === this.#doc || first.has(loser)) continue
        first.set(loser, way)
        found.push(loser)
      }
    }
    return { first, ways, depths: undefined }
  }

  /** Each document's depths as bits. */
  #findDepths(): ReadonlyMap<DocId, number> {
    const depths = new Map([[this.#doc, 1]])
    for (let [level, depth] = [[this.#doc], 0]; level.length > 0; ) {
      depth = Math.min(depth + 1, DEEPEST_MERGE)
      const next: DocId[] = []
      for (const winner of level) {
        for (const loser of this.#losers.get(winner) ?? []) {
          const known = depths.get(loser) ?? 0
          if ((known & (1 << depth)) !== 0) continue
          depths.set(loser, known | (1 << depth))
          next.push(loser)
        }
      }
      level = next
    }
    return depths
  }
}
