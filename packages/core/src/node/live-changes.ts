import { RefusedChangeError } from '../base/errors.js'
import type { DocId } from '../base/ids.js'
import { MAX_BODY_BYTES, TARGET_BODY_BYTES } from '../base/limits.js'
import { IMPORT_END } from '../doc/client-id.js'
import type { ClientLease } from '../doc/client-lease.js'
import type { UpdatingChange } from '../doc/gate.js'
import { cutUpdate } from '../doc/join-updates.js'
import { encodeUpdate } from '../doc/update-codec.js'
import type { DecodedUpdate } from '../doc/update-codec.js'

/** The largest update that fits into an entry, beside a name and what an author's first entry says. */
const MAX_UPDATE_BYTES = MAX_BODY_BYTES - 4096

export interface LiveTarget {
  readonly doc: DocId
  /** Of an app's document; none for the text of a file. */
  readonly name: string | undefined
  /** Under which the Y.Doc writes now. */
  readonly lease: ClientLease
  /** The lease of the same author under which it wrote as `client`. */
  readonly leaseOf: (client: number) => ClientLease | undefined
}

/**
 * What a Y.Doc did, as changes of at most about an entry each: an existing history first, then what was typed on top
 * of it.
 *
 * @throws {RefusedChangeError} for a single value that is larger than any entry.
 */
export function liveChanges({ structs, deletes }: DecodedUpdate, target: LiveTarget): readonly UpdatingChange[] {
  const { lease, leaseOf } = target
  const changes: UpdatingChange[] = []
  const add = (nonce: number | null, update: DecodedUpdate): void => {
    if (update.structs.length === 0 && update.deletes.length === 0) return
    for (const part of cutUpdate(update, TARGET_BODY_BYTES)) changes.push(toChange(target, nonce, part))
  }
  const former = Map.groupBy(
    structs.filter(({ client }) => client >= IMPORT_END && client !== lease.client),
    ({ client }) => client
  )
  add(null, { structs: structs.filter(({ client }) => client < IMPORT_END), deletes: [] })
  for (const [client, parts] of former) add(leaseOf(client)?.nonce ?? null, { structs: parts, deletes: [] })
  add(lease.nonce, { structs: structs.filter(({ client }) => client === lease.client), deletes })
  return changes
}

function toChange({ doc, name }: LiveTarget, nonce: number | null, decoded: DecodedUpdate): UpdatingChange {
  const update = encodeUpdate(decoded)
  if (update.length > MAX_UPDATE_BYTES) throw new RefusedChangeError(tooLarge(update.length))
  if (name !== undefined) return { kind: 'app', doc, name, nonce, update }
  return nonce === null ? { kind: 'import', doc, update } : { kind: 'update', doc, nonce, update }
}

function tooLarge(bytes: number): string {
  const size = `one value of it has ${(bytes / 2 ** 20).toFixed(1)} MiB, of ${MAX_BODY_BYTES / 2 ** 20} at the most`
  return `an edit cannot be shared: ${size}; delete it from the Y.Doc and open the document again, to keep large content elsewhere`
}
