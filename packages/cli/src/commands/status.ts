import { existsSync } from 'node:fs'
import { readTrash } from '@collab/folder'
import type { Request } from '../args.js'
import { askRunning } from '../control-client.js'
import type { StatusAnswer } from '../control-protocol.js'
import { EXIT } from '../exit-code.js'
import type { ExitCode } from '../exit-code.js'
import { findStore } from '../find-store.js'
import { count, fileSize, paintFor, shortPeer, table } from '../format.js'
import type { Paint } from '../format.js'
import { show } from '../show.js'
import type { StoreRecord } from '../store-record.js'
import type { System } from '../system.js'
import { fetchingText, servingText } from '../transfer-text.js'

interface StoreStatus {
  readonly record: StoreRecord
  readonly running: boolean
  readonly status: StatusAnswer | undefined
}

/** What is joined here and how it is doing, from the running processes, or from the store of a given folder. */
export async function status(request: Extract<Request, { command: 'status' }>, system: System): Promise<ExitCode> {
  const all = await statuses(request.folder, system)
  if (request.json) system.io.line(JSON.stringify(all.map(statusJson)))
  else if (all.length === 0) system.io.line('nothing is joined yet; collab join <topic> <folder> begins')
  else for (const line of all.flatMap((one) => statusLines(one, paintFor(system.io.color)))) system.io.line(line)
  return EXIT.ok
}

/** Who is connected. */
export async function peers(request: Extract<Request, { command: 'peers' }>, system: System): Promise<ExitCode> {
  const all = await statuses(request.folder, system, false)
  const found = all.flatMap(({ record, status }) => (status?.workspace.peers ?? []).map((peer) => ({ ...peer, folder: record.folder })))
  if (request.json) {
    system.io.line(JSON.stringify(found))
    return EXIT.ok
  }
  if (!all.some(({ running }) => running)) system.io.line('nothing is running; collab join <topic> <folder> syncs a folder')
  else if (found.length === 0) system.io.line('no peer is connected')
  const rows = found.map(({ peer, name, address, direction, synced, folder }) => [
    synced ? 'in sync' : 'syncing',
    shortPeer(show(peer)),
    name === undefined ? '' : show(name),
    direction === 'inbound' ? 'came in' : 'dialled',
    show(address.replace(/\/p2p\/[^/]+$/, '')),
    folder === undefined ? '(held)' : show(folder)
  ])
  for (const line of table(rows)) system.io.line(line)
  return EXIT.ok
}

async function statuses(folder: string | undefined, system: System, fromStore = folder !== undefined): Promise<readonly StoreStatus[]> {
  const joined = system.home.records().filter((record) => record.folder !== undefined || record.held === true)
  const records = folder === undefined ? joined : [findStore(folder, system).record]
  return await Promise.all(records.map((record) => statusOf(record, system, fromStore)))
}

async function statusOf(record: StoreRecord, system: System, fromStore: boolean): Promise<StoreStatus> {
  const running = await askRunning(system.home.storeDirectory(record.id), { ask: 'status' })
  if (running !== undefined) return { record, running: true, status: running }
  if (!fromStore) return { record, running: false, status: undefined }
  const { readStore } = await import('../read-store.js')
  const workspace = await readStore(record, system, async (workspace) => workspace.status())
  // The copy's reader is not this store's author.
  return { record, running: false, status: { workspace: { ...workspace, author: undefined } } }
}

/** Without the secret. */
function statusJson({ record, running, status }: StoreStatus): object {
  const { id, workspace, topic, folder, held } = record
  return { store: id, workspace, topic, folder, held: held === true, running, trash: trashOf(folder), ...(status !== undefined && { status }) }
}

function statusLines({ record, running, status }: StoreStatus, paint: Paint): readonly string[] {
  const title = record.topic ?? `workspace ${record.workspace.slice(0, 8)}`
  const place = record.folder ?? '(held, no folder)'
  const lines = [`${paint.bold(show(place))}  ${paint.dim(show(title))}`, `  ${stateText({ record, running, status }, paint)}`]
  const details = [...(status === undefined ? [] : detailLines(status, paint)), ...trashLines(record, paint)]
  return [...lines, ...details.map((line) => `  ${line}`)]
}

/** What can still be taken out of the trash; nothing where there is none. */
function trashLines({ folder }: StoreRecord, paint: Paint): readonly string[] {
  const { files, bytes } = trashOf(folder)
  return files === 0 ? [] : [paint.dim(`${count(files, 'file')} in the trash, ${fileSize(bytes)}; collab trash lists them`)]
}

function trashOf(folder: string | undefined): { readonly files: number; readonly bytes: number } {
  const items = folder === undefined || !existsSync(folder) ? [] : readTrash(folder)
  return { files: items.length, bytes: items.reduce((sum, { size }) => sum + size, 0) }
}

function stateText({ running, status }: StoreStatus, paint: Paint): string {
  if (!running) return paint.dim('not running')
  if (status?.folder?.guard !== undefined) return paint.red('waits for your answer')
  const peers = status?.workspace.peers ?? []
  if (peers.length === 0) return paint.yellow('running, no peer connected')
  const synced = peers.every(({ synced }) => synced)
  return synced ? paint.green(`in sync with ${count(peers.length, 'peer')}`) : paint.cyan(`syncing with ${count(peers.length, 'peer')}`)
}

function detailLines({ workspace, folder, transfers }: StatusAnswer, paint: Paint): readonly string[] {
  const { rights, files, entries, pruned, voids, forks, listening } = workspace
  const lines = [`${rights} rights, ${rights === 'blind' ? '' : `${count(files, 'file')}, `}${count(entries, 'entry', 'entries')}`]
  if (pruned > 0) lines.push(`${count(pruned, 'older entry', 'older entries')} of them left to peers that keep everything`)
  if (voids > 0) lines.push(`${count(voids, 'change')} of others broke the rules and ${voids === 1 ? 'is' : 'are'} not applied`)
  if (forks > 0) lines.push(`${count(forks, 'log')} with two continuations; both are kept`)
  for (const address of listening) lines.push(paint.dim(`listening on ${show(address)}`))
  for (const text of transfers === undefined ? [] : [fetchingText(transfers), servingText(transfers)]) if (text !== undefined) lines.push(paint.cyan(text))
  for (const { path, reason } of folder?.skipped ?? []) lines.push(paint.dim(`not synced: ${show(path)} (${show(reason)})`))
  for (const line of folder?.guard?.split('\n') ?? []) lines.push(paint.red(`waits for confirmation: ${show(line)}`))
  return lines
}
