import { Allowance } from '../base/allowance.js'
import type { AuthorId, EntryHash } from '../base/ids.js'
import type { Entry } from '../log/entry.js'
import type { Head } from '../log/version-vector.js'
import type { Download, Piece } from './download.js'
import { MAX_WANTS } from './serving.js'
import type { Serving } from './serving.js'

/**
 * What is known of a head that the peer has and the local vector does not name:
 * - checking: the engine was asked whether it is held.
 * - held: it is held below a local head, or nothing more can be done about it.
 * - fork: it is on a branch that does not continue ours; its whole branch is wanted.
 * - refused: the peer could not serve it, and is not asked again.
 * - presumed: something is held in its place of which only that is known, and the peer names no other head of the author.
 * - lacking: its entries cannot be taken before a peer is there that keeps everything.
 */
export type HeadStatus = 'checking' | 'held' | 'presumed' | 'fork' | 'refused' | 'lacking'

/** A want under way. An abandoned one is given to others; its late entries are acknowledged and dropped. */
export interface Want {
  readonly download: Download
  readonly piece: Piece
  state: 'asked' | 'abandoned' | 'stalled'
  /** Entries that may still come. */
  remaining: number
}

/** Entries that were left to others and are needed again: asked of one peer after the other. */
export interface Recall {
  readonly request: number
  readonly author: AuthorId
  readonly head: EntryHash
  readonly from: number
  readonly to: number
  /** What they take: more is not taken. */
  readonly bytes: number
  readonly tried: Set<string>
  peer: string | undefined
  entries: Entry[]
  progressAt: number
}

/** A want for a recall. An abandoned one was given to others; its late entries are dropped. */
export interface RecallWant {
  recall: Recall | undefined
  /** Entries that may still come. */
  remaining: number
}

/** Faults that are forgiven: a race that was not thought of must not cut a peer off. */
const FORGIVEN_FAULTS = 3
/** Control messages that may come at once: ten a second for a minute and a half of silence. */
const CONTROL_BURST = 1024
/** Control messages per second in the long run; an honest peer announces at most five times. */
const CONTROL_RATE = 10

/** Everything about one connected peer: plain state, changed by the modules of this folder. */
export class PeerSession {
  readonly peer: string
  readonly serving: Serving

  /** Digest of ours in the hello that was sent, undefined before. */
  helloDigest: string | undefined
  /** Digest of theirs in the hello that came, undefined before. */
  theirHello: string | undefined
  /** It may have left old entries to others. */
  prunes = false
  /** Their whole vector is known: the digests were equal, or its last page came. */
  vectorKnown = false
  readonly theirs = new Map<AuthorId, readonly Head[]>()
  theirDigest: string | undefined

  /** Authors that grew since the last announcement, with the heads that were announced. */
  readonly pending = new Map<AuthorId, readonly Head[] | undefined>()
  /** Digest of ours that they know we have. */
  told: string | undefined
  /** The last digest of theirs that we confirmed. */
  toldSynced: string | undefined
  /** The last digest of ours that they confirmed. */
  heardSynced: string | undefined
  synced = false

  readonly status = new Map<EntryHash, HeadStatus>()
  /** Authors of whom the peer has a head that is not held here. */
  readonly lacking = new Set<AuthorId>()

  readonly wants = new Map<number, Want>()
  /** Wants for what was left to others and is needed again. */
  readonly recalls = new Map<number, RecallWant>()
  nextWant = 0
  /** Bytes of entries received and not acknowledged. */
  unacknowledged = 0
  /** When it last brought entries or got an acknowledgement, which lets it bring more. */
  progressAt: number

  faults = 0
  closed = false
  readonly #control: Allowance

  constructor(peer: string, serving: Serving, now: number) {
    this.peer = peer
    this.serving = serving
    this.progressAt = now
    this.#control = new Allowance({ burst: CONTROL_BURST, perSecond: CONTROL_RATE }, now)
  }

  /** Heads of an author that could not be taken can be asked for again. */
  retry(author: AuthorId): void {
    for (const { hash } of this.theirs.get(author) ?? []) if (this.status.get(hash) === 'lacking') this.status.delete(hash)
  }

  /** Both hellos are exchanged, so that announcements may be sent. */
  get isOpen(): boolean {
    return this.helloDigest !== undefined && this.theirHello !== undefined
  }

  /** Everything that the peer says it has is held here. */
  get holdsTheirs(): boolean {
    return this.vectorKnown && this.lacking.size === 0
  }

  /** Sits on a want that others had to be given: it is asked for nothing until it moves. */
  get isStalled(): boolean {
    for (const want of this.wants.values()) if (want.state === 'stalled') return true
    return false
  }

  /** It may be asked for one more thing. */
  get hasSlot(): boolean {
    return this.wants.size + this.recalls.size < MAX_WANTS
  }

  countWants(matches: (want: Want) => boolean): number {
    let count = 0
    for (const want of this.wants.values()) if (matches(want)) count++
    return count
  }

  /** Replaces what is known of an author; false when the heads were known. */
  setTheirs(author: AuthorId, heads: readonly Head[]): boolean {
    const before = this.theirs.get(author)
    if (before !== undefined && sameHeads(before, heads)) return false
    for (const { hash } of before ?? []) if (!heads.some((head) => head.hash === hash)) this.status.delete(hash)
    this.theirs.set(author, heads)
    return true
  }

  /** Notes that a head is held, if the peer has it. */
  noteHeld(author: AuthorId, hash: EntryHash): void {
    if (this.theirs.get(author)?.some((head) => head.hash === hash) === true) this.status.set(hash, 'held')
  }

  /** Counts a fault; true when there were too many. */
  countFault(): boolean {
    return ++this.faults > FORGIVEN_FAULTS
  }

  /** False when control messages come faster than any honest peer sends them. */
  admitControl(now: number): boolean {
    return this.#control.take(now)
  }
}

export function sameHeads(a: readonly Head[], b: readonly Head[]): boolean {
  return a.length === b.length && a.every(({ seq, hash, floor }, index) => {
    const other = b[index]
    return other?.hash === hash && other.seq === seq && other.floor === floor
  })
}
