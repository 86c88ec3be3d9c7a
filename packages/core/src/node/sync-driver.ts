import type { Clock } from '../base/clock.js'
import type { Crypto } from '../base/crypto.js'
import { MalformedError, errorMessage } from '../base/errors.js'
import type { AuthorId } from '../base/ids.js'
import type { Logger } from '../base/log.js'
import { MAX_GOSSIP_BYTES } from '../base/limits.js'
import { decodeEntry, decodeEntryWire, encodeEntryWire, isBodyOf } from '../log/entry.js'
import type { Entry } from '../log/entry.js'
import { isSendersFault } from '../log/log.js'
import type { Fault, Log } from '../log/log.js'
import { PrunedError } from '../log/pruned-rows.js'
import type { PrunedRun } from '../log/pruned-rows.js'
import { decodeRun, encodeSegment } from '../log/segment.js'
import type { GossipVerdict, Transport } from '../net/transport.js'
import { decodeMessage, encodeMessage, PRUNES, RUNS } from '../sync/message.js'
import { SyncMachine } from '../sync/sync-machine.js'
import type { SyncEffect, SyncEvent } from '../sync/sync-types.js'
import { Holdings } from './holdings.js'
import type { Outcome } from './replica-types.js'

export interface SyncDriverInit {
  readonly crypto: Crypto
  readonly log: Log
  readonly clock: Clock
  readonly logger: Logger
  /** Old entries may be missing here. */
  readonly prunes: boolean
  /** Verifies, stores and applies. */
  readonly receive: (entries: readonly Entry[]) => Promise<Outcome>
  /** Takes back what was left to others; false when nobody can be asked. */
  readonly putBack: (run: PrunedRun) => Promise<boolean>
  /** A peer wants what was left to others, and nobody else is connected who may have it. */
  readonly onLacking: (peer: string) => void
  readonly onSynced: (peer: string, synced: boolean) => void
  readonly onProgress: (received: number, expected: number) => void
  /** A peer was sent away for what it sent. */
  readonly onRefused: (peer: string, reason: string) => void
  /** A peer said what it holds. */
  readonly onConfirmed: () => void
  /** Storing failed: nothing more can be taken in. */
  readonly onFailure: (error: unknown) => void
}

/** Carries out what the sync machine decides: between the machine, the log and the transport. */
export class SyncDriver {
  readonly holdings = new Holdings()
  readonly #init: SyncDriverInit
  readonly #machine: SyncMachine
  #transport: Transport | undefined
  #cancelTimer: (() => void) | undefined
  #stopped = false
  /** Peers that take entries as runs. */
  readonly #takesRuns = new Set<string>()
  /** Peers that said hello, and whether they may have left old entries to others. */
  readonly #prunes = new Map<string, boolean>()
  /** What is fetched back, by run and by request. */
  readonly #recalls = new Map<PrunedRun, Promise<readonly Entry[] | undefined>>()
  readonly #recalled = new Map<number, (entries: readonly Entry[] | undefined) => void>()
  #requests = 0

  constructor(init: SyncDriverInit) {
    this.#init = init
    this.#machine = new SyncMachine({ prunes: init.prunes, isWhole: ({ header, body }) => isBodyOf(init.crypto, header, body) })
  }

  /** Whether a connected peer keeps everything, and holds all that is held here. */
  get isKept(): boolean {
    for (const [peer, prunes] of this.#prunes) if (!prunes && this.holdings.holds(peer, this.holdings.state)) return true
    return false
  }

  /** The entries of a run that was left to others, from one of them; undefined when no connected peer has them. */
  async recall(run: PrunedRun): Promise<readonly Entry[] | undefined> {
    const known = this.#recalls.get(run)
    if (known !== undefined) return await known
    const request = this.#requests++
    const { author, head, first: from, last: to, bytes } = run
    const { promise, resolve } = Promise.withResolvers<readonly Entry[] | undefined>()
    this.#recalls.set(run, promise)
    this.#recalled.set(request, resolve)
    if (this.#stopped) resolve(undefined)
    else this.#handle({ type: 'recall', request, author, head, from, to, bytes })
    try {
      return await promise
    } finally {
      this.#recalls.delete(run)
      this.#recalled.delete(request)
    }
  }

  start(transport: Transport): void {
    this.#transport = transport
    this.grown()
  }

  stop(): void {
    this.#stopped = true
    for (const resolve of this.#recalled.values()) resolve(undefined)
    this.#cancelTimer?.()
  }

  joined(peer: string): void {
    this.#takesRuns.delete(peer)
    this.#prunes.delete(peer)
    this.#handle({ type: 'connected', peer })
  }

  left(peer: string): void {
    this.#takesRuns.delete(peer)
    this.#prunes.delete(peer)
    this.holdings.left(peer)
    this.#handle({ type: 'disconnected', peer })
  }

  async frame(peer: string, frame: Uint8Array): Promise<void> {
    const { crypto } = this.#init
    const message = decodeMessage(
      frame,
      (parts) => decodeEntry(crypto, parts),
      (bytes, max) => decodeRun(crypto, bytes, max)
    )
    if (message.type === 'hello') {
      if (message.features.includes(RUNS)) this.#takesRuns.add(peer)
      this.#prunes.set(peer, message.features.includes(PRUNES))
    }
    this.#handle({ type: 'message', peer, message })
    if ('digest' in message) {
      this.holdings.confirmed(peer, message.digest)
      this.#init.onConfirmed()
    }
    await Promise.resolve()
  }

  /** Tells the peers of new own entries: small ones at once by gossip, all of them by the sync streams. */
  published(entries: readonly Entry[]): void {
    for (const entry of entries) {
      const bytes = encodeEntryWire(entry)
      if (bytes.length <= MAX_GOSSIP_BYTES) void this.#transport?.publish(bytes).catch((error: unknown) => this.#note('publish', error))
    }
    this.grown()
  }

  /** The local log holds more than before. */
  grown(): void {
    const { vector, digest } = this.#init.log
    if (this.holdings.grew(digest)) this.#init.onConfirmed()
    this.#handle({ type: 'grown', vector, digest })
  }

  /** A gossip message is an entry: forwarded when new and sound, refused when its envelope is at fault. */
  async gossip(data: Uint8Array): Promise<GossipVerdict> {
    let entry: Entry
    try {
      entry = decodeEntryWire(this.#init.crypto, data)
    } catch (error) {
      if (error instanceof MalformedError) return 'reject'
      throw error
    }
    const { log } = this.#init
    if ((await log.has(entry.hash)) || log.pruned.bareAt(entry.header.author, entry.header.seq) !== undefined) return 'ignore'
    const staged = await this.#receive([entry])
    if (staged === undefined || staged === 'lacking') return 'ignore'
    if (staged.faults.some(({ reason }) => isSendersFault(reason))) return 'reject'
    return staged.accepted.length > 0 ? 'accept' : 'ignore'
  }

  #handle(event: SyncEvent): void {
    if (this.#stopped) return
    for (const effect of this.#machine.handle(event, this.#init.clock.monotonic())) this.#carryOut(effect)
  }

  #carryOut(effect: SyncEffect): void {
    switch (effect.type) {
      case 'send':
        void this.#transport?.send(effect.peer, encodeMessage(effect.message, this.#takesRuns.has(effect.peer) ? encodeSegment : undefined)).catch((error: unknown) => this.#note('send', error))
        return
      case 'load':
        void this.#load(effect).catch((error: unknown) => this.#init.onFailure(error))
        return
      case 'deliver':
        void this.#deliver(effect).catch((error: unknown) => this.#init.onFailure(error))
        return
      case 'recalled':
        this.#recalled.get(effect.request)?.(effect.entries)
        return
      case 'check':
        void this.#check(effect).catch((error: unknown) => this.#init.onFailure(error))
        return
      case 'timer':
        this.#setTimer(effect.at)
        return
      case 'synced':
        this.#init.onSynced(effect.peer, effect.synced)
        return
      case 'progress':
        this.#init.onProgress(effect.received, effect.expected)
        return
      case 'disconnect':
        this.#init.onRefused(effect.peer, effect.reason)
        this.#transport?.disconnect(effect.peer, effect.reason)
        return
    }
  }

  async #load(effect: Extract<SyncEffect, { type: 'load' }>): Promise<void> {
    const { peer, request, author, head, from, to, maxBytes, toFork } = effect
    const range = { author, head, from, to, maxBytes }
    let entries = await this.#init.log.read(range)
    const keepers = [...this.#prunes].flatMap(([other, prunes]) => (prunes ? [] : [other]))
    // Two that left the same to others would wait for each other.
    const gone = entries.length === 0 && toFork && keepers.length > 0 ? this.#init.log.pruned.at(author, from) : undefined
    if (gone !== undefined && (await this.#init.putBack(gone))) entries = await this.#init.log.read(range)
    const last = entries.at(-1)
    const next = last === undefined || last.header.seq >= to ? undefined : last.header.seq + 1
    const pruned = this.#init.log.pruned.at(author, next ?? from) !== undefined
    if (pruned && entries.length === 0 && !keepers.some((other) => other !== peer)) this.#init.onLacking(peer)
    this.#handle({ type: 'loaded', peer, request, entries, next, pruned })
  }

  async #deliver({ peer, entries, bytes }: Extract<SyncEffect, { type: 'deliver' }>): Promise<void> {
    const faults: Fault[] = []
    const lacking: AuthorId[] = []
    const parts: (readonly Entry[])[] = [entries]
    for (const part of parts) {
      const staged = await this.#receive(part)
      if (staged === undefined) return
      if (staged !== 'lacking') faults.push(...staged.faults)
      // Of which author it is shows when each comes alone.
      else if (new Set(part.map(({ header }) => header.author)).size > 1) parts.push(...Object.values(Object.groupBy(part, ({ header }) => header.author)).map((own = []) => own))
      else lacking.push(...part.slice(0, 1).map(({ header }) => header.author))
    }
    if (lacking.length > 0) this.#init.onLacking(peer)
    for (const { reason } of faults) this.#init.logger.warn('an entry with a fault', { peer, reason })
    this.#handle({ type: 'delivered', peer, bytes, outcome: faults.some(({ reason }) => isSendersFault(reason)) ? 'fault' : 'ok', lacking })
  }

  async #check({ peer, author, head, seq, isOnly }: Extract<SyncEffect, { type: 'check' }>): Promise<void> {
    const held = await this.#init.log.hasHead(author, { seq, hash: head }, isOnly)
    this.#handle({ type: 'checked', peer, author, head, held, presumed: held && !(await this.#init.log.has(head)) })
  }

  /** Undefined when nothing is taken any more; lacking: not before somebody is there who has what was left to others. */
  async #receive(entries: readonly Entry[]): Promise<Outcome['staged'] | 'lacking' | undefined> {
    if (this.#stopped) return undefined
    try {
      const { staged } = await this.#init.receive(entries)
      if (staged.accepted.length > 0) this.grown()
      return staged
    } catch (error) {
      if (error instanceof PrunedError) return 'lacking'
      this.#init.onFailure(error)
      return undefined
    }
  }

  #setTimer(at: number): void {
    this.#cancelTimer?.()
    const { clock } = this.#init
    this.#cancelTimer = clock.after(Math.max(0, at - clock.monotonic()), () => this.#handle({ type: 'tick' }))
  }

  #note(what: string, error: unknown): void {
    this.#init.logger.debug(`${what} failed`, { reason: errorMessage(error) })
  }
}
