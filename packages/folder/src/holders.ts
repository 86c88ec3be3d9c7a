import { readdirSync, readlinkSync } from 'node:fs'
import type { Clock } from '@collab/core'
import type { HeldId } from './folder-fs.js'
import { CONTROL_DIRECTORY } from './rel-path.js'
import { Slices } from './slices.js'
import { TRASH_DIRECTORY } from './trash.js'

const FRESH_MS = 5000
const HELD_PATH = `/${CONTROL_DIRECTORY}/${TRASH_DIRECTORY}/`

/** Which displaced files some process still has open. Other users' processes cannot be seen. */
export class Holders {
  readonly #clock: Clock
  #last: { readonly at: number; readonly ids: Promise<ReadonlySet<HeldId>> } | undefined

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Looks through all processes, at most every few seconds. Empty where the system does not tell. */
  current(): Promise<ReadonlySet<HeldId>> {
    const now = this.#clock.monotonic()
    if (this.#last !== undefined && now - this.#last.at < FRESH_MS) return this.#last.ids
    const ids = this.#look()
    this.#last = { at: now, ids }
    return ids
  }

  async #look(): Promise<ReadonlySet<HeldId>> {
    const ids = new Set<HeldId>()
    const slices = new Slices(this.#clock)
    for (const process of entriesOf('/proc').filter((name) => /^\d+$/.test(name))) {
      for (const fd of entriesOf(`/proc/${process}/fd`)) addHeld(ids, `/proc/${process}/fd/${fd}`)
      if (slices.isOver) await slices.next()
    }
    return ids
  }
}

function entriesOf(directory: string): string[] {
  try {
    return readdirSync(directory)
  } catch {
    return []
  }
}

function addHeld(ids: Set<HeldId>, descriptor: string): void {
  try {
    const target = readlinkSync(descriptor)
    const at = target.lastIndexOf(HELD_PATH)
    if (at >= 0) ids.add(target.slice(at + HELD_PATH.length).replace(/ \(deleted\)$/, ''))
  } catch {
    // Closed meanwhile.
  }
}
