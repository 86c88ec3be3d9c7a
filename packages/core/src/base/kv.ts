/** One write of a batch; a missing `value` deletes the key. */
export interface KvOp {
  readonly table: string
  readonly key: string
  readonly value?: Uint8Array
}

export interface KvRange {
  /** First key, inclusive. */
  readonly from?: string
  /** End, exclusive. */
  readonly to?: string
  /** @default ascending */
  readonly reverse?: boolean
  /** Most rows to return. @default all */
  readonly limit?: number
}

/**
 * What every store offers: ordered tables of bytes. Keys are well-formed strings, ordered by their UTF-8 bytes;
 * table names match /^[a-z_]{1,32}$/ and need no declaration.
 */
export interface KvStore {
  get(table: string, key: string): Promise<Uint8Array | undefined>
  /** Rows of a range in key order. A commit during the scan may or may not be seen. */
  scan(table: string, range?: KvRange): Promise<readonly (readonly [key: string, value: Uint8Array])[]>
  /**
   * Applies all of `ops` or none; resolves when they are durable (fsynced where there is a disk).
   * Batches apply in the order of the calls; calls made together may share one fsync.
   */
  commit(ops: readonly KvOp[]): Promise<void>
  /** Finishes what was committed and lets go of the files. */
  close(): Promise<void>
}

/** A store, or what it will be, for who only reads. */
export type KvReader = Pick<KvStore, 'get' | 'scan'>

/** The range of all keys that start with `prefix`. */
export function prefixRange(prefix: string): { from: string; to: string } {
  return { from: prefix, to: `${prefix}\u{10ffff}` }
}

/** A non-negative safe integer as a key part that sorts by value. */
export function sortableNumber(value: number): string {
  return value.toString(16).padStart(14, '0')
}
