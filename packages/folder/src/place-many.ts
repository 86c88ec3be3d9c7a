import type { Anchor } from './anchor.js'
import { diskReason } from './anchor.js'
import { syncAndClose } from './durable.js'
import type { PlaceItem, ReplaceResult } from './folder-fs.js'
import type { RelPath } from './rel-path.js'
import { parentOf } from './rel-path.js'
import { encodeText } from './text-content.js'
import type { PlaceContext, Temp } from './write.js'
import { blocked, blockedAfter, dropTemp, modeOf, placeTemp, startTemp, syncParents, tempAnchor } from './write.js'

/** Files written before the first of them is linked in: enough to keep the disk's queue full, few open descriptors. */
const BATCH_FILES = 128

type Prepared = { readonly path: RelPath; readonly temp: Temp; readonly synced: Promise<void> } | { readonly error: unknown }

/**
 * Many new files: each batch is written and synced in parallel, then linked in; every directory is synced once, at the
 * end, so that all are durable when it resolves.
 */
export async function placeMany(context: PlaceContext, items: readonly PlaceItem[]): Promise<ReplaceResult[]> {
  try {
    using temps = tempAnchor(context.root)
    return await syncAll(context, items, await placeBatches(context, temps, items))
  } catch (error) {
    return items.map(() => blocked(error))
  }
}

async function placeBatches(context: PlaceContext, temps: Anchor, items: readonly PlaceItem[]): Promise<ReplaceResult[]> {
  const results: ReplaceResult[] = []
  let batch = prepare(context, temps, items.slice(0, BATCH_FILES))
  for (let at = 0; at < items.length; at += BATCH_FILES) {
    const next = prepare(context, temps, items.slice(at + BATCH_FILES, at + 2 * BATCH_FILES))
    for (const prepared of batch) results.push(await place(context, temps, prepared))
    batch = next
  }
  return results
}

function prepare(context: PlaceContext, temps: Anchor, items: readonly PlaceItem[]): Prepared[] {
  return items.map(({ path, text, executable }) => {
    try {
      const { temp, fd } = startTemp(context, temps, encodeText(text), { mode: modeOf(context, undefined, executable) })
      const synced = syncAndClose(fd)
      synced.catch(() => undefined)
      return { path, temp, synced }
    } catch (error) {
      return { error }
    }
  })
}

async function place(context: PlaceContext, temps: Anchor, prepared: Prepared): Promise<ReplaceResult> {
  if ('error' in prepared) return blocked(prepared.error)
  try {
    await prepared.synced
    const result = placeTemp(context, temps, prepared.path, prepared.temp)
    if (result.kind !== 'written') dropTemp(context, prepared.temp)
    return result
  } catch (error) {
    const result = blockedAfter(context, prepared.path, prepared.temp, error)
    dropTemp(context, prepared.temp)
    return result
  }
}

/** One path of each directory that got a file, and of the directories above it, stands for that directory. */
async function syncAll(context: PlaceContext, items: readonly PlaceItem[], results: ReplaceResult[]): Promise<ReplaceResult[]> {
  const directories = new Map<RelPath | '', RelPath>()
  items.forEach(({ path }, index) => {
    if (results[index]?.kind !== 'written') return
    for (let at = path; at !== ('' as RelPath); at = parentOf(at) as RelPath) {
      if (directories.has(parentOf(at))) break
      directories.set(parentOf(at), at)
    }
  })
  try {
    await syncParents(context, ...directories.values())
    return results
  } catch (error) {
    const reason = diskReason(error)
    return results.map((result) => (result.kind === 'written' ? { kind: 'blocked', reason, isPlaced: true } : result))
  }
}
