import type { DatabaseSync, StatementSync } from 'node:sqlite'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { crc32 } from 'node:zlib'
import { StoreDamagedError } from '../base/errors.js'
import type { KvOp, KvRange, KvStore } from '../base/kv.js'
import { damaged, isDamage, openError, writeError } from './sqlite-errors.js'
import { closeQuietly, moveAside, openDatabase, setCleanFlag, shrink } from './sqlite-file.js'
import { SqliteWal } from './sqlite-wal.js'
import { checkOps, checkRange, checkTable, StoreClosedError, StoreNotSyncedError } from './store-rules.js'

export interface SqliteStoreInit {
  /** The database file; its directory is made when missing. SQLite keeps a second file, `<path>-wal`, beside it. */
  readonly path: string
}

/**
 * Opens a store in one SQLite file that this process alone may use until it is closed or ends, however it ends. A
 * commit is on the disk when its promise resolves; commits of one turn share one transaction. After an unclean stop
 * the file is checked first.
 *
 * @throws {AlreadyRunningError} when the file is open elsewhere.
 * @throws {StoreTooNewError} when a newer program wrote it; nothing is changed.
 * @throws {StoreDamagedError} when it is not, or no longer, a sound store.
 */
export function openSqliteStore({ path }: SqliteStoreInit): KvStore {
  const { db, isClean } = openDatabase(path)
  try {
    return new SqliteStore(db, SqliteWal.open(path), isClean)
  } catch (error) {
    closeQuietly(db)
    throw openError(error, path)
  }
}

/**
 * Opens the store at `path`; a damaged one is renamed to `<path>.damaged-<n>`, never deleted, and a fresh one opened in
 * its place. `setAside` is where it went.
 *
 * @throws {AlreadyRunningError}, {StoreTooNewError} as `openSqliteStore` does.
 */
export function openStoreOrSetAside({ path }: SqliteStoreInit): { readonly store: KvStore; readonly setAside?: string } {
  try {
    return { store: openSqliteStore({ path }) }
  } catch (error) {
    if (!(error instanceof StoreDamagedError)) throw error
    const setAside = moveAside(path)
    return { store: openSqliteStore({ path }), setAside }
  }
}

interface Pending {
  readonly ops: readonly KvOp[]
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

type Row = readonly [key: string, value: Uint8Array, sum: number]

/**
 * SQLite writes commits into its log and syncs that only where it must come before something else: before pages go to
 * their places, and when the log begins anew. That a commit is durable is this class's affair.
 *
 * Invariant: a commit's promise resolves after a sync of the log that began when it, and all before it, were written.
 */
class SqliteStore implements KvStore {
  readonly #db: DatabaseSync
  readonly #wal: SqliteWal
  readonly #tables: Set<string>
  readonly #statements = new Map<string, StatementSync>()
  #pending: Pending[] = []
  /** Writing what waits, until nothing waits any more. */
  #writing: Promise<void> | undefined
  #isClean: boolean
  #closing: Promise<void> | undefined
  /** Of what was written it is not known what the disk has. */
  #failed: StoreNotSyncedError | undefined
  /** Damage was met: the next start must look at the whole file. */
  #isDamaged = false

  constructor(db: DatabaseSync, wal: SqliteWal, isClean: boolean) {
    this.#db = db
    this.#wal = wal
    this.#isClean = isClean
    this.#tables = tablesOf(db)
  }

  async get(table: string, key: string): Promise<Uint8Array | undefined> {
    this.#checkOpen()
    checkTable(table)
    if (!this.#tables.has(table)) return undefined
    const sql = `SELECT key, value, sum FROM kv_${table} WHERE key = ?`
    return this.#read(table, () => this.#statement(sql).all(key))[0]?.[1]
  }

  async scan(table: string, range: KvRange = {}): Promise<readonly (readonly [string, Uint8Array])[]> {
    this.#checkOpen()
    checkTable(table)
    checkRange(range)
    if (!this.#tables.has(table)) return []
    const { from = '', to, reverse = false, limit = -1 } = range
    const where = to === undefined ? 'key >= ?' : 'key >= ? AND key < ?'
    const sql = `SELECT key, value, sum FROM kv_${table} WHERE ${where} ORDER BY key ${reverse ? 'DESC' : 'ASC'} LIMIT ?`
    const bounds = to === undefined ? [from, limit] : [from, to, limit]
    return this.#read(table, () => this.#statement(sql).all(...bounds))
  }

  async commit(ops: readonly KvOp[]): Promise<void> {
    this.#checkOpen()
    checkOps(ops)
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    this.#pending.push({ ops, resolve, reject })
    this.#writing ??= this.#writeAll()
    return promise
  }

  async close(): Promise<void> {
    this.#closing ??= this.#close()
    return await this.#closing
  }

  async #close(): Promise<void> {
    await this.#writing
    try {
      const isSound = !this.#isDamaged
      if (this.#failed === undefined && isSound) shrink(this.#db)
      if (this.#failed === undefined && (!this.#isClean || !isSound)) setCleanFlag(this.#db, isSound)
    } finally {
      this.#wal.close()
      this.#db.close()
    }
  }

  async #writeAll(): Promise<void> {
    // What is committed in one turn goes together, and so does what comes while the disk is busy.
    await nextTurn()
    while (this.#pending.length > 0) {
      const group = this.#pending
      this.#pending = []
      try {
        this.#write(group)
        await this.#sync()
        for (const { resolve } of group) resolve()
      } catch (error) {
        for (const { reject } of group) reject(error)
      }
    }
    this.#writing = undefined
  }

  /** After a failure the system may forget what it could not write, and say of the next sync that it went well. */
  async #sync(): Promise<void> {
    try {
      await this.#wal.sync()
    } catch (error) {
      this.#failed = new StoreNotSyncedError(error)
      throw this.#failed
    }
  }

  /** One transaction for everything in `group`. */
  #write(group: readonly Pending[]): void {
    if (this.#failed !== undefined) throw this.#failed
    const created = new Set<string>()
    rollBack(this.#db)
    try {
      this.#db.exec('BEGIN IMMEDIATE')
      if (this.#isClean) setCleanFlag(this.#db, false)
      for (const { ops } of group) for (const op of ops) this.#apply(op, created)
      this.#db.exec('COMMIT')
    } catch (error) {
      this.#statements.clear()
      rollBack(this.#db)
      throw writeError(error)
    }
    this.#isClean = false
    for (const table of created) this.#tables.add(table)
  }

  #apply({ table, key, value }: KvOp, created: Set<string>): void {
    if (!this.#tables.has(table) && !created.has(table)) {
      if (value === undefined) return
      this.#db.exec(`CREATE TABLE kv_${table} (key TEXT PRIMARY KEY, value BLOB NOT NULL, sum INTEGER NOT NULL) STRICT`)
      created.add(table)
    }
    if (value === undefined) this.#statement(`DELETE FROM kv_${table} WHERE key = ?`).run(key)
    else this.#statement(putSql(table)).run(key, value, checksum(table, key, value))
  }

  #statement(sql: string): StatementSync {
    const known = this.#statements.get(sql)
    if (known !== undefined) return known
    const statement = this.#db.prepare(sql)
    statement.setReturnArrays(true)
    this.#statements.set(sql, statement)
    return statement
  }

  #read(table: string, select: () => unknown[]): readonly (readonly [string, Uint8Array])[] {
    try {
      return (select() as Row[]).map(row => [row[0], checked(table, row)])
    } catch (error) {
      this.#isDamaged ||= isDamage(error)
      throw isDamage(error) ? damaged(error) : error
    }
  }

  #checkOpen(): void {
    if (this.#closing !== undefined) throw new StoreClosedError()
    if (this.#failed !== undefined) throw this.#failed
  }
}

function putSql(table: string): string {
  const insert = `INSERT INTO kv_${table} (key, value, sum) VALUES (?, ?, ?)`
  return `${insert} ON CONFLICT (key) DO UPDATE SET value = excluded.value, sum = excluded.sum`
}

/** Covers the place of a row too, so that a row that strayed to another key is seen. */
function checksum(table: string, key: string, value: Uint8Array): number {
  return crc32(value, crc32(`${table}/${key}`))
}

function checked(table: string, [key, value, sum]: Row): Uint8Array {
  if (checksum(table, key, value) !== sum) throw new StoreDamagedError(`a row of table ${table} fails its checksum; the store is damaged`)
  return value
}

function tablesOf(db: DatabaseSync): Set<string> {
  const rows = db.prepare(`SELECT name FROM sqlite_schema WHERE type = 'table' AND name GLOB 'kv_*'`).all()
  return new Set(rows.map(row => String(row['name']).slice('kv_'.length)))
}

/** SQLite has rolled back by itself after most failures. */
function rollBack(db: DatabaseSync): void {
  try {
    if (db.isTransaction) db.exec('ROLLBACK')
  } catch {
    // The failure that led here is reported; the next transaction tries again.
  }
}
