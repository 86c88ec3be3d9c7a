import { closeSync, fdatasync, openSync } from 'node:fs'

/**
 * The log beside an SQLite file, into which commits are written, for making them durable without stopping the main
 * thread. SQLite keeps this one file while the database is open: it empties or begins it anew, and removes it at the end.
 * The locks of the database are on the other file, so closing this one lets go of none.
 */
export class SqliteWal {
  readonly #fd: number

  private constructor(fd: number) {
    this.#fd = fd
  }

  /** Of the database at `path`, after SQLite has opened its log. A handle of its own is told of every failed write since. */
  static open(path: string): SqliteWal {
    return new SqliteWal(openSync(`${path}-wal`, 'r+'))
  }

  /** Resolves when everything that was committed before the call is on the disk. */
  async sync(): Promise<void> {
    await new Promise<void>((resolve, reject) => fdatasync(this.#fd, (error) => (error === null ? resolve() : reject(error))))
  }

  close(): void {
    closeSync(this.#fd)
  }
}
