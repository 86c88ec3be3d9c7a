import { toHex } from '../base/bytes.js'
import type { Clock } from '../base/clock.js'
import type { Crypto } from '../base/crypto.js'
import { errorMessage } from '../base/errors.js'
import { Emitter } from '../base/events.js'
import type { Unsubscribe } from '../base/events.js'
import type { BlobId } from '../base/ids.js'
import type { KvStore } from '../base/kv.js'
import type { Logger } from '../base/log.js'
import type { Random } from '../base/random.js'
import type { BlobKeys } from '../blob/blob-keys.js'
import { decodeBlobMessage, encodeBlobMessage, encodePiece } from '../blob/blob-message.js'
import type { BlobPlace } from '../blob/blob-place.js'
import type { ChunkList } from '../blob/chunk-list.js'
import { buildManifest } from '../blob/manifest.js'
import type { Item } from '../blob/manifest.js'
import { PullMachine } from '../blob/pull-machine.js'
import type { PullEffect, PullEvent } from '../blob/pull-types.js'
import type { Transport } from '../net/transport.js'
import { BlobLists } from './blob-lists.js'
import type { BlobLimits, Blobs, TransferStatus } from './blob-types.js'
import { RateMeter } from './rate-meter.js'
import { TokenBucket } from './token-bucket.js'

export interface BlobDriverInit {
  readonly crypto: Crypto
  readonly kv: KvStore
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  readonly keys: BlobKeys | undefined
  readonly limits: BlobLimits
  /** So many bytes of blobs passed through memory. */
  readonly onBytes: (bytes: number) => void
  /** Whether there is room for a wanted blob, once its chunks are known. @default there is */
  readonly admit?: (list: ChunkList) => Promise<boolean>
  /** Whether a blob is held that is not wanted any more. @default none is */
  readonly isHeld?: (blob: BlobId) => boolean
  /** A peer was sent away for what it sent. */
  readonly onRefused: (peer: string, reason: string) => void
  /** Chunks or manifests could not be kept. */
  readonly onTrouble: (message: string) => void
}

/** A chunk that the disk refused is asked for again after this time. */
const DISK_RETRY_MS = 5_000

/** What could not be read for a peer is looked at again after this time. */
const LOOK_AGAIN_MS = 2_000

/** That a blob is wanted: another one each time, as what was fetched for an earlier one is gone. */
interface Want {
  /** As the tree says it to who can read it. */
  readonly size: number | undefined
}

/** Carries out what the pull machine decides: between the machine, the manifests, the chunks' place and the transport. */
export class BlobDriver implements Blobs {
  readonly #init: BlobDriverInit
  readonly #machine: PullMachine
  readonly #lists: BlobLists
  readonly #sent: RateMeter
  readonly #received: RateMeter
  readonly #up: TokenBucket
  readonly #down: TokenBucket
  readonly #events: Emitter<{ whole: BlobId }>
  readonly #wanted = new Map<BlobId, Want>()
  #place: BlobPlace | undefined
  #transport: Transport | undefined
  #cancelTimer: (() => void) | undefined
  #stopped = false

  constructor(init: BlobDriverInit) {
    this.#init = init
    this.#machine = new PullMachine({ crypto: init.crypto, random: init.random })
    this.#lists = new BlobLists(init.kv)
    this.#sent = new RateMeter(init.clock)
    this.#received = new RateMeter(init.clock)
    this.#up = new TokenBucket(init.limits.upBytesPerSecond ?? Infinity, init.clock)
    this.#down = new TokenBucket(init.limits.downBytesPerSecond ?? Infinity, init.clock)
    this.#events = new Emitter((error) => init.logger.warn('a listener failed', { reason: errorMessage(error) }))
  }

  get keys(): BlobKeys | undefined {
    return this.#init.keys
  }

  use(place: BlobPlace): void {
    this.#place = place
  }

  start(transport: Transport): void {
    this.#transport = transport
  }

  stop(): void {
    this.#stopped = true
    this.#cancelTimer?.()
  }

  joined(peer: string): void {
    this.#handle({ type: 'connected', peer })
  }

  left(peer: string): void {
    this.#handle({ type: 'disconnected', peer })
  }

  /** The transport reads no further frame of this peer until it resolves: so the limit reaches the sender. */
  async frame(peer: string, frame: Uint8Array): Promise<void> {
    const message = decodeBlobMessage(frame)
    // What keeps a chunk takes its bytes over.
    const { length } = frame
    this.#received.add(length)
    this.#init.onBytes(length)
    this.#handle({ type: 'message', peer, message })
    await this.#down.take(length)
  }

  async describe(chunks: readonly Item[]): Promise<{ readonly blob: BlobId; readonly size: number }> {
    const { blob, size, nodes } = buildManifest(this.#init.crypto, chunks)
    await this.#lists.keep(nodes)
    return { blob, size }
  }

  async list(blob: BlobId): Promise<ChunkList | undefined> {
    return await this.#lists.list(blob)
  }

  want(blob: BlobId, size?: number): void {
    if (this.#wanted.has(blob) || this.#place === undefined) return
    this.#wanted.set(blob, { size })
    this.#handle({ type: 'wanted', blob })
  }

  unwant(blob: BlobId): void {
    if (!this.#wanted.delete(blob)) return
    this.#handle({ type: 'unwanted', blob })
    this.#run(this.#place?.drop(blob) ?? Promise.resolve())
  }

  changed(blob: BlobId): void {
    this.#run(this.#look(blob))
  }

  async keepOnly(blobs: ReadonlySet<BlobId>): Promise<void> {
    const isKept = (blob: BlobId): boolean => blobs.has(blob) || this.#wanted.has(blob)
    for (const blob of await this.#lists.all()) if (!isKept(blob)) await this.#lists.drop(blob, isKept)
  }

  /** The blobs whose chunks are known. */
  async known(): Promise<readonly BlobId[]> {
    return await this.#lists.all()
  }

  /** It is not wanted any more, its chunks are gone, and so is the list of them. */
  async forget(blob: BlobId): Promise<void> {
    this.unwant(blob)
    await this.#lists.drop(blob, (other) => this.#wanted.has(other) || this.#init.isHeld?.(other) === true)
    await this.#look(blob)
  }

  onWhole(listener: (blob: BlobId) => void): Unsubscribe {
    return this.#events.on('whole', listener)
  }

  status(): TransferStatus {
    const [sent, received] = [this.#sent, this.#received]
    const rates = { sentPerSecond: sent.perSecond, receivedPerSecond: received.perSecond }
    return { ...this.#machine.transfers, sentBytes: sent.total, receivedBytes: received.total, ...rates }
  }

  #handle(event: PullEvent): void {
    if (this.#stopped) return
    for (const effect of this.#machine.handle(event, this.#init.clock.monotonic())) this.#carryOut(effect)
  }

  #carryOut(effect: PullEffect): void {
    switch (effect.type) {
      case 'send':
        return this.#run(this.#send(effect))
      case 'open':
        return this.#run(this.#open(effect.blob))
      case 'look':
        return this.#run(this.#look(effect.blob))
      case 'listed':
        return this.#run(this.#listed(effect))
      case 'load':
        return this.#run(this.#load(effect))
      case 'store':
        return this.#run(this.#store(effect))
      case 'whole':
        return this.#run(this.#whole(effect.blob))
      case 'timer':
        return this.#setTimer(effect.at)
      case 'disconnect':
        this.#init.onRefused(effect.peer, effect.reason)
        this.#transport?.disconnect(effect.peer, effect.reason)
    }
  }

  async #open(blob: BlobId): Promise<void> {
    const list = await this.#lists.list(blob)
    if (list === undefined) this.#handle({ type: 'opened', blob, held: undefined })
    else await this.#prepare(list)
  }

  async #listed({ manifests, list }: PullEffect & { type: 'listed' }): Promise<void> {
    const { crypto } = this.#init
    await this.#lists.keep(manifests.map((bytes) => ({ hash: toHex(crypto.sha256(bytes)), bytes })))
    await this.#prepare(list)
  }

  /** Says what is here of a wanted blob; one with another size than the tree says is nobody's. */
  async #prepare(list: ChunkList): Promise<void> {
    const { blob } = list
    const want = this.#wanted.get(blob)
    const isWanted = (): boolean => this.#wanted.get(blob) === want
    if (want === undefined) return
    if (list.size !== (want.size ?? list.size)) return this.unwant(blob)
    if ((await this.#init.admit?.(list)) === false) return await this.forget(blob)
    const chunks = await this.#insist(isWanted, () => this.#place?.prepare(list))
    if (chunks !== undefined && isWanted()) this.#handle({ type: 'opened', blob, held: { list, chunks } })
  }

  /** The disk may refuse for a while. */
  async #insist<T>(isWanted: () => boolean, step: () => Promise<T> | undefined): Promise<T | undefined> {
    while (!this.#stopped && isWanted()) {
      try {
        return await step()
      } catch (error) {
        if (this.#stopped || !isWanted()) return undefined
        this.#init.onTrouble(`a file cannot be fetched now, and is tried again: ${errorMessage(error)}`)
        await new Promise<void>((resolve) => void this.#init.clock.after(DISK_RETRY_MS, resolve))
      }
    }
    return undefined
  }

  async #look(blob: BlobId): Promise<void> {
    const list = await this.#lists.list(blob)
    const chunks = list === undefined ? undefined : await this.#place?.held(list)
    const held = list === undefined || chunks === undefined ? undefined : { list, chunks }
    this.#handle({ type: 'held', blob, held })
  }

  async #load({ peer, id, blob, part, index }: PullEffect & { type: 'load' }): Promise<void> {
    const bytes = part === 'manifest' ? await this.#lists.manifest(blob, index) : await this.#read(blob, index).catch(() => undefined)
    this.#handle({ type: 'loaded', peer, id, bytes })
    // The file may be changing, or only have been touched.
    if (bytes === undefined) this.#init.clock.after(LOOK_AGAIN_MS, () => this.changed(blob))
  }

  async #read(blob: BlobId, index: number): Promise<Uint8Array | undefined> {
    const list = await this.#lists.list(blob)
    return list === undefined || index >= list.count ? undefined : await this.#place?.read(list, index)
  }

  async #store({ peer, blob, index, bytes }: PullEffect & { type: 'store' }): Promise<void> {
    const { length } = bytes
    const want = this.#wanted.get(blob)
    const list = await this.#lists.list(blob)
    const stored = (outcome: 'ok' | 'bad' | 'failed'): void => this.#handle({ type: 'stored', peer, blob, index, bytes: length, outcome })
    if (list === undefined || this.#place === undefined) return stored('failed')
    try {
      const kept = await this.#place.write(list, index, bytes)
      if (this.#wanted.get(blob) !== want && kept !== 'false-hash') return stored('failed')
      if (kept === 'kept') return stored('ok')
      if (kept === 'false-hash') return stored('bad')
      // A chunk that does not open is its author's doing, and whoever sends it is not to blame.
      this.unwant(blob)
      this.#init.onTrouble('a file that a member added cannot be read by anybody; it should add it anew')
    } catch (error) {
      if (this.#stopped || this.#wanted.get(blob) !== want) return stored('failed')
      this.#init.onTrouble(`a part of a file could not be written: ${errorMessage(error)}`)
      await new Promise<void>((resolve) => void this.#init.clock.after(DISK_RETRY_MS, resolve))
    }
    stored('failed')
  }

  async #whole(blob: BlobId): Promise<void> {
    const want = this.#wanted.get(blob)
    const isWanted = (): boolean => this.#wanted.get(blob) === want
    try {
      await this.#place?.finish(blob)
    } catch (error) {
      if (this.#stopped || !isWanted()) return
      this.#init.onTrouble(`the disk did not keep a file that came, which is fetched again: ${errorMessage(error)}`)
      await this.#look(blob)
      await new Promise<void>((resolve) => void this.#init.clock.after(DISK_RETRY_MS, resolve))
      if (want === undefined || !isWanted()) return
      this.#wanted.delete(blob)
      return this.want(blob, want.size)
    }
    if (!isWanted()) return
    this.#wanted.delete(blob)
    this.#events.emit('whole', blob)
  }

  async #send({ peer, message }: PullEffect & { type: 'send' }): Promise<void> {
    const parts: readonly Uint8Array[] = message.type === 'piece' ? encodePiece(message.id, message.bytes) : [encodeBlobMessage(message)]
    const bytes = parts.reduce((sum, part) => sum + part.length, 0)
    if (message.type === 'piece') await this.#up.take(bytes)
    await this.#transport?.blobs?.send(peer, ...parts)
    this.#sent.add(bytes)
    this.#init.onBytes(bytes)
    if (message.type === 'piece') this.#handle({ type: 'sent', peer })
  }

  #setTimer(at: number): void {
    this.#cancelTimer?.()
    const { clock } = this.#init
    this.#cancelTimer = clock.after(Math.max(0, at - clock.monotonic()), () => this.#handle({ type: 'tick' }))
  }

  #run(work: Promise<void>): void {
    work.catch((error: unknown) => this.#init.logger.debug('a step of a transfer failed', { reason: errorMessage(error) }))
  }
}
