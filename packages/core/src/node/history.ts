import type { EntryHash } from '../base/ids.js'
import type { Change, TreeChange } from '../log/change.js'
import type { Entry } from '../log/entry.js'
import type { Log } from '../log/log.js'
import type { Applier } from './applier.js'
import type { HistoryItem } from './workspace-types.js'

/** Entries looked at for one question: newest first, so the recent past is always within it. */
const MAX_ENTRIES = 20_000

export interface HistoryInit {
  readonly log: Log
  readonly applier: Applier
  readonly changesOf: (entry: Entry) => readonly Change[]
}

/** Who did what, newest first by causes and then by the claimed time. */
export async function readHistory(init: HistoryInit, options: { path?: string; limit?: number }): Promise<readonly HistoryItem[]> {
  const limit = options.limit ?? 100
  const todo: Entry[] = []
  const add = async (hash: EntryHash | null) => {
    const entry = hash === null ? undefined : await init.log.get(hash)
    if (entry !== undefined) todo.push(entry)
  }
  for (const hash of init.applier.frontier.keys()) await add(hash)
  const items: HistoryItem[] = []
  for (let read = 0; read < MAX_ENTRIES && items.length < limit; read++) {
    const newest = takeNewest(todo)
    if (newest === undefined) break
    items.push(...itemsOf(init, newest).filter((item) => options.path === undefined || item.path === options.path))
    await add(newest.header.prev)
  }
  return items.slice(0, limit)
}

function takeNewest(entries: Entry[]): Entry | undefined {
  let at = 0
  for (const [index, entry] of entries.entries()) if (entry.header.time > (entries[at]?.header.time ?? 0)) at = index
  return entries.splice(at, 1)[0]
}

function itemsOf(init: HistoryInit, entry: Entry): readonly HistoryItem[] {
  const { author, seq, time } = entry.header
  const of = (what: HistoryItem['what'], path: string | undefined): HistoryItem => ({
    author,
    name: init.applier.members.get(author),
    seq,
    time,
    what,
    path
  })
  try {
    return init
      .changesOf(entry)
      .map((change) => describe(init.applier, change))
      .filter((item) => item !== undefined)
      .map(({ what, path }) => of(what, path))
      .toReversed()
  } catch {
    return [of('void', undefined)]
  }
}

function describe(applier: Applier, change: Change): { what: HistoryItem['what']; path: string | undefined } | undefined {
  const { view } = applier.tree
  switch (change.kind) {
    case 'tree':
      return { what: whatOf(change), path: view.get(change.node)?.path ?? change.create?.path }
    case 'update':
    case 'derived':
    case 'import': {
      const node = view.nodeOf(change.doc)
      return { what: 'edited', path: node === undefined ? undefined : view.get(node)?.path }
    }
    case 'absorb':
      return { what: 'merged', path: view.get(change.winner)?.path }
    case 'member':
      return { what: 'joined', path: undefined }
    case 'malformed':
      return { what: 'void', path: undefined }
    case 'app':
      return { what: 'edited', path: undefined }
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
