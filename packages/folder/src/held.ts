import type { Clock, Logger, Unsubscribe } from '@collab/core'
import { errorMessage } from '@collab/core'
import type { HeldChange, HeldId } from './folder-fs.js'
import type { Holders } from './holders.js'
import type { RelPath } from './rel-path.js'
import { sameContentState } from './signature.js'
import type { Signature } from './signature.js'
import { readEntry } from './stable-read.js'
import type { Trash, TrashNote } from './trash.js'

/** When a displaced file is looked at again, from the moment it was moved aside. */
const CHECKS_MS: readonly number[] = [100, 1000, 10_000]
const LATER_CHECKS_MS = 30_000
/** A process of another user that has it open is invisible: this long it may. */
const GRACE_MS = 60_000
/** A late writer is given this long to finish. */
const QUIET_MS = 100
/** News that were not taken by then (too large, nobody listens) are offered again rarely. */
const GIVE_UP_MS = 1000
/** More than a text can be: such a file stays in the trash and is not merged. */
const MAX_BYTES = 16 * 1024 * 1024

interface Held {
  readonly id: HeldId
  note: TrashNote
  readonly since: number
  checks: number
  cancel: () => void
}

export interface HeldInodesInit {
  readonly trash: Trash
  readonly holders: Holders
  readonly clock: Clock
  readonly logger: Logger
}

/**
 * Displaced files that a program may still have open: what it writes there would be lost to the user, so it is read
 * and handed over. One that was replaced, got no news and is open nowhere is deleted after a minute.
 */
export class HeldInodes {
  readonly #init: HeldInodesInit
  readonly #held = new Map<HeldId, Held>()
  readonly #listeners = new Set<(change: HeldChange) => void>()
  #noting: Promise<void> = Promise.resolve()

  constructor(init: HeldInodesInit) {
    this.#init = init
  }

  get ids(): ReadonlySet<HeldId> {
    return new Set(this.#held.keys())
  }

  on(listener: (change: HeldChange) => void): Unsubscribe {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  hold(id: HeldId, note: TrashNote): void {
    const item: Held = { id, note, since: this.#init.clock.monotonic(), checks: 0, cancel: () => undefined }
    this.#held.set(id, item)
    this.#schedule(item)
  }

  /** Whether the file got news, which were then handed over. False too while it is being written. */
  offer(id: HeldId, note: TrashNote, reason: HeldChange['reason']): boolean {
    const settled = this.#settledBytes(id, note)
    if (settled === undefined || this.#listeners.size === 0) return false
    const { bytes, state } = settled
    const taken = (): Promise<void> => this.#taken(id, { ...note, seen: state, changed: true })
    for (const listener of this.#listeners) this.#tell(listener, { path: note.path as RelPath, id, bytes, reason, taken })
    return true
  }

  stop(): void {
    for (const item of this.#held.values()) item.cancel()
    this.#held.clear()
  }

  #tell(listener: (change: HeldChange) => void, change: HeldChange): void {
    try {
      listener(change)
    } catch (error) {
      this.#init.logger.warn('a listener for displaced files failed', { path: change.path, error: errorMessage(error) })
    }
  }

  /** One note after the other: a file may be handed over again meanwhile. */
  async #taken(id: HeldId, note: TrashNote): Promise<void> {
    const noting = this.#noting.catch(() => undefined).then(() => this.#renote(id, note))
    this.#noting = noting
    await noting
  }

  async #renote(id: HeldId, note: TrashNote): Promise<void> {
    if (this.#init.trash.stateOf(id) === undefined) return
    await this.#init.trash.renote(id, note)
    const item = this.#held.get(id)
    if (item !== undefined) item.note = note
  }

  #settledBytes(id: HeldId, note: TrashNote) {
    const state = this.#init.trash.stateOf(id)
    if (state === undefined || sameContentState(state, note.seen) || state.size > BigInt(MAX_BYTES)) return undefined
    if (this.#init.clock.now() - Number(state.mtimeNs / 1_000_000n) < QUIET_MS) return undefined
    using trash = this.#init.trash.anchor()
    const snapshot = readEntry(trash.entry(id), MAX_BYTES)
    return snapshot.kind === 'whole' ? { bytes: snapshot.bytes, state } : undefined
  }

  #schedule(item: Held, inMs = this.#nextDelay(item)): void {
    item.cancel = this.#init.clock.after(inMs, () => void this.#check(item).catch((error: unknown) => this.#failed(item, error)))
  }

  #nextDelay(item: Held): number {
    const next = CHECKS_MS[item.checks]
    return next === undefined ? LATER_CHECKS_MS : next - (CHECKS_MS[item.checks - 1] ?? 0)
  }

  #failed(item: Held, error: unknown): void {
    this.#init.logger.warn('a displaced file could not be checked', { id: item.id, error: errorMessage(error) })
    if (this.#held.has(item.id)) this.#schedule(item, LATER_CHECKS_MS)
  }

  async #check(item: Held): Promise<void> {
    const state = this.#init.trash.stateOf(item.id)
    if (state === undefined) return void this.#held.delete(item.id)
    if (!sameContentState(state, item.note.seen)) return this.#news(item, state)
    item.checks++
    if (await this.#isOver(item)) return this.#release(item)
    if (this.#held.has(item.id)) this.#schedule(item)
  }

  #news(item: Held, { mtimeNs }: Signature): void {
    this.offer(item.id, item.note, 'late-write')
    const since = this.#init.clock.now() - Number(mtimeNs / 1_000_000n)
    this.#schedule(item, since > GIVE_UP_MS ? LATER_CHECKS_MS : QUIET_MS)
  }

  async #isOver(item: Held): Promise<boolean> {
    if (this.#init.clock.monotonic() - item.since < GRACE_MS) return false
    return !(await this.#init.holders.current()).has(item.id)
  }

  #release(item: Held): void {
    this.#held.delete(item.id)
    const state = this.#init.trash.stateOf(item.id)
    const known = state !== undefined && sameContentState(state, item.note.seen)
    if (known && item.note.why === 'replaced' && !item.note.changed && item.note.keep !== true) this.#init.trash.drop(item.id)
  }
}
