import type { DocId, KvOp, Workspace } from '@collab/core'
import type { BaseText } from './base-row.js'
import type { HeldId } from './folder-fs.js'

const TABLE = 'folder_held'

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
    const value = await this.#rows.get(TABLE, id)
    return value === undefined ? undefined : (JSON.parse(new TextDecoder().decode(value)) as HeldBase)
  }

  put(id: HeldId, base: HeldBase): KvOp {
    return { table: TABLE, key: id, value: new TextEncoder().encode(JSON.stringify(base)) }
  }

  /** Drops all but those of `kept`. */
  async prune(kept: ReadonlySet<HeldId>): Promise<void> {
    const rows = await this.#rows.scan(TABLE)
    const ops = rows.filter(([id]) => !kept.has(id)).map(([key]) => ({ table: TABLE, key }))
    if (ops.length > 0) await this.#rows.commit(ops)
  }
}
