import type { KvOp, KvStore } from '../base/kv.js'
import { prefixRange } from '../base/kv.js'

/** Writes gathered for one commit, readable before they are committed. */
export class Batch {
  readonly #kv: KvStore
  readonly #writes = new Map<string, KvOp>()

  constructor(kv: KvStore) {
    this.#kv = kv
  }

  get ops(): readonly KvOp[] {
    return [...this.#writes.values()]
  }

  put(table: string, key: string, value: Uint8Array): void {
    this.#writes.set(`${table}/${key}`, { table, key, value })
  }

  delete(table: string, key: string): void {
    this.#writes.set(`${table}/${key}`, { table, key })
  }

  add(ops: readonly KvOp[]): void {
    for (const op of ops) this.#writes.set(`${op.table}/${op.key}`, op)
  }

  async get(table: string, key: string): Promise<Uint8Array | undefined> {
    const written = this.#writes.get(`${table}/${key}`)
    return written === undefined ? await this.#kv.get(table, key) : written.value
  }

  /** Values of all keys that start with `prefix`, in key order. */
  async scan(table: string, prefix: string): Promise<readonly Uint8Array[]> {
    const rows = new Map(await this.#kv.scan(table, prefixRange(prefix)))
    for (const op of this.#writes.values()) {
      if (op.table !== table || !op.key.startsWith(prefix)) continue
      if (op.value === undefined) rows.delete(op.key)
      else rows.set(op.key, op.value)
    }
    return [...rows].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, value]) => value)
  }
}
