import type { EntryHash, NodeId } from '../base/ids.js'
import type { Change, TreeChange } from '../log/change.js'
import type { Entry } from '../log/entry.js'
import type { Log } from '../log/log.js'
import { PrunedError } from '../log/pruned-rows.js'
import type { PrunedRun } from '../log/pruned-rows.js'
import type { Applier } from './applier.js'
import type { HistoryItem } from './workspace-types.js'

/** Entries looked at for one question: newest first, so the recent past is always within it. */
const MAX_ENTRIES = 20_000
/** Entries looked at beyond those that are told, for what tells a move from one that brought a file back. */
const READ_FURTHER = 1_000

export interface HistoryInit {
  readonly log: Log
  readonly applier: Applier
  readonly changesOf: (entry: Entry) => readonly Change[]
}

/** Who did what, newest first by causes and then by the claimed time. */
export async function readHistory(init: HistoryInit, options: { path?: string; limit?: number }): Promise<readonly HistoryItem[]> {
  const limit = options.limit ?? 100
  const todo: (Entry | PrunedRun)[] = []
  const add = async (hash: EntryHash | null) => {
    const found = hash === null ? undefined : await entryOrRun(init.log, hash)
    if (found !== undefined) todo.push(found)
  }
  for (const hash of await headsOf(init)) await add(hash)
  const items: HistoryItem[] = []
  /** Where in `items` the change of a node stands that came next. */
  const last = new Map<NodeId, number>()
  /** Of those that are told: moves of which the change before is not known yet. */
  const moved = new Set<number>()
  let further = 0
  for (let read = 0; read < MAX_ENTRIES && (items.length < limit || (moved.size > 0 && further++ < READ_FURTHER)); read++) {
    const newest = takeNewest(todo)
    if (newest === undefined) break
    if (!('hash' in newest)) {
      items.push(prunedItem(init, newest))
      await add(newest.before)
      continue
    }
    for (const { node, ...item } of itemsOf(init, newest)) {
      if (options.path !== undefined && !isAtOrBelow(item.path, options.path)) continue
      const later = node === undefined ? undefined : last.get(node)
      if (later !== undefined && item.what === 'deleted' && items[later]?.what === 'moved') items[later] = { ...items[later], what: 'restored' }
      if (later !== undefined) moved.delete(later)
      if (node !== undefined) last.set(node, items.length)
      if (node !== undefined && item.what === 'moved' && items.length < limit) moved.add(items.length)
      items.push(item)
    }
    await add(newest.header.prev)
  }
  return items.slice(0, limit)
}

/** The newest applied entries; while one is becoming durable, what its author has durable before it. */
async function headsOf({ log, applier }: HistoryInit): Promise<ReadonlySet<EntryHash>> {
  const heads = new Set<EntryHash>()
  for (const [hash, { author }] of applier.frontier) {
    if ((await log.get(hash)) !== undefined) heads.add(hash)
    else for (const head of log.vector.get(author) ?? []) heads.add(head.hash)
  }
  return heads
}

function isAtOrBelow(path: string | undefined, place: string): boolean {
  return path !== undefined && (path === place || path.startsWith(`${place}/`))
}

/** An entry; of one that was left to others, all that went with it. */
async function entryOrRun(log: Log, hash: EntryHash): Promise<Entry | PrunedRun | undefined> {
  try {
    return await log.get(hash)
  } catch (error) {
    if (error instanceof PrunedError) return error.runs[0]
    throw error
  }
}

function takeNewest(entries: (Entry | PrunedRun)[]): Entry | PrunedRun | undefined {
  let at = 0
  for (const [index, entry] of entries.entries()) if (timeOf(entry) > timeOf(entries[at])) at = index
  return entries.splice(at, 1)[0]
}

function timeOf(item: Entry | PrunedRun | undefined): number {
  return item === undefined ? 0 : 'hash' in item ? item.header.time : item.time
}

function prunedItem({ applier }: HistoryInit, { author, last, head, time }: PrunedRun): HistoryItem {
  return { entry: head, author, name: applier.members.get(author), seq: last, time, what: 'pruned', path: undefined }
}

interface Item extends HistoryItem {
  readonly node: NodeId | undefined
}

function itemsOf(init: HistoryInit, entry: Entry): readonly Item[] {
  const { author, seq, time } = entry.header
  const of = ({ what, path, node }: Described): Item => ({
    entry: entry.hash,
    author,
    name: init.applier.members.get(author),
    seq,
    time,
    what,
    path,
    node
  })
  try {
    return init
      .changesOf(entry)
      .map((change) => describe(init.applier, change))
      .filter((item) => item !== undefined)
      .map(of)
      .toReversed()
  } catch {
    return [of({ what: 'void', path: undefined, node: undefined })]
  }
}

type Described = Pick<Item, 'what' | 'path' | 'node'>

function describe(applier: Applier, change: Change): Described | undefined {
  const pathOf = (node: NodeId): string | undefined => applier.tree.view.get(node)?.path ?? applier.tree.lastPath(node)
  switch (change.kind) {
    case 'tree':
      return { what: whatOf(change), path: pathOf(change.node), node: change.node }
    case 'update':
    case 'derived':
    case 'import': {
      const node = applier.tree.view.nodeOf(change.doc)
      return { what: 'edited', path: node === undefined ? undefined : pathOf(node), node }
    }
    case 'absorb':
      return { what: 'merged', path: pathOf(change.winner), node: change.winner }
    case 'member':
      return { what: 'joined', path: undefined, node: undefined }
    case 'malformed':
      return { what: 'void', path: undefined, node: undefined }
    case 'app':
      return { what: 'edited', path: undefined, node: undefined }
    case 'seed':
    case 'unknown':
      return undefined
  }
}

function whatOf(change: TreeChange): HistoryItem['what'] {
  if (change.create !== undefined) return 'created'
  if (change.deleted !== undefined) return 'deleted'
  if (change.place !== undefined) return 'moved'
  return change.executable === undefined ? 'edited' : 'mode'
}
