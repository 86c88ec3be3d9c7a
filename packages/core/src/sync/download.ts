import type { AuthorId, EntryHash } from '../base/ids.js'
import type { Entry } from '../log/entry.js'
import type { Head } from '../log/version-vector.js'
import { entryBytes } from './sync-types.js'

/** Entries of the first piece, before the size of the author's entries is known. */
const FIRST_PIECE = 32
/** Entries of one piece at most: however small they are, several peers get a share. */
const MAX_PIECE = 1024
/** A run of at most this many entries is an edit or two, not a bulk catch-up. */
export const SMALL_RUN = 16

/** A part of an author's missing run, asked of one peer. */
export interface Piece {
  readonly peer: string
  readonly wantId: number
  /** The head of the peer's under which the piece was asked. */
  readonly head: Head
  /** First seq that was not yet handed to the engine. */
  start: number
  readonly to: number
  /** Received from `start` on, not yet handed to the engine. */
  entries: Entry[]
  /** Hash of the last entry received, undefined before the first. */
  lastHash: EntryHash | undefined
  /** Everything up to `to` was received. */
  complete: boolean
  /** When it was asked, or brought something last. */
  progressAt: number
}

interface Range {
  from: number
  to: number
}

/**
 * The missing run of one author: up to `target`, in pieces. Pieces come from several peers and in any
 * order; they go to the engine in order of seq, and each must continue the chain of the one before.
 */
export class Download {
  readonly author: AuthorId
  /** Of a forked branch: the one peer that it is taken from, so that a broken chain is that peer's fault. */
  readonly sole: string | undefined
  target: Head
  /** The next seq that the engine is to get. */
  next: number
  /** What the entry at `next` may name as the entry before it. */
  prevs: readonly (EntryHash | null)[]
  /** Entries from `next` on are with the engine now. */
  delivering = false
  /** No longer the author's download: answers about it are late. */
  dead = false
  advancedAt: number
  #averageBytes: number | undefined
  readonly #open: Range[]
  readonly #pieces = new Set<Piece>()

  constructor(author: AuthorId, target: Head, next: number, prevs: readonly (EntryHash | null)[], now: number, sole?: string) {
    this.author = author
    this.target = target
    this.next = next
    this.prevs = prevs
    this.advancedAt = now
    this.sole = sole
    this.#open = [{ from: next, to: target.seq }]
  }

  get remaining(): number {
    return this.target.seq - this.next + 1
  }

  get isSmall(): boolean {
    return this.remaining <= SMALL_RUN
  }

  get pieces(): ReadonlySet<Piece> {
    return this.#pieces
  }

  /** Aims higher: `target` is a later head of what is hoped to be the same branch. */
  raise(target: Head): void {
    this.giveBack(this.target.seq + 1, target.seq)
    this.target = target
  }

  /** The first range that nobody was asked for and that a peer with `head` can serve, cut to one piece. */
  openRange(head: Head, pieceBytes: number): Range | undefined {
    const count = this.#pieceLength(pieceBytes)
    for (const { from, to } of this.#open) {
      if (from > head.seq) return undefined
      if (from >= head.floor) return { from, to: Math.min(to, head.seq, from + count - 1) }
    }
    return undefined
  }

  /** Moves `piece`'s range from open to asked; it begins where an open range begins. */
  assign(piece: Piece): void {
    const index = this.#open.findIndex(({ from }) => from === piece.start)
    const range = this.#open[index]
    if (range === undefined) return
    if (range.to === piece.to) this.#open.splice(index, 1)
    else range.from = piece.to + 1
    this.#pieces.add(piece)
  }

  remove(piece: Piece): void {
    this.#pieces.delete(piece)
  }

  /** `from`..`to` is to be asked again. */
  giveBack(from: number, to: number): void {
    const start = Math.max(from, this.next)
    if (start > to) return
    const index = this.#open.findIndex((range) => range.from > start)
    const at = index === -1 ? this.#open.length : index
    this.#open.splice(at, 0, { from: start, to })
    this.#joinAt(at)
    this.#joinAt(at - 1)
  }

  /** Takes received entries into their piece; false when they are not what was asked for. */
  accept(piece: Piece, entries: readonly Entry[], last: boolean): boolean {
    if (entries.length === 0) return false
    let seq = piece.start + piece.entries.length
    let before = piece.lastHash
    for (const { header, hash } of entries) {
      if (header.author !== this.author || header.seq !== seq || seq > piece.to) return false
      if (before !== undefined && header.prev !== before) return false
      if (seq === piece.head.seq && hash !== piece.head.hash) return false
      before = hash
      seq++
    }
    if (last !== seq > piece.to) return false
    piece.lastHash = before
    piece.complete = last
    for (const entry of entries) this.#learnSize(entry)
    piece.entries.push(...entries)
    return true
  }

  /** Whether `piece` has entries for the engine now. */
  isReady(piece: Piece): boolean {
    return !this.delivering && piece.start === this.next && piece.entries.length > 0
  }

  /** Whether a ready piece continues the chain. */
  connects(piece: Piece): boolean {
    return this.prevs.includes(piece.entries[0]?.header.prev ?? null)
  }

  /** Whether everything else waits for `piece`. */
  isBlockedBy(piece: Piece): boolean {
    return !this.delivering && piece.start === this.next && piece.entries.length === 0
  }

  /** Hands over what a ready piece holds. */
  take(piece: Piece): readonly Entry[] {
    const entries = piece.entries
    piece.entries = []
    piece.start += entries.length
    this.delivering = true
    return entries
  }

  /** The log holds everything below `next`; returns the pieces that begin before it and are of no use now. */
  advance(next: number, prevs: readonly (EntryHash | null)[], now: number): readonly Piece[] {
    this.next = next
    this.prevs = prevs
    this.advancedAt = now
    while (this.#open[0] !== undefined && this.#open[0].to < next) this.#open.shift()
    if (this.#open[0] !== undefined) this.#open[0].from = Math.max(this.#open[0].from, next)
    return [...this.#pieces].filter((piece) => piece.start < next)
  }

  #pieceLength(pieceBytes: number): number {
    if (this.#averageBytes === undefined) return FIRST_PIECE
    return Math.max(1, Math.min(MAX_PIECE, Math.floor(pieceBytes / this.#averageBytes)))
  }

  #learnSize(entry: Entry): void {
    const bytes = entryBytes(entry)
    this.#averageBytes = this.#averageBytes === undefined ? bytes : this.#averageBytes * 0.9 + bytes * 0.1
  }

  #joinAt(index: number): void {
    const range = this.#open[index]
    const after = this.#open[index + 1]
    if (range === undefined || after === undefined || range.to + 1 !== after.from) return
    range.to = after.to
    this.#open.splice(index + 1, 1)
  }
}
