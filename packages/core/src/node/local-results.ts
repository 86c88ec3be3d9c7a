import type { DocId } from '../base/ids.js'
import type { Batch } from './batch.js'
import type { Documents } from './documents.js'
import type { Draft } from './drafter.js'
import type { DocVersion, LocalResult } from './workspace-types.js'

/** What the drafts of one `edit` call will have led to once they are appended, in their order. */
export async function resultsOf(documents: Documents, batch: Batch, drafts: readonly Draft[]): Promise<readonly LocalResult[]> {
  const counts = new Map<DocId, number>()
  const results: LocalResult[] = []
  for (const draft of drafts) {
    const { node, doc } = draft
    if (doc === undefined) {
      results.push({ node, doc, version: undefined })
      continue
    }
    const count = counts.get(doc) ?? (await documents.row(batch, doc)).count
    counts.set(doc, count + 1)
    results.push({ node, doc, version: versionOf(draft, count) })
  }
  return results
}

/** What a draft was made on, with the draft itself: the change behind the `count` ones that its document has. */
function versionOf({ base }: Draft, count: number): DocVersion {
  if (base === undefined || base.whole) return { upTo: count + 1, plus: [] }
  return { upTo: base.version.upTo, plus: [...base.version.plus, count] }
}
