import { CollabError, StoreTooNewError, errorMessage } from '../base/errors.js'
import { fromUtf8, utf8 } from '../base/bytes.js'
import type { KvOp, KvRange, KvStore } from '../base/kv.js'
import { aloneLock, holdLock, storeLock } from './indexeddb-lock.js'
import { checkOps, checkRange, checkTable, compareKeys, StoreClosedError, StoreWriteError } from './store-rules.js'

export interface IndexedDbStoreInit {
  /** Name of the database, of this origin. */
  readonly name: string
  /**
   * Waits until no other tab has it open, or until the signal aborts.
   *
   * @default it is refused then
   */
  readonly wait?: AbortSignal
}

const VERSION = 1
/** One for all tables: IndexedDB declares them when a database is opened, and tables here need no declaration. */
const ROWS = 'rows'

/**
 * Opens a store in IndexedDB that this tab alone may use until it is closed or the tab ends, however it ends. A commit
 * is on the disk when its promise resolves (`strict` durability); what is committed while another commit is under way
 * shares the next transaction.
 *
 * @throws {AlreadyRunningError} when another tab has it open.
 * @throws {StoreTooNewError} when a newer program wrote it; nothing is changed.
 * @throws {CollabError} named StoreUnavailableError when the browser gives no database, or the page is not secure.
 */
export async function openIndexedDbStore({ name, wait }: IndexedDbStoreInit): Promise<KvStore> {
  const releases = [await holdLock(storeLock(name), wait)]
  const release = (): void => {
    for (const give of releases.splice(0)) give()
  }
  try {
    if (wait === undefined) releases.push(await holdLock(aloneLock(name)))
    return new IndexedDbStore(await openDatabase(name), release)
  } catch (error) {
    release()
    throw openError(error, name)
  }
}

interface Pending {
  readonly ops: readonly KvOp[]
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

class IndexedDbStore implements KvStore {
  readonly #db: IDBDatabase
  readonly #release: () => void
  #pending: Pending[] = []
  #reading: IDBObjectStore | undefined
  #writing: Promise<void> | undefined
  #closing: Promise<void> | undefined

  constructor(db: IDBDatabase, release: () => void) {
    this.#db = db
    this.#release = release
  }

  async get(table: string, key: string): Promise<Uint8Array | undefined> {
    this.#checkOpen()
    checkTable(table)
    return await this.#read((rows) => done<Uint8Array | undefined>(rows.get(rowKey(table, key))))
  }

  async scan(table: string, range: KvRange = {}): Promise<readonly (readonly [string, Uint8Array])[]> {
    this.#checkOpen()
    checkTable(table)
    checkRange(range)
    const { from = '', to, reverse = false, limit } = range
    if (limit === 0 || (to !== undefined && compareKeys(from, to) >= 0)) return []
    const bounds = IDBKeyRange.bound(rowKey(table, from), to === undefined ? tableEnd(table) : rowKey(table, to), false, true)
    const rows = reverse && limit !== undefined ? await this.#last(bounds, limit) : await this.#first(bounds, limit)
    const named = rows.map(([key, value]) => [fromUtf8(new Uint8Array(key, table.length + 1)), value] as const)
    return reverse && limit === undefined ? named.toReversed() : named
  }

  async commit(ops: readonly KvOp[]): Promise<void> {
    this.#checkOpen()
    checkOps(ops)
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    this.#pending.push({ ops, resolve, reject })
    this.#writing ??= this.#writeAll()
    return await promise
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    await this.#writing
    // Ends once the transactions under way have ended.
    this.#db.close()
    this.#release()
  }

  /**
   * Asks in the transaction of the read before, if that still runs, as it does for who goes on reading at once: to begin
   * one costs most of a read. It runs before any later write, and what was committed is in the next one.
   */
  #read<T>(ask: (rows: IDBObjectStore) => T): T {
    try {
      if (this.#reading !== undefined) return ask(this.#reading)
    } catch (error) {
      if (!(error instanceof DOMException)) throw error
    }
    this.#reading = this.#db.transaction(ROWS, 'readonly').objectStore(ROWS)
    return ask(this.#reading)
  }

  async #first(bounds: IDBKeyRange, limit?: number): Promise<readonly (readonly [ArrayBuffer, Uint8Array])[]> {
    const [keys, values] = await this.#read((rows) => Promise.all([done(rows.getAllKeys(bounds, limit)), done<Uint8Array[]>(rows.getAll(bounds, limit))]))
    return keys.map((key, at) => [key as ArrayBuffer, values[at] ?? new Uint8Array(0)])
  }

  async #last(bounds: IDBKeyRange, limit: number): Promise<readonly (readonly [ArrayBuffer, Uint8Array])[]> {
    const rows: (readonly [ArrayBuffer, Uint8Array])[] = []
    const request = this.#read((rows) => rows.openCursor(bounds, 'prev'))
    for (;;) {
      const cursor = await done(request)
      if (cursor === null) return rows
      rows.push([cursor.key as ArrayBuffer, cursor.value as Uint8Array])
      if (rows.length === limit) return rows
      cursor.continue()
    }
  }

  async #writeAll(): Promise<void> {
    // What is committed in one turn goes together.
    await Promise.resolve()
    while (this.#pending.length > 0) {
      const group = this.#pending
      this.#pending = []
      try {
        await this.#write(group)
        for (const { resolve } of group) resolve()
      } catch (error) {
        for (const { reject } of group) reject(writeError(error))
      }
    }
    this.#writing = undefined
  }

  async #write(group: readonly Pending[]): Promise<void> {
    const transaction = this.#db.transaction(ROWS, 'readwrite', { durability: 'strict' })
    const rows = transaction.objectStore(ROWS)
    try {
      for (const { ops } of group) for (const op of ops) put(rows, op)
      transaction.commit()
    } catch (error) {
      transaction.abort()
      throw error
    }
    await completed(transaction)
  }

  #checkOpen(): void {
    if (this.#closing !== undefined) throw new StoreClosedError()
  }
}

function put(rows: IDBObjectStore, { table, key, value }: KvOp): void {
  // A view would be stored with all of the memory behind it.
  if (value === undefined) rows.delete(rowKey(table, key))
  else rows.put(Uint8Array.from(value), rowKey(table, key))
}

/** As bytes, which IndexedDB keeps in the order that stores promise; of strings it would compare UTF-16 units. */
function rowKey(table: string, key: string): Uint8Array<ArrayBuffer> {
  return utf8Bytes(`${table}\0${key}`)
}

function tableEnd(table: string): Uint8Array<ArrayBuffer> {
  return utf8Bytes(`${table}\u0001`)
}

function utf8Bytes(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(utf8(text))
}

async function openDatabase(name: string): Promise<IDBDatabase> {
  const request = indexedDB.open(name, VERSION)
  request.addEventListener('upgradeneeded', () => request.result.createObjectStore(ROWS))
  return await done(request)
}

function done<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.addEventListener('success', () => resolve(request.result), { once: true })
    request.addEventListener('error', () => reject(request.error ?? new Error('the database did not answer')), { once: true })
  })
}

function completed(transaction: IDBTransaction): Promise<void> {
  return new Promise((resolve, reject) => {
    transaction.addEventListener('complete', () => resolve())
    transaction.addEventListener('abort', () => reject(transaction.error ?? new Error('the transaction was aborted')))
  })
}

function openError(error: unknown, name: string): Error {
  if (error instanceof CollabError) return error
  if (error instanceof DOMException && error.name === 'VersionError') {
    return new StoreTooNewError('the store was written by a newer version of collab; reload the page to open it', { cause: error })
  }
  return new CollabError('StoreUnavailableError', `the browser does not open the database ${name}: ${errorMessage(error)}`, { cause: error })
}

function writeError(error: unknown): Error {
  const isFull = error instanceof DOMException && error.name === 'QuotaExceededError'
  const advice = isFull ? 'the browser gives this site no more space; free some, or let the site keep its data' : errorMessage(error)
  return new StoreWriteError(`nothing was saved: ${advice}`, { cause: error })
}
