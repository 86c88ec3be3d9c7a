import { ROOT_NODE, type OpId } from '../base/ids.js'
import { MAX_AUTHORS } from '../base/limits.js'
import type { AbsorbChange, FileContent, TreeChange } from '../log/change.js'
import { checkName, checkPath } from './tree-path.js'

/** Values that one operation may replace: as many were concurrent; a writer that sees more replaces the greatest. */
export const MAX_REPLACES = 1024

const HASH_BYTES = 32

/** Why a change is void, judged from the change alone so that every peer agrees; undefined when it applies. */
export function checkTreeChange(change: TreeChange | AbsorbChange): string | undefined {
  if (change.kind === 'absorb') return checkAbsorb(change)
  if (change.node === ROOT_NODE) return 'the root cannot be created, changed or deleted'
  const { create, place, content, executable, deleted } = change
  const parts = [create, place, content, executable].filter((part) => part !== undefined).length
  if (deleted !== undefined) return parts > 0 ? 'a deletion comes with other parts' : checkSeen(deleted.seen)
  if (parts === 0) return 'the operation has no part'
  return checkCreate(change) ?? checkPlace(change) ?? checkContent(content?.value) ?? checkReplaces(change)
}

function checkAbsorb({ winner, loser }: AbsorbChange): string | undefined {
  if (winner === ROOT_NODE || loser === ROOT_NODE) return 'the root cannot be absorbed'
  return winner === loser ? 'a file cannot absorb itself' : undefined
}

function checkCreate({ create, place, content, executable }: TreeChange): string | undefined {
  if (create === undefined) return undefined
  if (place === undefined) return 'a new node has no place'
  if (create.type === 'directory') {
    if (content !== undefined || executable !== undefined || create.contentHash !== null) return 'a directory has no content'
  } else {
    if (content === undefined) return 'a new file has no content'
    if (create.contentHash?.length !== HASH_BYTES) return 'a new file has no content hash'
  }
  return checkPath(create.path)
}

function checkPlace({ node, place }: TreeChange): string | undefined {
  if (place === undefined) return undefined
  return place.value.parent === node ? 'a node is placed in itself' : checkName(place.value.name)
}

function checkContent(content: FileContent | undefined): string | undefined {
  if (content?.kind !== 'blob') return undefined
  if (content.hash.length !== HASH_BYTES) return 'a content hash has a wrong length'
  return isCount(content.size) ? undefined : 'a content size is not a whole number'
}

function checkReplaces({ place, content, executable }: TreeChange): string | undefined {
  const lists: readonly (readonly OpId[] | undefined)[] = [place?.replaces, content?.replaces, executable?.replaces]
  return lists.some((list) => (list?.length ?? 0) > MAX_REPLACES) ? `more than ${MAX_REPLACES} values are replaced at once` : undefined
}

function checkSeen(seen: readonly (readonly [string, number])[]): string | undefined {
  if (seen.length > MAX_AUTHORS) return `a deletion names more than ${MAX_AUTHORS} authors`
  return seen.every(([, seq]) => isCount(seq)) ? undefined : 'a deletion names an entry that cannot be'
}

function isCount(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0
}
