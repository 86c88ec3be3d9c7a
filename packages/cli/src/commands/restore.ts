import { readRestored } from '@collab/folder'
import type { RestoreLine, TrashItem } from '@collab/folder'
import type { Request } from '../args.js'
import { FailureError, UsageError } from '../cli-error.js'
import { askOrRun } from '../ask-or-run.js'
import { askRunning } from '../control-client.js'
import type { ControlAnswers } from '../control-protocol.js'
import { EXIT } from '../exit-code.js'
import type { ExitCode } from '../exit-code.js'
import { findStore } from '../find-store.js'
import type { Found } from '../find-store.js'
import { count, dateTime, fileSize, paintFor, table } from '../format.js'
import { show } from '../show.js'
import type { System } from '../system.js'
import { parseWhen } from '../when.js'
import type { When } from '../when.js'

type RestoreRequest = Extract<Request, { command: 'restore' }>

/** Brings back what was deleted or replaced. */
export async function restore(request: RestoreRequest, system: System): Promise<ExitCode> {
  const found = findStore(request.path, system)
  if (found.record.folder === undefined) throw new FailureError('this workspace is held without a folder: there is nothing to restore it into')
  if (request.list) return await listVersions(request, found, system)
  const at = request.at === undefined ? undefined : parseWhen(request.at, Date.now())
  if (request.print) return await printText(found, at, system)
  const path = request.all ? '' : found.inside
  if (path === '' && at !== undefined && !request.all && !('trash' in at)) {
    throw new UsageError('that is the whole folder; give --all if you mean it, or a path in it (--dry-run shows what would happen)')
  }
  const lines = await askOrRun({ ask: 'restore', path, dryRun: request.dryRun, ...(at !== undefined && { at }) }, found.record, system)
  report(request, lines, system)
  return EXIT.ok
}

async function printText(found: Found, at: When | undefined, system: System): Promise<ExitCode> {
  const { record, inside } = found
  if (at !== undefined && 'trash' in at) throw new UsageError('what is in the trash can be restored, not printed; leave --print out')
  const point = at === undefined ? {} : { at }
  const running = await askRunning(system.home.storeDirectory(record.id), { ask: 'text', path: inside, ...point })
  if (running !== undefined) system.io.raw(running)
  else {
    const { readStore } = await import('../read-store.js')
    system.io.raw(await readStore(record, system, (workspace) => readRestored(workspace, inside, at)))
  }
  return EXIT.ok
}

const WORDS: Readonly<Record<RestoreLine['action'], string>> = {
  'bring back': 'brought back',
  'set text': 'text set back',
  'move back': 'moved back',
  'keep beside': 'put beside',
  'make folder': 'made folder',
  'set mode': 'mode set back',
  same: 'same',
  newer: 'newer, left',
  skip: 'left alone'
}

const UNCHANGED: ReadonlySet<RestoreLine['action']> = new Set(['same', 'newer', 'skip'])

function report({ json, dryRun, all }: RestoreRequest, lines: readonly RestoreLine[], { io }: System): void {
  if (json) {
    for (const line of lines) io.line(JSON.stringify(line))
    return
  }
  const paint = paintFor(io.color)
  const told = lines.filter(({ action }) => action !== 'same' && (!all || dryRun || action !== 'newer'))
  const rows = told.map(({ path, action, to, reason }) => {
    const where = to === undefined ? '' : action === 'move back' ? ` (is at ${show(to)})` : ` as ${show(to)}`
    return [dryRun ? action : WORDS[action], `${show(path)}${where}${reason === undefined ? '' : paint.dim(` (${show(reason)})`)}`]
  })
  for (const line of table(rows)) io.line(line)
  const changes = lines.filter(({ action }) => !UNCHANGED.has(action)).length
  if (dryRun) io.line(`${changes} to do; nothing was changed`)
  else if (changes === 0) io.line('everything is as it was then; nothing to do')
  else io.line(paint.dim(`${count(changes, 'change')}, sent to the peers like any edit; collab log shows what it replaced`))
}

/** Versions of a file, newest first, with what lies in the trash; of a folder, what was deleted below it. */
async function listVersions({ limit, json }: RestoreRequest, found: Found, system: System): Promise<ExitCode> {
  const { record, inside } = found
  const { readTrash } = await import('@collab/folder')
  const store = system.home.storeDirectory(record.id)
  const known = (await askRunning(store, { ask: 'deleted' })) ?? (await fromStore())
  const deleted = known.filter(({ path }) => inside === '' || path === inside || path.startsWith(`${inside}/`))
  const trash = readTrash(record.folder ?? '').filter(({ path }) => inside === '' || path === inside || path.startsWith(`${inside}/`))
  const isFile = deleted.some(({ path }) => path === inside) || trash.some(({ path }) => path === inside) || deleted.length === 0
  const { io } = system
  if (isFile && inside !== '') {
    const { log } = await import('./log.js')
    const code = await log({ command: 'log', path: `${record.folder}/${inside}`, limit, json }, system)
    printTrash(trash.filter(({ path }) => path === inside), json, system)
    return code
  }
  if (json) for (const item of deleted.slice(0, limit)) io.line(JSON.stringify(item))
  else if (deleted.length === 0) io.line('nothing was deleted here')
  else for (const line of table(deleted.slice(0, limit).map((item) => [dateTime(item.time), item.name === undefined ? item.author.slice(0, 8) : show(item.name), 'deleted', show(item.path)]))) io.line(line)
  if (!json && deleted.length > limit) io.line(`and ${count(deleted.length - limit, 'other')}; --limit shows more`)
  return EXIT.ok

  async function fromStore(): Promise<ControlAnswers['deleted']> {
    const { readStore } = await import('../read-store.js')
    return await readStore(record, system, (workspace) => workspace.deleted())
  }
}

function printTrash(items: readonly TrashItem[], json: boolean, { io }: System): void {
  if (json) for (const item of items) io.line(JSON.stringify(item))
  else for (const line of table(items.map(({ at, id, why, size }) => [dateTime(at), 'in the trash', `${why}, ${fileSize(size)}`, id]))) io.line(line)
}
