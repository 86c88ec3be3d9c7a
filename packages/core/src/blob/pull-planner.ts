import type { BlobId } from '../base/ids.js'
import { SEAL_BYTES } from './chunk-limits.js'
import { Download } from './download.js'
import type { BlobPart } from './blob-message.js'
import { ENDGAME_MS, MANIFEST_GUESS_BYTES, MAX_ACTIVE, MAX_ASKED, MAX_COMPARED, MAX_FLIGHT_BYTES, MOVE_BELOW, MOVE_MS, PARK_MS, RAREST_AMONG, STALL_MS } from './pull-limits.js'
import { Availability } from './pull-peer.js'
import type { PullPeer } from './pull-peer.js'
import { close, withdraw } from './pull-state.js'
import type { PullState } from './pull-state.js'

/** Blobs that nobody connected has, and that others wait behind. */
export function idle(state: PullState, now: number): readonly BlobId[] {
  if (!isCrowded(state)) return []
  return [...state.downloads.values()].filter((download) => now - download.begunAt >= PARK_MS && !hasHolder(state, download)).map(({ blob }) => blob)
}

function isCrowded({ downloads, queue }: PullState): boolean {
  return queue.size > 0 && downloads.size >= MAX_ACTIVE
}

function hasHolder({ peers }: PullState, download: Download): boolean {
  for (const peer of peers.values()) if (peer.available.get(download)?.some === true) return true
  return false
}

/** Begins what is wanted, any of it first: peers that want the same then begin with different ones. */
export function begin(state: PullState, now: number): void {
  while (state.downloads.size < MAX_ACTIVE && state.queue.size > 0) {
    const blob = anyOf(state)
    state.queue.delete(blob)
    const download = new Download(blob, state.nextId++, now)
    state.downloads.set(blob, download)
    state.byRef.set(download.ref, download)
    for (const peer of state.peers.values()) follow(state, peer, download)
    state.emit({ type: 'open', blob })
  }
}

function anyOf({ queue, random }: PullState): BlobId {
  let left = Math.floor(random.next() * Math.min(queue.size, 4 * MAX_ACTIVE))
  for (const blob of queue) if (left-- === 0) return blob
  throw new RangeError('nothing is queued')
}

export function follow(state: PullState, peer: PullPeer, download: Download): void {
  if (!peer.greeted) return
  peer.available.set(download, new Availability())
  state.emit({ type: 'send', peer: peer.peer, message: { type: 'follow', ref: download.ref, blob: download.blob } })
}

/** Requests of a peer that brings nothing go to others; the peer gets no new ones until it brings something. */
export function releaseStalled(state: PullState, now: number): void {
  for (const peer of state.peers.values()) {
    if (peer.requests.size === 0 || peer.stalled || now - peer.progressAt < STALL_MS) continue
    peer.stall()
    for (const request of peer.requests.values()) {
      request.released = true
      const { download, part, index } = request
      if (part === 'chunk' && !download.asked(part, index).some(({ released }) => !released)) download.reopen(index)
    }
  }
}

/** Asks the peers that have room, one request each in turn, the least busy first. */
export function plan(state: PullState, now: number): void {
  const willing = [...state.peers.values()].filter((peer) => peer.hasRoom && peer.available.size > 0)
  let flight = state.storingBytes
  for (const { outstandingBytes } of state.peers.values()) flight += outstandingBytes
  willing.sort((a, b) => a.outstandingBytes - b.outstandingBytes)
  for (let asked = true; asked; ) {
    asked = false
    for (const peer of willing) {
      if (!peer.hasRoom || flight >= MAX_FLIGHT_BYTES) continue
      const before = peer.outstandingBytes
      if (!askNext(state, peer, now)) continue
      flight += peer.outstandingBytes - before
      asked = true
    }
  }
}

/** When a stall, the endgame or a blob that nobody has is to be looked at. */
export function nextLook(state: PullState, now: number): number | undefined {
  let at = Infinity
  for (const peer of state.peers.values()) if (peer.requests.size > 0 && !peer.stalled) at = Math.min(at, peer.progressAt + STALL_MS)
  for (const download of state.downloads.values()) {
    if (!download.isEnding) continue
    for (const { askedAt, part } of download.requests()) if (part === 'chunk' && askedAt + ENDGAME_MS > now) at = Math.min(at, askedAt + ENDGAME_MS)
  }
  if (isCrowded(state)) {
    for (const download of state.downloads.values()) if (!hasHolder(state, download)) at = Math.min(at, Math.max(now + 1, download.begunAt + PARK_MS))
  }
  return at === Infinity ? undefined : at
}

function askNext(state: PullState, peer: PullPeer, now: number): boolean {
  for (const download of state.downloads.values()) {
    const has = peer.available.get(download)
    if (has?.some !== true) continue
    const manifest = download.nextManifest()
    if (manifest !== undefined) return ask(state, peer, download, 'manifest', manifest, now)
    const start = Math.floor(state.random.next() * (download.list?.count ?? 0))
    const index = download.rarest(start, RAREST_AMONG, (at) => has.has(at))
    if (index !== undefined) return ask(state, peer, download, 'chunk', index, now)
    if (peer.requests.size < MOVE_BELOW && askOverdue(state, peer, download, has, now)) return true
  }
  return false
}

/**
 * A chunk that waits at a peer with a long line and would come sooner from this one: what the source of many was asked
 * for and another has got meanwhile. The request moves, once; one that waits for long is asked of both.
 */
function askOverdue(state: PullState, peer: PullPeer, download: Download, has: Availability, now: number): boolean {
  let looked = 0
  for (const request of download.requests()) {
    const { part, index, askedAt, moved } = request
    if (part !== 'chunk' || request.peer === peer.peer || !has.has(index)) continue
    if (++looked > MAX_COMPARED) return false
    const asked = download.asked(part, index)
    if (asked.length >= MAX_ASKED || asked.some((one) => one.peer === peer.peer)) continue
    const isLate = now - askedAt >= ENDGAME_MS
    const wouldMove = !moved && (state.peers.get(request.peer)?.waitMs ?? 0) > 2 * peer.waitMs + MOVE_MS
    if (!isLate && !wouldMove) continue
    if (!isLate) withdraw(state, request)
    return ask(state, peer, download, 'chunk', index, now, !isLate)
  }
  return false
}

function ask(state: PullState, peer: PullPeer, download: Download, part: BlobPart, index: number, now: number, moved = false): true {
  const bytes = part === 'manifest' ? MANIFEST_GUESS_BYTES : (download.list?.sizeOf(index) ?? 0) + SEAL_BYTES
  const request = { id: state.nextId++, peer: peer.peer, download, part, index, bytes, askedAt: now, moved, released: false }
  peer.opened(request, now)
  download.note(request)
  state.emit({ type: 'send', peer: peer.peer, message: { type: 'get', id: request.id, ref: download.ref, part, index } })
  return true
}

/** Everything asked of a peer is open again. */
export function closeAll(state: PullState, peer: PullPeer): void {
  for (const request of peer.requests.values()) close(state, request)
}
