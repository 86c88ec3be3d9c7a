import type { Crypto } from '../base/crypto.js'
import type { DocId } from '../base/ids.js'
import { mergeClient, mergeOf, seedClient } from './client-id.js'
import type { SeedLookup, Translations } from './translations.js'
import { decodeUpdate, encodeUpdate, type Struct, type UnitId, type UnitRange } from './update-codec.js'

/** How a document came into another: itself, then the documents through which it came, innermost first. */
export type Way = readonly [DocId, ...DocId[]]

export interface SharedUnitsInit {
  readonly crypto: Crypto
  readonly doc: DocId
  /** For each absorption one way by which it came into `doc`, in the order in which their merges are applied: an outer one first. */
  readonly ways: readonly Way[]
  readonly seeds: SeedLookup
  readonly translations: Translations
}

/** Units from clock `from` to `to` stand for those of `client` from `at` on. */
interface Alias {
  readonly from: number
  readonly to: number
  readonly client: number
  readonly at: number
}

/**
 * A first text that came into a document by several ways is there once. Each way has units of its own for it, and
 * edits name those of the ways that their authors knew. So of the units that stand for one unit of a first text all
 * but one are left out, and every change is rewritten to name that one: the document's own where there is one, else
 * that of the way whose merge is applied first.
 *
 * A function of the ways and the first texts alone. More ways only make more units one, so what an edit names in a
 * state with fewer ways has its one place in a state with more. The document's own lines are never left out: where two
 * of them stand for one line, both stay. What is rewritten may name two neighbours of which the right one stands
 * first; such a document is built by replay in one order, which ends the same everywhere all the same.
 */
export class SharedUnits {
  readonly #aliases = new Map<number, Alias[]>()
  /** Of the document's first text and of each merge: the unit with the lowest rank stays. */
  readonly #ranks = new Map<number, number>()
  /** A merge, by the client it was made with -> the client that it is applied with. */
  readonly #merges = new Map<number, number>()
  readonly #init: SharedUnitsInit

  constructor(init: SharedUnitsInit) {
    this.#init = init
    const { crypto, doc, ways, seeds } = init
    this.#rank(seedClient(crypto, doc, seeds(doc)))
    for (const [loser, ...via] of ways) {
      const winner = via[0] ?? doc
      const client = mergeClient(crypto, winner, loser, seeds(winner), seeds(loser))
      for (const unit of init.translations.units(doc, via, { client, from: 0, length: 1 })) {
        this.#merges.set(client, unit.client)
        this.#rank(unit.client)
      }
    }
    const first = new Map<DocId, Way>()
    for (const way of ways) {
      const other = first.get(way[0])
      if (other === undefined) first.set(way[0], way)
      else this.#unite(this.#unitsOf(other), this.#unitsOf(way))
    }
  }

  /** What an update to the document means where lines that came by several ways are one. */
  rewrite(update: Uint8Array): Uint8Array {
    const { structs, deletes } = decodeUpdate(update)
    return encodeUpdate({
      structs: structs.flatMap((struct) => this.#struct(struct)),
      deletes: deletes.flatMap((range) => this.#rangesOf(range))
    })
  }

  #rank(client: number): void {
    if (!this.#ranks.has(client)) this.#ranks.set(client, this.#ranks.size)
  }

  #unitsOf(way: Way): readonly UnitRange[] {
    const { crypto, doc, seeds, translations } = this.#init
    const [loser] = way
    const seed = seeds(loser)
    return seed === '' ? [] : translations.units(doc, way, { client: seedClient(crypto, loser, seed), from: 0, length: seed.length })
  }

  /** Both cover the units of one first text. */
  #unite(a: readonly UnitRange[], b: readonly UnitRange[]): void {
    let [inA, inB] = [0, 0]
    for (let [i, j] = [0, 0]; ; ) {
      const [left, right] = [a[i], b[j]]
      if (left === undefined || right === undefined) return
      const one = this.#find(left.client, left.from + inA, left.length - inA)
      const two = this.#find(right.client, right.from + inB, right.length - inB)
      const length = Math.min(one.length, two.length)
      this.#alias({ ...one, length }, { ...two, length })
      inA += length
      inB += length
      if (inA === left.length) [i, inA] = [i + 1, 0]
      if (inB === right.length) [j, inB] = [j + 1, 0]
    }
  }

  #alias(a: UnitRange, b: UnitRange): void {
    const [rankA, rankB] = [this.#ranks.get(a.client) ?? 0, this.#ranks.get(b.client) ?? 0]
    // Two lines of one text, or one and the same.
    if (rankA === rankB) return
    const [kept, left] = rankA < rankB ? [a, b] : [b, a]
    const aliases = this.#aliases.get(left.client) ?? []
    this.#aliases.set(left.client, aliases)
    aliases.splice(firstBehind(aliases, left.from), 0, { from: left.from, to: left.from + left.length, client: kept.client, at: kept.from })
  }

  /** The units that those from `clock` on stand for, as many of them as are in one piece. */
  #find(named: number, clock: number, length: number): UnitRange {
    const client = this.#applied(named)
    const aliases = this.#aliases.get(client) ?? []
    const next = aliases[firstBehind(aliases, clock)]
    if (next === undefined) return { client, from: clock, length }
    if (next.from > clock) return { client, from: clock, length: Math.min(length, next.from - clock) }
    return this.#find(next.client, next.at + clock - next.from, Math.min(length, next.to - clock))
  }

  /** The client of what is applied in place of that of `client`: a merge is applied once, whatever it came through. */
  #applied(client: number): number {
    const place = mergeOf(client)
    return place === undefined ? client : (this.#merges.get(place.merge) ?? client)
  }

  #unit(unit: UnitId): UnitId {
    const { client, from } = this.#find(unit.client, unit.clock, 1)
    return { client, clock: from }
  }

  #rangesOf(range: UnitRange): readonly UnitRange[] {
    const parts: UnitRange[] = []
    for (let done = 0; done < range.length; ) {
      const part = this.#find(range.client, range.from + done, range.length - done)
      parts.push(part)
      done += part.length
    }
    return parts
  }

  /** Left-out units have no place, so that nobody writes beside them: what was written there names those that stay. */
  #struct(struct: Struct): readonly Struct[] {
    const { client, clock, length, text, origin, rightOrigin } = struct
    const place = { ...(origin && { origin: this.#unit(origin) }), ...(rightOrigin && { rightOrigin: this.#unit(rightOrigin) }) }
    if (text === undefined || !this.#aliases.has(client)) return [{ ...struct, ...place }]
    const parts: Struct[] = []
    let start = clock
    let beside = place
    for (const { client: at, from, length: units } of this.#rangesOf({ client, from: clock, length })) {
      const isKept = at === client && from === start
      const common = { client, clock: start, length: units }
      if (isKept) parts.push({ ...common, ...beside, kind: 'string', text: text.slice(start - clock, start - clock + units) })
      else parts.push({ ...common, kind: 'gc' })
      start += units
      if (isKept) beside = { ...place, origin: { client, clock: start - 1 } }
    }
    return parts
  }
}

/** Where in `aliases` the first one that ends behind `clock` is. */
function firstBehind(aliases: readonly Alias[], clock: number): number {
  let [low, high] = [0, aliases.length]
  while (low < high) {
    const middle = (low + high) >> 1
    if ((aliases[middle]?.to ?? 0) > clock) high = middle
    else low = middle + 1
  }
  return low
}
