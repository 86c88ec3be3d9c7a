import { CollabError, NotPermittedError, RefusedChangeError } from '../base/errors.js'
import type { AuthorId, DocId, EntryHash } from '../base/ids.js'
import type { KvOp } from '../base/kv.js'
import type { Change } from '../log/change.js'
import type { UpdatingChange } from '../doc/gate.js'
import type { UnitRun } from '../doc/y-document.js'
import type { Entry } from '../log/entry.js'
import type { Staged } from '../log/log.js'
import { PrunedError } from '../log/pruned-rows.js'
import { attribute } from './attribution.js'
import type { AuthoredRange } from './attribution.js'
import { Applier } from './applier.js'
import { Batch } from './batch.js'
import { BodyReader } from './body-reader.js'
import { Committer } from './committer.js'
import { compact } from './compaction.js'
import type { StoredHistory } from './compaction.js'
import { Drafter } from './drafter.js'
import type { Draft } from './drafter.js'
import type { DocUpdates } from './document-types.js'
import { identityRow, newAuthor } from './identity.js'
import { LeftEntries } from './left-entries.js'
import type { Identity } from './identity.js'
import { resultsOf } from './local-results.js'
import { pendingMerges } from './pending-merges.js'
import type { LiveSource, Outcome, ReplicaInit } from './replica-types.js'
import { Sealer } from './sealer.js'
import { Turns } from './turns.js'
import type { DocVersion, LocalChange, LocalResult, TextState } from './workspace-types.js'

/** Client ids of this run start at a random number: no other run of this author, not even on a copied store, uses them. */
const NONCE_BYTES = 6

/** Entries that come together in a catch-up: what would be put together now is out of date with the next batch. */
const BULK_ENTRIES = 64

/**
 * One workspace's entries, tree and documents over one store: everything but the network. Every job runs in its
 * turn; what a job changed in memory is as durable as its commit, so after a failed commit the replica refuses all
 * further work and must be opened anew.
 */
export class Replica {
  readonly live = new Set<LiveSource>()
  /** Old entries, out of the store and back; none on a blind replica. */
  readonly left: LeftEntries | undefined
  readonly #init: ReplicaInit
  readonly #turns = new Turns()
  readonly #applier: Applier | undefined
  readonly #bodies: BodyReader | undefined
  readonly #sealer: Sealer | undefined
  readonly #committer: Committer
  readonly #nonce: number
  #identity: Identity
  #failed: Error | undefined
  /** The job under way is part of a catch-up. */
  #isBulk = false

  constructor(init: ReplicaInit) {
    this.#init = init
    this.#identity = init.identity
    this.#nonce = init.crypto.randomBytes(NONCE_BYTES).reduce((nonce, byte) => nonce * 256 + byte, 0)
    const forked = new Set(init.log.forks)
    if (init.keys.rights !== 'blind') {
      const bodies = new BodyReader(init.crypto, init.keys.readKey)
      const isForked = (author: AuthorId): boolean => forked.has(author)
      const applier = new Applier({ crypto: init.crypto, kv: init.kv, bodies, entryOf: (hash) => init.log.get(hash), linkOf: (hash) => init.log.link(hash), entriesAt: (author, from, to) => init.log.firstIn(author, from, to), pruned: init.log.pruned, isForked, pace: init.pace })
      this.#bodies = bodies
      this.#applier = applier
      this.#sealer = new Sealer({ ...init, applier, bodies })
      this.left = new LeftEntries({ ...init, applier, changesOf: (entry) => bodies.read(entry), isForked, live: this.live, inTurn: (job) => this.#job(job) })
    }
    this.#committer = new Committer({ ...init, applier: this.#applier, live: this.live, forked })
  }

  static async open(init: ReplicaInit): Promise<Replica> {
    const replica = new Replica(init)
    await replica.#applier?.load(new Batch(init.kv))
    return replica
  }

  get identity(): Identity {
    return this.#identity
  }

  /** @throws {NotPermittedError} on a blind replica. */
  get applier(): Applier {
    if (this.#applier === undefined) throw new NotPermittedError('a blind link cannot read the workspace')
    return this.#applier
  }

  get #history(): StoredHistory {
    return { ...this.#init, documents: this.#applier?.documents }
  }

  /** The changes inside an entry. */
  changesOf(entry: Entry): readonly Change[] {
    if (this.#bodies === undefined) throw new NotPermittedError('a blind link cannot read the workspace')
    return this.#bodies.read(entry)
  }

  /**
   * Stores what is sound of `entries` and applies what can be applied.
   *
   * @throws {PrunedError} when it takes what was left to others, and nobody has it; nothing was stored.
   */
  async receive(entries: readonly Entry[]): Promise<Outcome> {
    return await this.#reading(async (batch) => {
      const staged = await this.#stage(entries)
      const isRolledBack = staged.accepted.some((entry) => entry.header.author === this.#identity.author.id)
      if (!isRolledBack) return await this.#take(batch, staged, { show: true })
      await this.#changeAuthor()
      return await this.#take(batch, await this.#stage(entries))
    })
  }

  /**
   * Appends `changes` to the own log; resolves when they are durable.
   *
   * @throws {NotPermittedError} without write rights.
   */
  async edit(changes: readonly LocalChange[], rows: (results: readonly LocalResult[]) => readonly KvOp[] = () => []): Promise<{ results: readonly LocalResult[]; outcome: Outcome }> {
    this.#checkMayWrite()
    return await this.#reading(async (batch) => {
      const { entries, results, ops } = await this.#draft(batch, changes, rows)
      batch.add(ops)
      return { results, outcome: await this.#append(batch, entries) }
    })
  }

  /**
   * Applies entries that wait for some of which the hashes were gone: those are fetched for it, as far as somebody has them;
   * `isOverdue`: also for entries that may wait for something newer.
   */
  async release({ isOverdue }: { readonly isOverdue: boolean }): Promise<readonly Outcome[]> {
    const outcomes: Outcome[] = []
    const { left } = this
    if (left === undefined) return outcomes
    const { waiting } = this.applier
    const held = new Set([...waiting.values()].flat())
    const tried = new Set<EntryHash>()
    // What is released may wait for something else then, which comes behind.
    for (const [cause, entries] of waiting) {
      // What waits for one that waits is released with that.
      if (tried.has(cause) || (held.has(cause) && !entries.includes(cause))) continue
      tried.add(cause)
      if (!(await left.find(cause, entries, isOverdue))) continue
      outcomes.push(await this.#job(async (batch) => await this.#take(batch, await this.#stage([]), { released: cause })))
    }
    return outcomes
  }

  /** Appends the merges that the tree asks for; undefined when there are none or nothing may be written. */
  async mergeCollisions(): Promise<Outcome | undefined> {
    if (this.#init.keys.rights !== 'write') return undefined
    return await this.#reading(async (batch) => {
      const isOpen = (doc: DocId): boolean => [...this.live].some((source) => source.doc === doc)
      const units = await pendingMerges({ ...this.#init, applier: this.applier, batch, isOpen })
      return units.length === 0 ? undefined : await this.#append(batch, await this.#sealAll(units))
    })
  }

  /**
   * Appends what `source` has to say to the own log, with its rows; resolves when it is durable, with the count of its
   * document's steps before and after. Undefined when it had nothing to say.
   *
   * @throws {RefusedChangeError} when every peer would void it; nothing was written.
   */
  async save(source: Pick<LiveSource, 'doc' | 'take' | 'rows'>): Promise<{ readonly outcome: Outcome; readonly before: number; readonly after: number } | undefined> {
    this.#checkMayWrite()
    return await this.#job(async (batch) => {
      const changes = source.take()
      const rows = source.rows()
      if (changes.length === 0) {
        if (rows.length > 0) await this.#init.kv.commit(rows)
        return undefined
      }
      batch.add(rows)
      const { count } = await this.applier.documents.row(batch, source.doc)
      const outcome = await this.#appendUpdates(batch, changes)
      return { outcome, before: count, after: count + changes.length }
    })
  }

  /** Who wrote what of a document that shows `units`. */
  async authorsOf(doc: DocId, units: () => readonly UnitRun[]): Promise<readonly AuthoredRange[]> {
    return await this.#job(async (batch) => {
      const { documents, members } = this.applier
      const steps = await documents.steps(batch, doc)
      return attribute(units(), { steps, self: this.#identity.author.id, nameOf: (author) => members.get(author) })
    })
  }

  /** The Yjs updates of a document from its step `from` on. */
  async updatesFrom(doc: DocId, from: number): Promise<DocUpdates> {
    return await this.#reading(async (batch) => await this.applier.documents.updatesFrom(batch, doc, from))
  }

  /** All that is here of a document, with what was deleted since its first edits were left to others. */
  async kept(doc: DocId): Promise<DocUpdates> {
    return await this.#reading(async (batch) => await this.applier.documents.kept(batch, doc))
  }

  /** What a document adds up to, in few updates, less the content of what was deleted. */
  async merged(doc: DocId): Promise<DocUpdates> {
    return await this.#reading(async (batch) => await this.applier.documents.merged(batch, doc))
  }

  async readText(doc: DocId): Promise<TextState> {
    return await this.#reading(async (batch) => {
      const { text, count } = await this.applier.documents.text(batch, doc)
      return { text, version: { upTo: count, plus: [] } }
    })
  }

  async countChanges(docs: readonly DocId[]): Promise<readonly number[]> {
    return await this.#job(async (batch) => {
      const counts: number[] = []
      for (const doc of docs) counts.push((await this.applier.documents.row(batch, doc)).count)
      return counts
    })
  }

  async readTextAt(doc: DocId, version: DocVersion): Promise<string> {
    return await this.#reading(async (batch) => await this.applier.documents.textAt(batch, doc, version))
  }

  /** Runs a job that changes nothing, in its turn. */
  async look<T>(job: (batch: Batch) => Promise<T>): Promise<T> {
    return await this.#reading(job)
  }

  async releaseMemory(): Promise<void> {
    await this.#turns.run(async () => {
      if (this.#failed === undefined) await compact(this.#history, { atRest: true })
      this.#applier?.documents.forget()
      this.#bodies?.forget()
    })
  }

  /** Marks the store as cleanly stopped; nothing may follow. */
  async close(): Promise<void> {
    await this.#turns.run(async () => {
      if (this.#failed !== undefined) return
      await compact(this.#history, { atRest: true })
      await this.#init.kv.commit([identityRow({ ...this.#identity, clean: true })])
      this.#failed = new CollabError('ClosedError', 'the workspace is closed')
    })
  }

  async #job<T>(job: (batch: Batch) => Promise<T>): Promise<T> {
    return await this.#turns.run(async () => {
      if (this.#failed !== undefined) throw this.#failed
      this.#isBulk = false
      const result = await job(new Batch(this.#init.kv))
      if (!this.#isBulk) await compact(this.#history, { atRest: false })
      this.#applier?.documents.trim()
      return result
    })
  }

  /** A job that writes nothing before it has read what it needs; what was left to others is fetched for it. */
  async #reading<T>(job: (batch: Batch) => Promise<T>): Promise<T> {
    for (;;) {
      try {
        return await this.#job(job)
      } catch (error) {
        if (!(error instanceof PrunedError) || this.left === undefined) throw error
        await this.left.takeBack(error)
      }
    }
  }

  /** Writes down what `changes` are, without applying it: whatever fails here leaves the replica as it was. */
  async #draft(batch: Batch, changes: readonly LocalChange[], rows: (results: readonly LocalResult[]) => readonly KvOp[]): Promise<{ entries: readonly Entry[]; results: readonly LocalResult[]; ops: readonly KvOp[] }> {
    try {
      const author = this.#identity.author.id
      const drafter = new Drafter({ crypto: this.#init.crypto, author, nonce: this.#nonce, applier: this.applier, batch })
      const drafts: Draft[] = []
      for (const change of changes) drafts.push(await drafter.draft(change))
      const results = await resultsOf(this.applier.documents, batch, drafts)
      const entries = await this.#sealAll(drafts.flatMap((draft) => draft.units))
      return { entries, results, ops: rows(results) }
    } catch (error) {
      this.applier.documents.forget()
      throw error
    }
  }

  async #appendUpdates(batch: Batch, changes: readonly UpdatingChange[]): Promise<Outcome> {
    const reason = await this.applier.documents.faultOf(batch, this.#identity.author.id, changes)
    if (reason !== undefined) throw new RefusedChangeError(`an edit cannot be shared: ${reason}`)
    return await this.#append(batch, await this.#sealAll(changes.map((change) => [change])))
  }

  async #append(batch: Batch, entries: readonly Entry[]): Promise<Outcome> {
    return await this.#take(batch, await this.#init.log.stage(entries, { trusted: true }))
  }

  /** A log that forks is known by its hashes. */
  async #stage(entries: readonly Entry[]): Promise<Staged> {
    const { log } = this.#init
    const staged = await log.stage(entries)
    const bare = staged.forked.flatMap(({ author }) => log.pruned.bare(author))
    if (bare.length > 0) throw new PrunedError(bare)
    return staged
  }

  async #take(batch: Batch, staged: Staged, { show = false, released }: { show?: boolean; released?: EntryHash } = {}): Promise<Outcome> {
    try {
      this.#isBulk = staged.accepted.length >= BULK_ENTRIES
      return await this.#committer.commit(batch, staged, { show: show && !this.#isBulk, released })
    } catch (error) {
      this.#failed = error instanceof Error ? error : new Error(String(error))
      throw error
    }
  }

  async #sealAll(units: readonly (readonly Change[])[]): Promise<readonly Entry[]> {
    if (this.#sealer === undefined) throw new NotPermittedError('a blind link cannot write')
    return await this.#sealer.seal(this.#identity.author, units)
  }

  #checkMayWrite(): void {
    if (this.#init.keys.rights !== 'write') throw new NotPermittedError('this link can read but not write; ask for a write link')
  }

  /**
   * Somebody holds more of our log than we do: this store was rolled back, and another author goes on from here. What
   * apps typed meanwhile stands under client ids of the author so far, so it still is that author's to sign.
   */
  async #changeAuthor(): Promise<void> {
    const author = newAuthor(this.#init.crypto)
    for (const source of this.live) {
      const changes = source.take()
      source.changeAuthor(author.id)
      try {
        if (changes.length > 0) await this.#appendUpdates(new Batch(this.#init.kv), changes)
      } catch (error) {
        if (!(error instanceof RefusedChangeError)) throw error
        source.refused(error)
      }
    }
    this.#identity = { ...this.#identity, author }
    await this.#init.kv.commit([identityRow(this.#identity)])
  }
}
