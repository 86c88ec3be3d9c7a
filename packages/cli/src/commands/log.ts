import type { Request } from '../args.js'
import { askRunning } from '../control-client.js'
import type { HistoryItem } from '../control-protocol.js'
import { EXIT } from '../exit-code.js'
import type { ExitCode } from '../exit-code.js'
import { findStore } from '../find-store.js'
import { dateTime, table } from '../format.js'
import { show } from '../show.js'
import type { System } from '../system.js'

/** Enough of a version's name to tell it from a million others. */
const SHOWN_VERSION_CHARS = 10

/** Who changed what, and when; newest first. */
export async function log(request: Extract<Request, { command: 'log' }>, system: System): Promise<ExitCode> {
  const { record, inside } = findStore(request.path, system)
  const options = { limit: request.limit, ...(inside !== '' && { path: inside }) }
  const items = (await askRunning(system.home.storeDirectory(record.id), { ask: 'log', ...options })) ?? (await fromStore())
  if (request.json) for (const item of items) system.io.line(JSON.stringify(item))
  else if (items.length === 0) system.io.line(inside === '' ? 'no change yet' : `no change of ${show(inside)} is known`)
  else for (const line of table(items.map(logRow))) system.io.line(line)
  return EXIT.ok

  async function fromStore(): Promise<readonly HistoryItem[]> {
    const { readStore } = await import('../read-store.js')
    return await readStore(record, system, (workspace) => workspace.history(options))
  }
}

function logRow({ entry, time, name, author, what, path }: HistoryItem): readonly string[] {
  return [dateTime(time), entry.slice(0, SHOWN_VERSION_CHARS), name === undefined ? author.slice(0, 8) : show(name), what, path === undefined ? '' : show(path)]
}
