import type { AuthorId } from '../base/ids.js'
import { MAX_AUTHORS } from '../base/limits.js'
import { HEADS_PER_PAGE, OLDEST_SYNC_VERSION, PRUNES, RUNS, SYNC_VERSION, type HeadList, type HelloMessage, type Message } from './message.js'
import { sameHeads, type PeerSession } from './peer-session.js'
import { evaluate, retry } from './planner.js'
import type { SyncState } from './sync-state.js'

/** Opens our side of a stream, once the log was read. */
export function sayHello(state: SyncState, session: PeerSession): void {
  if (state.digest === undefined || session.helloDigest !== undefined) return
  session.helloDigest = state.digest
  session.told = state.digest
  session.pending.clear()
  send(state, session, { type: 'hello', version: SYNC_VERSION, features: state.options.prunes ? [RUNS, PRUNES] : [RUNS], digest: state.digest })
}

/**
 * Takes the peer's hello. Both sides compare the same two digests, so both know whether vectors follow.
 * Returns why the stream must end, if it must.
 */
export function takeHello(session: PeerSession, { version, features, digest }: HelloMessage): string | undefined {
  if (version < OLDEST_SYNC_VERSION) return `the peer speaks version ${version} of the sync protocol, which is too old; update collab there`
  session.theirHello = digest
  session.prunes = features.includes(PRUNES)
  return undefined
}

/** After both hellos: nothing more when they were equal, else our whole vector. */
export function openVectors(state: SyncState, session: PeerSession, now: number): void {
  if (session.theirHello !== session.helloDigest) return sendVector(state, session)
  // What they have is what we had when we said hello.
  for (const [author, heads] of state.ours) session.theirs.set(author, heads)
  for (const [author, heads] of session.pending) {
    if (heads === undefined) session.theirs.delete(author)
    else session.theirs.set(author, heads)
  }
  for (const [author, heads] of session.pending) for (const { hash } of heads ?? []) session.noteHeld(author, hash)
  session.vectorKnown = true
  session.theirDigest = session.theirHello
  session.heardSynced = session.theirHello
  session.toldSynced = session.theirHello
  if (session.pending.size > 0) announceLater(state, now)
}

/** Takes heads of the peer's; false when it has more authors than a workspace may. */
export function takeHeads(state: SyncState, session: PeerSession, heads: HeadList, now: number): boolean {
  for (const [author, list] of heads) {
    if (session.theirs.size >= MAX_AUTHORS && !session.theirs.has(author)) return false
    if (!session.setTheirs(author, list)) continue
    if (session.prunes) evaluate(state, author, now)
    else retry(state, author, now)
  }
  return true
}

export function announceLater(state: SyncState, now: number): void {
  state.announceAt ??= now + state.options.announceAfterMs
}

/** Tells every peer what grew since it was told last. */
export function announceGrowth(state: SyncState): void {
  state.announceAt = undefined
  for (const session of state.sessions.values()) if (session.isOpen) announceTo(state, session)
}

/** Confirms that everything the peer named is held, where it does not know it yet. */
export function confirm(state: SyncState, session: PeerSession): void {
  const digest = session.theirDigest
  if (digest === undefined || !session.holdsTheirs || digest === session.toldSynced || digest === session.told) return
  session.toldSynced = digest
  if (digest === state.digest) markTold(session, digest)
  send(state, session, { type: 'synced', digest })
}

function announceTo(state: SyncState, session: PeerSession): void {
  const digest = state.digest
  if (digest === undefined) return
  if (session.told !== digest && !(session.theirDigest === digest && session.holdsTheirs)) sendHeads(state, session, digest)
  else if (session.told !== digest) {
    session.toldSynced = digest
    send(state, session, { type: 'synced', digest })
  }
  markTold(session, digest)
}

function markTold(session: PeerSession, digest: string): void {
  session.told = digest
  session.pending.clear()
}

/** Only the last page carries the new digest: the earlier ones are not yet a vector that could be confirmed. */
function sendHeads(state: SyncState, session: PeerSession, digest: string): void {
  const changed = pages(headsOf(state, session.pending.keys()).filter(([author, heads]) => !sameHeads(session.theirs.get(author) ?? [], heads)))
  for (const [index, heads] of changed.entries()) {
    const last = index === changed.length - 1
    send(state, session, { type: 'heads', heads, digest: last ? digest : (session.told ?? '') })
  }
}

function sendVector(state: SyncState, session: PeerSession): void {
  const digest = state.digest ?? ''
  const all = pages(headsOf(state, state.ours.keys()))
  for (const [index, heads] of all.entries()) send(state, session, { type: 'vector', heads, digest, last: index === all.length - 1 })
  markTold(session, digest)
}

function headsOf(state: SyncState, authors: Iterable<AuthorId>): HeadList {
  return Array.from(authors, (author) => [author, state.ours.get(author) ?? []] as const).filter(([, heads]) => heads.length > 0)
}

/** At least one page, which may be empty. */
function pages(heads: HeadList): readonly HeadList[] {
  const out = [heads.slice(0, HEADS_PER_PAGE)]
  for (let at = HEADS_PER_PAGE; at < heads.length; at += HEADS_PER_PAGE) out.push(heads.slice(at, at + HEADS_PER_PAGE))
  return out
}

function send(state: SyncState, session: PeerSession, message: Message): void {
  state.emit({ type: 'send', peer: session.peer, message })
}
