import { concat } from '../base/bytes.js'
import { CborFields, decodeCbor, encodeCbor } from '../base/cbor.js'
import { StoreDamagedError } from '../base/errors.js'
import { idBytes, parseAuthorId, parseDocId, parseEntryHash } from '../base/ids.js'
import type { AuthorId, DocId } from '../base/ids.js'
import { sortableNumber } from '../base/kv.js'
import type { Batch } from './batch.js'
import { decodeStep, encodeStep } from './step-row.js'
import type { ClientRange, DocRow, StepRow } from './step-row.js'

/** document/number -> one step: the newest ones. */
const STEP = 'step'
/** document/number of the first -> many steps that follow each other. */
const PAGE = 'page'
const HASH_BYTES = 32

/** All steps of a document but the first, which is in its own row. */
export async function readSteps(batch: Batch, doc: DocId, { count, first }: DocRow): Promise<readonly StepRow[]> {
  const steps = first === undefined ? [] : [first]
  if (count <= 1) return steps
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
  return steps
}

export function putStep(batch: Batch, doc: DocId, number: number, step: StepRow): void {
  batch.put(STEP, `${doc}/${sortableNumber(number)}`, encodeStep(step))
}

/** Puts the steps from number `from` on into one page, and takes away their own rows. */
export function packSteps(batch: Batch, doc: DocId, from: number, steps: readonly StepRow[]): void {
  batch.put(PAGE, `${doc}/${sortableNumber(from)}`, encodePage(from, steps))
  for (const index of steps.keys()) batch.delete(STEP, `${doc}/${sortableNumber(from + index)}`)
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

/** What repeats from step to step: a page says only how the next one differs. */
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

/** [from, authors, clients, documents, hashes of the entries, numbers]: see `decodePage` for their order. */
export function encodePage(from: number, steps: readonly StepRow[]): Uint8Array {
  const [authors, clients, docs] = [new Ids<AuthorId>(), new Ids<number>(), new Ids<DocId>()]
  const running = new Running()
  const numbers: number[] = []
  for (const step of steps) {
    const author = authors.numberOf(step.author)
    numbers.push(step.index, author, folded(step.seq - running.seq(author)), folded(step.weight - running.weight))
    running.note(author, step.seq, step.weight)
    numbers.push(step.ranges.length)
    for (const range of step.ranges) {
      const client = clients.numberOf(range.client)
      numbers.push(client, folded(range.from - running.clock(client)), range.to - range.from)
      running.noteClock(client, range.to)
    }
    numbers.push(step.isSeed ? 1 : 0, step.loser === undefined ? 0 : docs.numberOf(step.loser) + 1, ...(step.origin === undefined ? [0] : [1, docs.numberOf(step.origin)]))
  }
  const hashes = concat(...steps.map(({ entry }) => idBytes(entry)))
  return encodeCbor([from, authors.all.map(idBytes), clients.all, docs.all.map(idBytes), hashes, numbers])
}

/** @throws {MalformedError} when the row is not what `encodePage` writes. */
export function decodePage(row: Uint8Array): { readonly from: number; readonly steps: readonly StepRow[] } {
  const fields = new CborFields(decodeCbor(row), 6)
  const from = fields.uint()
  const authors = new CborFields(fields.any())
  const authorIds = Array.from({ length: authors.remaining }, () => parseAuthorId(authors.bytes()))
  const clients = new CborFields(fields.any())
  const clientIds = Array.from({ length: clients.remaining }, () => clients.uint())
  const docs = new CborFields(fields.any())
  const docIds = Array.from({ length: docs.remaining }, () => parseDocId(docs.bytes()))
  const hashes = fields.bytes()
  const numbers = new CborFields(fields.any())
  const running = new Running()
  const steps: StepRow[] = []
  for (let at = 0; at < hashes.length; at += HASH_BYTES) {
    const index = numbers.uint()
    const author = numbers.uint()
    const seq = running.seq(author) + unfolded(numbers.uint())
    const weight = running.weight + unfolded(numbers.uint())
    running.note(author, seq, weight)
    const ranges = Array.from({ length: numbers.uint() }, () => decodeRange(numbers, clientIds, running))
    const isSeed = numbers.uint() === 1
    const loser = numbers.uint()
    const [origin] = Array.from({ length: numbers.uint() }, () => pick(docIds, numbers.uint()))
    const entry = parseEntryHash(hashes.subarray(at, at + HASH_BYTES))
    steps.push({ entry, index, author: pick(authorIds, author), seq, weight, origin, loser: loser === 0 ? undefined : pick(docIds, loser - 1), isSeed, ranges })
  }
  return { from, steps }
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
