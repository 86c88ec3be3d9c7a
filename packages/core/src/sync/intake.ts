import type { Entry } from '../log/entry.js'
import type { EntriesMessage, MissingMessage } from './message.js'
import type { PeerSession, Want } from './peer-session.js'
import { drop, evaluate, moveOn, release, skipHeld } from './planner.js'
import { missRecalled, takeRecalled } from './recall.js'
import { acknowledge, type Delivery, type SyncState } from './sync-state.js'
import { totalBytes, type Fault, type SyncEvent } from './sync-types.js'

type Delivered = Pick<Extract<SyncEvent, { type: 'delivered' }>, 'outcome' | 'lacking'>

/** Entries came: into their piece, or nowhere when they are late. */
export function takeEntries(state: SyncState, session: PeerSession, message: EntriesMessage, now: number): Fault {
  const { id, entries, last } = message
  const recall = session.recalls.get(id)
  if (recall !== undefined) return takeRecalled(state, session, recall, message, now)
  const want = session.wants.get(id)
  if (want === undefined) return 'sent entries that were not asked for'
  const bytes = totalBytes(entries)
  if (session.unacknowledged > 0 && session.unacknowledged + bytes > state.options.creditBytes) return 'sent more than its credit'
  session.unacknowledged += bytes
  session.progressAt = now
  if (want.state !== 'asked') return dropLate(state, session, id, want, entries, last, now)
  if (want.download.accept(want.piece, entries, last)) {
    want.piece.progressAt = now
    return undefined
  }
  acknowledge(state, session, bytes, now)
  release(state, want.download, want.piece, now)
  session.wants.delete(id)
  return 'sent entries that do not fit what was asked for'
}

/** A want cannot be served: that head is not asked of this peer again. */
export function takeMissing(state: SyncState, session: PeerSession, { id }: MissingMessage, now: number): Fault {
  const recall = session.recalls.get(id)
  if (recall !== undefined) return missRecalled(state, session, recall, id)
  const want = session.wants.get(id)
  if (want === undefined) return 'reported a want missing that was not asked'
  if (want.state === 'asked') {
    session.status.set(want.piece.head.hash, 'refused')
    release(state, want.download, want.piece, now)
  }
  session.wants.delete(id)
  evaluate(state, want.download.author, now)
  return undefined
}

/**
 * Hands the engine everything of a peer that is next in its author's log: one delivery per peer, so that the
 * engine's answer is about that peer. After a fault of the peer's, one author per delivery, to lose no other's.
 */
export function deliverReady(state: SyncState, session: PeerSession, now: number): Fault {
  if (state.deliveries.has(session.peer)) return undefined
  const ready = [...session.wants.values()].filter(({ state: stage, piece, download }) => stage === 'asked' && download.isReady(piece))
  const entries: Entry[] = []
  const parts: Delivery['parts'][number][] = []
  let fault: Fault
  for (const want of ready) {
    if (!want.download.connects(want.piece)) {
      fault ??= breakOff(state, session, want, now)
    } else if (session.faults === 0 || parts.length === 0) {
      const part = takeReady(session, want)
      entries.push(...part.taken)
      parts.push(part)
    }
  }
  if (parts.length > 0) {
    const bytes = totalBytes(entries)
    state.deliveries.set(session.peer, { session, bytes, parts })
    state.emit({ type: 'deliver', peer: session.peer, entries, bytes })
  }
  return fault
}

/** The engine answered a delivery. */
export function settleDelivery(state: SyncState, { session, bytes, parts }: Delivery, { outcome, lacking = [] }: Delivered, now: number): Fault {
  const ok = outcome === 'ok'
  if (state.sessions.get(session.peer) === session) acknowledge(state, session, bytes, now)
  for (const { download, head, count, last } of parts) {
    const isLacking = lacking.includes(download.author)
    download.delivering = false
    if (ok && !isLacking) state.received += count
    if (isLacking) session.status.set(head.hash, 'lacking')
    if (download.dead) continue
    if (!ok || isLacking) drop(state, download, now)
    else {
      if (last.header.seq >= download.target.seq) noteHeldByAll(state, last)
      moveOn(state, download, last.header.seq + 1, now, [last.hash])
      skipHeld(state, download.author, now)
    }
    if (download.dead) evaluate(state, download.author, now)
  }
  return ok ? undefined : 'sent entries that fail their checks'
}

/** The chain is broken between our head and the piece: the peer's head is on another branch. */
function breakOff(state: SyncState, session: PeerSession, { download, piece }: Want, now: number): Fault {
  const alone = download.sole !== undefined
  session.status.set(piece.head.hash, alone ? 'refused' : 'fork')
  release(state, download, piece, now)
  evaluate(state, download.author, now)
  return alone ? 'sent a branch that does not hold together' : undefined
}

function takeReady(session: PeerSession, { download, piece }: Want) {
  const taken = download.take(piece)
  if (piece.complete) {
    download.remove(piece)
    session.wants.delete(piece.wantId)
  }
  return { download, head: piece.head, count: taken.length, last: taken.at(-1) as Entry, taken }
}

function dropLate(state: SyncState, session: PeerSession, id: number, want: Want, entries: readonly Entry[], last: boolean, now: number): Fault {
  want.remaining -= entries.length
  if (last || want.remaining <= 0) session.wants.delete(id)
  acknowledge(state, session, totalBytes(entries), now)
  return entries.length === 0 || want.remaining < 0 ? 'sent more than it was asked for' : undefined
}

/** A branch that was taken whole counts as held, also where the log kept it out (too many branches). */
function noteHeldByAll(state: SyncState, { hash, header }: Entry): void {
  for (const session of state.sessions.values()) session.noteHeld(header.author, hash)
}
