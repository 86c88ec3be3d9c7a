import { chmodSync, existsSync, mkdirSync, renameSync, statSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { DatabaseSync, type StatementSync } from 'node:sqlite'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { crc32 } from 'node:zlib'
import { StoreDamagedError, StoreTooNewError } from '../base/errors.js'
import type { KvOp, KvRange, KvStore } from '../base/kv.js'
import { damaged, isDamage, openError, writeError } from './sqlite-errors.js'
import { SqliteWal } from './sqlite-wal.js'
import { checkOps, checkRange, checkTable, StoreClosedError, StoreNotSyncedError } from './store-rules.js'

export interface SqliteStoreInit {
  /** The database file; its directory is made when missing. SQLite keeps a second file, `<path>-wal`, beside it. */
  readonly path: string
}

/**
 * Of the tables here and of what is in them; a store with a higher one was written by a newer program. Version 2 has
 * steps in pages and entries in segments, which a program of version 1 would not miss.
 */
const SCHEMA_VERSION = 2
/** Of a store in which entries were left to others: a program of version 2 would take it for damaged. */
const PRUNED_VERSION = 3
const PRUNED_TABLE = 'pruned'
/** A process that is just ending lets go within this; another one is refused after it. */
const LOCK_WAIT_MS = 250
/** A large import leaves no larger log file than this behind. */
const MAX_WAL_BYTES = 16 * 1024 * 1024
/** Pages that the log gathers before they are moved to their places: a page that a burst writes often is moved once. */
const CHECKPOINT_PAGES = 4096
/** Of a fresh file: against 4096, entries of 2 KB take a third less space and are read twice as fast (measured). */
const PAGE_BYTES = 8192
/** Pages that are free are used again; when half of a file this large or larger is free at a stop, the disk gets them back. */
const MIN_SHRUNK_BYTES = 4 * 1024 * 1024
const SUFFIXES = ['', '-wal', '-shm', '-journal']

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
  prepareFile(path)
  let db: DatabaseSync | undefined
  try {
    db = new DatabaseSync(path, { timeout: LOCK_WAIT_MS })
    lock(db)
    const version = checkVersion(db)
    configure(db)
    if (version === 0) createSchema(db)
    else if (version < SCHEMA_VERSION) takeOver(db)
    const isClean = readCleanFlag(db)
    if (!isClean) {
      checkIntegrity(db)
      settle(db)
    }
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
      if (table === PRUNED_TABLE) this.#db.exec(`PRAGMA user_version = ${PRUNED_VERSION}`)
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

/** The file itself with its mode before SQLite sees it; SQLite gives the files beside it the same mode. */
function prepareFile(path: string): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
  if (!existsSync(path)) writeFileSync(path, '', { flag: 'a', mode: 0o600 })
  const { size, mode } = statSync(path)
  if ((mode & 0o777) !== 0o600) chmodSync(path, 0o600)
  // SQLite would take it for a new database and delete the log beside it.
  const log = statSync(`${path}-wal`, { throwIfNoEntry: false })
  if (size === 0 && log !== undefined && log.size > 0) throw new StoreDamagedError(`the store ${path} was emptied`)
}

/** Exclusive mode keeps the lock from the first transaction on; the system drops it however the process ends. */
function lock(db: DatabaseSync): void {
  db.exec(`PRAGMA page_size = ${PAGE_BYTES}; PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE; COMMIT`)
}

/** The schema version of a store that can be opened; 0 of a fresh file. */
function checkVersion(db: DatabaseSync): number {
  const version = Number(Object.values(db.prepare('PRAGMA user_version').get() ?? {})[0])
  if (version > PRUNED_VERSION) throw new StoreTooNewError('the store was written by a newer version of collab; update collab to open it')
  const { count } = db.prepare('SELECT count(*) AS count FROM sqlite_schema').get() ?? {}
  if (version === 0 && count !== 0) throw new StoreDamagedError('the store is a database of another program')
  return version
}

function configure(db: DatabaseSync): void {
  db.exec(`PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA journal_size_limit = ${MAX_WAL_BYTES}; PRAGMA wal_autocheckpoint = ${CHECKPOINT_PAGES}`)
}

function createSchema(db: DatabaseSync): void {
  db.exec(
    `BEGIN IMMEDIATE;
     CREATE TABLE store_state (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT;
     INSERT INTO store_state VALUES ('clean', 1);
     PRAGMA user_version = ${SCHEMA_VERSION};
     COMMIT`
  )
}

/** Programs of version 1 wrote a row for each applied entry, which nothing reads any more. */
function takeOver(db: DatabaseSync): void {
  db.exec(`BEGIN IMMEDIATE; DROP TABLE IF EXISTS kv_applied; PRAGMA user_version = ${SCHEMA_VERSION}; COMMIT`)
}

/**
 * What an ended process wrote is there to be read, on the disk or not. This writes it to its places and syncs those: after
 * a sync that failed, another one of the log would prove nothing.
 */
function settle(db: DatabaseSync): void {
  db.exec('PRAGMA wal_checkpoint')
}

function readCleanFlag(db: DatabaseSync): boolean {
  return db.prepare(`SELECT value FROM store_state WHERE name = 'clean'`).get()?.['value'] === 1
}

function setCleanFlag(db: DatabaseSync, isClean: boolean): void {
  db.prepare(`UPDATE store_state SET value = ? WHERE name = 'clean'`).run(isClean ? 1 : 0)
}

function checkIntegrity(db: DatabaseSync): void {
  const result = Object.values(db.prepare('PRAGMA quick_check(1)').get() ?? {})[0]
  if (result !== 'ok') throw new StoreDamagedError(`the store is damaged: ${String(result)}`)
}

/** Writes the file anew where much of it is free; a disk that has no room for that keeps it as it is. */
function shrink(db: DatabaseSync): void {
  const pragma = (name: string): number => Number(Object.values(db.prepare(`PRAGMA ${name}`).get() ?? {})[0])
  const [pages, free] = [pragma('page_count'), pragma('freelist_count')]
  if (pages * PAGE_BYTES < MIN_SHRUNK_BYTES || free * 2 < pages) return
  try {
    db.exec('VACUUM')
  } catch {
    // Nothing was changed; the free pages are used by what comes.
  }
}

function tablesOf(db: DatabaseSync): Set<string> {
  const rows = db.prepare(`SELECT name FROM sqlite_schema WHERE type = 'table' AND name GLOB 'kv_*'`).all()
  return new Set(rows.map(row => String(row['name']).slice('kv_'.length)))
}

function moveAside(path: string): string {
  let n = 1
  while (existsSync(`${path}.damaged-${n}`)) n++
  for (const suffix of SUFFIXES) {
    if (existsSync(path + suffix)) renameSync(path + suffix, `${path}.damaged-${n}${suffix}`)
  }
  return `${path}.damaged-${n}`
}

/** SQLite has rolled back by itself after most failures. */
function rollBack(db: DatabaseSync): void {
  try {
    if (db.isTransaction) db.exec('ROLLBACK')
  } catch {
    // The failure that led here is reported; the next transaction tries again.
  }
}

function closeQuietly(db: DatabaseSync | undefined): void {
  try {
    db?.close()
  } catch {
    // What made the opening fail is reported; this could only repeat it.
  }
}
