import { concat } from '../base/bytes.js'
import { CborFields, decodeCbor, encodeCbor } from '../base/cbor.js'
import { StoreDamagedError } from '../base/errors.js'
import { idBytes, parseAuthorId, parseDocId, parseEntryHash } from '../base/ids.js'
import type { AuthorId, DocId, EntryHash } from '../base/ids.js'
import { sortableNumber } from '../base/kv.js'
import type { KvOp } from '../base/kv.js'
import type { Batch } from './batch.js'
import { decodeStep, encodeStep } from './step-row.js'
import type { ClientRange, DocRow, StepRow } from './step-row.js'

/** document/number -> one step: the newest ones. */
const STEP = 'step'
/** document/number of the first -> many steps that follow each other. */
const PAGE = 'page'
const HASH_BYTES = 32
/** Entries that are looked up together: the next steps mostly name those behind it. */
const NAMED_AT_ONCE = 256

/** The entries of an author at seqs from one to another, both included, as far as they are known: of each the one that was held first. */
export type EntriesAt = (author: AuthorId, from: number, to: number) => Promise<readonly EntryHash[]>

/** All steps of a document. */
export async function readSteps(batch: Batch, doc: DocId, { count, first }: DocRow, entriesAt: EntriesAt): Promise<readonly StepRow[]> {
  const steps: StepRow[] = first === undefined ? [] : [first]
  if (count <= 1) return first === undefined ? [] : [first]
  const pages = new Map((await batch.scan(PAGE, `${doc}/`)).map((row) => decodePage(row)).map((page) => [page.from, page.steps]))
  const rows = (await batch.scan(STEP, `${doc}/`)).values()
  while (steps.length < count) {
    const page = pages.get(steps.length)
    if (page !== undefined) {
      for (const step of page) steps.push(step)
      continue
    }
    const { value } = rows.next()
    if (value === undefined) throw new StoreDamagedError('a step of a document is missing; the store is damaged')
    steps.push(decodeStep(value))
  }
  return await named(steps, entriesAt)
}

/** Names the entries that follow from their places, as far as their hashes are here. */
async function named(steps: readonly StepRow[], entriesAt: EntriesAt): Promise<readonly StepRow[]> {
  const stretches = new Map<AuthorId, { readonly from: number; readonly entries: readonly EntryHash[] }>()
  const all: StepRow[] = []
  for (const step of steps) {
    const { author, seq } = step
    let stretch = stretches.get(author)
    if (step.entry === undefined && stretch?.entries[seq - stretch.from] === undefined) {
      stretch = { from: seq, entries: await entriesAt(author, seq, seq + NAMED_AT_ONCE - 1) }
      stretches.set(author, stretch)
    }
    all.push(step.entry === undefined ? { ...step, entry: stretch?.entries[seq - stretch.from] } : step)
  }
  return all
}

export function putStep(batch: Batch, doc: DocId, number: number, step: StepRow): void {
  batch.put(STEP, keyOf(doc, number), encodeStep(step))
}

export interface Unnaming {
  /** Numbers of the first and the last step whose entry is left to others. */
  readonly from: number
  readonly to: number
  readonly isLeft: (step: StepRow) => boolean
  /** No page holds steps from before and behind a multiple of it: so each lies within the one that is made when there are so many. */
  readonly pageSteps: number
}

/** What puts steps into pages without the names of the entries that are left to others. */
export async function unnamingOps({ reader }: Batch, doc: DocId, { from, to, isLeft, pageSteps }: Unnaming): Promise<readonly KvOp[]> {
  const until = keyOf(doc, to + 1)
  const [first] = await reader.scan(PAGE, { from: `${doc}/`, to: keyOf(doc, from + 1), reverse: true, limit: 1 })
  const pages = await reader.scan(PAGE, { from: first?.[0] ?? keyOf(doc, from), to: until })
  const rows = await reader.scan(STEP, { from: `${doc}/`, to: until })
  const ops: KvOp[] = pages.map(([key, row]) => {
    const page = decodePage(row)
    return { table: PAGE, key, value: encodePage(page.from, unnamed(page.steps, isLeft)) }
  })
  const numbered = rows.map(([key, row]) => ({ number: Number.parseInt(key.slice(doc.length + 1), 16), step: decodeStep(row) }))
  for (const together of Map.groupBy(numbered, ({ number }) => Math.floor(number / pageSteps)).values()) {
    const start = together[0]?.number ?? 0
    ops.push({ table: PAGE, key: keyOf(doc, start), value: encodePage(start, unnamed(together.map(({ step }) => step), isLeft)) })
  }
  return [...ops, ...rows.map(([key]) => ({ table: STEP, key }))]
}

function unnamed(steps: readonly StepRow[], isLeft: (step: StepRow) => boolean): readonly StepRow[] {
  return steps.map((step) => (isLeft(step) ? { ...step, entry: undefined } : step))
}

/** Puts the steps from number `from` on into one page, and takes away their own rows and the pages that some were put into before. */
export async function packSteps(batch: Batch, doc: DocId, from: number, steps: readonly StepRow[], isLeft: (step: StepRow) => boolean): Promise<void> {
  const before = await batch.reader.scan(PAGE, { from: keyOf(doc, from), to: keyOf(doc, from + steps.length) })
  for (const [key] of before) batch.delete(PAGE, key)
  batch.put(PAGE, keyOf(doc, from), encodePage(from, unnamed(steps, isLeft)))
  for (const index of steps.keys()) batch.delete(STEP, keyOf(doc, from + index))
}

function keyOf(doc: DocId, number: number): string {
  return `${doc}/${sortableNumber(number)}`
}

/** Ids that occur often, by number. */
class Ids<T extends string | number> {
  readonly all: T[] = []
  readonly #numbers = new Map<T, number>()

  numberOf(id: T): number {
    const known = this.#numbers.get(id)
    if (known !== undefined) return known
    this.#numbers.set(id, this.all.length)
    return this.all.push(id) - 1
  }
}

/** What follows from the steps before: a page says only how the next one differs. */
class Running {
  readonly #seqs = new Map<number, number>()
  readonly #clocks = new Map<number, number>()
  weight = 0

  seq(author: number): number {
    return this.#seqs.get(author) ?? 0
  }

  clock(client: number): number {
    return this.#clocks.get(client) ?? 0
  }

  note(author: number, seq: number, weight: number): void {
    this.#seqs.set(author, seq)
    this.weight = weight
  }

  noteClock(client: number, clock: number): void {
    this.#clocks.set(client, clock)
  }
}

/** How steps differ from those before them: what is typed on end differs by the same numbers each time. */
class Shapes {
  readonly all: (readonly number[])[] = []
  /** Number of a shape, and how often it comes on end, by turns. */
  readonly runs: number[] = []
  readonly #numbers = new Map<string, number>()

  add(shape: readonly number[]): void {
    const key = shape.join()
    const number = this.#numbers.get(key) ?? this.all.push(shape) - 1
    this.#numbers.set(key, number)
    const last = this.runs.length - 2
    if (this.runs[last] === number) this.runs[last + 1] = (this.runs[last + 1] ?? 0) + 1
    else this.runs.push(number, 1)
  }
}

/** [from, authors, clients, documents, hashes of the entries that are named, shapes, runs of shapes]: see `decodeShape`. */
export function encodePage(from: number, steps: readonly StepRow[]): Uint8Array {
  const [authors, clients, docs] = [new Ids<AuthorId>(), new Ids<number>(), new Ids<DocId>()]
  const running = new Running()
  const shapes = new Shapes()
  for (const step of steps) {
    const author = authors.numberOf(step.author)
    const shape = [step.entry === undefined ? 0 : 1, step.index, author, folded(step.seq - running.seq(author)), folded(step.weight - running.weight)]
    running.note(author, step.seq, step.weight)
    shape.push(step.ranges.length)
    for (const range of step.ranges) {
      const client = clients.numberOf(range.client)
      shape.push(client, folded(range.from - running.clock(client)), range.to - range.from)
      running.noteClock(client, range.to)
    }
    shape.push(step.isSeed ? 1 : 0, step.loser === undefined ? 0 : docs.numberOf(step.loser) + 1, ...(step.origin === undefined ? [0] : [1, docs.numberOf(step.origin)]))
    shapes.add(shape)
  }
  const hashes = concat(...steps.flatMap(({ entry }) => (entry === undefined ? [] : [idBytes(entry)])))
  return encodeCbor([from, authors.all.map(idBytes), clients.all, docs.all.map(idBytes), hashes, shapes.all, shapes.runs])
}

/** @throws {MalformedError} when the row is not what `encodePage` writes. */
export function decodePage(row: Uint8Array): { readonly from: number; readonly steps: readonly StepRow[] } {
  const fields = new CborFields(decodeCbor(row))
  const from = fields.uint()
  const authors = new CborFields(fields.any())
  const authorIds = Array.from({ length: authors.remaining }, () => parseAuthorId(authors.bytes()))
  const clients = new CborFields(fields.any())
  const clientIds = Array.from({ length: clients.remaining }, () => clients.uint())
  const docs = new CborFields(fields.any())
  const docIds = Array.from({ length: docs.remaining }, () => parseDocId(docs.bytes()))
  const hashes = fields.bytes()
  const context: PageContext = { authorIds, clientIds, docIds, running: new Running() }
  const steps = fields.remaining === 1 ? decodePlain(new CborFields(fields.any()), hashes.length / HASH_BYTES, context) : decodeRuns(fields, context)
  let at = 0
  const nameOf = (): EntryHash => parseEntryHash(hashes.subarray(at, (at += HASH_BYTES)))
  return { from, steps: steps.map(({ isNamed, ...step }) => ({ ...step, entry: isNamed ? nameOf() : undefined })) }
}

interface PageContext {
  readonly authorIds: readonly AuthorId[]
  readonly clientIds: readonly number[]
  readonly docIds: readonly DocId[]
  readonly running: Running
}

type Shaped = Omit<StepRow, 'entry'> & { readonly isNamed: boolean }

/** Older pages spell out each step, and name all entries. */
function decodePlain(numbers: CborFields, count: number, context: PageContext): readonly Shaped[] {
  return Array.from({ length: count }, () => ({ ...decodeShape(numbers, context), isNamed: true }))
}

function decodeRuns(fields: CborFields, context: PageContext): readonly Shaped[] {
  const shapes = fields.list(Number.MAX_SAFE_INTEGER)
  const runs = new CborFields(fields.any())
  const steps: Shaped[] = []
  while (runs.remaining > 0) {
    const shape = pick(shapes, runs.uint())
    for (let left = runs.uint(); left > 0; left--) {
      const numbers = new CborFields(shape)
      steps.push({ isNamed: numbers.uint() === 1, ...decodeShape(numbers, context) })
    }
  }
  return steps
}

function decodeShape(numbers: CborFields, { authorIds, clientIds, docIds, running }: PageContext): Omit<StepRow, 'entry'> {
  const index = numbers.uint()
  const author = numbers.uint()
  const seq = running.seq(author) + unfolded(numbers.uint())
  const weight = running.weight + unfolded(numbers.uint())
  running.note(author, seq, weight)
  const ranges = Array.from({ length: numbers.uint() }, () => decodeRange(numbers, clientIds, running))
  const isSeed = numbers.uint() === 1
  const loser = numbers.uint()
  const [origin] = Array.from({ length: numbers.uint() }, () => pick(docIds, numbers.uint()))
  return { index, author: pick(authorIds, author), seq, weight, origin, loser: loser === 0 ? undefined : pick(docIds, loser - 1), isSeed, ranges }
}

function decodeRange(numbers: CborFields, clients: readonly number[], running: Running): ClientRange {
  const client = numbers.uint()
  const from = running.clock(client) + unfolded(numbers.uint())
  const to = from + numbers.uint()
  running.noteClock(client, to)
  return { client: pick(clients, client), from, to }
}

function pick<T>(ids: readonly T[], number: number): T {
  const id = ids[number]
  if (id === undefined) throw new StoreDamagedError('a page of steps names what it does not list; the store is damaged')
  return id
}

/** A difference as a whole number from 0 on. */
function folded(difference: number): number {
  return difference >= 0 ? 2 * difference : -2 * difference - 1
}

function unfolded(number: number): number {
  return number % 2 === 0 ? number / 2 : -(number + 1) / 2
}
