import type { Crypto } from '../base/crypto.js'
import { MalformedError } from '../base/errors.js'
import type { AuthorId, DocId, EntryHash } from '../base/ids.js'
import type { KvOp } from '../base/kv.js'
import { seedClient } from '../doc/client-id.js'
import { checkUpdate, updateRanges } from '../doc/gate.js'
import type { UpdatingChange } from '../doc/gate.js'
import { TextDocument, stepUpdate } from '../doc/text-document.js'
import type { DocStep } from '../doc/text-document.js'
import { Translations } from '../doc/translations.js'
import type { Change, SeedChange } from '../log/change.js'
import { PrunedError } from '../log/pruned-rows.js'
import type { PrunedRows, PrunedRun } from '../log/pruned-rows.js'
import type { Batch } from './batch.js'
import { overlaps, stepOf, stepsInPast, within, withoutRepeats, withoutSeedRanges } from './document-steps.js'
import { DEFAULT_PACE } from './document-types.js'
import type { DocUpdates, Pace, Provenance } from './document-types.js'
import { decodeDocRow, encodeDocRow, EMPTY_DOC } from './step-row.js'
import type { ClientRange, DocRow, StepRow } from './step-row.js'
import { replayOf } from './replay.js'
import type { Replay } from './replay.js'
import { StepBodies } from './step-bodies.js'
import { packSteps, putStep, readSteps, unnamingOps } from './step-pages.js'
import type { EntriesAt } from './step-pages.js'
import { Snapshots, snapshotRemovalOp } from './snapshots.js'
import type { Snapshot } from './snapshots.js'
import { checkHere, coverOf, dropSum, isCoverable, readSum, sumOp } from './sums.js'
import type { Cover } from './sums.js'
import { isCurrent } from './workspace-types.js'
import type { DocVersion } from './workspace-types.js'
import { StepIndex } from './step-index.js'

/** Yjs items kept in memory over all open documents: about 250 bytes each. */
const OPEN_ITEMS = 200_000
const OPEN_DOCS = 512
/** Steps that are applied for snapshots in one go, at some 80 microseconds each: a stop is not to wait longer. */
const WORK_AT_ONCE = 4096
/** Rows kept in memory, at some 400 bytes each. */
const KNOWN_ROWS = 4096

export type ChangesOf = (entry: EntryHash) => Promise<readonly Change[]>

export interface DocumentsInit {
  readonly crypto: Crypto
  readonly changesOf: ChangesOf
  readonly isForked: (author: AuthorId) => boolean
  readonly pruned: Pick<PrunedRows, 'isEmpty' | 'at' | 'bareAt' | 'holding'>
  readonly entriesAt: EntriesAt
  readonly pace?: Pace | undefined
}

interface OpenDoc {
  row: DocRow
  readonly steps: StepIndex
  /** First texts of this document and of those it absorbed. */
  readonly seeds: Map<DocId, string>
  document: TextDocument | undefined
  /** Steps that the stored snapshot holds, 0 without one. */
  snapshot: number
  /** Steps whose sum is kept because their entries may be elsewhere. */
  sum: number
}

/**
 * The documents of a workspace: what was applied to each, in order, and the few that are open.
 * A document that only has its seed is never opened: its text is the seed's.
 *
 * Invariant: an open document's steps are the stored ones plus those of the batch under way, so after
 * a failed commit the instance must be thrown away.
 */
export class Documents {
  readonly #crypto: Crypto
  readonly #changesOf: ChangesOf
  readonly #isForked: (author: AuthorId) => boolean
  readonly #open = new Map<DocId, OpenDoc>()
  /** Rows read or written lately, of documents that need not be open. */
  readonly #rows = new Map<DocId, DocRow>()
  readonly #snapshots: Snapshots
  readonly #pruned: DocumentsInit['pruned']
  readonly #bodies: StepBodies
  readonly #entriesAt: EntriesAt
  readonly #pageSteps: number
  /** Documents that grew since their snapshots were looked at. */
  readonly #grown = new Set<DocId>()

  constructor({ crypto, changesOf, isForked, pruned, entriesAt, pace = DEFAULT_PACE }: DocumentsInit) {
    this.#entriesAt = entriesAt
    this.#crypto = crypto
    this.#pruned = pruned
    this.#bodies = new StepBodies(changesOf, pruned)
    this.#changesOf = changesOf
    this.#isForked = isForked
    this.#snapshots = new Snapshots(pace.snapshotSteps)
    this.#pageSteps = pace.pageSteps
  }

  async row(batch: Batch, doc: DocId): Promise<DocRow> {
    const open = this.#open.get(doc)
    const known = open?.row ?? this.#rows.get(doc)
    if (known !== undefined) return known
    const stored = await batch.get('doc', doc)
    const row = stored === undefined ? EMPTY_DOC : decodeDocRow(stored)
    this.#rows.set(doc, row)
    return row
  }

  /** Applies a document's change, or says why it is void. */
  async apply(batch: Batch, from: Provenance, change: SeedChange | UpdatingChange): Promise<string | undefined> {
    if (change.kind === 'seed') {
      await this.#append(batch, change.doc, { ...stepOf(from, []), isSeed: true }, change)
      return undefined
    }
    const open = await this.#load(batch, change.doc)
    const past = await stepsInPast(change.doc, open.steps, from, this.#isForked)
    const verdict = checkUpdate(this.#crypto, change.doc, from.author, change, { clockOf: (client) => open.steps.clockOf(client, past) })
    if (!verdict.ok) return verdict.reason
    await this.#append(batch, change.doc, stepOf(from, verdict.ranges), change)
    return undefined
  }

  /** Why peers would void one of `changes`, made by `author` on top of everything held; undefined when they would not. */
  async faultOf(batch: Batch, author: AuthorId, changes: readonly UpdatingChange[]): Promise<string | undefined> {
    const made: ClientRange[] = []
    for (const change of changes) {
      const { steps } = await this.#load(batch, change.doc)
      const past = { clockOf: (client: number) => Math.max(steps.clockOf(client, steps.whole), ...made.filter((range) => range.client === client).map(({ to }) => to)) }
      const verdict = checkUpdate(this.#crypto, change.doc, author, change, past)
      if (!verdict.ok) return verdict.reason
      made.push(...verdict.ranges)
    }
    return undefined
  }

  /** The Yjs updates of a document's steps from number `from` on, in an order in which each can be applied. */
  async updatesFrom(batch: Batch, doc: DocId, from: number): Promise<DocUpdates> {
    const row = await this.row(batch, doc)
    const { count, contested, into } = row
    if (from >= count) return { count, contested, into, updates: [] }
    const open = await this.#load(batch, doc)
    const translations = new Translations(this.#crypto, seedsOf(open))
    const { steps, absorptions, shared } = await this.#replay(open, doc, open.steps.all, from)
    const updates: Uint8Array[] = []
    for (const step of await this.#bodies.steps(steps, absorptions)) {
      const update = stepUpdate(this.#crypto, doc, step, seedsOf(open), translations)
      if (update !== undefined) updates.push(shared?.rewrite(update) ?? update)
    }
    return { count, contested, into, updates }
  }

  /** All that is here of a document, with what was deleted since it began to be left to others. */
  async kept(batch: Batch, doc: DocId): Promise<DocUpdates> {
    const open = await this.#load(batch, doc)
    const sum = open.row.contested || open.sum === 0 ? undefined : await readSum(batch, doc, open.steps.all)
    const rest = await this.updatesFrom(batch, doc, sum?.count ?? 0)
    return sum === undefined ? rest : { ...rest, updates: [sum.update, ...rest.updates] }
  }

  /** What all steps of a document add up to: like `updatesFrom` 0, less the content of what was deleted. */
  async merged(batch: Batch, doc: DocId): Promise<DocUpdates> {
    const { count, contested, into } = await this.row(batch, doc)
    if (contested || (count < this.#snapshots.least && this.#pruned.isEmpty)) return await this.updatesFrom(batch, doc, 0)
    const document = await this.#whole(batch, await this.#load(batch, doc), doc)
    return { count, contested, into, updates: [document.encode()] }
  }

  /** From now on `loser` lives on inside `winner`: what it has now, and what comes. */
  async absorb(batch: Batch, from: Provenance, winner: DocId, loser: DocId): Promise<void> {
    const open = await this.#load(batch, winner)
    await this.#loadSeeds(batch, open, [{ ...stepOf(from, []), loser }])
    const ranges = open.steps.rangesOfMerge(loser) ?? this.#mergeRanges(open, winner, loser)
    await this.#append(batch, winner, { ...stepOf(from, ranges), loser }, undefined)
    const inner = await this.#load(batch, loser)
    if (inner.row.into.includes(winner)) return
    this.#setRow(batch, loser, inner, { ...inner.row, into: [...inner.row.into, winner] })
    for (const step of inner.steps.all) await this.#appendAbsorbed(batch, winner, within(step, loser))
  }

  #mergeRanges(open: OpenDoc, winner: DocId, loser: DocId): readonly ClientRange[] {
    return updateRanges(new Translations(this.#crypto, seedsOf(open)).between(winner, loser).mergeUpdate())
  }

  /** Closes all documents, and forgets what was done to them and not logged. Call while nothing was applied. */
  forget(): void {
    this.#open.clear()
    this.#rows.clear()
    this.#snapshots.forget()
  }

  /** Rows of the snapshots that are due, of open documents. Call while everything that was applied is stored. */
  async dueSnapshots(batch: Batch, { atRest = false } = {}): Promise<readonly KvOp[]> {
    let work = 0
    for (const doc of atRest ? [...this.#open.keys()].toReversed() : this.#grown) {
      const open = this.#open.get(doc)
      if (open === undefined || work >= WORK_AT_ONCE || !this.#isDue(open, atRest)) continue
      work += open.steps.all.length - Math.max(open.snapshot, open.sum)
      await this.#whole(batch, open, doc).catch((error: unknown) => {
        // Whoever wants its text has them brought back.
        if (!(error instanceof PrunedError)) throw error
      })
    }
    this.#grown.clear()
    return [...this.#snapshots.made.values()].map(({ op }) => op)
  }

  /** What `dueSnapshots` gave is stored, or given up for now. */
  settleSnapshots({ stored }: { stored: boolean }): void {
    for (const [doc, { count }] of this.#snapshots.made) {
      const open = this.#open.get(doc)
      if (stored && open !== undefined) open.snapshot = count
    }
    this.#snapshots.forget()
  }

  async text(batch: Batch, doc: DocId): Promise<{ text: string; count: number }> {
    const row = await this.row(batch, doc)
    if (row.seedOnly) return { text: await this.#seedText(row), count: row.count }
    return { text: (await this.document(batch, doc)).text, count: row.count }
  }

  async textAt(batch: Batch, doc: DocId, version: DocVersion): Promise<string> {
    const row = await this.row(batch, doc)
    if (row.seedOnly || this.isWhole(row, version)) return (await this.text(batch, doc)).text
    return (await this.fork(batch, doc, version)).text
  }

  /** The live document; it stays the caller's only until the next await. */
  async document(batch: Batch, doc: DocId): Promise<TextDocument> {
    const open = await this.#load(batch, doc)
    open.document ??= await this.#whole(batch, open, doc)
    return open.document
  }

  isWhole(row: DocRow, version: DocVersion): boolean {
    return isCurrent(version, row.count)
  }

  /** A document of its own, as it was at `version`. */
  async fork(batch: Batch, doc: DocId, version: DocVersion): Promise<TextDocument> {
    const open = await this.#load(batch, doc)
    const plus = version.plus.map((at) => open.steps.all[at])
    const steps = [...open.steps.all.slice(0, version.upTo), ...plus].filter((step) => step !== undefined)
    return await this.#build(open, doc, steps, await this.#sumUpTo(batch, open, doc, version.upTo))
  }

  /**
   * The sum of those of a document's first steps that are old, to be kept in place of their entries, as far as nobody names
   * an earlier version than `pin`; undefined for a document that may have to be built anew.
   */
  async cover(batch: Batch, doc: DocId, isOld: (step: StepRow) => boolean, pin: number): Promise<Cover | undefined> {
    const open = await this.#load(batch, doc)
    const { row, steps } = open
    if (pin < open.sum || !(await isCoverable(batch, doc, row, steps, this.#isForked))) return undefined
    const young = steps.all.findIndex((step) => !isOld(step))
    const count = Math.min(pin, young < 0 ? steps.all.length : young)
    if (count - open.sum < this.#snapshots.least) return coverOf(steps, open.sum, [])
    const first = steps.all.slice(0, count)
    const document = await this.#build(open, doc, first, await this.#sumUpTo(batch, open, doc, count))
    // What the sum holds too is not kept twice.
    return coverOf(steps, count, [sumOp(doc, first, document.encode()), ...(open.snapshot <= count ? [snapshotRemovalOp(doc)] : [])])
  }

  /** The sum that `cover` gave is stored. */
  covered(doc: DocId, count: number): void {
    const open = this.#open.get(doc)
    if (open === undefined) return
    open.sum = count
    if (open.snapshot <= count) open.snapshot = 0
  }

  /** The first bare run that holds an entry of a document's steps, whether those still have its name or not. */
  async bareRun(batch: Batch, doc: DocId): Promise<PrunedRun | undefined> {
    for (const { author, seq } of (await this.#load(batch, doc)).steps.all) {
      const run = this.#pruned.bareAt(author, seq)
      if (run !== undefined) return run
    }
    return undefined
  }

  /** What takes the names of entries that are left to others out of a document's rows. */
  async unname(batch: Batch, doc: DocId, left: ReadonlySet<EntryHash>): Promise<readonly KvOp[]> {
    const { steps } = await this.#load(batch, doc)
    const isLeft = ({ entry }: StepRow): boolean => entry !== undefined && left.has(entry)
    const from = steps.all.findIndex(isLeft)
    if (from < 0) return []
    return await unnamingOps(batch, doc, { from, to: steps.all.findLastIndex(isLeft), isLeft, pageSteps: this.#pageSteps })
  }

  /** The authors and entries behind a document's steps, oldest first. */
  async steps(batch: Batch, doc: DocId): Promise<readonly StepRow[]> {
    return (await this.#load(batch, doc)).steps.all
  }

  /** Closes what was used least recently while too much is open. Call between batches only. */
  trim(): void {
    if (this.#rows.size > KNOWN_ROWS) this.#rows.clear()
    let items = 0
    for (const { document } of this.#open.values()) items += document?.items ?? 0
    for (const [doc, { document }] of this.#open) {
      if (items <= OPEN_ITEMS && this.#open.size <= OPEN_DOCS) return
      items -= document?.items ?? 0
      this.#open.delete(doc)
    }
  }

  async #append(batch: Batch, doc: DocId, step: StepRow, change: DocStep['change'] | undefined): Promise<void> {
    const row = await this.row(batch, doc)
    const isSeed = change?.kind === 'seed' && step.origin === undefined
    const open = this.#open.get(doc) ?? (isSeed && row.seedOnly ? undefined : await this.#load(batch, doc))
    const contested = row.contested || (open !== undefined && !isSeed && isContesting(open.steps, step, change))
    const next: DocRow = {
      ...row,
      count: row.count + 1,
      first: row.first ?? step,
      seed: row.seed ?? (isSeed && step.entry !== undefined ? { entry: step.entry, index: step.index } : undefined),
      seedOnly: row.seedOnly && isSeed && (row.seed === undefined || row.count === 0),
      contested
    }
    if (row.count > 0) putStep(batch, doc, row.count, step)
    if (open === undefined) this.#putRow(batch, doc, next)
    else await this.#extend(batch, doc, open, next, step)
    this.#grown.add(doc)
    for (const outer of next.into) await this.#appendAbsorbed(batch, outer, within(step, doc))
  }

  /** What comes by several ways is kept once. */
  async #appendAbsorbed(batch: Batch, doc: DocId, step: StepRow): Promise<void> {
    const { steps } = await this.#load(batch, doc)
    if (!steps.hasAbsorbed(step)) await this.#append(batch, doc, step, undefined)
  }

  async #extend(batch: Batch, doc: DocId, open: OpenDoc, next: DocRow, step: StepRow): Promise<void> {
    if (step.isSeed && open.seeds.get(doc) === '') open.seeds.set(doc, await this.#seedText(next))
    const isRepeated = open.steps.absorptions.isRepeated(step)
    for (const full of this.#withSeedRanges(doc, [step], open.seeds.get(doc) ?? '')) open.steps.add(full)
    this.#setRow(batch, doc, open, next)
    await this.#pack(batch, doc, open, next.count)
    await this.#loadSeeds(batch, open, [step])
    if (next.contested) {
      this.#snapshots.drop(batch, doc)
      if (open.sum > 0) dropSum(batch, doc)
      open.snapshot = 0
      open.sum = 0
      open.document = undefined
    } else if (open.document !== undefined && !isRepeated) open.document = await this.#bodies.applied(open.document, step, open.steps.absorptions)
  }

  /** A page for the newest steps, as soon as they fill one; the document's first step stays in its row. */
  async #pack(batch: Batch, doc: DocId, { steps }: OpenDoc, count: number): Promise<void> {
    if (count % this.#pageSteps !== 0) return
    const from = Math.max(1, count - this.#pageSteps)
    // At the place of an entry that was left to others may be one of another branch, which is here.
    const isLeft = ({ author, seq }: StepRow): boolean => !this.#isForked(author) && this.#pruned.at(author, seq) !== undefined
    await packSteps(batch, doc, from, steps.all.slice(from, count).map(withoutSeedRanges), isLeft)
  }

  #setRow(batch: Batch, doc: DocId, open: OpenDoc, row: DocRow): void {
    open.row = row
    this.#putRow(batch, doc, row)
  }

  #seedRanges(doc: DocId, text: string): readonly ClientRange[] {
    return text === '' ? [] : [{ client: seedClient(this.#crypto, doc, text), from: 0, to: text.length }]
  }

  /** Most documents are never opened, so the range of a first text is made only here. */
  #withSeedRanges(doc: DocId, steps: readonly StepRow[], seed: string): StepRow[] {
    const ranges = this.#seedRanges(doc, seed)
    return steps.map((step) => (step.isSeed && step.origin === undefined ? { ...step, ranges } : step))
  }

  #putRow(batch: Batch, doc: DocId, row: DocRow): void {
    this.#rows.set(doc, row)
    batch.putLater('doc', doc, () => encodeDocRow(row))
  }

  async #load(batch: Batch, doc: DocId): Promise<OpenDoc> {
    const known = this.#open.get(doc)
    if (known !== undefined) {
      this.#open.delete(doc)
      this.#open.set(doc, known)
      return known
    }
    const row = await this.row(batch, doc)
    const seed = await this.#seedText(row)
    const steps = this.#withSeedRanges(doc, await readSteps(batch, doc, row, this.#entriesAt), seed)
    const open: OpenDoc = { row, steps: new StepIndex(doc, steps), seeds: new Map([[doc, seed]]), document: undefined, snapshot: 0, sum: 0 }
    open.snapshot = row.contested ? 0 : ((await this.#snapshots.read(batch, doc, steps))?.count ?? 0)
    open.sum = row.contested || this.#pruned.isEmpty ? 0 : ((await readSum(batch, doc, steps))?.count ?? 0)
    await this.#loadSeeds(batch, open, open.steps.absorbing)
    this.#open.set(doc, open)
    return open
  }

  /** The first texts of what `steps` absorb. */
  async #loadSeeds(batch: Batch, { seeds }: OpenDoc, steps: readonly StepRow[]): Promise<void> {
    for (const { loser } of steps) if (loser !== undefined && !seeds.has(loser)) seeds.set(loser, await this.#seedText(await this.row(batch, loser)))
  }

  async #seedText(row: DocRow): Promise<string> {
    if (row.seed === undefined) return ''
    const change = (await this.#changesOf(row.seed.entry))[row.seed.index]
    if (change?.kind !== 'seed') throw new MalformedError('a document row names a change that is no seed')
    return change.text
  }

  #isDue({ row, steps, snapshot, sum }: OpenDoc, atRest: boolean): boolean {
    return !row.contested && this.#snapshots.isDue(steps.all.length, Math.max(snapshot, sum), atRest)
  }

  /** The longest stored sum of at most `count` steps. */
  async #sumUpTo(batch: Batch, { row, steps, snapshot, sum }: OpenDoc, doc: DocId, count: number): Promise<Snapshot | undefined> {
    if (row.contested) return undefined
    const isSnapshot = snapshot <= count && (sum > count || snapshot >= sum)
    const read = isSnapshot ? await this.#snapshots.read(batch, doc, steps.all) : await readSum(batch, doc, steps.all)
    return read !== undefined && read.count <= count ? read : undefined
  }

  /** The document with all its steps, made of what is stored alone; where that was much work, its sum is kept. */
  async #whole(batch: Batch, open: OpenDoc, doc: DocId): Promise<TextDocument> {
    const document = await this.#build(open, doc, open.steps.all, await this.#sumUpTo(batch, open, doc, open.steps.all.length))
    if (this.#isDue(open, true)) this.#snapshots.make(doc, open.steps.all, document.encode())
    return document
  }

  /** How `steps` are applied, of which the first ones are, unless everything must be built anew. */
  async #replay({ row, steps: { absorbing, absorptions }, seeds }: OpenDoc, doc: DocId, steps: readonly StepRow[], applied: number): Promise<Replay> {
    if (!row.contested) return { steps: absorbing.length < 2 ? steps.slice(applied) : withoutRepeats(doc, steps, applied), absorptions, shared: undefined }
    // Their order is one of hashes.
    await checkHere(this.#pruned, steps)
    return replayOf(this.#crypto, doc, steps, (inner) => seeds.get(inner) ?? '')
  }

  /** The sum of `steps`, of which `snapshot` holds the first ones. */
  async #build(open: OpenDoc, doc: DocId, steps: readonly StepRow[], snapshot?: Snapshot): Promise<TextDocument> {
    const seeds = seedsOf(open)
    const { steps: ordered, absorptions, shared } = await this.#replay(open, doc, steps, snapshot?.count ?? 0)
    const init = { crypto: this.#crypto, doc, seeds, shared }
    const document = snapshot === undefined ? new TextDocument(init) : TextDocument.load(init, snapshot.update)
    document.apply(await this.#bodies.steps(ordered, absorptions))
    return document
  }
}

/** Whether the document cannot be built as its steps come any more. */
function isContesting(steps: StepIndex, step: StepRow, change: DocStep['change'] | undefined): boolean {
  return step.loser === undefined ? overlaps(steps, step, change) : steps.absorptions.isAnotherWay(step)
}

function seedsOf(open: OpenDoc): (doc: DocId) => string {
  return (doc) => open.seeds.get(doc) ?? ''
}
