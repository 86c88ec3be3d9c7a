import type { DocId, Workspace } from '@collab/core'
import { decodeRow } from './base-row.js'
import { BASE_TABLE } from './base-index.js'
import type { BaseText } from './base-row.js'
import { HELD_TABLE, decodeHeld } from './held-bases.js'

/**
 * The oldest version of each document that the folder may have to read without any peer: what disk and document agreed on,
 * what editors may still have in hand, what was about to be put on disk, and what files in the trash were.
 *
 * @param trash - Ids of the files that are still there.
 */
export async function pinnedVersions(rows: Workspace['rows'], trash: ReadonlySet<string>): Promise<ReadonlyMap<DocId, number>> {
  const pins = new Map<DocId, number>()
  const pin = (doc: DocId, texts: readonly (BaseText | undefined)[]): void => {
    for (const text of texts) if (text !== undefined) pins.set(doc, Math.min(text.version.upTo, pins.get(doc) ?? Infinity))
  }
  for (const [key, value] of await rows.scan(BASE_TABLE)) {
    const row = decodeRow(key, value)
    if (row.type !== 'file') continue
    pin(row.doc, [row.agreed, ...row.ring])
    if (row.wanted !== undefined) pin(row.wanted.doc, [row.wanted])
  }
  for (const [id, value] of await rows.scan(HELD_TABLE)) {
    if (!trash.has(id)) continue
    const { doc, agreed, ring } = decodeHeld(value)
    pin(doc, [agreed, ...ring])
  }
  return pins
}
