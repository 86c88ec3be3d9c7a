import type { AuthorId } from '../base/ids.js'
import type { Head } from '../log/version-vector.js'
import { Download, SMALL_RUN, type Piece } from './download.js'
import type { PeerSession, Want } from './peer-session.js'
import { acknowledge, holdsHead, ownerOf, topHashes, topSeq, type SyncState } from './sync-state.js'
import { totalBytes } from './sync-types.js'

/** Bulk wants under way per peer: enough to fill the credit, few enough that small ones find room. */
const MAX_BULK_WANTS = 3
/** A peer that serves others but not this want is given up after so many times the stall time. */
const PATIENCE = 4

const isBulk = (piece: Piece): boolean => piece.to - piece.start >= SMALL_RUN

/** Looks again at what is missing of one author: after our heads, a peer's heads or a peer's presence changed. */
export function evaluate(state: SyncState, author: AuthorId, now: number): void {
  for (const session of state.sessions.values()) noteLacking(state, session, author)
  const next = newestOffer(state, author)
  let download = state.downloads.get(author)
  if (next !== undefined && download !== undefined && download.sole === undefined && next.seq > download.target.seq) download.raise(next)
  if (download !== undefined && isObsolete(state, download, next)) {
    drop(state, download, now)
    download = undefined
  }
  if (download === undefined) begin(state, author, next, now)
}

function isObsolete(state: SyncState, download: Download, next: Head | undefined): boolean {
  // What continues our own branch does not wait for a fork.
  if (download.sole !== undefined && next !== undefined) return true
  // The engine's answer ends one whose last part is stored by now.
  if (download.delivering && holdsHead(state, download.author, download.target.hash)) return false
  return !isOffered(state, download)
}

/** A peer that keeps everything has come, or got more of an author: what could not be taken before may be now. */
export function retry(state: SyncState, author: AuthorId, now: number): void {
  for (const session of state.sessions.values()) session.retry(author)
  evaluate(state, author, now)
}

/** Gives free slots something to ask, small runs first; gives stalled wants to others. */
export function plan(state: SyncState, now: number): void {
  for (const session of state.sessions.values()) if (session.wants.size > 0) passOnStalled(state, session, now)
  for (const session of state.sessions.values()) {
    if (session.lacking.size > 0 && session.hasSlot && !session.isStalled) fillSlots(state, session, now)
  }
  for (const session of state.sessions.values()) relieve(state, session, now)
}

/** When the next want stalls, if any can. */
export function nextStall(state: SyncState, now: number): number | undefined {
  let next: number | undefined
  for (const session of state.sessions.values()) {
    for (const want of session.wants.values()) {
      const at = stallAt(state, session, want)
      // One that has stalled and has nowhere to go waits for a change, not for a time.
      if (at !== undefined && at > now && (next === undefined || at < next)) next = at
    }
  }
  return next
}

/** Takes a piece away from its peer; what is missing of it is open again. */
export function release(state: SyncState, download: Download, piece: Piece, now: number, as: 'abandoned' | 'stalled' = 'abandoned'): void {
  download.remove(piece)
  download.giveBack(piece.start, piece.to)
  const session = ownerOf(state, piece)
  const want = session?.wants.get(piece.wantId)
  if (session === undefined || want?.piece !== piece) return
  const bytes = totalBytes(piece.entries)
  want.remaining = piece.to - piece.start + 1 - piece.entries.length
  piece.entries = []
  if (piece.complete) session.wants.delete(piece.wantId)
  else want.state = as
  acknowledge(state, session, bytes, now)
}

/** Ends a download, finished or not. */
export function drop(state: SyncState, download: Download, now: number): void {
  for (const piece of download.pieces) release(state, download, piece, now)
  download.dead = true
  if (state.downloads.get(download.author) === download) state.downloads.delete(download.author)
}

/** The log grew by other ways than this download: what it brought is not asked for. */
export function skipHeld(state: SyncState, author: AuthorId, now: number): void {
  const download = state.downloads.get(author)
  if (download === undefined || download.delivering || download.sole !== undefined) return
  const next = topSeq(state, author) + 1
  if (next > download.next) moveOn(state, download, next, now)
}

/** The download goes on after `next` - 1. */
export function moveOn(state: SyncState, download: Download, next: number, now: number, prevs = topHashes(state, download.author)): void {
  for (const piece of download.advance(next, prevs, now)) release(state, download, piece, now)
  if (next > download.target.seq) drop(state, download, now)
}

function noteLacking(state: SyncState, session: PeerSession, author: AuthorId): void {
  let lacking = false
  const top = topSeq(state, author)
  const heads = session.theirs.get(author) ?? []
  const isOnly = heads.length === 1
  for (const { hash, seq } of heads) {
    const status = session.status.get(hash)
    if (status === 'held' || (status === 'presumed' && isOnly) || holdsHead(state, author, hash)) continue
    lacking = true
    if ((status !== undefined && status !== 'presumed') || seq > top) continue
    session.status.set(hash, 'checking')
    state.emit({ type: 'check', peer: session.peer, author, head: hash, seq, isOnly })
  }
  if (lacking) session.lacking.add(author)
  else session.lacking.delete(author)
}

/** The head under which a peer can be asked for parts of a download. */
function offerOf(state: SyncState, session: PeerSession, download: Download): Head | undefined {
  const heads = session.theirs.get(download.author) ?? []
  if (download.sole !== undefined) {
    if (session.peer !== download.sole || session.status.get(download.target.hash) !== 'fork') return undefined
    return heads.find(({ hash }) => hash === download.target.hash)
  }
  let best: Head | undefined
  for (const head of heads) {
    if (session.status.has(head.hash) || holdsHead(state, download.author, head.hash)) continue
    if (head.hash === download.target.hash) return head
    if (best === undefined || head.seq > best.seq) best = head
  }
  return best
}

function isOffered(state: SyncState, download: Download): boolean {
  for (const session of state.sessions.values()) {
    if (offerOf(state, session, download)?.hash === download.target.hash) return true
  }
  return false
}

function newestOffer(state: SyncState, author: AuthorId): Head | undefined {
  let best: Head | undefined
  const top = topSeq(state, author)
  for (const session of state.sessions.values()) {
    if (!session.lacking.has(author)) continue
    for (const head of session.theirs.get(author) ?? []) {
      if (head.seq > Math.max(top, best?.seq ?? -1) && !session.status.has(head.hash)) best = head
    }
  }
  return best
}

function begin(state: SyncState, author: AuthorId, next: Head | undefined, now: number): void {
  const download =
    next === undefined
      ? forkDownload(state, author, now)
      : new Download(author, next, topSeq(state, author) + 1, topHashes(state, author), now)
  if (download !== undefined) state.downloads.set(author, download)
}

/** A branch that does not continue ours is taken whole, from one peer. */
function forkDownload(state: SyncState, author: AuthorId, now: number): Download | undefined {
  for (const session of state.sessions.values()) {
    if (!session.lacking.has(author)) continue
    for (const head of session.theirs.get(author) ?? []) {
      if (session.status.get(head.hash) === 'fork' && !holdsHead(state, author, head.hash)) {
        return new Download(author, head, 0, [null], now, session.peer)
      }
    }
  }
  return undefined
}

function fillSlots(state: SyncState, session: PeerSession, now: number): void {
  for (const small of [true, false]) {
    for (const author of session.lacking) {
      const download = state.downloads.get(author)
      if (download === undefined || download.isSmall !== small) continue
      while (ask(state, session, download, now));
      if (!session.hasSlot) return
    }
  }
}

/** Asks a peer for the next open piece of a download; false when there is none for it, or no slot. */
function ask(state: SyncState, session: PeerSession, download: Download, now: number): boolean {
  const head = offerOf(state, session, download)
  const range = head && download.openRange(head, state.options.pieceBytes)
  if (head === undefined || range === undefined || !session.hasSlot) return false
  const blocksOthers = range.from === download.next && download.pieces.size > 0
  const bulk = range.to - range.from >= SMALL_RUN
  if (bulk && !blocksOthers && session.countWants(({ piece }) => isBulk(piece)) >= MAX_BULK_WANTS) return false
  const id = session.nextWant++
  const { peer } = session
  const { from: start, to } = range
  const piece: Piece = { peer, wantId: id, head, start, to, entries: [], lastHash: undefined, complete: false, progressAt: now }
  download.assign(piece)
  session.wants.set(id, { download, piece, state: 'asked', remaining: 0 })
  state.emit({ type: 'send', peer, message: { type: 'want', id, author: download.author, head: head.hash, from: start, to } })
  return true
}

function passOnStalled(state: SyncState, session: PeerSession, now: number): void {
  for (const want of session.wants.values()) {
    const at = stallAt(state, session, want)
    if (at === undefined || at > now) continue
    const { download, piece } = want
    emptyBuffers(state, session, now)
    if (hasOtherSource(state, session, want)) release(state, download, piece, now, 'stalled')
    else if (download.sole !== undefined && hasOtherFork(state, session, download)) {
      session.status.set(download.target.hash, 'refused')
      evaluate(state, download.author, now)
    }
  }
}

/**
 * Entries that wait for an earlier piece of another peer use up the credit. Where that keeps the peer from
 * sending what an author's log waits for, the last of them are given up and asked again.
 */
function relieve(state: SyncState, session: PeerSession, now: number): void {
  const { frameBytes, creditBytes } = state.options
  const isTight = () => session.unacknowledged > 0 && session.unacknowledged + frameBytes > creditBytes
  if (!isTight()) return
  const isBlocking = (want: Want) => want.state === 'asked' && want.download.isBlockedBy(want.piece)
  if (session.countWants(isBlocking) === 0) return
  for (const { piece, download } of waitingWants(session)) if (isTight()) release(state, download, piece, now)
}

/** A peer may need its whole credit for one large entry. */
function emptyBuffers(state: SyncState, session: PeerSession, now: number): void {
  for (const { piece, download } of waitingWants(session)) release(state, download, piece, now)
}

/** Wants whose entries wait for earlier ones, the last first. */
function waitingWants(session: PeerSession): readonly Want[] {
  const wants = [...session.wants.values()]
  return wants
    .filter(({ state: stage, piece, download }) => stage === 'asked' && piece.start !== download.next && piece.entries.length > 0)
    .sort((a, b) => b.piece.start - a.piece.start)
}

function hasOtherSource(state: SyncState, than: PeerSession, { download, piece }: Want): boolean {
  for (const session of state.sessions.values()) {
    if (session === than || !session.hasSlot || session.isStalled) continue
    const head = offerOf(state, session, download)
    if (head !== undefined && head.floor <= piece.start && head.seq >= piece.start) return true
  }
  return false
}

function hasOtherFork(state: SyncState, than: PeerSession, { author, target }: Download): boolean {
  for (const session of state.sessions.values()) {
    if (session === than || session.status.get(target.hash) !== 'fork') continue
    if (session.theirs.get(author)?.some(({ hash }) => hash === target.hash) === true) return true
  }
  return false
}

/** When a want that blocks its author's log is given up; undefined for one that blocks nothing. */
function stallAt(state: SyncState, session: PeerSession, { state: stage, piece, download }: Want): number | undefined {
  if (stage !== 'asked' || !download.isBlockedBy(piece)) return undefined
  const { stallAfterMs } = state.options
  const own = Math.max(piece.progressAt, download.advancedAt)
  return Math.min(Math.max(own, session.progressAt) + stallAfterMs, own + PATIENCE * stallAfterMs)
}
