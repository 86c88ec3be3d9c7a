import { MalformedError } from '../base/errors.js'
import type { AuthorId, EntryHash } from '../base/ids.js'
import type { KvStore } from '../base/kv.js'
import type { EntryHeader } from '../log/entry.js'
import type { Link } from '../log/pruned-rows.js'
import { Batch } from './batch.js'
import { Branches } from './branches.js'
import type { BranchHead } from './branches.js'
import { PastRows } from './past-rows.js'

/**
 * Newest entry of one branch of an author's log; without a hash it is the entry at its seq that was held before any other
 * there, as all are that were named while the log had one branch.
 */
export interface PastHead {
  readonly seq: number
  readonly hash: EntryHash | undefined
}

/** Author -> its newest entries in an entry's causal past, the entry itself included: one, unless its log forked. */
export type Past = ReadonlyMap<AuthorId, readonly PastHead[]>

/** An entry that may be in a past; `entry` may be the first half of its hash only. */
export interface Cause {
  readonly author: AuthorId
  readonly seq: number
  /** Undefined for one of a bare run; the log of its author has one branch. */
  readonly entry: string | undefined
}

export interface PastsInit {
  readonly kv: KvStore
  readonly linkOf: (hash: EntryHash) => Promise<Link | undefined>
  /** The entry of the author at `seq` that was held first. */
  readonly firstAt: (author: AuthorId, seq: number) => Promise<EntryHash | undefined>
  /** Whether two entries of the author are held, or in the batch under way, at one seq. */
  readonly isForked: (author: AuthorId) => boolean
}

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
  readonly #rows: PastRows
  readonly #cache = new Map<EntryHash, Past>()
  readonly #branches: Branches
  /** What is applied now: its rows are not stored yet. */
  #batch: Batch

  constructor(init: PastsInit) {
    this.#init = init
    this.#batch = new Batch(init.kv)
    this.#rows = new PastRows()
    this.#branches = new Branches(async (hash) => (await init.linkOf(hash))?.prev ?? null)
  }

  /** From now on rows are read and written through `batch`. */
  begin(batch: Batch): void {
    this.#batch = batch
  }

  /** The past of an entry whose `prev` and `deps` are applied; what keeps it is put into the batch. */
  async add(hash: EntryHash, header: EntryHeader): Promise<Past> {
    const { author, seq, prev, deps } = header
    const past = new Map<AuthorId, readonly PastHead[]>(prev === null ? [] : await this.of(prev))
    for (const dep of deps) {
      for (const [other, heads] of await this.of(dep)) past.set(other, await this.#join(other, past.get(other) ?? [], heads))
    }
    past.set(author, extend(past.get(author) ?? [], prev, { seq, hash }))
    this.#remember(hash, past)
    if (prev === null || deps.length > 0 || seq % EVERY === 0) await this.#keep(hash, author, seq, past)
    return past
  }

  async #keep(hash: EntryHash, author: AuthorId, seq: number, past: Past): Promise<void> {
    const named = await this.#named(past)
    if (this.#init.isForked(author)) this.#rows.putNamed(this.#batch, hash, named)
    else await this.#rows.put(this.#batch, author, seq, named)
  }

  /** A past in which heads of logs that forked are known by their hashes, and others by their seqs alone. */
  async #named(past: Past): Promise<Past> {
    const named = new Map<AuthorId, readonly PastHead[]>()
    for (const [author, heads] of past) {
      named.set(author, this.#init.isForked(author) ? await this.#resolve(author, heads) : heads.map(({ seq }) => ({ seq, hash: undefined })))
    }
    return named
  }

  /** @throws {MalformedError} when the entry is not held. */
  async of(hash: EntryHash): Promise<Past> {
    let last: { readonly author: AuthorId; readonly seq: number } | undefined
    let at: EntryHash = hash
    for (;;) {
      const cached = this.#cache.get(at)
      const link = cached === undefined ? await this.#init.linkOf(at) : undefined
      const found = cached ?? (link && (await this.#stored(at, link)))
      if (found !== undefined) {
        const past = last === undefined ? found : new Map(found).set(last.author, extend(found.get(last.author) ?? [], at, { seq: last.seq, hash }))
        this.#remember(hash, past)
        return past
      }
      if (link?.prev === undefined || link.prev === null) throw new MalformedError(`no causal past is kept for entry ${at}`)
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
    for (const head of await this.#resolve(author, past.get(author) ?? [])) branches.push(await this.#branches.below(author, head))
    return ({ seq, entry }) => entry !== undefined && branches.some((below) => below(seq)?.startsWith(entry) === true)
  }

  /** Whether the past of the author's entry at `seq` can be told when the hashes before it are gone. */
  async isKept(author: AuthorId, seq: number): Promise<boolean> {
    return (await this.#rows.upTo(this.#batch, author, seq)) !== undefined
  }

  /** Whether `cause`, of the same author, is on the branch that ends in `head`. */
  async isBelow(head: PastHead, { author, seq, entry }: Cause): Promise<boolean> {
    if (head.seq < seq || !this.#init.isForked(author)) return head.seq >= seq
    return await this.branchesIn(new Map([[author, [head]]]), author).then((includes) => includes({ seq, entry }))
  }

  async #join(author: AuthorId, a: readonly PastHead[], b: readonly PastHead[]): Promise<readonly PastHead[]> {
    if (!this.#init.isForked(author)) return newestOf([...a, ...b])
    const named = await this.#resolve(author, [...a, ...b])
    const all = [...new Map(named.map((head) => [head.hash, head])).values()]
    if (all.length < 2) return all
    const kept: PastHead[] = []
    for (const head of all) if (!(await this.#isCovered(author, head, all))) kept.push(head)
    return kept
  }

  async #isCovered(author: AuthorId, head: BranchHead, by: readonly BranchHead[]): Promise<boolean> {
    for (const other of by) if (other.seq > head.seq && (await this.#branches.below(author, other))(head.seq) === head.hash) return true
    return false
  }

  async #resolve(author: AuthorId, heads: readonly PastHead[]): Promise<readonly BranchHead[]> {
    const named: BranchHead[] = []
    for (const { seq, hash } of heads) {
      const known = hash ?? (await this.#init.firstAt(author, seq))
      if (known === undefined) throw new MalformedError(`the entry at ${seq} of ${author} is not held`)
      named.push({ seq, hash: known })
    }
    return named
  }

  /** What was written down for this very entry. */
  async #stored(hash: EntryHash, { author, seq, prev }: Link): Promise<Past | undefined> {
    const past = prev === undefined ? await this.#rows.upTo(this.#batch, author, seq) : await this.#rows.get(this.#batch, author, seq)
    // Of a branch that came later nothing is written down by seq.
    const isIt = past !== undefined && (!this.#init.isForked(author) || (await this.#init.firstAt(author, seq)) === hash)
    return isIt ? new Map(past).set(author, [{ seq, hash }]) : await this.#rows.named(this.#batch, hash)
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

/** Of heads of one branch. */
function newestOf(heads: readonly PastHead[]): readonly PastHead[] {
  const [first, ...others] = heads
  return first === undefined ? [] : [others.reduce((best, head) => (head.seq > best.seq ? head : best), first)]
}

function extend(heads: readonly PastHead[], prev: EntryHash | null, head: PastHead): readonly PastHead[] {
  return [...heads.filter(({ hash }) => hash !== prev), head]
}
