import { CborFields, decodeCbor, encodeCbor } from '../base/cbor.js'
import { idBytes, parseEntryHash } from '../base/ids.js'
import type { AuthorId, EntryHash } from '../base/ids.js'

/** What an author called itself, and where its log says so. */
export interface MemberRecord {
  readonly author: AuthorId
  readonly seq: number
  readonly entry: EntryHash
  readonly index: number
  readonly name: string
}

/** The names of the authors. The newest record counts; on a forked log the order of hashes decides, as everywhere. */
export class Members {
  readonly #records = new Map<AuthorId, MemberRecord>()

  get(author: AuthorId): string | undefined {
    return this.#records.get(author)?.name
  }

  load(author: AuthorId, row: Uint8Array): void {
    const fields = new CborFields(decodeCbor(row), 4)
    const record = { author, seq: fields.uint(), entry: parseEntryHash(fields.bytes()), index: fields.uint() }
    this.#records.set(author, { ...record, name: fields.text(Number.MAX_SAFE_INTEGER) })
  }

  /** The row that keeps the record; undefined when a newer one is known. */
  set(record: MemberRecord): Uint8Array | undefined {
    const known = this.#records.get(record.author)
    if (known !== undefined && !isNewer(record, known)) return undefined
    this.#records.set(record.author, record)
    return encodeCbor([record.seq, idBytes(record.entry), record.index, record.name])
  }
}

function isNewer(a: MemberRecord, b: MemberRecord): boolean {
  if (a.seq !== b.seq) return a.seq > b.seq
  return a.entry === b.entry ? a.index > b.index : a.entry > b.entry
}
