import type { DocId, KvOp, Workspace } from '@collab/core'
import type { BaseText } from './base-row.js'
import type { HeldId } from './folder-fs.js'

/** file in the trash -> what it was. */
export const HELD_TABLE = 'folder_held'

/** What a file that was moved aside was, for when the program that has it open writes to it. */
export interface HeldBase {
  readonly doc: DocId
  readonly agreed: BaseText
  readonly ring: readonly BaseText[]
}

/** The bases of displaced files, kept as long as the trash has the file. */
export class HeldBases {
  readonly #rows: Workspace['rows']

  constructor(rows: Workspace['rows']) {
    this.#rows = rows
  }

  async get(id: HeldId): Promise<HeldBase | undefined> {
    const value = await this.#rows.get(HELD_TABLE, id)
    return value === undefined ? undefined : decodeHeld(value)
  }

  put(id: HeldId, base: HeldBase): KvOp {
    return { table: HELD_TABLE, key: id, value: new TextEncoder().encode(JSON.stringify(base)) }
  }

  /** Drops all but those of `kept`. */
  async prune(kept: ReadonlySet<HeldId>): Promise<void> {
    const rows = await this.#rows.scan(HELD_TABLE)
    const ops = rows.filter(([id]) => !kept.has(id)).map(([key]) => ({ table: HELD_TABLE, key }))
    if (ops.length > 0) await this.#rows.commit(ops)
  }
}

export function decodeHeld(value: Uint8Array): HeldBase {
  return JSON.parse(new TextDecoder().decode(value)) as HeldBase
}
