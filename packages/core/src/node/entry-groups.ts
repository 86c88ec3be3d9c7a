import { parseBlobId } from '../base/ids.js'
import type { BlobId, NodeId } from '../base/ids.js'
import { MAX_ENTRY_BLOBS, TARGET_BODY_BYTES } from '../base/limits.js'
import type { Change } from '../log/change.js'

/** Most changes of one own entry: what a receiver applies in one go without holding up its event loop. */
const TARGET_CHANGES = 1000

/**
 * Cuts units into runs that stay near the target size of one entry. Where a directory is deleted, the entry deletes nothing
 * else: what it deletes counts as having been in there.
 */
export function* groupUnits(units: readonly (readonly Change[])[], isDirectory: (node: NodeId) => boolean): Generator<readonly Change[]> {
  let group: Change[] = []
  let bytes = 0
  let blobs = 0
  let [deletes, deletesDirectory] = [false, false]
  for (const unit of units) {
    const deletions = deletedBy(unit)
    const takesDirectory = deletions.some(isDirectory)
    const isApart = takesDirectory ? deletes : deletions.length > 0 && deletesDirectory
    const size = unit.reduce((sum, change) => sum + sizeOf(change), 0)
    const named = blobsOf(unit).length
    const isFull = bytes + size > TARGET_BODY_BYTES || group.length + unit.length > TARGET_CHANGES || blobs + named > MAX_ENTRY_BLOBS || isApart
    if (group.length > 0 && isFull) {
      yield group
      group = []
      bytes = 0
      blobs = 0
      deletes = deletesDirectory = false
    }
    group.push(...unit)
    bytes += size
    blobs += named
    deletes ||= deletions.length > 0
    deletesDirectory ||= takesDirectory
  }
  if (group.length > 0) yield group
}

function deletedBy(changes: readonly Change[]): readonly NodeId[] {
  return changes.flatMap((change) => (change.kind === 'tree' && change.deleted !== undefined ? [change.node] : []))
}

/** About what a change takes in a body. */
function sizeOf(change: Change): number {
  if (change.kind === 'seed') return change.text.length + 40
  return 'update' in change ? change.update.length + 60 : 200
}

/** The blobs that changes bring into the tree. */
export function blobsOf(changes: readonly Change[]): readonly BlobId[] {
  return changes.flatMap((change) => {
    const content = change.kind === 'tree' ? change.content?.value : undefined
    return content?.kind === 'blob' ? [parseBlobId(content.hash)] : []
  })
}
