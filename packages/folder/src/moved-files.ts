import type { KvOp, LocalChange, NodeId } from '@collab/core'
import { ABSENT_MS } from './absence.js'
import { unplacedRow } from './base-row.js'
import type { BaseRow, FileRow } from './base-row.js'
import { rebased } from './base-index.js'
import type { Brake } from './brake.js'
import type { Displaced } from './displaced.js'
import type { FolderContext } from './folder-context.js'
import { markHeir, markTree } from './folder-context.js'
import { deletionOf } from './ingest.js'
import { shownPath } from './moved-directories.js'
import { isStepAside } from './put-move.js'
import { detectRenames } from './rename-detect.js'
import type { Fresh, Gone, Rename } from './rename-detect.js'
import type { RelPath } from './rel-path.js'
import { sameContentState } from './signature.js'
import type { DiskFact } from './signature.js'
import { EMPTY_HASH, decodeText, hashText, isAlike, keepsLines } from './text-content.js'
import { placedRow } from './unsettled.js'

/** In the place of a hash. */
const UNREAD = 'unread'

/** Pairs what is gone with what is new, and moves in the workspace what was moved on the disk. */
export class MovedFiles {
  readonly #context: FolderContext
  readonly #brake: Brake
  readonly #onMoved: (path: RelPath) => void
  /** Since when something else is in a file's place, and it is nowhere. */
  readonly #displacedSince = new Map<RelPath, number>()
  /** Of those: no news of where they are can be under way any more. */
  readonly #certain = new Set<RelPath>()

  /** @param onMoved called for each path whose absence is explained by a move */
  constructor(context: FolderContext, brake: Brake, onMoved: (path: RelPath) => void) {
    this.#context = context
    this.#brake = brake
    this.#onMoved = onMoved
  }

  /**
   * Moves what was moved. @returns after how many milliseconds to look again, 'none' when nothing is a move, or 'unsure'
   * while a new file that may be one of those that are gone is still being written
   */
  async take(gone: readonly BaseRow[], fresh: ReadonlyMap<RelPath, DiskFact>, displaced: Displaced): Promise<number | 'none' | 'unsure'> {
    const others = displaced.rows.map(({ path }) => path)
    if (fresh.size === 0) this.#forgetOthers(others)
    if (fresh.size === 0) return displaced.unsure.length > 0 ? 'unsure' : 'none'
    const texts = new Map<string, string>()
    const items = await this.#describeFresh(gone, fresh, texts)
    const olds = new Map(await Promise.all(gone.map(async (row) => [row.path as string, await this.#oldText(row, items)] as const)))
    const unsettled = this.#context.unsettled
    const described = gone.map((row) => ({ ...describeGone(row), otherHash: unsettled.hashAt(row.path) }))
    const found = detectRenames(described, items, {
      emptyHash: EMPTY_HASH,
      alike: (from, to) => areSo(isAlike, olds.get(from.path), texts.get(to.path)),
      grew: (from, to) => areSo(keepsLines, olds.get(from.path), texts.get(to.path))
    })
    const renames = [...displaced.carried, ...withoutTargets(found, displaced.carried)]
    const replaced = this.#replacedBy(renames, displaced)
    this.#forgetOthers([...others, ...replaced.values()])
    const waitMs = await this.#untilCertain([...replaced.values()])
    const admitted = waitMs === undefined ? this.#brake.admit([...replaced.values()], this.#context.index.files) : new Set<RelPath>()
    const isAdmitted = (path: RelPath | undefined): boolean => path === undefined || admitted.has(path)
    const moves = renames.filter(({ to }) => isAdmitted(replaced.get(to)))
    if (moves.length > 0) await this.#move(moves, fresh)
    if (moves.length > 0 || waitMs !== undefined) return waitMs ?? 0
    return displaced.unsure.length > 0 || items.some(({ hash }) => hash === UNREAD) ? 'unsure' : 'none'
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

  /**
   * Files that others were moved over and that are nowhere else, by where those are now: the files are deleted, unless they
   * are too many at once. Then they count as edited meanwhile.
   */
  #replacedBy(renames: readonly Rename[], { rows }: Displaced): ReadonlyMap<string, RelPath> {
    const away = new Set(renames.map(({ from }) => from))
    const over = new Set(renames.map(({ to }) => to))
    const replaced = new Map<string, RelPath>(rows.map(({ path }) => [path, path]))
    for (const { type, from, to } of renames) {
      if (type !== 'directory') continue
      for (const { path } of this.#context.index.below(from)) replaced.set(to + path.slice(from.length), path)
    }
    for (const [at, path] of replaced) if (away.has(path) || !over.has(at)) replaced.delete(at)
    return replaced
  }

  /** Until news of where the files of `paths` are have had their time; undefined when they had. */
  async #untilCertain(paths: readonly RelPath[]): Promise<number | undefined> {
    const now = this.#context.clock.monotonic()
    for (const path of paths) if (!this.#displacedSince.has(path)) this.#displacedSince.set(path, now)
    const youngest = paths.reduce((least, path) => Math.min(least, now - (this.#displacedSince.get(path) ?? now)), Infinity)
    if (youngest < ABSENT_MS) return Math.ceil(ABSENT_MS - youngest)
    const uncertain = paths.filter((path) => !this.#certain.has(path))
    if (uncertain.length === 0) return undefined
    await this.#context.fs.caughtUp()
    for (const path of uncertain) this.#certain.add(path)
    return 0
  }

  #forgetOthers(paths: readonly RelPath[]): void {
    const still = new Set(paths)
    for (const path of this.#displacedSince.keys()) if (!still.has(path)) this.#forget(path)
  }

  #forget(path: RelPath): void {
    this.#displacedSince.delete(path)
    this.#certain.delete(path)
  }

  async #move(renames: readonly Rename[], fresh: ReadonlyMap<RelPath, DiskFact>): Promise<void> {
    const { workspace, index, emit, dirty, unsettled } = this.#context
    const changes: LocalChange[] = []
    const moved = new Map<NodeId, BaseRow>()
    const places = new Set<RelPath>()
    /** In a directory that was moved too. */
    const overtaken: BaseRow[] = []
    const filesFirst = [...renames].sort((a, b) => Number(a.type === 'directory') - Number(b.type === 'directory'))
    for (const { from, to, type } of filesFirst) {
      const placed = unsettled.at(from)
      const row = index.at(from) ?? (placed === undefined ? undefined : placedRow(placed))
      if (row === undefined) continue
      const entry = workspace.tree.get(row.node)
      const path = shownPath(this.#context, to as RelPath)
      // A run that was cut off moved it: to where it belongs, or out of the way.
      const isOurs = entry !== undefined && (path === entry.path || (entry.path !== from && isStepAside(from, to)))
      if (!isOurs) changes.push({ type: 'move', node: entry?.node ?? row.node, path })
      if (type === 'directory') changes.push(...this.#revived(row, path))
      if (isNeverPlaced(placed, fresh.get(to as RelPath))) {
        unsettled.delete(row.node)
        continue
      }
      for (const next of rebased(type === 'directory' ? [row, ...index.below(row.path)] : [row], from, to)) {
        const was = index.of(next.node)
        if (moved.has(next.node)) continue
        if (places.has(next.path) && was !== undefined) overtaken.push(was)
        else moved.set(next.node, withSignature(next, fresh.get(next.path)))
        places.add(next.path)
      }
    }
    const before = [...moved.keys()].map((node) => index.of(node)?.path)
    const inPlace = [...moved.values()].flatMap(({ path }) => index.at(path) ?? []).filter(({ node }) => !moved.has(node))
    const replaced = [...inPlace, ...overtaken]
    // What a peer moved away meanwhile is not meant.
    const meant = replaced.filter(({ node, path }) => workspace.tree.get(node)?.path === path)
    changes.unshift(...meant.map((row) => deletionOf(this.#context, row)))
    const write = (): readonly KvOp[] => index.write([...moved.values()], replaced.map(({ node }) => node))
    if (changes.length > 0) await workspace.edit(changes, write)
    else await workspace.rows.commit(write())
    for (const { path, node } of replaced) {
      this.#brake.done(path)
      markTree(this.#context, node)
      emit('change', { path, what: 'deleted', from: 'disk' })
    }
    for (const path of [...before, ...Array.from(moved.values(), (row) => row.path)]) if (path !== undefined) this.#settle(path, dirty)
    for (const path of before) if (path !== undefined) markHeir(this.#context, path)
    for (const { from, to } of renames) emit('change', { path: to, what: 'moved', from: 'disk', was: from })
  }

  /** What a peer deleted in a directory before its move was known here, and who moved it still had. */
  #revived(directory: BaseRow, to: RelPath): readonly LocalChange[] {
    const { index, workspace, fs } = this.#context
    const wasDeleted = [...index.below(directory.path)].filter(({ node }) => workspace.tree.get(node) === undefined)
    const changes: LocalChange[] = []
    for (const { node, path } of wasDeleted.sort((a, b) => (a.path < b.path ? -1 : 1))) {
      const next = (to + path.slice(directory.path.length)) as RelPath
      if (fs.fact(next).kind !== 'absent') changes.push({ type: 'move', node, path: next })
    }
    return changes
  }

  #settle(path: RelPath, dirty: FolderContext['dirty']): void {
    this.#onMoved(path)
    this.#forget(path)
    this.#brake.release(path)
    dirty.add(path)
  }
}

function describeGone(row: BaseRow): Gone {
  if (row.type === 'directory') return { path: row.path, type: 'directory', signature: undefined, hash: undefined }
  return { path: row.path, type: 'file', signature: row.signature, hash: row.agreed?.hash }
}

function withoutTargets(renames: readonly Rename[], others: readonly Rename[]): readonly Rename[] {
  const taken = new Set(others.map(({ to }) => to))
  return renames.filter(({ to }) => !taken.has(to))
}

/** Whether both texts were read, and what is asked of them holds. */
function areSo(holds: (before: string, after: string) => boolean, before: string | undefined, after: string | undefined): boolean {
  return before !== undefined && after !== undefined && holds(before, after)
}

/** Whether what was moved is the file that was there before the one that was to be placed. Nobody ever agreed on it. */
function isNeverPlaced(placed: FileRow | undefined, fact: DiskFact | undefined): boolean {
  return placed !== undefined && unplacedRow(placed) === undefined && placed.signature !== undefined && fact?.kind === 'file' && fact.signature.ino === placed.signature.ino
}

/** A rename moves nothing but the change time: the file need not be read again. */
function withSignature(row: BaseRow, fact: DiskFact | undefined): BaseRow {
  if (row.type !== 'file' || fact?.kind !== 'file' || row.signature === undefined || row.racy) return row
  return sameContentState(row.signature, fact.signature) ? { ...row, signature: fact.signature } : row
}
