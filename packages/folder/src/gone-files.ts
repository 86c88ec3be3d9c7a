import type { LocalChange, NodeId } from '@collab/core'
import type { FolderContext } from './folder-context.js'
import { isIgnored, lookOnce } from './folder-context.js'
import type { BaseRow } from './base-row.js'
import type { Brake } from './brake.js'
import { rebased } from './base-index.js'
import { isAlike } from './facts.js'
import type { Listing } from './folder-fs.js'
import { shownPath } from './moved-directories.js'
import { detectRenames } from './rename-detect.js'
import type { Fresh, Gone, Rename } from './rename-detect.js'
import type { RelPath } from './rel-path.js'
import { parentOf } from './rel-path.js'
import { sameContentState } from './signature.js'
import type { DiskFact } from './signature.js'
import { EMPTY_HASH, decodeText, hashText } from './text-content.js'
import { placedRow } from './unsettled.js'

/** Editors leave a name absent for a moment while they save. */
export const ABSENT_MS = 150
/** While a deletion goes on, all of it is waited for, so that it is judged as one; but not longer than this. */
const WHOLE_DELETION_MS = 2_000
/** A new file that is being written is looked at again after this time. */
const UNREAD_RETRY_MS = 50
/** In the place of a hash. */
const UNREAD = 'unread'

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
  readonly #absentSince = new Map<RelPath, number>()
  /** Absent, and no news of them are under way any more: a file that is gone here may have turned up elsewhere. */
  readonly #certain = new Set<RelPath>()

  constructor(context: FolderContext, brake: Brake) {
    this.#context = context
    this.#brake = brake
  }

  /** Looks at all marked paths together; moves what was renamed. */
  async judge(due: readonly RelPath[]): Promise<GoneVerdict> {
    const paths = new Set([...due, ...this.#context.dirty.paths()])
    const gone = this.#findGone(paths, due)
    const { unsettled, workspace } = this.#context
    if (gone.size === 0 && unsettled.size === 0) return { hold: new Set(), retryAfterMs: undefined }
    const fresh = this.#findFresh(paths)
    const neverNoted = unsettled.rows().filter(({ path }) => !gone.has(path) && this.#context.index.at(path) === undefined)
    const renamed = workspace.rights === 'write' ? await this.#moveRenamed([...gone.values(), ...neverNoted], fresh) : 'none'
    const all = new Set([...gone.keys(), ...fresh.keys(), ...neverNoted.map(({ path }) => path)])
    if (renamed === 'some') return { hold: all, retryAfterMs: 0 }
    if (renamed === 'unsure' && this.#oldest(gone) < WHOLE_DELETION_MS) return { hold: all, retryAfterMs: UNREAD_RETRY_MS }
    if (gone.size === 0) return { hold: new Set(), retryAfterMs: undefined }
    return await this.#judgeDeletions(gone, fresh)
  }

  #findGone(paths: ReadonlySet<RelPath>, due: readonly RelPath[]): Map<RelPath, BaseRow> {
    const { index, clock, verifiedAt } = this.#context
    const gone = new Map<RelPath, BaseRow>()
    const look = (path: RelPath): void => {
      const row = index.at(path)
      if (row === undefined || gone.has(path) || this.#isOutside(row)) return
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
      const fact = index.at(path) === undefined ? lookOnce(this.#context, path) : undefined
      const before = fact?.kind === 'file' ? index.ofInode(fact.signature.ino) : undefined
      if (before !== undefined) for (let at: RelPath | '' = before.path; at !== ''; at = parentOf(at)) look(at)
    }
    return gone
  }

  #isOutside(row: BaseRow): boolean {
    return row.ignored || isIgnored(this.#context, row.path, row.type === 'directory')
  }

  #addGone(gone: Map<RelPath, BaseRow>, row: BaseRow, marked: ReadonlySet<RelPath>): void {
    const now = this.#context.clock.monotonic()
    const rows = row.type === 'directory' ? [row, ...this.#context.index.below(row.path)] : [row]
    for (const item of rows) {
      if (this.#isOutside(item)) continue
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

  /** 'unsure' while a new file that may be one of those that are gone is still being written. */
  async #moveRenamed(gone: readonly BaseRow[], fresh: ReadonlyMap<RelPath, DiskFact>): Promise<'some' | 'none' | 'unsure'> {
    if (fresh.size === 0) return 'none'
    const alive = gone.filter((row) => this.#context.workspace.tree.get(row.node) !== undefined)
    const texts = new Map<string, string>()
    const items = await this.#describeFresh(alive, fresh, texts)
    const olds = new Map(await Promise.all(alive.map(async (row) => [row.path as string, await this.#oldText(row, items)] as const)))
    const unsettled = this.#context.unsettled
    const described = alive.map((row) => ({ ...describeGone(row), otherHash: unsettled.hashAt(row.path) }))
    const renames = detectRenames(described, items, {
      emptyHash: EMPTY_HASH,
      alike: (from, to) => alikeTexts(olds.get(from.path), texts.get(to.path))
    })
    if (renames.length > 0) await this.#move(renames, fresh)
    if (renames.length > 0) return 'some'
    return items.some(({ hash }) => hash === UNREAD) ? 'unsure' : 'none'
  }

  /** Reads only the new files that may be one of those that are gone. */
  async #describeFresh(gone: readonly BaseRow[], fresh: ReadonlyMap<RelPath, DiskFact>, texts: Map<string, string>): Promise<Fresh[]> {
    const signatures = gone.flatMap((row) => (row.type === 'file' && row.signature !== undefined ? [row.signature] : []))
    const sizes = new Set(signatures.map(({ size }) => size))
    const inodes = new Map(signatures.map((signature) => [signature.ino, signature]))
    const items: Fresh[] = []
    for (const [path, fact] of fresh) {
      if (fact.kind === 'directory') items.push({ path, type: 'directory', signature: undefined, hash: undefined })
      if (fact.kind !== 'file') continue
      const { signature } = fact
      const before = inodes.get(signature.ino)
      const sure = before !== undefined && sameContentState(before, signature)
      const isCandidate = before !== undefined || sizes.has(signature.size) || this.#context.unsettled.size > 0
      const hash = !sure && isCandidate ? await this.#readHash(path, texts) : undefined
      items.push({ path, type: 'file', signature, hash })
    }
    return items
  }

  async #readHash(path: RelPath, texts: Map<string, string>): Promise<string | undefined> {
    const result = await this.#context.fs.read(path)
    if (result.kind === 'unstable') return UNREAD
    if (result.kind !== 'stable') return undefined
    const decoded = decodeText(result.bytes)
    if ('reason' in decoded) return undefined
    texts.set(path, decoded.text)
    return hashText(decoded.text)
  }

  async #oldText(row: BaseRow, items: readonly Fresh[]): Promise<string | undefined> {
    if (row.type !== 'file') return undefined
    const { unsettled, texts } = this.#context
    if (row.wanted !== undefined) return await texts.read(row.wanted.doc, row.wanted)
    if (row.agreed === undefined) return undefined
    const match = unsettled.has(row.node) || items.some((item) => item.signature !== undefined && item.signature.ino === row.signature?.ino && item.hash !== undefined)
    return match ? await this.#context.texts.read(row.doc, row.agreed) : undefined
  }

  async #move(renames: readonly Rename[], fresh: ReadonlyMap<RelPath, DiskFact>): Promise<void> {
    const { workspace, index, emit, dirty, unsettled } = this.#context
    const changes: LocalChange[] = []
    const moved = new Map<NodeId, BaseRow>()
    const filesFirst = [...renames].sort((a, b) => Number(a.type === 'directory') - Number(b.type === 'directory'))
    for (const { from, to, type } of filesFirst) {
      const placed = unsettled.at(from)
      const row = index.at(from) ?? (placed === undefined ? undefined : placedRow(placed))
      const entry = row === undefined ? undefined : workspace.tree.get(row.node)
      if (row === undefined || entry === undefined) continue
      changes.push({ type: 'move', node: entry.node, path: shownPath(this.#context, to as RelPath) })
      const rows = type === 'directory' ? [row, ...index.below(row.path)] : [row]
      for (const next of rebased(rows, from, to)) {
        if (!moved.has(next.node)) moved.set(next.node, withSignature(next, fresh.get(next.path)))
      }
    }
    const before = [...moved.keys()].map((node) => index.of(node)?.path)
    await workspace.edit(changes, () => index.write([...moved.values()]))
    for (const path of [...before, ...Array.from(moved.values(), (row) => row.path)]) if (path !== undefined) this.#settle(path, dirty)
    for (const { from, to } of renames) emit('change', { path: to, what: 'moved', from: 'disk', was: from })
  }

  #settle(path: RelPath, dirty: FolderContext['dirty']): void {
    this.forget(path)
    this.#brake.release(path)
    dirty.add(path)
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

function describeGone(row: BaseRow): Gone {
  if (row.type === 'directory') return { path: row.path, type: 'directory', signature: undefined, hash: undefined }
  return { path: row.path, type: 'file', signature: row.signature, hash: row.agreed?.hash }
}

function alikeTexts(before: string | undefined, after: string | undefined): boolean {
  return before !== undefined && after !== undefined && isAlike(before, after)
}

/** A rename moves nothing but the change time: the file need not be read again. */
function withSignature(row: BaseRow, fact: DiskFact | undefined): BaseRow {
  if (row.type !== 'file' || fact?.kind !== 'file' || row.signature === undefined || row.racy) return row
  return sameContentState(row.signature, fact.signature) ? { ...row, signature: fact.signature } : row
}
