import { MalformedError } from '../base/errors.js'
import type { AuthorId, DocId } from '../base/ids.js'
import type { KvOp } from '../base/kv.js'
import type { Change } from '../log/change.js'
import type { Entry } from '../log/entry.js'
import type { Log } from '../log/log.js'
import type { Segment } from '../log/segment-rows.js'
import type { Applier } from './applier.js'
import type { Batch } from './batch.js'
import type { Cover } from './sums.js'

/** Segments that go at once: some 200 KB, and as many hashes as one row holds. */
const SEGMENTS_AT_ONCE = 16

export interface PruningInit {
  readonly log: Log
  readonly applier: Applier
  readonly changesOf: (entry: Entry) => readonly Change[]
  readonly isForked: (author: AuthorId) => boolean
}

/** The oldest version of a document, in steps, that somebody here may ask for. */
export type PinOf = (doc: DocId) => number

/** Old entries that can go together. */
export interface Prunable {
  readonly entries: number
  readonly ops: readonly KvOp[]
  readonly settle: (isStored: boolean) => void
}

/**
 * Finds the entries that a peer can leave to others and still be all that it was: segments of nothing but edits of
 * documents whose sums are kept here. Everything else stays: first texts, the tree, members, and documents that may have to
 * be built anew from their first edit.
 */
export class Pruning {
  readonly #init: PruningInit
  /** Author -> newest seq up to which all packed entries are old. */
  readonly #old = new Map<AuthorId, number>()
  /** Segments that hold something else than edits: that never changes. */
  readonly #kept = new Set<string>()

  constructor(init: PruningInit) {
    this.#init = init
  }

  /** Looks on where the old entries of an author end; false once that is known. */
  async survey(author: AuthorId, before: number): Promise<boolean> {
    const start = this.#old.get(author) ?? 0
    let old = start
    for (const { entries } of await this.#init.log.packed(author, start, SEGMENTS_AT_ONCE)) {
      if (entries.some(({ header }) => header.time >= before)) break
      old = entries.at(-1)?.header.seq ?? old
    }
    this.#old.set(author, old)
    return old > start
  }

  /** The next entries that can go, behind seq `after` of an author; undefined where nothing is left to look at. */
  async next(batch: Batch, author: AuthorId, after: number, pinOf: PinOf): Promise<{ readonly looked: number; readonly prunable: Prunable | undefined } | undefined> {
    const { log, isForked } = this.#init
    const old = this.#old.get(author) ?? 0
    const segments = (await log.packed(author, after, SEGMENTS_AT_ONCE)).filter((segment) => seqOf(segment) <= old)
    const last = segments.at(-1)
    if (last === undefined || isForked(author)) return undefined
    const covers = new Map<DocId, Cover | undefined>()
    const coverOf = async (doc: DocId): Promise<Cover | undefined> => {
      if (!covers.has(doc)) covers.set(doc, await this.#cover(batch, doc, pinOf(doc)))
      return covers.get(doc)
    }
    const run: Segment[] = []
    for (const segment of segments) {
      if ((run.length === 0 || follows(run.at(-1), segment)) && (await this.#mayGo(segment, coverOf))) run.push(segment)
      else if (run.length > 0) break
    }
    return { looked: seqOf(run.at(-1) ?? last), prunable: run.length === 0 ? undefined : await this.#leave(batch, run, covers) }
  }

  async #cover(batch: Batch, doc: DocId, pin: number): Promise<Cover | undefined> {
    return await this.#init.applier.documents.cover(batch, doc, ({ author, seq }) => seq <= (this.#old.get(author) ?? 0), pin)
  }

  async #leave(batch: Batch, segments: readonly Segment[], covers: ReadonlyMap<DocId, Cover | undefined>): Promise<Prunable> {
    const { log, applier } = this.#init
    const sums = [...covers].flatMap(([doc, cover]) => (cover === undefined || cover.ops.length === 0 ? [] : [{ doc, count: cover.count, ops: cover.ops }]))
    const left = new Set(segments.flatMap(({ entries }) => entries.map(({ hash }) => hash)))
    const unnamed: KvOp[] = []
    for (const [doc, cover] of covers) if (cover !== undefined) unnamed.push(...(await applier.documents.unname(batch, doc, left)))
    // From here on they are taken for gone: nothing may fail before it is known whether they are.
    const { ops, settle } = await log.prune(segments)
    const done = (isStored: boolean): void => {
      settle(isStored)
      if (isStored) for (const { doc, count } of sums) applier.documents.covered(doc, count)
    }
    return { entries: left.size, ops: [...sums.flatMap((sum) => sum.ops), ...unnamed, ...ops], settle: done }
  }

  /** Whether all that a segment says is in the sums of documents. */
  async #mayGo({ key, entries }: Segment, coverOf: (doc: DocId) => Promise<Cover | undefined>): Promise<boolean> {
    if (this.#kept.has(key)) return false
    for (const entry of entries) {
      const edits = this.#editsOf(entry)
      if (edits === undefined) {
        this.#kept.add(key)
        return false
      }
      for (const [index, doc] of edits.entries()) {
        if ((await coverOf(doc))?.covers(entry.header.author, entry.header.seq, index) !== true) return false
      }
    }
    return true
  }

  /** The documents of an entry's changes; undefined when it holds anything else than edits. */
  #editsOf(entry: Entry): readonly DocId[] | undefined {
    if (entry.header.epoch !== 0) return undefined
    try {
      const docs = this.#init.changesOf(entry).map((change) => (change.kind === 'update' || change.kind === 'derived' || change.kind === 'app' ? change.doc : undefined))
      const edits = docs.filter((doc) => doc !== undefined)
      return edits.length === docs.length && edits.length > 0 ? edits : undefined
    } catch (error) {
      if (error instanceof MalformedError) return undefined
      throw error
    }
  }
}

/** Of its last entry. */
function seqOf({ entries }: Segment): number {
  return entries.at(-1)?.header.seq ?? 0
}

function follows(before: Segment | undefined, { entries }: Segment): boolean {
  return before?.entries.at(-1)?.hash === entries[0]?.header.prev
}
