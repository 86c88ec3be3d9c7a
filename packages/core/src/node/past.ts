import { concat, toHex } from '../base/bytes.js'
import { MalformedError } from '../base/errors.js'
import { idBytes, parseAuthorId, parseEntryHash } from '../base/ids.js'
import type { AuthorId, EntryHash } from '../base/ids.js'
import type { KvOp, KvStore } from '../base/kv.js'
import type { EntryHeader } from '../log/entry.js'
import type { Link } from '../log/pruned-rows.js'
import { Branches } from './branches.js'

/** Newest entry of one branch of an author's log. */
export interface PastHead {
  readonly seq: number
  readonly hash: EntryHash
}

/** Author -> its newest entries in an entry's causal past, the entry itself included: one, unless its log forked. */
export type Past = ReadonlyMap<AuthorId, readonly PastHead[]>

/** An entry that may be in a past; `entry` may be the first half of its hash only. */
export interface Cause {
  readonly author: AuthorId
  readonly seq: number
  readonly entry: string
}

export interface PastsInit {
  readonly kv: KvStore
  readonly linkOf: (hash: EntryHash) => Promise<Link | undefined>
  /** Whether two entries of the author are held, or in the batch under way, at one seq. */
  readonly isForked: (author: AuthorId) => boolean
}

const TABLE = 'past'
const ROW_BYTES = 68
/** A chain without dependencies writes its past this often, so that a walk back stays short. */
const EVERY = 64
/** Pasts kept in memory: heads of the logs and what their next entries name. */
const CACHED = 512

/**
 * The causal past of every applied entry. Exact for forked logs too: a seq says nothing there, so a branch is
 * told from another by its entries.
 */
export class Pasts {
  readonly #init: PastsInit
  readonly #cache = new Map<EntryHash, Past>()
  readonly #branches: Branches

  constructor(init: PastsInit) {
    this.#init = init
    this.#branches = new Branches(async (hash) => (await init.linkOf(hash))?.prev ?? null)
  }

  /** The past of an entry whose `prev` and `deps` are applied, and the rows that keep it. */
  async add(hash: EntryHash, header: EntryHeader): Promise<{ past: Past; ops: readonly KvOp[] }> {
    const past = new Map<AuthorId, readonly PastHead[]>(header.prev === null ? [] : await this.of(header.prev))
    for (const dep of header.deps) {
      for (const [author, heads] of await this.of(dep)) past.set(author, await this.#join(author, past.get(author) ?? [], heads))
    }
    past.set(header.author, extend(past.get(header.author) ?? [], header.prev, { seq: header.seq, hash }))
    this.#remember(hash, past)
    const keep = header.prev === null || header.deps.length > 0 || header.seq % EVERY === 0
    return { past, ops: keep ? [{ table: TABLE, key: hash, value: encodePast(past) }] : [] }
  }

  /** @throws {MalformedError} when the entry is not held. */
  async of(hash: EntryHash): Promise<Past> {
    let last: { readonly author: AuthorId; readonly seq: number } | undefined
    let at: EntryHash = hash
    for (;;) {
      const found = this.#cache.get(at) ?? (await this.#stored(at))
      if (found !== undefined) {
        const past = last === undefined ? found : new Map(found).set(last.author, extend(found.get(last.author) ?? [], at, { seq: last.seq, hash }))
        this.#remember(hash, past)
        return past
      }
      const link = await this.#init.linkOf(at)
      if (link === undefined || link.prev === null) throw new MalformedError(`no causal past is kept for entry ${at}`)
      last ??= link
      at = link.prev
    }
  }

  /** Whether an applied entry is in `past`. */
  async includes(past: Past, { author, seq, entry }: Cause): Promise<boolean> {
    for (const head of past.get(author) ?? []) if (await this.isBelow(head, { author, seq, entry })) return true
    return false
  }

  /** Which entries of a forked log are in `past`: to be asked of many. */
  async branchesIn(past: Past, author: AuthorId): Promise<(cause: Pick<Cause, 'seq' | 'entry'>) => boolean> {
    const branches: ((seq: number) => EntryHash | undefined)[] = []
    for (const head of past.get(author) ?? []) branches.push(await this.#branches.below(author, head))
    return ({ seq, entry }) => branches.some((below) => below(seq)?.startsWith(entry) === true)
  }

  /** Whether `cause`, of the same author, is on the branch that ends in `head`. */
  async isBelow(head: PastHead, { author, seq, entry }: Cause): Promise<boolean> {
    if (head.seq < seq || !this.#init.isForked(author)) return head.seq >= seq
    return (await this.#branches.below(author, head))(seq)?.startsWith(entry) === true
  }

  async #join(author: AuthorId, a: readonly PastHead[], b: readonly PastHead[]): Promise<readonly PastHead[]> {
    const all = [...new Map([...a, ...b].map((head) => [head.hash, head])).values()]
    if (all.length < 2) return all
    if (!this.#init.isForked(author)) return [all.reduce((best, head) => (head.seq > best.seq ? head : best))]
    const kept: PastHead[] = []
    for (const head of all) if (!(await this.#isCovered(author, head, all))) kept.push(head)
    return kept
  }

  async #isCovered(author: AuthorId, head: PastHead, by: readonly PastHead[]): Promise<boolean> {
    for (const other of by) if (other.seq > head.seq && (await this.#branches.below(author, other))(head.seq) === head.hash) return true
    return false
  }

  async #stored(hash: EntryHash): Promise<Past | undefined> {
    const row = await this.#init.kv.get(TABLE, hash)
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

/** Newest seq of `author` in `past` over all branches; -1 without any. */
export function newestSeq(past: Past, author: AuthorId): number {
  let newest = -1
  for (const { seq } of past.get(author) ?? []) newest = Math.max(newest, seq)
  return newest
}

/** Grows along causes: each head of a cause's past lies below another head of the effect's. */
export function weightOf(past: Past): number {
  let weight = 0
  for (const heads of past.values()) for (const { seq } of heads) weight += seq + 1
  return weight
}

function extend(heads: readonly PastHead[], prev: EntryHash | null, head: PastHead): readonly PastHead[] {
  return [...heads.filter(({ hash }) => hash !== prev), head]
}

function encodePast(past: Past): Uint8Array {
  const parts: Uint8Array[] = []
  for (const [author, heads] of past) {
    for (const { seq, hash } of heads) {
      const number = new Uint8Array(4)
      new DataView(number.buffer).setUint32(0, seq)
      parts.push(idBytes(author), number, idBytes(hash))
    }
  }
  return concat(...parts)
}

function decodePast(row: Uint8Array): Past {
  const past = new Map<AuthorId, readonly PastHead[]>()
  const view = new DataView(row.buffer, row.byteOffset, row.byteLength)
  for (let at = 0; at + ROW_BYTES <= row.length; at += ROW_BYTES) {
    const author = parseAuthorId(toHex(row.subarray(at, at + 32)))
    const hash = parseEntryHash(toHex(row.subarray(at + 36, at + ROW_BYTES)))
    past.set(author, [...(past.get(author) ?? []), { seq: view.getUint32(at + 32), hash }])
  }
  return past
}
