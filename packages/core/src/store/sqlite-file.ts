import { chmodSync, existsSync, mkdirSync, renameSync, statSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { StoreDamagedError, StoreTooNewError } from '../base/errors.js'
import { openError } from './sqlite-errors.js'

// The file of a store, before and after rows are read and written: its place, its schema, its soundness, its size.

/**
 * Of the tables here and of what is in them; a store with a higher one was written by a newer program. Version 2 has
 * steps in pages and entries in segments, 3 may have left entries to others, 4 names of an absorbed document's step
 * only that document, 5 has causal pasts and steps that are known by their places in logs: what an older program would not
 * miss, or read as something else.
 */
const SCHEMA_VERSION = 5
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

export interface OpenDatabase {
  readonly db: DatabaseSync
  /** The process that had it last closed it. */
  readonly isClean: boolean
}

/**
 * The database at `path`, locked and sound: a fresh one where none is, and after an unclean stop one that was checked and
 * that is on the disk as it is read.
 *
 * @throws as `openSqliteStore` does.
 */
export function openDatabase(path: string): OpenDatabase {
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
    return { db, isClean }
  } catch (error) {
    closeQuietly(db)
    throw openError(error, path)
  }
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
  if (version > SCHEMA_VERSION) throw new StoreTooNewError('the store was written by a newer version of collab; update collab to open it')
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

export function setCleanFlag(db: DatabaseSync, isClean: boolean): void {
  db.prepare(`UPDATE store_state SET value = ? WHERE name = 'clean'`).run(isClean ? 1 : 0)
}

function checkIntegrity(db: DatabaseSync): void {
  const result = Object.values(db.prepare('PRAGMA quick_check(1)').get() ?? {})[0]
  if (result !== 'ok') throw new StoreDamagedError(`the store is damaged: ${String(result)}`)
}

/** Writes the file anew where much of it is free; a disk that has no room for that keeps it as it is. */
export function shrink(db: DatabaseSync): void {
  const pragma = (name: string): number => Number(Object.values(db.prepare(`PRAGMA ${name}`).get() ?? {})[0])
  const [pages, free] = [pragma('page_count'), pragma('freelist_count')]
  if (pages * PAGE_BYTES < MIN_SHRUNK_BYTES || free * 2 < pages) return
  try {
    db.exec('VACUUM')
  } catch {
    // Nothing was changed; the free pages are used by what comes.
  }
}

export function moveAside(path: string): string {
  let n = 1
  while (existsSync(`${path}.damaged-${n}`)) n++
  for (const suffix of SUFFIXES) {
    if (existsSync(path + suffix)) renameSync(path + suffix, `${path}.damaged-${n}${suffix}`)
  }
  return `${path}.damaged-${n}`
}

export function closeQuietly(db: DatabaseSync | undefined): void {
  try {
    db?.close()
  } catch {
    // What made the opening fail is reported; this could only repeat it.
  }
}
