import type { Crypto } from '../base/crypto.js'
import { idBytes, type AuthorId, type EntryHash, type WorkspaceId } from '../base/ids.js'
import type { KvOp } from '../base/kv.js'
import { MAX_AUTHORS, MAX_BODY_BYTES, MAX_BRANCHES, MAX_HEADER_BYTES } from '../base/limits.js'
import { verifyAdmission } from '../keys/certificate.js'
import { type Entry, isBodyOf, SIGNATURE_BYTES } from './entry.js'
import { authorOp, type AuthorState, chainOp, entryOps, type LogRows } from './log-rows.js'
import { PrunedError } from './pruned-rows.js'
import { advanceHeads, type Want, wantFrom } from './version-vector.js'

/**
 * Why an entry was refused. All but the last two say that whoever handed it over is broken or hostile: `size`,
 * `workspace`, `admission`, `body` (hash or length), `seq` (not one after its `prev`), `prev` (another author's, or
 * an entry that was itself refused), `signature`. `branches` and `authors` say that a limit here is reached: the
 * author is to blame, not the sender.
 */
export type FaultReason = 'size' | 'workspace' | 'admission' | 'body' | 'seq' | 'prev' | 'signature' | 'branches' | 'authors'

/** Whether an honest peer never hands over an entry with such a fault. */
export function isSendersFault(reason: FaultReason): boolean {
  return reason !== 'branches' && reason !== 'authors'
}

export interface Fault {
  readonly reason: FaultReason
  readonly author: AuthorId | undefined
  readonly hash: EntryHash | undefined
}

/** Two entries of one author at one seq, both signed: proof that its log forked. */
export interface Fork {
  readonly author: AuthorId
  readonly a: EntryHash
  readonly b: EntryHash
}

/** What a batch of entries would change; nothing has changed yet. */
export interface Staged {
  /** New and valid; parents before children. */
  readonly accepted: readonly Entry[]
  /** Held already, or repeated in the batch. */
  readonly duplicates: number
  /** Runs below valid entries whose `prev` isn't held; the entries themselves must come again after them. */
  readonly gaps: readonly Want[]
  readonly faults: readonly Fault[]
  readonly forked: readonly Fork[]
  /** Rows to commit, with the caller's own in the same transaction. */
  readonly ops: readonly KvOp[]
}

/** What staging knows of the log. */
export interface StagingContext {
  readonly crypto: Crypto
  readonly workspace: WorkspaceId
  readonly rows: LogRows
  readonly authors: ReadonlyMap<AuthorId, AuthorState>
  /** Made by this process: no signature, admission or body is checked. */
  readonly trusted: boolean
}

type Batch = ReadonlyMap<EntryHash, Entry>
/** An entry whose place is known to be held, or to be missing. */
type Place = 'joins' | 'gap'

/** Checks a batch of entries against the log, cheapest checks first. One object per batch. */
export class Staging {
  readonly #context: StagingContext
  readonly #batch = new Map<EntryHash, Entry>()
  /** Entries that are bad in themselves; what builds on them is bad too. A bad body may be just a bad copy, and isn't here. */
  readonly #refused = new Map<EntryHash, FaultReason>()
  readonly #accepted = new Map<EntryHash, Entry>()
  readonly #authors = new Map<AuthorId, AuthorState>()
  readonly #gaps = new Map<EntryHash, Want>()
  readonly #faults: Fault[] = []
  readonly #forked: Fork[] = []
  readonly #chain = new Map<AuthorId, Map<number, readonly EntryHash[]>>()
  #duplicates = 0

  constructor(context: StagingContext) {
    this.#context = context
  }

  /** What the entries change, and the new state of each author that they touch. */
  async run(entries: readonly Entry[]): Promise<{ staged: Staged; authors: ReadonlyMap<AuthorId, AuthorState> }> {
    for (const entry of entries) await this.#take(entry)
    for (const [author, batch] of byAuthor(this.#batch)) await this.#stageAuthor(author, batch)
    return { staged: this.#result(), authors: this.#authors }
  }

  #result(): Staged {
    const accepted = [...this.#accepted.values()]
    const chainOps = [...this.#chain].flatMap(([author, seqs]) => [...seqs].map(([seq, hashes]) => chainOp(author, seq, hashes)))
    const authorOps = [...this.#authors].map(([author, state]) => authorOp(author, state))
    return {
      accepted,
      duplicates: this.#duplicates,
      gaps: [...this.#gaps.values()],
      faults: this.#faults,
      forked: this.#forked,
      ops: [...accepted.flatMap(entryOps), ...chainOps, ...authorOps]
    }
  }

  /**
   * What an entry shows on its own.
   *
   * @throws {PrunedError} where another may be at its place of which not even the hash is here.
   */
  async #take(entry: Entry): Promise<void> {
    if (this.#batch.has(entry.hash) || (await this.#isHeld(entry))) {
      this.#duplicates++
      return
    }
    const reason = this.#faultAlone(entry) ?? this.#faultInPlace(entry)
    if (reason === undefined) this.#batch.set(entry.hash, entry)
    else this.#refuse(entry, reason)
  }

  async #isHeld({ hash, header }: Entry): Promise<boolean> {
    const heads = this.#context.authors.get(header.author)?.heads ?? []
    if (heads.some(head => head.hash === hash)) return true
    return heads.some(head => head.seq > header.seq) && (await this.#context.rows.has(hash))
  }

  #faultAlone(entry: Entry): FaultReason | undefined {
    const { crypto, workspace, trusted } = this.#context
    const { header } = entry
    if (entry.headerBytes.length > MAX_HEADER_BYTES || entry.body.length > MAX_BODY_BYTES) return 'size'
    if (entry.signature.length !== SIGNATURE_BYTES) return 'size'
    if (header.workspace !== workspace) return 'workspace'
    if (trusted) return undefined
    if (header.admission !== null && !verifyAdmission(crypto, workspace, header.author, header.admission)) return 'admission'
    return isBodyOf(crypto, header, entry.body) ? undefined : 'body'
  }

  /** Nothing is fetched back for a stranger's entry. */
  #faultInPlace({ header, headerBytes, signature }: Entry): FaultReason | undefined {
    const { crypto, rows } = this.#context
    const bare = rows.pruned.bareAt(header.author, header.seq)
    if (bare === undefined) return undefined
    if (!crypto.verify(idBytes(header.author), headerBytes, signature)) return 'signature'
    throw new PrunedError([bare])
  }

  async #stageAuthor(author: AuthorId, batch: Batch): Promise<void> {
    const places = new Map<EntryHash, Place>()
    for (const entry of batch.values()) {
      const place = await this.#placeOf(entry, batch, places)
      if (place === 'joins' || place === 'gap') places.set(entry.hash, place)
      else this.#refuse(entry, place)
    }
    const authentic = this.#context.trusted ? new Set(places.keys()) : this.#authentic(batch, places)
    for (const [hash, place] of places) {
      const entry = batch.get(hash)
      if (entry === undefined) continue
      if (!authentic.has(hash)) this.#refuse(entry, 'signature')
      else if (place === 'joins') await this.#accept(author, entry)
      else this.#noteGap(entry, batch)
    }
  }

  /** Where an entry stands, or its fault; entries before it in seq have their place already. */
  async #placeOf(entry: Entry, batch: Batch, places: ReadonlyMap<EntryHash, Place>): Promise<Place | FaultReason> {
    const { prev, seq, author } = entry.header
    if (prev === null) return 'joins'
    if (this.#refused.has(prev)) return 'prev'
    const parent = this.#batch.get(prev)?.header ?? (await this.#heldParent(author, prev))
    if (parent === undefined) return 'gap'
    if (parent.author !== author) return 'prev'
    if (parent.seq !== seq - 1) return 'seq'
    return batch.has(prev) ? (places.get(prev) ?? 'prev') : 'joins'
  }

  async #heldParent(author: AuthorId, prev: EntryHash): Promise<{ author: AuthorId; seq: number } | undefined> {
    const head = this.#context.authors.get(author)?.heads.find(head => head.hash === prev)
    return head === undefined ? await this.#context.rows.link(prev) : { author, seq: head.seq }
  }

  /** Each signature covers its header, and `prev` covers everything before: one check at a run's end is enough. */
  #authentic(batch: Batch, places: ReadonlyMap<EntryHash, Place>): ReadonlySet<EntryHash> {
    const standing = [...batch.values()].filter(entry => places.has(entry.hash))
    const parents = new Set(standing.map(entry => entry.header.prev))
    const authentic = new Set<EntryHash>()
    for (const leaf of standing.filter(entry => !parents.has(entry.hash))) {
      const run: Entry[] = []
      for (let at: Entry | undefined = leaf; at !== undefined && !authentic.has(at.hash); ) {
        run.push(at)
        at = at.header.prev === null ? undefined : batch.get(at.header.prev)
      }
      for (const entry of signedPrefix(this.#context.crypto, run.toReversed())) authentic.add(entry.hash)
    }
    return authentic
  }

  async #accept(author: AuthorId, entry: Entry): Promise<void> {
    const { prev, seq } = entry.header
    const state = this.#authors.get(author) ?? this.#context.authors.get(author) ?? { heads: [], count: 0 }
    const refusal = prev === null ? undefined : this.#refused.get(prev)
    const startsBranch = !state.heads.some(head => head.hash === prev)
    if (refusal !== undefined) return this.#refuse(entry, refusal)
    if (startsBranch && state.heads.length >= MAX_BRANCHES) return this.#refuse(entry, 'branches')
    if (state.heads.length === 0 && this.#authorCount() >= MAX_AUTHORS) return this.#refuse(entry, 'authors')
    const siblings = await this.#siblings(author, seq, state)
    const other = siblings[0]
    if (startsBranch && other !== undefined) this.#forked.push({ author, a: other, b: entry.hash })
    this.#chainOf(author).set(seq, [...siblings, entry.hash])
    this.#authors.set(author, { heads: advanceHeads(state.heads, entry), count: state.count + 1 })
    this.#accepted.set(entry.hash, entry)
  }

  #authorCount(): number {
    let added = 0
    for (const author of this.#authors.keys()) if (!this.#context.authors.has(author)) added++
    return this.#context.authors.size + added
  }

  /** What is at `seq` already, in the log or accepted from this batch. */
  async #siblings(author: AuthorId, seq: number, state: AuthorState): Promise<readonly EntryHash[]> {
    const staged = this.#chainOf(author).get(seq)
    if (staged !== undefined) return staged
    return state.heads.some(head => head.seq >= seq) ? await this.#context.rows.at(author, seq) : []
  }

  #chainOf(author: AuthorId): Map<number, readonly EntryHash[]> {
    const known = this.#chain.get(author)
    if (known !== undefined) return known
    const seqs = new Map<number, readonly EntryHash[]>()
    this.#chain.set(author, seqs)
    return seqs
  }

  #noteGap({ header }: Entry, batch: Batch): void {
    const { author, prev, seq } = header
    if (prev === null || batch.has(prev)) return
    const heads = (this.#authors.get(author) ?? this.#context.authors.get(author))?.heads ?? []
    this.#gaps.set(prev, { author, head: prev, from: wantFrom(heads, seq - 1), to: seq - 1 })
  }

  #refuse(entry: Entry, reason: FaultReason): void {
    if (reason !== 'body') this.#refused.set(entry.hash, reason)
    this.#faults.push({ reason, author: entry.header.author, hash: entry.hash })
  }
}

/** The longest start of `run` (oldest first) that a signature vouches for, found in a logarithm of its length of checks. */
function signedPrefix(crypto: Crypto, run: readonly Entry[]): readonly Entry[] {
  const holds = (index: number): boolean => {
    const entry = run[index]
    return entry !== undefined && crypto.verify(idBytes(entry.header.author), entry.headerBytes, entry.signature)
  }
  if (holds(run.length - 1)) return run
  let good = -1
  let bad = run.length - 1
  while (bad - good > 1) {
    const middle = (good + bad) >> 1
    if (holds(middle)) good = middle
    else bad = middle
  }
  return run.slice(0, good + 1)
}

/** The entries of each author, by seq. */
function byAuthor(batch: Batch): ReadonlyMap<AuthorId, Batch> {
  const sorted = [...batch.values()].sort((a, b) => a.header.seq - b.header.seq || (a.hash < b.hash ? -1 : 1))
  const authors = new Map<AuthorId, Map<EntryHash, Entry>>()
  for (const entry of sorted) {
    const own = authors.get(entry.header.author)
    if (own === undefined) authors.set(entry.header.author, new Map([[entry.hash, entry]]))
    else own.set(entry.hash, entry)
  }
  return authors
}
