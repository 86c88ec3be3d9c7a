import { ABSENT_MS } from './absence.js'
import { findDisplaced } from './displaced.js'
import type { Displaced } from './displaced.js'
import type { FolderContext } from './folder-context.js'
import { isIgnored, lookOnce } from './folder-context.js'
import { isInDoubt } from './base-row.js'
import type { BaseRow } from './base-row.js'
import type { Brake } from './brake.js'
import type { Listing } from './folder-fs.js'
import { MovedFiles } from './moved-files.js'
import type { RelPath } from './rel-path.js'
import { parentOf } from './rel-path.js'
import type { DiskFact } from './signature.js'
import { hashBytes } from './text-content.js'

/** While a deletion goes on, all of it is waited for, so that it is judged as one; but not longer than this. */
const WHOLE_DELETION_MS = 2_000
/** What may be a file whose place cannot be read is looked at again after this time. */
const UNREADABLE_RETRY_MS = 1_000
/** A new file that is being written is looked at again after this time. */
const UNREAD_RETRY_MS = 50
const NOTHING_DISPLACED: Displaced = { rows: [], taken: new Map(), left: [], unsure: [], carried: [] }

/** What became of the files that are no longer where they were. */
export interface GoneVerdict {
  /** Not to be planned in this round. */
  readonly hold: ReadonlySet<RelPath>
  /** Paths are marked again at this time. */
  readonly retryAfterMs: number | undefined
}

/** Tells renames from deletions, waits until an absence is sure, and lets the brake judge how many there are. */
export class GoneFiles {
  readonly #context: FolderContext
  readonly #brake: Brake
  readonly #moves: MovedFiles
  readonly #absentSince = new Map<RelPath, number>()
  /** Absent, and no news of them are under way any more: a file that is gone here may have turned up elsewhere. */
  readonly #certain = new Set<RelPath>()

  constructor(context: FolderContext, brake: Brake) {
    this.#context = context
    this.#brake = brake
    this.#moves = new MovedFiles(context, brake, (path) => this.forget(path))
  }

  /** Looks at all marked paths together; moves what was renamed. */
  async judge(taken: readonly RelPath[]): Promise<GoneVerdict> {
    const undecided = new Set(await this.#undecidable(taken))
    for (const path of undecided) this.#context.dirty.add(path, UNREADABLE_RETRY_MS, true)
    const due = undecided.size === 0 ? taken : taken.filter((path) => !undecided.has(path))
    const verdict = await this.#judge(due)
    return undecided.size === 0 ? verdict : { ...verdict, hold: new Set([...verdict.hold, ...undecided]) }
  }

  async #judge(due: readonly RelPath[]): Promise<GoneVerdict> {
    const paths = new Set([...due, ...this.#context.dirty.waitingPaths()])
    const { unsettled, workspace } = this.#context
    const absent = this.#findGone(paths, due)
    // What is gone, or has another file in its place, may be at a path that is marked, and looked at later.
    const isAll = absent.size > 0 || due.some((path) => this.#isReplaced(path))
    const displaced = workspace.rights === 'write' ? await findDisplaced(this.#context, isAll ? [...paths] : due) : NOTHING_DISPLACED
    const gone = displaced.left.length === 0 ? absent : this.#findGone(paths, [...due, ...displaced.left])
    const isNothing = gone.size + unsettled.size + displaced.rows.length + displaced.unsure.length + displaced.carried.length === 0
    if (isNothing) return { hold: new Set(), retryAfterMs: undefined }
    const fresh = this.#findFresh(paths)
    const neverNoted = unsettled.rows().filter((row) => !gone.has(row.path) && this.#context.index.at(row.path) === undefined && !this.#isFound(row))
    const missing = [...gone.values(), ...displaced.rows, ...neverNoted]
    const renamed = workspace.rights === 'write' ? await this.#moves.take(missing, new Map([...fresh, ...displaced.taken]), displaced) : 'none'
    const others = [...[...displaced.rows, ...neverNoted].map(({ path }) => path), ...displaced.carried.map(({ from }) => from as RelPath)]
    const all = new Set([...gone.keys(), ...fresh.keys(), ...displaced.unsure, ...others])
    if (typeof renamed === 'number') return { hold: all, retryAfterMs: renamed }
    if (renamed === 'unsure' && this.#oldest(gone) < WHOLE_DELETION_MS) return { hold: all, retryAfterMs: UNREAD_RETRY_MS }
    if (gone.size === 0) return { hold: new Set(), retryAfterMs: undefined }
    return await this.#judgeDeletions(gone, fresh)
  }

  #findGone(paths: ReadonlySet<RelPath>, due: readonly RelPath[]): Map<RelPath, BaseRow> {
    const { index, clock, verifiedAt } = this.#context
    const gone = new Map<RelPath, BaseRow>()
    const look = (path: RelPath): void => {
      const row = index.at(path)
      if (row === undefined || gone.has(path) || this.#isOutside(row) || isInDoubt(row)) return
      const fact = lookOnce(this.#context, path)
      if (fact.kind === 'absent') this.#addGone(gone, row, paths)
      else {
        this.forget(path)
        this.#brake.release(path)
      }
    }
    for (const path of due) look(path)
    // The others only so that a deletion is judged as a whole; of what was there a moment ago a hint would tell.
    for (const path of paths) if (clock.monotonic() - (verifiedAt.get(path) ?? -Infinity) > ABSENT_MS) look(path)
    for (const path of index.files === 0 ? [] : due) {
      const before = index.at(path) === undefined ? this.#ownerOf(path) : undefined
      if (before !== undefined) for (let at: RelPath | '' = before.path; at !== ''; at = parentOf(at)) look(at)
    }
    return gone
  }

  /** Whether a file that a crash left unsettled was found in another place. */
  #isFound({ node }: BaseRow): boolean {
    const row = this.#context.index.of(node)
    return row !== undefined && lookOnce(this.#context, row.path).kind === 'file'
  }

  /** Whether another file is at the path of a known one. */
  #isReplaced(path: RelPath): boolean {
    const row = this.#context.index.at(path)
    const fact = row?.type === 'file' ? lookOnce(this.#context, path) : undefined
    return row?.type === 'file' && row.signature !== undefined && fact?.kind === 'file' && fact.signature.ino !== row.signature.ino
  }

  /** The known file that is at a path by now. */
  #ownerOf(path: RelPath): BaseRow | undefined {
    const fact = lookOnce(this.#context, path)
    return fact.kind === 'file' ? this.#context.index.ofInode(fact.signature.ino) : undefined
  }

  /** What may be a known file whose own place cannot be read now: nobody can say whether it was moved. */
  async #undecidable(due: readonly RelPath[]): Promise<readonly RelPath[]> {
    const { index } = this.#context
    const isHidden = (row: BaseRow): boolean => lookOnce(this.#context, row.path).kind === 'unreadable'
    const wanted = new Set([...index.doubtful].filter(isHidden).map((row) => row.wanted?.hash))
    const found: RelPath[] = []
    for (const path of index.files === 0 ? [] : due) {
      const fact = index.at(path) === undefined ? lookOnce(this.#context, path) : undefined
      if (fact?.kind !== 'file') continue
      const owner = index.ofInode(fact.signature.ino)
      if (owner !== undefined ? isHidden(owner) : wanted.size > 0 && wanted.has(await this.#hashOf(path))) found.push(path)
    }
    return found
  }

  async #hashOf(path: RelPath): Promise<string | undefined> {
    const result = await this.#context.fs.read(path)
    return result.kind === 'stable' ? hashBytes(result.bytes) : undefined
  }

  #isOutside(row: BaseRow): boolean {
    return row.ignored || isIgnored(this.#context, row.path, row.type === 'directory')
  }

  #addGone(gone: Map<RelPath, BaseRow>, row: BaseRow, marked: ReadonlySet<RelPath>): void {
    const now = this.#context.clock.monotonic()
    const rows = row.type === 'directory' ? [row, ...this.#context.index.below(row.path)] : [row]
    for (const item of rows) {
      if (this.#isOutside(item) || isInDoubt(item)) continue
      gone.set(item.path, item)
      if (!this.#absentSince.has(item.path)) this.#absentSince.set(item.path, now)
      if (!marked.has(item.path)) this.#context.dirty.add(item.path)
    }
  }

  #findFresh(paths: ReadonlySet<RelPath>): Map<RelPath, DiskFact> {
    const fresh = new Map<RelPath, DiskFact>()
    const look = (path: RelPath): void => {
      const fact = this.#context.fs.fact(path)
      if (fact.kind !== 'file' && fact.kind !== 'directory') return
      if (!isIgnored(this.#context, path, fact.kind === 'directory')) fresh.set(path, fact)
    }
    for (const path of paths) {
      // With its directories: the hint for them may come later.
      for (let at: RelPath | '' = path; at !== '' && !fresh.has(at) && this.#context.index.at(at) === undefined; at = parentOf(at)) look(at)
    }
    return fresh
  }

  async #judgeDeletions(gone: ReadonlyMap<RelPath, BaseRow>, fresh: ReadonlyMap<RelPath, DiskFact>): Promise<GoneVerdict> {
    const now = this.#context.clock.monotonic()
    const youngest = this.#ages(gone).reduce((least, age) => Math.min(least, age), Infinity)
    if (youngest < ABSENT_MS && this.#oldest(gone) < WHOLE_DELETION_MS) {
      return { hold: new Set([...gone.keys(), ...fresh.keys()]), retryAfterMs: Math.ceil(ABSENT_MS - youngest) }
    }
    const isYoung = (path: RelPath): boolean => now - (this.#absentSince.get(path) ?? now) < ABSENT_MS
    const uncertain = [...gone.keys()].filter((path) => !isYoung(path) && !this.#certain.has(path))
    if (uncertain.length > 0) {
      await this.#context.fs.caughtUp()
      for (const path of uncertain) this.#certain.add(path)
      return { hold: new Set([...gone.keys(), ...fresh.keys()]), retryAfterMs: 0 }
    }
    const listed = this.#listedNames()
    const unsure = new Set([...gone.keys()].filter((path) => isYoung(path) || listed(path)))
    const held = this.#applyBrake([...gone.values()].filter((row) => !unsure.has(row.path)))
    return { hold: new Set([...unsure, ...held]), retryAfterMs: unsure.size > 0 ? ABSENT_MS : undefined }
  }

  #ages(gone: ReadonlyMap<RelPath, BaseRow>): readonly number[] {
    const now = this.#context.clock.monotonic()
    return Array.from(gone.keys(), (path) => now - (this.#absentSince.get(path) ?? now))
  }

  #oldest(gone: ReadonlyMap<RelPath, BaseRow>): number {
    return this.#ages(gone).reduce((most, age) => Math.max(most, age), 0)
  }

  /** A last look: a name that its directory lists is not gone. */
  #listedNames(): (path: RelPath) => boolean {
    const listings = new Map<RelPath | '', Listing | undefined>()
    return (path) => {
      const directory = parentOf(path)
      if (!listings.has(directory)) listings.set(directory, this.#context.fs.list(directory))
      return listings.get(directory)?.entries.has(path) === true
    }
  }

  /** Paths that the brake holds: files, and with them the directories that they are in. */
  #applyBrake(rows: readonly BaseRow[]): ReadonlySet<RelPath> {
    const { workspace, index } = this.#context
    if (workspace.rights !== 'write') return new Set()
    const deleted = rows.filter((row) => row.type === 'file' && workspace.tree.get(row.node) !== undefined).map((row) => row.path)
    const admitted = this.#brake.admit(deleted, index.files)
    const held = new Set<RelPath>()
    for (const path of deleted) {
      if (admitted.has(path)) continue
      for (let at: RelPath | '' = path; at !== ''; at = parentOf(at)) held.add(at)
    }
    return held
  }

  /** The path's fate is decided. */
  forget(path: RelPath): void {
    this.#absentSince.delete(path)
    this.#certain.delete(path)
  }
}
