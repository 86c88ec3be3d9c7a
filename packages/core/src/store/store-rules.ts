import { CollabError, errorMessage } from '../base/errors.js'
import type { KvOp, KvRange } from '../base/kv.js'

/** A store was used after it was closed. */
export class StoreClosedError extends CollabError {
  constructor() {
    super('StoreClosedError', 'the store is closed')
  }
}

/** Nothing of a commit was kept, and the store can still be used. */
export class StoreWriteError extends CollabError {
  constructor(message: string, options?: ErrorOptions) {
    super('StoreWriteError', message, options)
  }
}

/** Whether the last commits are on the disk is not known; the store must be opened anew, which reads what there is. */
export class StoreNotSyncedError extends CollabError {
  constructor(cause: unknown) {
    super('StoreNotSyncedError', `the disk did not confirm what was written to the store: ${errorMessage(cause)}; check the disk, then start again`, { cause })
  }
}

const TABLE = /^[a-z_]{1,32}$/

/** @throws {RangeError} when `table` is not a name that every store takes. */
export function checkTable(table: string): void {
  if (!TABLE.test(table)) throw new RangeError(`not a table name: ${JSON.stringify(table)}`)
}

/** @throws {RangeError} when a table name or a key breaks the rules of `KvStore`. */
export function checkOps(ops: readonly KvOp[]): void {
  for (const { table, key } of ops) {
    checkTable(table)
    checkKey(key)
  }
}

/** @throws {RangeError} when a bound of the range is no possible key, or the limit is no count. */
export function checkRange({ from, to, limit }: KvRange): void {
  if (from !== undefined) checkKey(from)
  if (to !== undefined) checkKey(to)
  if (limit !== undefined && (!Number.isSafeInteger(limit) || limit < 0)) throw new RangeError('not a limit')
}

/** Half a surrogate pair has no UTF-8 form, and a store that replaced it would confuse two keys. */
function checkKey(key: string): void {
  if (!key.isWellFormed()) throw new RangeError('a key that is not well-formed text')
}

/** Order of two well-formed strings by their UTF-8 bytes, which is the order of their code points. */
export function compareKeys(a: string, b: string): number {
  const length = Math.min(a.length, b.length)
  for (let i = 0; i < length; i++) {
    const x = a.charCodeAt(i)
    const y = b.charCodeAt(i)
    if (x !== y) return rank(x) - rank(y)
  }
  return a.length - b.length
}

/** Puts surrogates, which stand for code points above all others, after the units U+E000 to U+FFFF. */
function rank(unit: number): number {
  if (unit < 0xd800) return unit
  return unit < 0xe000 ? unit + 0x2000 : unit - 0x800
}
