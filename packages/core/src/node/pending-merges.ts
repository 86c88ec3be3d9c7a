import type { Crypto } from '../base/crypto.js'
import type { DocId, EntryHash, OpId } from '../base/ids.js'
import type { Contested } from '../doc/tree.js'
import type { Change } from '../log/change.js'
import type { EntryHeader } from '../log/entry.js'
import type { Log } from '../log/log.js'
import { PrunedError } from '../log/pruned-rows.js'
import type { PrunedRun } from '../log/pruned-rows.js'
import type { Applier } from './applier.js'
import type { Batch } from './batch.js'
import { splitContents } from './content-drafts.js'
import { keptTexts } from './kept-texts.js'

export interface PendingMergesInit {
  readonly crypto: Crypto
  readonly log: Log
  readonly applier: Applier
  readonly batch: Batch
  /** Whether somebody here may be typing in it. */
  readonly isOpen: (doc: DocId) => boolean
}

/**
 * The merges that the tree asks for: files of one path that are one, contents that were given to one file, and what was
 * written into a text that became something else.
 *
 * @throws {PrunedError} when all that is left to be merged needs bare runs.
 */
export async function pendingMerges(init: PendingMergesInit): Promise<readonly (readonly Change[])[]> {
  const { tree } = init.applier
  const units: (readonly Change[])[] = []
  const needed: PrunedRun[] = []
  for (const { winner, loser } of tree.pendingAbsorbs()) {
    const run = await init.applier.neededFor(init.batch, loser)
    if (run === undefined) units.push([{ kind: 'absorb', winner, loser }])
    else needed.push(run)
  }
  for (const contested of tree.contested()) units.push(...(await split(init, contested)))
  const entryOf = async (op: OpId): Promise<EntryHash | undefined> => (await entryAt(init.log, op))?.[0]
  units.push(...(await keptTexts({ ...init, entryOf })))
  if (units.length === 0 && needed.length > 0) throw new PrunedError(needed)
  return units
}

async function split({ crypto, log, applier, batch }: PendingMergesInit, contested: Contested): Promise<readonly (readonly Change[])[]> {
  const names = new Map<OpId, string>()
  const texts = new Map<DocId, string>()
  for (const { op, value } of contested.values) {
    const [, header] = (await entryAt(log, op)) ?? []
    names.set(op, (header && applier.members.get(header.author)) ?? '')
    if (value.kind === 'text') texts.set(value.doc, (await applier.documents.text(batch, value.doc)).text)
  }
  return splitContents(crypto, { contested, who: (op) => names.get(op), textOf: (doc) => texts.get(doc) ?? '' })
}

/** The entry that an operation's id begins with. */
async function entryAt(log: Log, op: OpId): Promise<readonly [EntryHash, EntryHeader] | undefined> {
  for (const found of await log.headers(op.slice(0, 32))) return found
  return undefined
}
