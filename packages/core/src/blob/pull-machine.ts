import type { Crypto } from '../base/crypto.js'
import { assertNever, MalformedError } from '../base/errors.js'
import type { BlobId } from '../base/ids.js'
import type { Random } from '../base/random.js'
import { BLOB_VERSION } from './blob-message.js'
import type { BlobMessage } from './blob-message.js'
import type { ChunkList } from './chunk-list.js'
import type { Download } from './download.js'
import { Offers } from './offers.js'
import { MAX_MANIFEST_BYTES } from './chunk-limits.js'
import { ANNOUNCE_MS, MAX_FOLLOWS } from './pull-limits.js'
import { Availability, PullPeer } from './pull-peer.js'
import { begin, closeAll, follow, idle, nextLook, plan, releaseStalled } from './pull-planner.js'
import { close, withdraw, withdrawOthers } from './pull-state.js'
import type { PullState } from './pull-state.js'
import type { PullEffect, PullEvent, Transfer } from './pull-types.js'

export interface PullMachineInit {
  readonly crypto: Pick<Crypto, 'sha256'>
  /** Between 0 and 1: spreads the peers over the chunks. */
  readonly random: Random
}

/** Why a peer is sent away; undefined when it did nothing wrong. */
type Fault = string | undefined

/**
 * Fetching blobs from all peers at once, and serving them, as a machine without I/O: an event goes in, effects come out.
 *
 * Of each wanted blob every peer is asked what it has; its manifests are fetched, then its chunks, the rarest first, from
 * all that have them. A peer is asked ahead for as much as it brings in a second. What a slow or silent one was asked for
 * is asked of others; one that sends something wrong is sent away. What came is served at once, so a peer with half
 * serves its half.
 *
 * Nothing that a peer sends makes memory grow without bound: pieces come only when asked for, wants and follows are
 * counted, small messages have a rate.
 */
export class PullMachine {
  readonly #state: PullState
  #effects: PullEffect[] = []
  #timerAt: number | undefined

  constructor({ crypto, random }: PullMachineInit) {
    const emit = (effect: PullEffect): void => void this.#effects.push(effect)
    this.#state = {
      crypto,
      random,
      peers: new Map(),
      queue: new Set(),
      downloads: new Map(),
      byRef: new Map(),
      offers: new Offers(emit),
      nextId: 1,
      storingBytes: 0,
      emit
    }
  }

  /** The blobs being fetched, and how many wait behind them. */
  get transfers(): { readonly active: readonly Transfer[]; readonly waiting: number; readonly serving: number } {
    const { downloads, queue, offers } = this.#state
    return { active: [...downloads.values()].map((download) => this.#describe(download)), waiting: queue.size, serving: offers.count }
  }

  /**
   * Takes one event and returns what is to be done, in order.
   *
   * @param now milliseconds of a clock that only grows.
   */
  handle(event: PullEvent, now: number): readonly PullEffect[] {
    this.#effects = []
    this.#dispatch(event, now)
    this.#settle(now)
    return this.#effects
  }

  #dispatch(event: PullEvent, now: number): void {
    const state = this.#state
    const peer = 'peer' in event ? state.peers.get(event.peer) : undefined
    switch (event.type) {
      case 'connected':
        return this.#connect(event.peer, now)
      case 'disconnected':
        return peer === undefined ? undefined : this.#forget(peer)
      case 'message':
        return peer === undefined ? undefined : this.#judge(peer, this.#receive(peer, event.message, now))
      case 'wanted':
        if (!state.downloads.has(event.blob)) state.queue.add(event.blob)
        return undefined
      case 'unwanted':
        return this.#drop(event.blob)
      case 'opened':
        return this.#opened(event)
      case 'held':
        return this.#held(event)
      case 'loaded':
        return state.offers.lost(peer?.upload.loaded(event.id, event.bytes, state.emit))
      case 'sent':
        return peer?.upload.sent()
      case 'stored':
        return this.#stored(event, now)
      case 'tick':
        this.#timerAt = undefined
        return undefined
      default:
        return assertNever(event)
    }
  }

  /** What follows from any event. */
  #settle(now: number): void {
    const state = this.#state
    for (const blob of idle(state, now)) {
      this.#drop(blob)
      state.queue.add(blob)
    }
    begin(state, now)
    releaseStalled(state, now)
    plan(state, now)
    if (state.offers.announceAt !== undefined && state.offers.announceAt <= now) state.offers.announce()
    for (const peer of state.peers.values()) peer.upload.pump(state.emit, state.offers)
    this.#setTimer(now)
  }

  #connect(name: string, now: number): void {
    const before = this.#state.peers.get(name)
    if (before !== undefined) this.#forget(before)
    this.#state.peers.set(name, new PullPeer(name, now))
    this.#state.emit({ type: 'send', peer: name, message: { type: 'hello', version: BLOB_VERSION } })
  }

  #forget(peer: PullPeer): void {
    this.#state.peers.delete(peer.peer)
    for (const blob of peer.follows.values()) this.#state.offers.unfollow(peer, blob)
    for (const [download, has] of peer.available) {
      for (let at = 0; at < (download.list?.count ?? 0); at++) if (has.has(at)) download.copy(at, -1)
    }
    closeAll(this.#state, peer)
  }

  #receive(peer: PullPeer, message: BlobMessage, now: number): Fault {
    if (!peer.greeted && message.type !== 'hello') return 'did not say hello first'
    if (message.type === 'piece') return this.#takePiece(peer, message.id, message.bytes, now)
    if (message.type === 'get') return this.#serve(peer, message)
    if (message.type === 'cancel' && peer.upload.cancel(message.id)) return undefined
    if (!peer.admitControl(now)) return 'sends messages faster than any use of them'
    switch (message.type) {
      case 'hello':
        return this.#greet(peer)
      case 'follow':
        return this.#follow(peer, message.ref, message.blob)
      case 'unfollow':
        return this.#unfollow(peer, message.ref)
      case 'have':
      case 'whole':
        return this.#learn(peer, message)
      case 'lack':
        return this.#lack(peer, message.id, now)
      case 'cancel':
      case 'unknown':
        return undefined
      default:
        return assertNever(message)
    }
  }

  #greet(peer: PullPeer): Fault {
    if (peer.greeted) return 'said hello twice'
    peer.greeted = true
    for (const download of this.#state.downloads.values()) follow(this.#state, peer, download)
    return undefined
  }

  #follow(peer: PullPeer, ref: number, blob: BlobId): Fault {
    if (peer.follows.has(ref)) return 'follows two blobs under one number'
    if (peer.follows.size >= MAX_FOLLOWS) return 'follows too much at once'
    peer.follows.set(ref, blob)
    const download = this.#state.downloads.get(blob)
    const { list, held } = download ?? {}
    this.#state.offers.follow(peer, ref, blob, list !== undefined && held !== undefined ? { list, chunks: held } : undefined)
    return undefined
  }

  #unfollow(peer: PullPeer, ref: number): Fault {
    const blob = peer.follows.get(ref)
    if (blob === undefined) return 'ends what it never followed'
    peer.follows.delete(ref)
    if (![...peer.follows.values()].includes(blob)) this.#state.offers.unfollow(peer, blob)
    return undefined
  }

  #learn(peer: PullPeer, message: BlobMessage & { type: 'have' | 'whole' }): Fault {
    const download = this.#state.byRef.get(message.ref)
    const has = download === undefined ? undefined : peer.available.get(download)
    // It may have been on the way when we lost interest.
    if (download === undefined || has === undefined) return undefined
    const count = download.list?.count
    if (message.type === 'whole') {
      for (let at = 0; at < (count ?? 0); at++) if (!has.has(at)) download.copy(at, 1)
      has.whole = true
      return undefined
    }
    const added = has.add(message.from, message.bits, count)
    if (added === undefined) return 'has chunks that do not exist'
    for (const at of added) if (!has.whole) download.copy(at, 1)
    return undefined
  }

  #serve(peer: PullPeer, { id, ref, part, index }: BlobMessage & { type: 'get' }): Fault {
    const blob = peer.follows.get(ref)
    if (blob === undefined) return 'asks for a part of what it does not follow'
    return peer.upload.add({ id, blob, part, index }) ? undefined : 'asks for too much at once'
  }

  #lack(peer: PullPeer, id: number, now: number): Fault {
    const request = peer.requests.get(id)
    if (request === undefined) return undefined
    const { download, part, index } = request
    const has = peer.available.get(download)
    peer.received(0, now)
    if (part === 'manifest') peer.available.set(download, new Availability())
    else if (has?.has(index) === true) {
      has.lacks(index, download.list?.count ?? 0)
      download.copy(index, -1)
    }
    close(this.#state, request)
    return undefined
  }

  #takePiece(peer: PullPeer, id: number, bytes: Uint8Array, now: number): Fault {
    const request = peer.requests.get(id)
    if (request === undefined) return peer.takeLate() || peer.admitControl(now) ? undefined : 'sends what nobody asked for'
    if (bytes.length > (request.part === 'manifest' ? MAX_MANIFEST_BYTES : request.bytes)) return 'sends more than was asked for'
    peer.received(bytes.length, now)
    const { download, part, index } = request
    if (part === 'manifest') return this.#takeManifest(request.download, id, peer, index, bytes)
    withdrawOthers(this.#state, request)
    peer.closed(request)
    download.forget(request)
    if (download.held?.has(index) !== false) return undefined
    this.#state.storingBytes += bytes.length
    this.#state.emit({ type: 'store', peer: peer.peer, blob: download.blob, index, bytes })
    return undefined
  }

  #takeManifest(download: Download, id: number, peer: PullPeer, index: number, bytes: Uint8Array): Fault {
    const request = peer.requests.get(id)
    if (request !== undefined) close(this.#state, request)
    if (download.list !== undefined) return undefined
    if (!download.isManifest(this.#state.crypto, index, bytes)) return 'sent a manifest that is not the one asked for'
    try {
      const complete = download.takeManifest(index, bytes)
      if (complete !== undefined) this.#listed(download, complete.manifests)
    } catch (error) {
      // The bytes are what their author named: nobody can have this blob, and the sender is not to blame.
      if (!(error instanceof MalformedError)) throw error
      this.#drop(download.blob)
    }
    return undefined
  }

  #listed(download: Download, manifests: readonly Uint8Array[]): void {
    const { list } = download
    if (list === undefined) return
    this.#settleEarly(download, list)
    download.waiting = true
    this.#state.emit({ type: 'listed', blob: download.blob, manifests, list })
  }

  /** The number of chunks is known now: what peers said before is counted. */
  #settleEarly(download: Download, list: ChunkList): void {
    download.prepare(list)
    for (const peer of this.#state.peers.values()) {
      const has = peer.available.get(download)
      if (has !== undefined && has.settle(list.count) === undefined) this.#judge(peer, 'has chunks that do not exist')
      else for (let at = 0; at < list.count; at++) if (has?.has(at) === true) download.copy(at, 1)
    }
  }

  #opened({ blob, held }: PullEvent & { type: 'opened' }): void {
    const download = this.#state.downloads.get(blob)
    if (download?.waiting !== true) return
    download.waiting = false
    if (held === undefined) return
    if (download.list === undefined) this.#settleEarly(download, held.list)
    download.begin(held)
    this.#state.offers.held(blob, held)
    if (download.isWhole) this.#finish(download)
  }

  #held({ blob, held }: PullEvent & { type: 'held' }): void {
    const download = this.#state.downloads.get(blob)
    // Of a blob that is being fetched the download knows better, unless it came by other means.
    if (download !== undefined && held?.chunks.isWhole !== true) return this.#offerAgain(download)
    this.#state.offers.held(blob, held)
    if (download !== undefined) this.#finish(download)
  }

  #offerAgain({ blob, list, held }: Download): void {
    if (list !== undefined && held !== undefined && !this.#state.offers.isTold(blob)) this.#state.offers.held(blob, { list, chunks: held })
  }

  #stored({ peer, blob, index, bytes, outcome }: PullEvent & { type: 'stored' }, now: number): void {
    const download = this.#state.downloads.get(blob)
    this.#state.storingBytes -= bytes
    if (outcome === 'bad') {
      const sender = this.#state.peers.get(peer)
      if (sender !== undefined) this.#judge(sender, 'sent a chunk that is not the one asked for')
    }
    if (download === undefined) return
    if (outcome !== 'ok') return download.reopen(index)
    download.stored(index)
    this.#state.offers.gained(blob, index, now + ANNOUNCE_MS)
    if (download.isWhole) this.#finish(download)
  }

  #finish(download: Download): void {
    this.#drop(download.blob)
    this.#state.emit({ type: 'whole', blob: download.blob })
  }

  #drop(blob: BlobId): void {
    const state = this.#state
    state.queue.delete(blob)
    const download = state.downloads.get(blob)
    if (download === undefined) return
    state.downloads.delete(blob)
    state.byRef.delete(download.ref)
    for (const request of download.requests()) withdraw(state, request)
    for (const peer of state.peers.values()) {
      if (peer.available.delete(download)) state.emit({ type: 'send', peer: peer.peer, message: { type: 'unfollow', ref: download.ref } })
    }
  }

  #judge(peer: PullPeer, fault: Fault): void {
    if (fault === undefined) return
    this.#forget(peer)
    this.#state.emit({ type: 'disconnect', peer: peer.peer, reason: `the peer ${fault}` })
  }

  #describe(download: Download): Transfer {
    const peers = [...this.#state.peers.values()]
    return {
      blob: download.blob,
      doneBytes: download.doneBytes,
      totalBytes: download.list?.size ?? 0,
      sources: new Set([...download.requests()].map(({ peer }) => peer)).size,
      holders: peers.filter((peer) => peer.available.get(download)?.some === true).length
    }
  }

  #setTimer(now: number): void {
    const look = nextLook(this.#state, now)
    const announce = this.#state.offers.announceAt
    const at = look === undefined ? announce : Math.min(look, announce ?? look)
    if (at === undefined || (this.#timerAt !== undefined && this.#timerAt <= at)) return
    this.#timerAt = at
    this.#state.emit({ type: 'timer', at })
  }
}
