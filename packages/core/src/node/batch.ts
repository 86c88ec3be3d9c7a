import type { KvOp, KvRange, KvReader, KvStore } from '../base/kv.js'
import { prefixRange } from '../base/kv.js'

/** What a key will have: its bytes, or how to make them; nothing when it is deleted. */
type Write = Uint8Array | (() => Uint8Array) | undefined

/** Writes gathered for one commit, readable before they are committed. */
export class Batch {
  readonly #kv: KvStore
  readonly #tables = new Map<string, Map<string, Write>>()

  constructor(kv: KvStore) {
    this.#kv = kv
  }

  /** Table by table, which is how a store writes them fastest. */
  get ops(): readonly KvOp[] {
    const ops: KvOp[] = []
    for (const [table, writes] of this.#tables) {
      for (const [key, write] of writes) {
        const value = bytesOf(write)
        ops.push(value === undefined ? { table, key } : { table, key, value })
      }
    }
    return ops
  }

  put(table: string, key: string, value: Uint8Array): void {
    this.#writesOf(table).set(key, value)
  }

  /** As `put`, of a row that may change often before the commit: only its last value is made. */
  putLater(table: string, key: string, value: () => Uint8Array): void {
    this.#writesOf(table).set(key, value)
  }

  delete(table: string, key: string): void {
    this.#writesOf(table).set(key, undefined)
  }

  /** Undoes a `put` of this batch, of a key that is not stored; false when there was none. A deletion stays. */
  takeBack(table: string, key: string): boolean {
    const writes = this.#tables.get(table)
    return writes?.get(key) !== undefined && writes.delete(key)
  }

  add(ops: readonly KvOp[]): void {
    for (const { table, key, value } of ops) this.#writesOf(table).set(key, value)
  }

  async get(table: string, key: string): Promise<Uint8Array | undefined> {
    const writes = this.#tables.get(table)
    return writes?.has(key) === true ? bytesOf(writes.get(key)) : await this.#kv.get(table, key)
  }

  /** Values of all keys that start with `prefix`, in key order. */
  async rows(table: string, prefix: string): Promise<ReadonlyMap<string, Uint8Array>> {
    return new Map(await this.#scan(table, prefixRange(prefix)))
  }

  async scan(table: string, prefix: string): Promise<readonly Uint8Array[]> {
    return (await this.#scan(table, prefixRange(prefix))).map(([, value]) => value)
  }

  /** What the store will hold after the commit. */
  get reader(): KvReader {
    return { get: (table, key) => this.get(table, key), scan: (table, range) => this.#scan(table, range) }
  }

  async #scan(table: string, range: KvRange = {}): Promise<readonly (readonly [string, Uint8Array])[]> {
    const writes = this.#tables.get(table)
    if (writes === undefined) return await this.#kv.scan(table, range)
    const { from = '', to, reverse = false, limit = Infinity } = range
    const rows = new Map(await this.#kv.scan(table, { from, ...(to !== undefined && { to }) }))
    for (const [key, write] of writes) {
      if (key < from || (to !== undefined && key >= to)) continue
      const value = bytesOf(write)
      if (value === undefined) rows.delete(key)
      else rows.set(key, value)
    }
    const sorted = [...rows].sort(([a], [b]) => (a < b ? -1 : 1))
    return (reverse ? sorted.reverse() : sorted).slice(0, limit)
  }

  #writesOf(table: string): Map<string, Write> {
    const known = this.#tables.get(table)
    if (known !== undefined) return known
    const writes = new Map<string, Write>()
    this.#tables.set(table, writes)
    return writes
  }
}

function bytesOf(write: Write): Uint8Array | undefined {
  return typeof write === 'function' ? write() : write
}
