import type { FolderStatus } from '@collab/folder'
import type { TransferStatus, WorkspaceStatus } from '@collab/core'
import { changeText } from './event-text.js'
import { clip, clipMiddle, clockTime, count, duration, paintFor, progressBar, shortPeer, wrap } from './format.js'
import type { Paint } from './format.js'
import type { CollabEvent } from './json-events.js'
import { show } from './show.js'
import { fetchingBar, fetchingText, servingText } from './transfer-text.js'

/** Less than this is over before it could be read. */
const LONG_WORK = 20
/** Changes kept on the screen. */
const RECENT = 6
const SHOWN_PEERS = 6

/** What a run is, for its heading. */
export interface Heading {
  /** The plain name, or a word for the link; never a secret. */
  readonly topic: string
  readonly rights: 'write' | 'read' | 'blind'
  readonly folder?: string
}

/** What can be asked at any moment. */
export interface Snapshot {
  readonly workspace: WorkspaceStatus
  readonly transfers?: TransferStatus
  readonly folder?: FolderStatus
}

interface Progress {
  readonly what: string
  readonly done: number
  readonly total: number
  readonly startedAt: number
  readonly doneAtStart: number
}

/** What the live display remembers of the events. */
export interface View {
  readonly recent: readonly { readonly at: number; readonly text: string }[]
  readonly progress: Progress | undefined
}

export const EMPTY_VIEW: View = { recent: [], progress: undefined }

/** The view after `event`. */
export function nextView(view: View, event: CollabEvent, now: number): View {
  if (event.type === 'change') return { ...view, recent: [...view.recent, { at: now, text: changeText(event) }].slice(-RECENT) }
  if (event.type === 'progress') return { ...view, progress: nextProgress(view.progress, event, now) }
  if (event.type === 'synced' && view.progress?.what === 'receiving') return { ...view, progress: undefined }
  return view
}

function nextProgress(before: Progress | undefined, event: Extract<CollabEvent, { type: 'progress' }>, now: number): Progress | undefined {
  const { what, done, total } = event
  if (done >= total) return undefined
  const isSame = before?.what === what && before.done <= done
  return { what, done, total, startedAt: isSame ? before.startedAt : now, doneAtStart: isSame ? before.doneAtStart : done }
}

export interface RenderInit {
  readonly heading: Heading
  /** Undefined while it is being opened. */
  readonly snapshot: Snapshot | undefined
  readonly view: View
  readonly now: number
  readonly columns: number
  readonly color: boolean
}

/** The lines of the live display, none wider than `columns`. */
export function render({ heading, snapshot, view, now, columns, color }: RenderInit): readonly string[] {
  const paint = paintFor(color)
  const width = Math.max(20, columns - 1)
  if (snapshot === undefined) return ['', headingLine(heading, paint, width), paint.dim('○ starting'), '']
  return [
    '',
    headingLine(heading, paint, width),
    stateLine(snapshot, heading, paint, width),
    ...progressLines(view.progress, now, paint, width),
    ...transferLines(snapshot, paint, width),
    ...guardLines(snapshot, paint, width),
    ...peerLines(snapshot.workspace, heading, paint, width),
    ...recentLines(view, paint, width),
    ''
  ]
}

const RIGHTS = { write: 'read and write', read: 'read only', blind: 'held, not readable' } as const

function headingLine({ topic, rights, folder }: Heading, paint: Paint, width: number): string {
  const name = clip(show(topic), Math.floor(width / 3))
  const tail = `  ${RIGHTS[rights]}${folder === undefined ? '' : `  ${clipMiddle(show(folder), Math.max(10, width - name.length - 22))}`}`
  return paint.bold(name) + paint.dim(clip(tail, width - name.length))
}

function stateLine({ workspace, folder }: Snapshot, { rights }: Heading, paint: Paint, width: number): string {
  const { peers } = workspace
  const what = rights === 'blind' ? count(workspace.entries, 'entry', 'entries') : count(workspace.files, 'file')
  const busy = (folder?.dirty ?? 0) > 0 ? `, ${folder?.dirty} being looked at` : ''
  const skipped = (folder?.skipped.length ?? 0) > 0 ? `, ${folder?.skipped.length} not synced` : ''
  const tail = clip(`  ${what}${busy}${skipped}`, width - 24)
  if (folder?.guard !== undefined) return paint.red('■ waits for your answer') + tail
  if (peers.length === 0) return paint.yellow('○ no peer connected') + tail
  if (peers.every(({ synced }) => synced)) return paint.green(`● in sync with ${count(peers.length, 'peer')}`) + tail
  return paint.cyan(`◐ syncing with ${count(peers.length, 'peer')}`) + tail
}

function progressLines(progress: Progress | undefined, now: number, paint: Paint, width: number): readonly string[] {
  if (progress === undefined || progress.total < LONG_WORK) return []
  const { what, done, total, startedAt, doneAtStart } = progress
  const seconds = (now - startedAt) / 1000
  const rate = seconds < 0.5 ? 0 : (done - doneAtStart) / seconds
  const eta = rate > 0 ? `, ${Math.round(rate).toLocaleString('en-US')}/s, ${duration((total - done) / rate)} left` : ''
  const text = clip(` ${what} ${done.toLocaleString('en-US')} of ${total.toLocaleString('en-US')}${eta}`, width - 26)
  return [paint.cyan(`  ${progressBar(done, total, 22)}`) + text]
}

function transferLines({ transfers }: Snapshot, paint: Paint, width: number): readonly string[] {
  if (transfers === undefined) return []
  const [fetching, serving] = [fetchingText(transfers), servingText(transfers)]
  const bar = fetching === undefined ? [] : [paint.cyan(`  ${fetchingBar(transfers)}`) + clip(` ${fetching}`, width - 26)]
  return serving === undefined ? bar : [...bar, paint.dim(clip(`  ${serving}`, width))]
}

function guardLines({ folder }: Snapshot, paint: Paint, width: number): readonly string[] {
  const lines = folder?.guard?.split('\n') ?? []
  return lines.flatMap((line) => wrap(`! ${show(line)}`, width)).map((line) => paint.red(line))
}

function peerLines({ peers, listening }: WorkspaceStatus, { rights }: Heading, paint: Paint, width: number): readonly string[] {
  if (peers.length === 0) return invitation(listening, rights, paint, width)
  const lines = peers.slice(0, SHOWN_PEERS).map(({ peer, name, address, synced }) => {
    const who = name === undefined ? shortPeer(show(peer)) : `${show(name)} ${shortPeer(show(peer))}`
    const text = clip(`  ${synced ? '●' : '◐'} ${who}  direct  ${show(withoutPeer(address))}`, width)
    return synced ? text : paint.cyan(text)
  })
  const more = peers.length - SHOWN_PEERS
  return more > 0 ? [...lines, paint.dim(`    and ${count(more, 'other')}`)] : lines
}

/** How somebody else gets here: the address best dialled from another machine. */
function invitation(listening: readonly string[], rights: Heading['rights'], paint: Paint, width: number): readonly string[] {
  const address = listening.find((address) => !/^\/ip[46]\/(?:127\.|::1)/.test(address)) ?? listening[0]
  if (address === undefined) return []
  const command = rights === 'blind' ? 'collab join <link> <folder>' : 'collab join <topic> <folder>'
  return [clip('  on another machine:', width), ...wrap(`    ${command} --peer ${show(address)}`, width)].map((line) => paint.dim(line))
}

function recentLines(view: View, paint: Paint, width: number): readonly string[] {
  return view.recent.map(({ at, text }) => `  ${paint.dim(clockTime(at))} ${clipMiddle(text, width - 12)}`)
}

function withoutPeer(address: string): string {
  return address.replace(/\/p2p\/[^/]+$/, '')
}
