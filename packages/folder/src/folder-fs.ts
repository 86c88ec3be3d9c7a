import type { Unsubscribe } from '@collab/core'
import type { IgnoreRules } from './ignore.js'
import type { Marker } from './marker.js'
import type { RelPath } from './rel-path.js'
import type { DiskFact, Signature } from './signature.js'

/** A displaced file that is kept, by its name in the trash. */
export type HeldId = string

/** Something on the disk that is not synced, with the reason for the user. `path` may hold any characters. */
export interface Skipped {
  readonly path: string
  readonly reason: string
}

export interface Listing {
  /** Everything that is not ignored, parents before children. Special files are in it, so that their path counts as taken. */
  readonly entries: ReadonlyMap<RelPath, DiskFact>
  readonly skipped: readonly Skipped[]
  /** Wall clock when the listing began: for `isRacy`. */
  readonly startedAtMs: number
}

export interface ScanOptions {
  readonly signal?: AbortSignal
  /** Called now and then with the entries found so far. */
  readonly onProgress?: (entries: number) => void
}

/** What the path last held as far as the caller knows: decides how long a reading must have been quiet. */
export interface LastContent {
  /** As a function it is asked for only when the file does not read like `hash`. */
  readonly content: string | Uint8Array | (() => Promise<string>)
  /** `hashText` of it: a file that reads so is at rest. */
  readonly hash?: string
  readonly signature?: Signature
}

export interface ReadOptions {
  readonly last?: LastContent
  /** @default MAX_TEXT_BYTES; a larger file is not read */
  readonly maxBytes?: number
}

export type ReadResult =
  | { readonly kind: 'stable'; readonly bytes: Uint8Array; readonly signature: Signature; readonly executable: boolean }
  /** Being written, or too fresh to tell: read again after this time or at the next hint. */
  | { readonly kind: 'unstable'; readonly retryAfterMs: number }
  | { readonly kind: 'absent' }
  | { readonly kind: 'other'; readonly what: 'directory' | 'symlink' | 'fifo' | 'socket' | 'device' }
  | { readonly kind: 'unreadable'; readonly reason: string }
  | { readonly kind: 'too-large'; readonly signature: Signature; readonly size: number; readonly executable: boolean }

/** What a caller read. */
export interface Expected {
  readonly expect: Signature
  /** Hash of the content, for a file that may have changed without its signature showing it: `isRacy`. */
  readonly hash?: string | undefined
}

export interface ReplaceOptions {
  readonly expect: Signature | 'absent'
  /** As in `Expected`. */
  readonly hash?: string | undefined
  readonly executable: boolean
  /** Take permissions and owner from the file that is replaced. @default true */
  readonly keepMode?: boolean
  /**
   * Awaited when the result is going to be 'exists' with `held`, while the journal still says so: `recover` tells of it
   * when the process ends before. Called again, each time the path is looked at, where it fails, and where the disk failed
   * and a file was made meanwhile: until it resolves the result is 'blocked', and the path unreadable.
   */
  readonly onGap?: () => Promise<void>
}

export type ReplaceResult =
  | { readonly kind: 'written'; readonly signature: Signature; readonly held?: HeldId }
  /** The disk is not what was expected: nothing was done, scan again. */
  | { readonly kind: 'changed' }
  /**
   * Something appeared at the path first. With `held`, in the moment between taking the old file away and placing
   * the new one: what is there now may have started from an empty file.
   */
  | { readonly kind: 'exists'; readonly held?: HeldId }
  | Blocked

/** The disk refuses; one sentence for the user. Worth trying again later. */
export interface Blocked {
  readonly kind: 'blocked'
  readonly reason: string
  /** The disk or the user's quota is used up. */
  readonly isFull?: true
  /** The new file was in its place by then. */
  readonly isPlaced?: true
}

export type RemoveResult =
  | { readonly kind: 'removed'; readonly held: HeldId }
  | { readonly kind: 'changed' }
  | { readonly kind: 'absent' }
  | Blocked
export type MoveResult =
  | { readonly kind: 'moved'; readonly signature: Signature }
  | { readonly kind: 'changed' }
  | { readonly kind: 'exists' }
  | { readonly kind: 'absent' }
  | Blocked
export type MoveDirectoryResult = { readonly kind: 'moved' } | { readonly kind: 'exists' } | { readonly kind: 'absent' } | Blocked
export type MakeDirectoryResult = { readonly kind: 'made' } | { readonly kind: 'exists' } | Blocked
export type RemoveDirectoryResult = { readonly kind: 'removed' } | { readonly kind: 'not-empty' } | { readonly kind: 'absent' } | Blocked
export type ExecutableResult = { readonly kind: 'set'; readonly signature: Signature } | { readonly kind: 'changed' } | { readonly kind: 'absent' } | Blocked

export interface PlaceItem {
  readonly path: RelPath
  readonly text: string
  readonly executable: boolean
}

export interface OpenFile {
  readonly fd: number
  readonly signature: Signature
  /** Whether nothing was written since it was opened, and its path still leads to it. */
  isSame(): boolean
  close(): void
}

export interface OpenPart {
  readonly fd: number
  readonly isNew: boolean
  close(): void
}

/** Look again, nothing more: of a directory, at everything known below it too. */
export type Hint =
  | { readonly paths: readonly RelPath[] }
  /** `lasting`: from now on not every change is seen at once; `reason` tells the user why, and what to do. */
  | { readonly rescan: true; readonly reason: string; readonly lasting?: boolean }

export interface HeldChange {
  readonly path: RelPath
  readonly id: HeldId
  readonly bytes: Uint8Array
  /** Written after it was moved aside, by a program that had it open; or found so after a crash. */
  readonly reason: 'late-write' | 'recovered'
  /** To be called when what was written is durable elsewhere: until then it is handed over again, after a restart too. */
  readonly taken: () => Promise<void>
}

export interface TrashItem {
  readonly id: HeldId
  readonly path: string
  readonly why: 'replaced' | 'removed'
  /** Wall-clock milliseconds. */
  readonly at: number
  readonly size: number
}

export interface PurgeOptions {
  /** @default 30 days */
  readonly maxAgeMs?: number
  /** Of all items together, oldest dropped first; never more than half of what is free. @default 1 GiB */
  readonly maxBytes?: number
}

export interface RecoverOptions {
  /**
   * Awaited with the paths where a file was made while the old one was aside, before the run ended in the middle of a
   * replacement; until it resolves they are told again.
   */
  readonly onGaps?: (paths: readonly RelPath[]) => Promise<void>
}

/** A file in the trash that was removed. */
export interface RemovedFile {
  readonly id: HeldId
  /** Where it was. */
  readonly path: RelPath
  readonly ino: bigint
}

export interface RecoverReport {
  /** Paths that were missing because a run ended in the middle of a replacement, and are back. */
  readonly restored: readonly RelPath[]
  /** What the trash holds of what was removed, also just before a run ended: nobody else deleted it. */
  readonly removed: readonly RemovedFile[]
  /** Displaced files that were written to after they were moved aside; each was given to the held listeners. */
  readonly recovered: number
  /** Temporary files of earlier runs that were deleted. */
  readonly temporary: number
}

/**
 * The folder on disk as the deciding side sees it. Nothing outside the root is read or written; no parent is
 * followed through a symlink; nothing that a user wrote is overwritten or deleted without being kept in `.collab/`.
 */
export interface FolderFs {
  readonly root: string
  readonly caseSensitive: boolean
  /** Whether the file system takes two Unicode spellings of a name for one. */
  readonly normalising: boolean
  fact(path: RelPath): DiskFact
  /**
   * The whole tree, in slices that leave the event loop free. Start `watch` first, so that nothing falls between.
   *
   * @throws {FolderMissingError} when the root cannot be listed
   */
  scan(ignore: IgnoreRules, options?: ScanOptions): Promise<Listing>
  /** One directory without rules; undefined when it is not a directory that can be listed. */
  list(directory: RelPath | ''): Listing | undefined
  read(path: RelPath, options?: ReadOptions): Promise<ReadResult>
  /**
   * Opens a file for reading, and says at any time whether it is still what it was; undefined when it is no regular
   * file. The caller closes it.
   */
  open(path: RelPath): OpenFile | undefined
  /** Opens or makes a file of `size` in `.collab/temp`, to be put together in any order; it is kept over a restart. */
  openPart(name: string, size: number): OpenPart
  dropPart(name: string): void
  parts(): readonly string[]
  /** Puts `content` at `path`: bytes, or a part that is whole; durable when it resolves. Missing parents are made when nothing was expected there. */
  replace(path: RelPath, content: Uint8Array | { readonly part: string }, options: ReplaceOptions): Promise<ReplaceResult>
  /** Many new files, in parallel batches; missing parents are made. Results in the order of `items`. */
  placeMany(items: readonly PlaceItem[]): Promise<ReplaceResult[]>
  /** Moves the file into the trash. */
  remove(path: RelPath, options: Expected): Promise<RemoveResult>
  move(from: RelPath, to: RelPath, options: { readonly expect: Signature }): Promise<MoveResult>
  moveDirectory(from: RelPath, to: RelPath): Promise<MoveDirectoryResult>
  /** With its parents. 'exists' only for a real directory. */
  makeDirectory(path: RelPath): Promise<MakeDirectoryResult>
  /** Only when it is empty. */
  removeDirectory(path: RelPath): Promise<RemoveDirectoryResult>
  setExecutable(path: RelPath, executable: boolean, options: { readonly expect: Signature }): Promise<ExecutableResult>
  /** Resolves when every directory is watched; the result stops it. */
  watch(onHint: (hint: Hint) => void, ignore: IgnoreRules): Promise<() => Promise<void>>
  /** Resolves when all that happened on the disk before the call was hinted at, as far as it is watched. */
  caughtUp(): Promise<void>
  onHeldChange(listener: (change: HeldChange) => void): Unsubscribe
  /** Once, at start, after `onHeldChange` and before the first scan. */
  recover(options?: RecoverOptions): Promise<RecoverReport>
  trash(): Promise<readonly TrashItem[]>
  /** Moves something out of the trash to a path; false when something is there already. */
  takeFromTrash(id: HeldId, to: RelPath): Promise<boolean>
  /** Bytes that the trash held before and holds now. */
  purge(options?: PurgeOptions): Promise<{ readonly removed: number; readonly keptBytes: number }>
  /** @throws {CollabError} named MarkerDamagedError when it is there and cannot be read */
  readMarker(): Marker | undefined
  writeMarker(marker: Marker): Promise<void>
  close(): Promise<void>
}
