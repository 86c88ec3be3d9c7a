import { toHex } from '../base/bytes.js'
import { type Cbor, CborFields, decodeCbor, encodeCbor } from '../base/cbor.js'
import { StoreDamagedError } from '../base/errors.js'
import { idBytes, parseAuthorId, parseEntryHash } from '../base/ids.js'
import type { AuthorId, EntryHash } from '../base/ids.js'
import { sortableNumber } from '../base/kv.js'
import type { Batch } from './batch.js'
import type { Past, PastHead } from './past.js'

/** author/number -> pasts of entries that follow each other in an author's log, each as what is new in it. */
const PAGE = 'past_page'
/** Seqs of a page, whether their pasts are kept or not. */
const PAGE_SEQS = 256
/** hash -> the past of an entry of a forked log, where a seq names no entry: a page of one. */
const FORKED = 'past_fork'
/** hash -> the past of any entry, as older versions kept it: every head with its hash. */
const PLAIN = 'past'
const PLAIN_BYTES = 68
/** Pages kept decoded: those of the authors who write now, and of what their next entries name. */
const CACHED = 128

interface PastPage {
  /** By seq, rising: what differs from the past before it in the page; of the first one all of it. */
  readonly pasts: { readonly seq: number; readonly news: Past }[]
  /** The past of the last of them. */
  last: Past
}

/** The rows of pasts. An author's own part of a past is not in them: it is the entry itself. */
export class PastRows {
  readonly #pages = new Map<string, PastPage>()

  /** What of the past of the author's entry at `seq` is others'; undefined where it was not kept. */
  async get(batch: Batch, author: AuthorId, seq: number): Promise<Past | undefined> {
    const { pasts } = await this.#page(batch, keyOf(author, seq))
    const at = pasts.findIndex((past) => past.seq === seq)
    return at < 0 ? undefined : new Map(pasts.slice(0, at + 1).flatMap(({ news }) => [...news]))
  }

  /** As `get`, of the newest kept one up to `seq` in its page. */
  async upTo(batch: Batch, author: AuthorId, seq: number): Promise<Past | undefined> {
    const { pasts } = await this.#page(batch, keyOf(author, seq))
    const found = pasts.filter((past) => past.seq <= seq)
    return found.length === 0 ? undefined : new Map(found.flatMap(({ news }) => [...news]))
  }

  /** Keeps a past; those of an author come by rising seq. */
  async put(batch: Batch, author: AuthorId, seq: number, past: Past): Promise<void> {
    const key = keyOf(author, seq)
    const page = await this.#page(batch, key)
    const news = new Map([...past].filter(([other, heads]) => other !== author && !isSame(heads, page.last.get(other))))
    page.pasts.push({ seq, news })
    page.last = new Map([...page.last, ...news])
    batch.putLater(PAGE, key, () => encodePastPage(page.pasts))
  }

  /** What was kept for an entry by its hash, its own author's part too. */
  async named(batch: Batch, hash: EntryHash): Promise<Past | undefined> {
    const row = await batch.get(FORKED, hash)
    if (row !== undefined) return read(row).last
    const plain = await batch.get(PLAIN, hash)
    return plain && decodePlain(plain)
  }

  putNamed(batch: Batch, hash: EntryHash, past: Past): void {
    batch.put(FORKED, hash, encodePastPage([{ seq: 0, news: past }]))
  }

  async #page(batch: Batch, key: string): Promise<PastPage> {
    const known = this.#pages.get(key)
    this.#pages.delete(key)
    const page = known ?? read(await batch.get(PAGE, key))
    this.#pages.set(key, page)
    for (const oldest of this.#pages.keys()) {
      if (this.#pages.size <= CACHED) break
      this.#pages.delete(oldest)
    }
    return page
  }
}

function read(row: Uint8Array | undefined): PastPage {
  const pasts = row === undefined ? [] : decodePastPage(row)
  return { pasts, last: new Map(pasts.flatMap(({ news }) => [...news])) }
}

/** [authors, pasts], each past being [seq, heads...] and the heads of an author [its number, seq] or [its number, seq, hash, seq, hash...]. */
function encodePastPage(pasts: PastPage['pasts']): Uint8Array {
  const numbers = new Map<AuthorId, number>()
  const numberOf = (author: AuthorId): number => {
    const number = numbers.get(author) ?? numbers.size
    numbers.set(author, number)
    return number
  }
  const rows = pasts.map(({ seq, news }): Cbor => [seq, ...[...news].map(([author, heads]): Cbor => [numberOf(author), ...heads.flatMap(encodeHead)])])
  return encodeCbor([[...numbers.keys()].map(idBytes), rows])
}

function encodeHead({ seq, hash }: PastHead): readonly Cbor[] {
  return hash === undefined ? [seq] : [seq, idBytes(hash)]
}

function decodePastPage(row: Uint8Array): PastPage['pasts'] {
  const fields = new CborFields(decodeCbor(row), 2)
  const ids = new CborFields(fields.any())
  const authors = Array.from({ length: ids.remaining }, () => parseAuthorId(ids.bytes()))
  return fields.list(PAGE_SEQS).map((item) => {
    const parts = new CborFields(item)
    const seq = parts.uint()
    const news = new Map<AuthorId, readonly PastHead[]>()
    while (parts.remaining > 0) {
      const heads = new CborFields(parts.any())
      const author = authors[heads.uint()]
      if (author === undefined) throw new StoreDamagedError('a page of causal pasts names what it does not list; the store is damaged')
      news.set(author, decodeHeads(heads))
    }
    return { seq, news }
  })
}

function decodeHeads(fields: CborFields): readonly PastHead[] {
  if (fields.remaining === 1) return [{ seq: fields.uint(), hash: undefined }]
  const heads: PastHead[] = []
  while (fields.remaining > 0) heads.push({ seq: fields.uint(), hash: parseEntryHash(fields.bytes()) })
  return heads
}

function decodePlain(row: Uint8Array): Past {
  const past = new Map<AuthorId, readonly PastHead[]>()
  const view = new DataView(row.buffer, row.byteOffset, row.byteLength)
  for (let at = 0; at + PLAIN_BYTES <= row.length; at += PLAIN_BYTES) {
    const author = parseAuthorId(toHex(row.subarray(at, at + 32)))
    const hash = parseEntryHash(toHex(row.subarray(at + 36, at + PLAIN_BYTES)))
    past.set(author, [...(past.get(author) ?? []), { seq: view.getUint32(at + 32), hash }])
  }
  return past
}

function isSame(a: readonly PastHead[], b: readonly PastHead[] | undefined): boolean {
  return a.length === b?.length && a.every(({ seq, hash }, at) => seq === b[at]?.seq && hash === b[at].hash)
}

function keyOf(author: AuthorId, seq: number): string {
  return `${author}/${sortableNumber(Math.floor(seq / PAGE_SEQS))}`
}
