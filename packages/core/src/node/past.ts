import { concat, toHex } from '../base/bytes.js'
import { MalformedError } from '../base/errors.js'
import { idBytes, parseAuthorId } from '../base/ids.js'
import type { AuthorId, EntryHash } from '../base/ids.js'
import type { KvOp, KvStore } from '../base/kv.js'
import type { EntryHeader } from '../log/entry.js'

/** Author -> newest seq of that author in an entry's causal past, the entry itself included. */
export type Past = ReadonlyMap<AuthorId, number>

const TABLE = 'past'
const ROW_BYTES = 36
/** A chain without dependencies writes its past this often, so that a walk back stays short. */
const EVERY = 64
/** Pasts kept in memory: heads of the logs and what their next entries name. */
const CACHED = 512

/** The causal past of every applied entry, as seqs per author. */
export class Pasts {
  readonly #kv: KvStore
  readonly #cache = new Map<EntryHash, Past>()

  constructor(kv: KvStore) {
    this.#kv = kv
  }

  /** The past of an entry whose `prev` and `deps` are applied, and the rows that keep it. */
  async add(hash: EntryHash, header: EntryHeader, headerOf: HeaderOf): Promise<{ past: Past; ops: readonly KvOp[] }> {
    const past = new Map<AuthorId, number>(header.prev === null ? [] : await this.of(header.prev, headerOf))
    for (const dep of header.deps) {
      for (const [author, seq] of await this.of(dep, headerOf)) past.set(author, Math.max(seq, past.get(author) ?? -1))
    }
    past.set(header.author, Math.max(header.seq, past.get(header.author) ?? -1))
    this.#remember(hash, past)
    const keep = header.prev === null || header.deps.length > 0 || header.seq % EVERY === 0
    return { past, ops: keep ? [{ table: TABLE, key: hash, value: encodePast(past) }] : [] }
  }

  /** @throws {MalformedError} when the entry is not held. */
  async of(hash: EntryHash, headerOf: HeaderOf): Promise<Past> {
    const skipped: { author: AuthorId; seq: number }[] = []
    let at: EntryHash = hash
    for (;;) {
      const found = this.#cache.get(at) ?? (await this.#stored(at))
      if (found !== undefined) {
        const last = skipped[0]
        const past = last === undefined ? found : new Map(found).set(last.author, last.seq)
        this.#remember(hash, past)
        return past
      }
      const header = await headerOf(at)
      if (header === undefined || header.prev === null) throw new MalformedError(`no causal past is kept for entry ${at}`)
      skipped.push({ author: header.author, seq: header.seq })
      at = header.prev
    }
  }

  async #stored(hash: EntryHash): Promise<Past | undefined> {
    const row = await this.#kv.get(TABLE, hash)
    return row === undefined ? undefined : decodePast(row)
  }

  #remember(hash: EntryHash, past: Past): void {
    this.#cache.delete(hash)
    this.#cache.set(hash, past)
    if (this.#cache.size > CACHED) {
      for (const oldest of this.#cache.keys()) {
        this.#cache.delete(oldest)
        break
      }
    }
  }
}

export type HeaderOf = (hash: EntryHash) => Promise<EntryHeader | undefined>

function encodePast(past: Past): Uint8Array {
  const parts: Uint8Array[] = []
  for (const [author, seq] of past) {
    const number = new Uint8Array(4)
    new DataView(number.buffer).setUint32(0, seq)
    parts.push(idBytes(author), number)
  }
  return concat(...parts)
}

function decodePast(row: Uint8Array): Past {
  const past = new Map<AuthorId, number>()
  const view = new DataView(row.buffer, row.byteOffset, row.byteLength)
  for (let at = 0; at + ROW_BYTES <= row.length; at += ROW_BYTES) {
    past.set(parseAuthorId(toHex(row.subarray(at, at + 32))), view.getUint32(at + 32))
  }
  return past
}
