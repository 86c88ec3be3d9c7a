import type { KvOp, KvRange, KvStore } from '../base/kv.js'
import { checkOps, checkRange, checkTable, compareKeys, StoreClosedError } from './store-rules.js'

/** A store that forgets everything when it is dropped: for tests, and where nothing may be written. */
export function createMemoryStore(): KvStore {
  return new MemoryStore()
}

class MemoryStore implements KvStore {
  readonly #tables = new Map<string, MemoryTable>()
  #last: Promise<void> = Promise.resolve()
  #isClosed = false

  async get(table: string, key: string): Promise<Uint8Array | undefined> {
    this.#checkOpen()
    checkTable(table)
    return this.#tables.get(table)?.get(key)
  }

  async scan(table: string, range: KvRange = {}): Promise<readonly (readonly [string, Uint8Array])[]> {
    this.#checkOpen()
    checkTable(table)
    checkRange(range)
    return this.#tables.get(table)?.scan(range) ?? []
  }

  async commit(ops: readonly KvOp[]): Promise<void> {
    this.#checkOpen()
    checkOps(ops)
    // Later than the call, as in a store with a disk: what isn't awaited must not be relied on.
    this.#last = this.#last.then(() => this.#apply(ops))
    return this.#last
  }

  async close(): Promise<void> {
    this.#isClosed = true
    await this.#last
  }

  #apply(ops: readonly KvOp[]): void {
    for (const { table, key, value } of ops) {
      const rows = this.#tables.get(table) ?? new MemoryTable()
      this.#tables.set(table, rows)
      if (value === undefined) rows.delete(key)
      else rows.set(key, value)
    }
  }

  #checkOpen(): void {
    if (this.#isClosed) throw new StoreClosedError()
  }
}

/** Rows by key, and the keys in order. Values are copied in and out, as a disk would. */
class MemoryTable {
  readonly #rows = new Map<string, Uint8Array>()
  readonly #keys: string[] = []

  get(key: string): Uint8Array | undefined {
    return this.#rows.get(key)?.slice()
  }

  set(key: string, value: Uint8Array): void {
    if (!this.#rows.has(key)) this.#keys.splice(this.#indexOf(key), 0, key)
    this.#rows.set(key, Uint8Array.from(value))
  }

  delete(key: string): void {
    if (this.#rows.delete(key)) this.#keys.splice(this.#indexOf(key), 1)
  }

  scan({ from, to, reverse = false, limit = this.#keys.length }: KvRange): readonly (readonly [string, Uint8Array])[] {
    const start = from === undefined ? 0 : this.#indexOf(from)
    const end = Math.max(start, to === undefined ? this.#keys.length : this.#indexOf(to))
    const keys = reverse ? this.#keys.slice(Math.max(start, end - limit), end).toReversed() : this.#keys.slice(start, Math.min(end, start + limit))
    return keys.map(key => [key, this.#rows.get(key)?.slice() ?? new Uint8Array(0)])
  }

  /** Index of the first key that is not before `key`. */
  #indexOf(key: string): number {
    let low = 0
    let high = this.#keys.length
    const last = this.#keys[high - 1]
    if (last !== undefined && compareKeys(last, key) < 0) return high
    while (low < high) {
      const middle = (low + high) >> 1
      if (compareKeys(this.#keys[middle] ?? '', key) < 0) low = middle + 1
      else high = middle
    }
    return low
  }
}
