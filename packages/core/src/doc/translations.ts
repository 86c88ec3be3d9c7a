import type { Crypto } from '../base/crypto.js'
import type { DocId } from '../base/ids.js'
import { Translation } from './translate.js'
import type { UnitRange } from './update-codec.js'

/** The first text of any document involved, '' if it has none. */
export type SeedLookup = (doc: DocId) => string

/** The translations between documents, each computed once: they depend on ids and first texts only. */
export class Translations {
  readonly #crypto: Crypto
  readonly #seeds: SeedLookup
  readonly #known = new Map<string, Translation>()

  constructor(crypto: Crypto, seeds: SeedLookup) {
    this.#crypto = crypto
    this.#seeds = seeds
  }

  between(winner: DocId, loser: DocId): Translation {
    const key = `${winner} ${loser}`
    const known = this.#known.get(key)
    if (known !== undefined) return known
    const pair = { winner, loser, winnerSeed: this.#seeds(winner), loserSeed: this.#seeds(loser) }
    const translation = new Translation(this.#crypto, pair)
    this.#known.set(key, translation)
    return translation
  }

  /** Where units of a document are in `doc`, into which it came through `via`: itself first. */
  units(doc: DocId, via: readonly DocId[], range: UnitRange): readonly UnitRange[] {
    let units: readonly UnitRange[] = [range]
    for (const [i, loser] of via.entries()) {
      const translation = this.between(via[i + 1] ?? doc, loser)
      units = units.flatMap((part) => translation.units(part))
    }
    return units
  }
}
