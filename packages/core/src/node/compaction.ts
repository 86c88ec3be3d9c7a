import type { KvStore } from '../base/kv.js'
import type { Log, PackedRuns } from '../log/log.js'
import { Batch } from './batch.js'
import type { Documents } from './documents.js'

export interface StoredHistory {
  readonly kv: KvStore
  readonly log: Log
  /** None on a blind replica. */
  readonly documents: Documents | undefined
}

/**
 * Puts history together. Nobody needs it done: what keeps it from being made or stored is told where it matters, and it is
 * tried again.
 *
 * @param options `atRest`: nobody waits, so entries are packed too.
 */
export async function compact({ kv, log, documents }: StoredHistory, { atRest }: { readonly atRest: boolean }): Promise<void> {
  let packed: PackedRuns | undefined
  let stored = false
  try {
    const snapshots = (await documents?.dueSnapshots(new Batch(kv), { atRest })) ?? []
    packed = atRest ? await log.pack() : undefined
    const ops = [...snapshots, ...(packed?.ops ?? [])]
    if (ops.length > 0) await kv.commit(ops)
    stored = true
  } catch {
    // The next edit meets the same store, the next opening the same rows.
  }
  documents?.settleSnapshots({ stored })
  packed?.settle(stored)
}
