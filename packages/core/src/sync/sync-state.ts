import type { AuthorId, EntryHash } from '../base/ids.js'
import type { Entry } from '../log/entry.js'
import type { Head } from '../log/version-vector.js'
import type { Download, Piece } from './download.js'
import type { PeerSession, Recall } from './peer-session.js'
import type { Emit, SyncOptions } from './sync-types.js'

/** What the engine was given to store, and for whom. */
export interface Delivery {
  readonly session: PeerSession
  readonly bytes: number
  readonly parts: readonly { readonly download: Download; readonly head: Head; readonly count: number; readonly last: Entry }[]
}

/** The whole state of the machine, shared by its modules. */
export interface SyncState {
  readonly options: Required<SyncOptions>
  readonly ours: Map<AuthorId, readonly Head[]>
  /** Digest of `ours`; undefined until the log was read. */
  digest: string | undefined
  readonly sessions: Map<string, PeerSession>
  readonly downloads: Map<AuthorId, Download>
  /** By peer: it may have left and come back before the engine answers. */
  readonly deliveries: Map<string, Delivery>
  /** By request: what is fetched back. */
  readonly recalls: Map<number, Recall>
  /** When growth is to be announced. */
  announceAt: number | undefined
  /** Entries stored since nothing was missing last. */
  received: number
  emit: Emit
}

/** Highest seq held of an author, -1 without any. */
export function topSeq(state: SyncState, author: AuthorId): number {
  let top = -1
  for (const { seq } of state.ours.get(author) ?? []) top = Math.max(top, seq)
  return top
}

/** What the entry after the highest held one may name as the one before. */
export function topHashes(state: SyncState, author: AuthorId): readonly (EntryHash | null)[] {
  const top = topSeq(state, author)
  if (top === -1) return [null]
  return (state.ours.get(author) ?? []).filter(({ seq }) => seq === top).map(({ hash }) => hash)
}

export function holdsHead(state: SyncState, author: AuthorId, hash: EntryHash): boolean {
  return state.ours.get(author)?.some((head) => head.hash === hash) === true
}

/** Lets the peer send as much again. */
export function acknowledge(state: SyncState, session: PeerSession, bytes: number, now: number): void {
  if (bytes === 0 || session.closed) return
  session.unacknowledged -= bytes
  session.progressAt = now
  state.emit({ type: 'send', peer: session.peer, message: { type: 'ack', bytes } })
}

/** The session that a piece was asked of, while it lives. */
export function ownerOf(state: SyncState, piece: Piece): PeerSession | undefined {
  return state.sessions.get(piece.peer)
}
