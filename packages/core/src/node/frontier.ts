import { CborFields, decodeCbor, encodeCbor } from '../base/cbor.js'
import { idBytes, parseAuthorId, parseEntryHash } from '../base/ids.js'
import type { AuthorId, EntryHash } from '../base/ids.js'
import type { KvStore } from '../base/kv.js'
import type { EntryHeader } from '../log/entry.js'
import type { Batch } from './batch.js'
import type { PastHead } from './past.js'

/** hash of the newest applied entry of a branch -> author, seq. */
const TABLE = 'frontier'

/** The newest applied entry of every branch of every log: what is below is applied too. */
export class Frontier {
  readonly #all = new Map<EntryHash, { readonly author: AuthorId; readonly seq: number }>()
  readonly #byAuthor = new Map<AuthorId, readonly PastHead[]>()

  get all(): ReadonlyMap<EntryHash, { readonly author: AuthorId; readonly seq: number }> {
    return this.#all
  }

  of(author: AuthorId): readonly PastHead[] {
    return this.#byAuthor.get(author) ?? []
  }

  async load(kv: KvStore): Promise<void> {
    for (const [hash, row] of await kv.scan(TABLE)) {
      const fields = new CborFields(decodeCbor(row), 2)
      this.#set(parseEntryHash(hash), null, { author: parseAuthorId(fields.bytes()), seq: fields.uint() })
    }
  }

  advance(batch: Batch, hash: EntryHash, { author, seq, prev }: EntryHeader): void {
    // Of a run of entries only the last is written down.
    if (prev !== null && !batch.takeBack(TABLE, prev)) batch.delete(TABLE, prev)
    batch.putLater(TABLE, hash, () => encodeCbor([idBytes(author), seq]))
    this.#set(hash, prev, { author, seq })
  }

  #set(hash: EntryHash, prev: EntryHash | null, { author, seq }: { author: AuthorId; seq: number }): void {
    if (prev !== null) this.#all.delete(prev)
    this.#all.set(hash, { author, seq })
    this.#byAuthor.set(author, [...this.of(author).filter((head) => head.hash !== prev), { seq, hash }])
  }
}
