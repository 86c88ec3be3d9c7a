import type { Entry } from '../log/entry.js'
import type { EntriesMessage } from './message.js'
import type { PeerSession, Recall, RecallWant } from './peer-session.js'
import { acknowledge, type SyncState } from './sync-state.js'
import { totalBytes, type Fault, type SyncEvent } from './sync-types.js'

export function startRecall(state: SyncState, event: Extract<SyncEvent, { type: 'recall' }>, now: number): void {
  const { request, author, head, from, to, bytes } = event
  state.recalls.set(request, { request, author, head, from, to, bytes, tried: new Set(), peer: undefined, entries: [], progressAt: now })
}

/** Asks the next peer for what waits for one; who keeps everything first. What nobody has is given up. */
export function planRecalls(state: SyncState, now: number): void {
  for (const recall of state.recalls.values()) {
    if (recall.peer !== undefined && recall.progressAt + state.options.stallAfterMs <= now) abandon(state, recall)
    if (recall.peer === undefined) askNext(state, recall, now)
  }
}

/** When the next recall is given to another peer. */
export function nextRecallStall(state: SyncState): number | undefined {
  let next: number | undefined
  for (const { peer, progressAt } of state.recalls.values()) if (peer !== undefined) next = Math.min(next ?? Infinity, progressAt + state.options.stallAfterMs)
  return next
}

/** Entries that answer a recall. */
export function takeRecalled(state: SyncState, session: PeerSession, want: RecallWant, { id, entries, last }: EntriesMessage, now: number): Fault {
  const bytes = totalBytes(entries)
  if (session.unacknowledged > 0 && session.unacknowledged + bytes > state.options.creditBytes) return 'sent more than its credit'
  session.unacknowledged += bytes
  acknowledge(state, session, bytes, now)
  want.remaining -= entries.length
  if (last || want.remaining <= 0) session.recalls.delete(id)
  const { recall } = want
  if (recall === undefined) return entries.length === 0 || want.remaining < 0 ? 'sent more than it was asked for' : undefined
  if (!fits(recall, entries, last) || !entries.every(state.options.isWhole)) {
    abandon(state, recall)
    return 'sent entries that do not fit what was asked for'
  }
  recall.progressAt = now
  recall.entries.push(...entries)
  if (last) finish(state, recall, recall.entries)
  return undefined
}

/** A peer does not have what it was asked for. */
export function missRecalled(state: SyncState, session: PeerSession, want: RecallWant, id: number): undefined {
  session.recalls.delete(id)
  if (want.recall !== undefined) abandon(state, want.recall)
}

/** A peer is gone. */
export function dropRecalls(state: SyncState, session: PeerSession): void {
  for (const { recall } of session.recalls.values()) if (recall !== undefined) abandon(state, recall)
}

function askNext(state: SyncState, recall: Recall, now: number): void {
  const open = [...state.sessions.values()].filter((session) => session.isOpen && !recall.tried.has(session.peer))
  const session = open.find(({ prunes }) => !prunes) ?? open[0]
  if (session === undefined) return finish(state, recall, undefined)
  if (!session.hasSlot) return
  const { author, head, from, to } = recall
  const id = session.nextWant++
  recall.tried.add(session.peer)
  recall.peer = session.peer
  recall.progressAt = now
  session.recalls.set(id, { recall, remaining: to - from + 1 })
  state.emit({ type: 'send', peer: session.peer, message: { type: 'want', id, author, head, from, to } })
}

/** Takes a recall away from its peer. */
function abandon(state: SyncState, recall: Recall): void {
  const session = recall.peer === undefined ? undefined : state.sessions.get(recall.peer)
  for (const want of session?.recalls.values() ?? []) if (want.recall === recall) want.recall = undefined
  recall.peer = undefined
  recall.entries = []
}

function finish(state: SyncState, { request }: Recall, entries: readonly Entry[] | undefined): void {
  state.recalls.delete(request)
  state.emit({ type: 'recalled', request, entries })
}

/** Whether entries go on where those before them ended; the last of all is known by its hash, which proves the others. */
function fits({ author, head, from, to, bytes, entries: before }: Recall, entries: readonly Entry[], last: boolean): boolean {
  let seq = from + before.length
  let prev = before.at(-1)?.hash
  for (const { header, hash } of entries) {
    const isNext = header.author === author && header.seq === seq && seq <= to && (prev === undefined || header.prev === prev)
    if (!isNext || (seq === to && hash !== head)) return false
    prev = hash
    seq++
  }
  return entries.length > 0 && last === seq > to && totalBytes(before) + totalBytes(entries) <= bytes
}
