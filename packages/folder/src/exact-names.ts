import { lstatSync, readdirSync } from 'node:fs'
import type { Clock } from '@collab/core'
import { openAnchor } from './anchor.js'

/** How long a directory that shows no change is not listed again: a burst of looks lists it a few times. */
const FRESH_MS = 50
/** Listings that are kept at once. */
const MAX_DIRECTORIES = 256

interface Names {
  readonly names: ReadonlySet<string>
  readonly changedNs: bigint
  readonly until: number
}

/**
 * Whether a name stands on the disk letter by letter. Where upper and lower case are one, every spelling of a name is
 * found there; taken for a file of its own, it would be made twice, and its rename be a deletion.
 */
export class ExactNames {
  readonly #root: string
  readonly #clock: Clock
  readonly #directories = new Map<string, Names>()

  constructor(root: string, clock: Clock) {
    this.#root = root
    this.#clock = clock
  }

  /** True when each of `names`, which lead down from the root, is spelt so on the disk, its accents aside. */
  has(names: readonly string[]): boolean {
    return names.every((name, depth) => this.#namesIn(names.slice(0, depth)).has(name.normalize('NFC')))
  }

  #namesIn(directory: readonly string[]): ReadonlySet<string> {
    const key = directory.join('/')
    const known = this.#directories.get(key)
    using anchor = openAnchor(this.#root, directory)
    const changedNs = lstatSync(anchor.entry('.'), { bigint: true }).mtimeNs
    const now = this.#clock.monotonic()
    if (known !== undefined && known.changedNs === changedNs && now < known.until) return known.names
    const names = new Set(readdirSync(anchor.at).map((name) => name.normalize('NFC')))
    if (this.#directories.size >= MAX_DIRECTORIES) this.#directories.clear()
    this.#directories.set(key, { names, changedNs, until: now + FRESH_MS })
    return names
  }
}
