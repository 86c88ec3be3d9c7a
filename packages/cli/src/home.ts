import { randomBytes } from 'node:crypto'
import { chmodSync, existsSync, readFileSync, readdirSync, renameSync, statSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join, resolve } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { FailureError } from './cli-error.js'
import { makeDirectories } from './make-directories.js'
import { decodeRecord, encodeRecord } from './store-record.js'
import type { StoreRecord } from './store-record.js'

/** Longest wait for another process that is just starting in the same home. */
const HOME_LOCK_MS = 10_000

/** Where private state is kept: `COLLAB_HOME`, or the platform's data directory. */
export function homeDirectory(env: Readonly<Record<string, string | undefined>>, platform: string, cwd: string): string {
  const given = env['COLLAB_HOME']
  if (given !== undefined && given !== '') return resolve(cwd, given)
  if (platform === 'win32') return join(env['APPDATA'] ?? join(homedir(), 'AppData', 'Roaming'), 'collab')
  if (platform === 'darwin') return join(homedir(), 'Library', 'Application Support', 'collab')
  const data = env['XDG_DATA_HOME']
  // A relative XDG path is to be ignored, by its specification.
  return join(data?.startsWith('/') === true ? data : join(homedir(), '.local', 'share'), 'collab')
}

/**
 * The private state of this user: one directory per store, `stores/<store id>/{store.sqlite,store.json,control.sock}`.
 * Directories are 0700 and files 0600. Nothing is made before `prepare`.
 */
export class Home {
  readonly directory: string

  constructor(directory: string) {
    this.directory = directory
  }

  get stores(): string {
    return join(this.directory, 'stores')
  }

  storeDirectory(id: string): string {
    return join(this.stores, id)
  }

  storePath(id: string): string {
    return join(this.storeDirectory(id), 'store.sqlite')
  }

  /** @throws {FailureError} when the home cannot be made or written. */
  prepare(): void {
    try {
      for (const directory of [this.directory, this.stores]) {
        makeDirectories(directory, 0o700)
        if ((statSync(directory).mode & 0o077) !== 0) chmodSync(directory, 0o700)
      }
    } catch (error) {
      const reason = (error as NodeJS.ErrnoException).code ?? String(error)
      throw new FailureError(`cannot keep private state in ${this.directory} (${reason}); set COLLAB_HOME to a folder that you can write`, { cause: error })
    }
  }

  /** Runs `job` while no other process does the same in this home; the system drops the lock however a process ends. */
  locked<T>(job: () => T): T {
    const path = join(this.directory, 'lock.sqlite')
    writeFileSync(path, '', { flag: 'a', mode: 0o600 })
    const db = new DatabaseSync(path, { timeout: HOME_LOCK_MS })
    try {
      db.exec('BEGIN EXCLUSIVE')
      return job()
    } finally {
      db.close()
    }
  }

  /** What is known of every store, the unreadable ones left out. */
  records(): readonly StoreRecord[] {
    if (!existsSync(this.stores)) return []
    return readdirSync(this.stores).flatMap((id) => this.read(id) ?? [])
  }

  read(id: string): StoreRecord | undefined {
    try {
      const record = decodeRecord(readFileSync(join(this.storeDirectory(id), 'store.json'), 'utf8'))
      return record?.id === id ? record : undefined
    } catch {
      return undefined
    }
  }

  /** Whole or not at all. */
  write(record: StoreRecord): void {
    const directory = this.storeDirectory(record.id)
    makeDirectories(directory, 0o700)
    const path = join(directory, 'store.json')
    writeFileSync(`${path}.new`, encodeRecord(record), { mode: 0o600, flush: true })
    renameSync(`${path}.new`, path)
  }
}

export function newStoreId(): string {
  return randomBytes(10).toString('hex')
}
