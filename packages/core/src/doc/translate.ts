import type { Crypto } from '../base/crypto.js'
import { MalformedError } from '../base/errors.js'
import type { DocId } from '../base/ids.js'
import { lowerMergeClient, mergeClient, seedClient } from './client-id.js'
import { unionOf, type UnionHunk, type UnionSegment } from './union-merge.js'
import { decodeUpdate, encodeUpdate, type Struct, type UnitId, type UnitRange } from './update-codec.js'

/** Two documents whose first texts landed at one path: `loser` lives on inside `winner`. */
export interface MergePair {
  readonly winner: DocId
  readonly loser: DocId
  readonly winnerSeed: string
  readonly loserSeed: string
}

/**
 * How `loser` becomes part of `winner`: a function of the two ids and first texts alone, so anyone may do it at
 * any time, in any order, as often as they like.
 *
 * The merge update adds the loser's own lines to the winner's seed. Every change to the loser is then rewritten:
 * units of its seed become the same units of the winner's seed or of the merge; everything else keeps its id.
 *
 * Why this converges, although a translated item may name two neighbours that lines of the winner now stand
 * between. Yjs keeps each item next to the item it was put after, and everything that was put after that one in
 * turn; a new item is only misplaced when it slips between another item and what hangs on it. That can happen only
 * where the right neighbour hangs on a seed or merge unit that stands between the two, and only to an item with
 * a higher client than that unit. Client ids are ordered so that this never is the case (client-id.ts). Ids
 * must not be renamed otherwise: the order among the loser's own items is part of what they mean.
 */
export class Translation {
  readonly #winnerClient: number
  readonly #mergeClient: number
  readonly #loserClient: number
  readonly #winnerLength: number
  readonly #hunks: readonly UnionHunk[]
  readonly #segments: readonly UnionSegment[]

  constructor(crypto: Crypto, pair: MergePair) {
    const { winner, loser, winnerSeed, loserSeed } = pair
    this.#winnerClient = seedClient(crypto, winner, winnerSeed)
    this.#loserClient = seedClient(crypto, loser, loserSeed)
    this.#mergeClient = mergeClient(crypto, winner, loser, winnerSeed, loserSeed)
    this.#winnerLength = winnerSeed.length
    const union = unionOf(winnerSeed, loserSeed)
    this.#hunks = union.hunks
    this.#segments = union.segments
  }

  /** The V1 update that adds the loser's own lines to the winner. Depends on the winner's seed only. */
  mergeUpdate(): Uint8Array {
    const structs: Struct[] = []
    let clock = 0
    for (const { at, text } of this.#hunks) {
      const origin = at > 0 && { origin: { client: this.#winnerClient, clock: at - 1 } }
      const rightOrigin = at < this.#winnerLength && { rightOrigin: { client: this.#winnerClient, clock: at } }
      structs.push({ client: this.#mergeClient, clock, kind: 'string', length: text.length, text, ...origin, ...rightOrigin })
      clock += text.length
    }
    return encodeUpdate({ structs, deletes: [] })
  }

  /**
   * A change to the loser as a change to the winner.
   *
   * @throws {MalformedError} when the update does not follow the format or names units that the seed does not have.
   */
  translate(update: Uint8Array): Uint8Array {
    const { structs, deletes } = decodeUpdate(update)
    return encodeUpdate({
      structs: structs.filter(({ client }) => client !== this.#loserClient).map((struct) => this.#struct(struct)),
      deletes: deletes.flatMap((range) => this.units(range))
    })
  }

  /**
   * Where units of the loser are in the winner, in the same order.
   *
   * @throws {MalformedError} when they are beyond the first text.
   */
  units(range: UnitRange): readonly UnitRange[] {
    if (range.client !== this.#loserClient) return [{ ...range, client: lowerMergeClient(range.client) }]
    const mapped: UnitRange[] = []
    const end = range.from + range.length
    let at = range.from
    for (let i = this.#segmentAt(at); at < end; i++) {
      const segment = this.#segments[i]
      if (segment === undefined) throw new MalformedError('a change deletes beyond the first text')
      const length = Math.min(end, segment.from + segment.length) - at
      mapped.push({ client: this.#clientOf(segment), from: segment.at + at - segment.from, length })
      at += length
    }
    return mapped
  }

  #struct(struct: Struct): Struct {
    const { origin, rightOrigin } = struct
    return {
      ...struct,
      client: lowerMergeClient(struct.client),
      ...(origin && { origin: this.#unit(origin) }),
      ...(rightOrigin && { rightOrigin: this.#unit(rightOrigin) })
    }
  }

  #unit(unit: UnitId): UnitId {
    if (unit.client !== this.#loserClient) return { client: lowerMergeClient(unit.client), clock: unit.clock }
    const segment = this.#segments[this.#segmentAt(unit.clock)]
    if (segment === undefined) throw new MalformedError('a change names a place beyond the first text')
    return { client: this.#clientOf(segment), clock: segment.at + unit.clock - segment.from }
  }

  #clientOf(segment: UnionSegment): number {
    return segment.in === 'winner' ? this.#winnerClient : this.#mergeClient
  }

  /** Index of the segment that holds `clock`; the number of segments when none does. */
  #segmentAt(clock: number): number {
    let low = 0
    let high = this.#segments.length
    while (low < high) {
      const middle = (low + high) >> 1
      const segment = this.#segments[middle]
      if (segment !== undefined && segment.from + segment.length <= clock) low = middle + 1
      else high = middle
    }
    return low
  }
}
