import { CborFields, decodeCbor, encodeCbor } from '../base/cbor.js'
import type { Crypto } from '../base/crypto.js'
import { MalformedError, errorMessage } from '../base/errors.js'
import { utf8 } from '../base/bytes.js'
import { opId, parseAuthorId, parseDocId, parseEntryHash } from '../base/ids.js'
import type { AuthorId, DocId, EntryHash, NodeId } from '../base/ids.js'
import type { KvStore } from '../base/kv.js'
import { sortableNumber } from '../base/kv.js'
import { Tree } from '../doc/tree.js'
import { shareMostLines } from '../doc/union-merge.js'
import type { AbsorbChange, Change, TreeChange } from '../log/change.js'
import type { Entry, EntryHeader } from '../log/entry.js'
import type { Link, PrunedRows, PrunedRun } from '../log/pruned-rows.js'
import { Batch } from './batch.js'
import type { BodyReader } from './body-reader.js'
import { isDocumentChange } from './document-steps.js'
import type { Pace, Provenance } from './document-types.js'
import { Documents } from './documents.js'
import { FirstTexts } from './first-texts.js'
import { Frontier } from './frontier.js'
import { Members } from './members.js'
import { newestSeq, Pasts, weightOf } from './past.js'
import type { Cause, Past } from './past.js'
import type { EntriesAt } from './step-pages.js'
import { TREE_TABLE, decodeTreeRow, encodeTreeRow } from './tree-row.js'

export interface ApplierInit {
  readonly crypto: Crypto
  readonly kv: KvStore
  readonly bodies: BodyReader
  readonly entryOf: (hash: EntryHash) => Promise<Entry | undefined>
  /** Where an entry stands, also one that was left to others. */
  readonly linkOf: (hash: EntryHash) => Promise<Link | undefined>
  /** The entries of an author from one seq to another, both included: of each the one that was held first. */
  readonly entriesAt: EntriesAt
  readonly pruned: Pick<PrunedRows, 'isEmpty' | 'hasBare' | 'at' | 'bareAt' | 'holding'>
  /** Whether two entries of the author are held, or in the batch under way, at one seq. */
  readonly isForked: (author: AuthorId) => boolean
  readonly pace?: Pace | undefined
}

/** What a run of applied entries touched. */
export interface Applied {
  readonly texts: ReadonlySet<DocId>
  readonly voids: readonly { readonly entry: EntryHash; readonly author: AuthorId; readonly reason: string }[]
}

/**
 * Applies entries to the tree, the documents and the members, each once all its causes are applied.
 *
 * Invariant: an entry is applied at most once, after its `prev` and all its `deps`; one that waits is kept in
 * the table `waiting`. The verdict on a change depends on the entry and its causal past only.
 */
export class Applier {
  readonly tree: Tree
  readonly documents: Documents
  readonly members = new Members()
  readonly #init: ApplierInit
  readonly #pasts: Pasts
  readonly #frontier = new Frontier()
  /** Entries held back, by a cause that they wait for. */
  readonly #waiting = new Map<EntryHash, EntryHash[]>()
  /** Entries of the batch under way: not in the log yet. */
  #held: ReadonlyMap<EntryHash, Entry> = new Map()
  readonly #firstTexts: FirstTexts
  #treeRows = 0
  #voids = 0

  constructor(init: ApplierInit) {
    this.#init = init
    this.#pasts = new Pasts({ kv: init.kv, linkOf: this.#linkOf, firstAt: this.#firstAt, isForked: init.isForked })
    this.#firstTexts = new FirstTexts(init.crypto)
    this.documents = new Documents({ crypto: init.crypto, changesOf: this.#changesOf, isForked: init.isForked, pruned: init.pruned, entriesAt: init.entriesAt, pace: init.pace })
    this.tree = new Tree({ authorName: (author) => this.members.get(author) })
  }

  get voids(): number {
    return this.#voids
  }

  get frontier(): ReadonlyMap<EntryHash, { readonly author: AuthorId; readonly seq: number }> {
    return this.#frontier.all
  }

  /** Reads back what was applied before. Call once, before anything else. */
  async load(batch: Batch): Promise<void> {
    const { kv } = this.#init
    for (const [author, row] of await kv.scan('member')) this.members.load(parseAuthorId(author), row)
    await this.#frontier.load(kv)
    for (const [, row] of await kv.scan(TREE_TABLE)) this.#reapplyTree(row)
    for (const [key, row] of await kv.scan('touch')) {
      this.tree.touch(parseDocId(key.slice(0, 32)), parseAuthorId(key.slice(33)), new CborFields(decodeCbor(row), 1).uint())
    }
    this.#voids = (await kv.scan('void')).length
    for (const [hash] of await kv.scan('waiting')) await this.#wait(batch, parseEntryHash(hash))
    await this.judge(batch)
    this.tree.takeDirty()
  }

  /** Applies `entries` (held, parents first) and those that waited for them, or for `released`. */
  async apply(batch: Batch, entries: readonly Entry[], released?: EntryHash): Promise<Applied> {
    const texts = new Set<DocId>()
    const voids: { entry: EntryHash; author: AuthorId; reason: string }[] = []
    this.#held = new Map(entries.map((entry) => [entry.hash, entry]))
    this.#pasts.begin(batch)
    const todo = [...entries.map(({ hash }) => hash), ...this.#takeWaiting(released)]
    for (const [at, hash] of todo.entries()) {
      const entry = await this.#entryOf(hash)
      if (entry === undefined) throw new MalformedError(`entry ${hash} is not held`)
      const cause = await this.#missingFor(batch, entry)
      if (cause !== undefined) {
        this.#waitFor(cause, hash)
        batch.put('waiting', hash, new Uint8Array())
        continue
      }
      voids.push(...(await this.#applyEntry(batch, entry, texts)))
      // What comes behind the new ones had waited.
      if (at >= entries.length) batch.delete('waiting', hash)
      todo.push(...this.#takeWaiting(hash))
    }
    await this.judge(batch)
    this.#voids += voids.length
    return { texts, voids }
  }

  /** The bare run for which a merge of `loser` would have to wait. */
  async neededFor(batch: Batch, loser: NodeId): Promise<PrunedRun | undefined> {
    return this.#init.pruned.hasBare ? await this.#bareRun(batch, loser) : undefined
  }

  /** Entries that wait, by what they wait for. */
  get waiting(): ReadonlyMap<EntryHash, readonly EntryHash[]> {
    return this.#waiting
  }

  /** Whether the past of an author's entry can be told when the hashes before it are gone. */
  async isPastKept(author: AuthorId, seq: number): Promise<boolean> {
    return await this.#pasts.isKept(author, seq)
  }

  /** What was applied is stored: nothing is kept for it any more. */
  stored(): void {
    this.#held = new Map()
    this.#pasts.begin(new Batch(this.#init.kv))
  }

  /** The causal past of an applied entry. */
  async past(hash: EntryHash): Promise<Past> {
    return await this.#pasts.of(hash)
  }

  /** Whether an applied entry is in `past`. */
  async isInPast(past: Past, cause: Cause): Promise<boolean> {
    return await this.#pasts.includes(past, cause)
  }

  /** Compares the first contents of files that collide, until `tree` has all verdicts it asks for. */
  async judge(batch: Batch, tree = this.tree): Promise<void> {
    for (;;) {
      const pairs = tree.unjudged()
      if (pairs.length === 0) return
      for (const { a, b } of pairs) {
        const [first, second] = [await this.#firstText(batch, a), await this.#firstText(batch, b)]
        if (first === undefined || second === undefined) tree.judge(a, b, 'separate')
        else if (first === second) tree.judge(a, b, 'same')
        else tree.judge(a, b, shareMostLines(first, second) ? 'merge' : 'separate')
      }
    }
  }

  async #firstText(batch: Batch, doc: DocId): Promise<string | undefined> {
    const { seed } = await this.documents.row(batch, doc)
    if (seed === undefined) return undefined
    const change = (await this.#changesOf(seed.entry))[seed.index]
    return change?.kind === 'seed' ? change.text : undefined
  }

  async #applyEntry(batch: Batch, entry: Entry, texts: Set<DocId>): Promise<{ entry: EntryHash; author: AuthorId; reason: string }[]> {
    const { hash, header } = entry
    const past = await this.#pasts.add(hash, header)
    const weight = weightOf(past)
    const includes = (cause: Cause): Promise<boolean> => this.#pasts.includes(past, cause)
    const branches = (author: AuthorId): ReturnType<Pasts['branchesIn']> => this.#pasts.branchesIn(past, author)
    const voids: { entry: EntryHash; author: AuthorId; reason: string }[] = []
    const changes = this.#read(entry)
    if (typeof changes === 'string') voids.push({ entry: hash, author: header.author, reason: changes })
    else {
      for (const [index, change] of changes.entries()) {
        const from: Provenance = { entry: hash, index, author: header.author, seq: header.seq, weight, past, includes, branches }
        const reason = await this.#applyChange(batch, from, change, changes, texts)
        if (reason !== undefined) voids.push({ entry: hash, author: header.author, reason })
      }
    }
    for (const [index, { reason }] of voids.entries()) batch.put('void', `${hash}/${index}`, utf8(reason))
    this.#frontier.advance(batch, hash, header)
    return voids
  }

  /** The changes of an entry, or why all of it is void. An epoch from a newer version is kept unapplied. */
  #read(entry: Entry): readonly Change[] | string {
    if (entry.header.epoch !== 0) return []
    try {
      return this.#init.bodies.read(entry)
    } catch (error) {
      if (error instanceof MalformedError) return errorMessage(error)
      throw error
    }
  }

  /** Applies one change; the reason when it is void. */
  async #applyChange(batch: Batch, from: Provenance, change: Change, all: readonly Change[], texts: Set<DocId>): Promise<string | undefined> {
    if (isDocumentChange(change)) {
      if (change.kind === 'seed') {
        if (!this.#firstTexts.fits(all[from.index - 1], change)) return 'a first text that is not the one its document id names'
      }
      const reason = await this.documents.apply(batch, from, change)
      if (reason !== undefined) return reason
      texts.add(change.doc)
      if (change.kind === 'app') batch.put('app', change.doc, utf8(change.name))
      else if (change.kind !== 'seed') this.#touch(batch, change.doc, from)
      return undefined
    }
    switch (change.kind) {
      case 'tree':
        if (this.#firstTexts.isMissing(change, all[from.index + 1])) return 'a new text file without its first text'
        return this.#applyTree(batch, from, change)
      case 'absorb':
        return await this.#applyAbsorb(batch, from, change, texts)
      case 'member':
        if (change.author !== from.author) return 'a member record for somebody else'
        this.#applyMember(batch, from, change.name)
        return undefined
      case 'malformed':
        return change.reason
      case 'unknown':
        return undefined
    }
  }

  #applyMember(batch: Batch, from: Provenance, name: string): void {
    const row = this.members.set({ author: from.author, seq: from.seq, entry: from.entry, index: from.index, name })
    if (row === undefined) return
    batch.put('member', from.author, row)
    this.tree.renameAuthor(from.author)
  }

  #applyTree(batch: Batch, from: Provenance, change: TreeChange | AbsorbChange): string | undefined {
    if (change.kind === 'tree' && change.deleted?.seen.some(([author, seq]) => seq > newestSeq(from.past, author)) === true) {
      return 'a deletion of what its author has not seen'
    }
    const id = opId(from.entry, from.index)
    const reason = this.tree.apply({ id, author: from.author, seq: from.seq, change })
    if (reason !== undefined) return reason
    this.#firstTexts.note(id, from.author, from.seq, change)
    batch.put(TREE_TABLE, sortableNumber(this.#treeRows++), encodeTreeRow({ id, author: from.author, seq: from.seq, change }))
    return undefined
  }

  #reapplyTree(row: Uint8Array): void {
    this.#treeRows++
    const op = decodeTreeRow(row)
    if (op === undefined) return
    this.tree.apply(op)
    this.#firstTexts.note(op.id, op.author, op.seq, op.change)
  }

  async #applyAbsorb(batch: Batch, from: Provenance, change: AbsorbChange, texts: Set<DocId>): Promise<string | undefined> {
    const pair = await this.#firstTexts.pairOf(change, from.includes)
    if (typeof pair === 'string') return pair
    const { winner, loser } = pair
    const reason = this.#applyTree(batch, from, change)
    if (reason !== undefined) return reason
    await this.documents.absorb(batch, from, winner, loser)
    texts.add(winner)
    return undefined
  }

  #touch(batch: Batch, doc: DocId, from: Provenance): void {
    this.tree.touch(doc, from.author, from.seq)
    batch.put('touch', `${doc}/${from.author}`, encodeCbor([from.seq]))
  }

  /**
   * What an entry has to wait for: a cause that is not applied, or the last entry of a bare run, where it merges a document
   * that has entries of it among its steps.
   */
  async #missingFor(batch: Batch, entry: Entry): Promise<EntryHash | undefined> {
    return (await this.#missingCause(entry.header)) ?? (this.#init.pruned.hasBare ? await this.#bareHead(batch, entry) : undefined)
  }

  async #bareHead(batch: Batch, entry: Entry): Promise<EntryHash | undefined> {
    const changes = this.#read(entry)
    for (const change of typeof changes === 'string' ? [] : changes) {
      const run = change.kind === 'absorb' ? await this.#bareRun(batch, change.loser) : undefined
      if (run !== undefined) return run.head
    }
    return undefined
  }

  async #bareRun(batch: Batch, loser: NodeId): Promise<PrunedRun | undefined> {
    for (const doc of this.#firstTexts.docsOf(loser)) {
      const run = await this.documents.bareRun(batch, doc)
      if (run !== undefined) return run
    }
    return undefined
  }

  async #missingCause({ prev, deps }: EntryHeader): Promise<EntryHash | undefined> {
    for (const cause of prev === null ? deps : [prev, ...deps]) if (!(await this.#isApplied(cause))) return cause
    return undefined
  }

  /** A log is applied in its own order, branch by branch: what is applied is below the newest that is. */
  async #isApplied(hash: EntryHash): Promise<boolean> {
    if (this.#frontier.all.has(hash)) return true
    const link = await this.#linkOf(hash)
    if (link === undefined) return false
    for (const head of this.#frontier.of(link.author)) if (await this.#pasts.isBelow(head, { ...link, entry: hash })) return true
    return false
  }

  /** What has nothing to wait for any more is released by its own name. */
  async #wait(batch: Batch, hash: EntryHash): Promise<void> {
    const entry = await this.#entryOf(hash)
    if (entry !== undefined) this.#waitFor((await this.#missingFor(batch, entry)) ?? hash, hash)
  }

  #takeWaiting(cause: EntryHash | undefined): readonly EntryHash[] {
    const hashes = cause === undefined ? undefined : this.#waiting.get(cause)
    if (cause !== undefined) this.#waiting.delete(cause)
    return hashes ?? []
  }

  #waitFor(cause: EntryHash, hash: EntryHash): void {
    const list = this.#waiting.get(cause)
    if (list === undefined) this.#waiting.set(cause, [hash])
    else if (!list.includes(hash)) list.push(hash)
  }

  async #entryOf(hash: EntryHash): Promise<Entry | undefined> {
    return this.#held.get(hash) ?? (await this.#init.entryOf(hash))
  }

  readonly #linkOf = async (hash: EntryHash): Promise<Link | undefined> => this.#held.get(hash)?.header ?? (await this.#init.linkOf(hash))

  /** The entry of an author at `seq` that was held first; of the batch under way only what is no fork is looked for by its seq. */
  readonly #firstAt = async (author: AuthorId, seq: number): Promise<EntryHash | undefined> => {
    const [stored] = await this.#init.entriesAt(author, seq, seq)
    return stored ?? [...this.#held.values()].find(({ header }) => header.author === author && header.seq === seq)?.hash
  }

  readonly #changesOf = async (hash: EntryHash): Promise<readonly Change[]> => {
    const cached = this.#init.bodies.cached(hash)
    if (cached !== undefined) return cached
    const entry = await this.#entryOf(hash)
    if (entry === undefined) throw new MalformedError(`entry ${hash} is not held`)
    return this.#init.bodies.read(entry)
  }
}
