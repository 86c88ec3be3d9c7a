import { applyEdits, diffCost, diffText, looksMachineMade, mergeLines } from '@collab/core'
import type { DocVersion, KvOp, LocalChange, LocalResult, NodeId, SeenFile } from '@collab/core'
import type { BaseRow, BaseText, FileRow } from './base-row.js'
import { createBlob, setContent } from './blob-ingest.js'
import { bestBase } from './best-base.js'
import type { BaseCandidate } from './best-base.js'
import type { Subject } from './facts.js'
import { markTree } from './folder-context.js'
import type { FolderContext } from './folder-context.js'
import type { HeldChange } from './folder-fs.js'
import type { FolderEvents } from './folder-events.js'
import type { HeldBase } from './held-bases.js'
import { shownPath } from './moved-directories.js'
import { isTake } from './plan.js'
import type { RelPath } from './rel-path.js'
import { decodeText, hashText, isAlike, keepsLines } from './text-content.js'

/** Characters and changes that one entry of a large import aims at. */
const CHUNK_UNITS = 256 * 1024
const CHUNK_CHANGES = 1_000
/** A document that keeps reading differently from what was put into it is left alone after this many attempts. */
const MAX_ATTEMPTS = 3
/** The state before a document's first change. */
const BEGINNING: DocVersion = { upTo: 0, plus: [] }

/** One change for the workspace, and what becomes of the base when it is durable. */
export interface Taking {
  readonly path: RelPath
  readonly change: LocalChange
  readonly units: number
  readonly row: (result: LocalResult) => BaseRow | undefined
  readonly removed: readonly NodeId[]
  readonly event: FolderEvents['change']
  readonly text?: string
}

/** Disk to workspace. */
export class Ingest {
  readonly #context: FolderContext
  readonly #attempts = new Map<RelPath, number>()

  constructor(context: FolderContext) {
    this.#context = context
  }

  /** Carries out the steps that lead from the disk to the workspace; deletions of whole directories as one. */
  async take(subjects: readonly Subject[]): Promise<void> {
    const takings: Taking[] = []
    const deleted = subjects.filter(({ step }) => step === 'delete').map(({ path }) => path)
    const roots = new Set(deleted)
    for (const subject of subjects.filter(({ step }) => isTake(step)).sort((a, b) => (a.path < b.path ? -1 : 1))) {
      if (subject.step === 'delete' && hasAncestorIn(subject.path, roots)) continue
      const taking = await this.#prepare(subject)
      if (taking !== undefined) takings.push(taking)
    }
    let done = 0
    for (const chunk of chunked(takings)) {
      await this.#commit(chunk)
      done += chunk.length
      if (takings.length > CHUNK_CHANGES / 10) this.#context.emit('progress', { done, total: takings.length, what: 'importing' })
    }
  }

  /** Whether a file was tried too often: it is left as it is. */
  isExhausted(path: RelPath): boolean {
    return (this.#attempts.get(path) ?? 0) >= MAX_ATTEMPTS
  }

  /** What a program wrote into a file after it was replaced: merged against the text that the file had then. */
  async takeHeld({ path, id, bytes }: HeldChange): Promise<void> {
    const { held, index, workspace, emit, dirty } = this.#context
    const row = index.at(path)
    const noted = await held.get(id)
    const then = noted ?? fromRow(row)
    const decoded = decodeText(bytes)
    const keep = (): void => emit('warning', { code: 'late-write', message: `a program wrote to the replaced version of ${path}; that version is kept in .collab/trash` })
    if (then === undefined || 'reason' in decoded || workspace.rights !== 'write') return keep()
    const best = await this.#best(decoded.text, then, path, false)
    if (best.text === decoded.text) return
    // What is at its path may be another file by now.
    if (noted === undefined && !isAlike(best.text, decoded.text) && !keepsLines(best.text, decoded.text)) return keep()
    const change = editOf(then.doc, best, decoded.text)
    await workspace.edit([change], ([result]) => {
      if (result?.version === undefined) return []
      return [held.put(id, { doc: then.doc, agreed: { version: result.version, hash: hashText(decoded.text) }, ring: [] })]
    })
    dirty.add(path)
    emit('change', { path, what: 'edited', from: 'disk' })
  }

  async #prepare(subject: Subject): Promise<Taking | undefined> {
    const { path, step } = subject
    if (!isTake(step)) return undefined
    switch (step) {
      case 'create-file':
        return this.#createFile(subject)
      case 'create-directory':
        return {
          path,
          change: { type: 'create-directory', path: shownPath(this.#context, path) },
          units: path.length,
          row: ({ node }) => (node === undefined ? undefined : { type: 'directory', path, node, ignored: false }),
          removed: [],
          event: { path, what: 'created', from: 'disk' }
        }
      case 'merge':
        return this.#merge(subject)
      case 'ingest':
        return await this.#edit(subject)
      case 'delete':
        return this.#delete(subject)
      case 'set-document-mode':
        return this.#setMode(subject)
    }
  }

  #createFile(subject: Subject): Taking | undefined {
    const { path, disk } = subject
    if (disk?.blob !== undefined) return createBlob(subject)
    if (disk?.content === undefined) return undefined
    const { content, signature, racy, executable } = disk
    const row = ({ node, doc, version }: LocalResult): BaseRow | undefined => {
      if (node === undefined || doc === undefined || version === undefined) return undefined
      const agreed = { version, hash: content.hash }
      return { type: 'file', path, node, doc, agreed, signature, racy, executable, ring: [], wanted: undefined, ignored: false }
    }
    this.#context.texts.remember(content.text, content.hash)
    return {
      path,
      change: { type: 'create-file', path: shownPath(this.#context, path), text: content.text, executable },
      units: content.text.length + path.length,
      row,
      removed: [],
      event: { path, what: 'created', from: 'disk' },
      text: content.text
    }
  }

  /**
   * The lines that only the disk has go into the document; then all that the disk holds is there, and the document can
   * be written. The same lines added elsewhere to the same text are the same change.
   */
  #merge({ path, entry, disk, live }: Subject): Taking | undefined {
    if (entry?.content?.kind !== 'text' || disk?.content === undefined || live === undefined) return undefined
    const edits = diffText(live.text, mergeLines(live.text, disk.content.text))
    return {
      path,
      change: { type: 'edit', doc: entry.content.doc, base: live.version, edits, machine: true },
      units: disk.content.text.length,
      row: () => undefined,
      removed: [],
      event: { path, what: 'edited', from: 'disk' }
    }
  }

  async #edit(subject: Subject): Promise<Taking | undefined> {
    const { path, base, disk } = subject
    if (disk?.blob !== undefined || (base?.type === 'file' && base.blob !== undefined)) return setContent(subject)
    if (base?.type !== 'file' || base.agreed === undefined || disk?.content === undefined) return undefined
    const { content, signature, racy } = disk
    const best = await this.#best(content.text, { doc: base.doc, agreed: base.agreed, ring: base.ring }, path, base.gap === true)
    const next: FileRow = { ...base, signature, racy, ring: [], wanted: undefined, gap: undefined }
    this.#context.texts.remember(content.text, content.hash)
    if (best.text === content.text) {
      // A stale save without an edit of its own: the disk is back at an older text, and that is its base again.
      await this.#context.index.save([{ ...next, agreed: { version: best.version, hash: content.hash } }])
      this.#context.stale.mark(base.node)
      return undefined
    }
    return {
      path,
      change: editOf(base.doc, best, content.text),
      units: content.text.length,
      row: ({ version }) => (version === undefined ? undefined : { ...next, agreed: { version, hash: content.hash } }),
      removed: [],
      event: { path, what: 'edited', from: 'disk' },
      text: content.text
    }
  }

  async #best(text: string, then: HeldBase, path: RelPath, gap: boolean): Promise<BaseCandidate<DocVersion>> {
    const { texts, clock, writtenAt } = this.#context
    const candidate = async (base: BaseText): Promise<BaseCandidate<DocVersion>> => ({
      text: await texts.read(then.doc, base),
      version: base.version
    })
    const base = await candidate(then.agreed)
    const ring = await Promise.all(then.ring.map(candidate))
    const sinceWriteMs = this.#isInDoubt(path) ? 0 : clock.monotonic() - (writtenAt.get(path) ?? -Infinity)
    const cost = (from: string, to: string): number => diffCost(diffText(from, to))
    if (ring.length === 0 && !gap) return base
    return bestBase(text, { base, ring, empty: gap ? { text: '', version: BEGINNING } : undefined, sinceWriteMs, cost })
  }

  /** Whether the text in its ring may just have been put there, before a crash. */
  #isInDoubt(path: RelPath): boolean {
    const row = this.#context.index.at(path)
    return row !== undefined && this.#context.unsettled.has(row.node)
  }

  #delete({ path, base }: Subject): Taking | undefined {
    if (base === undefined) return undefined
    const { index } = this.#context
    const rows = [base, ...(base.type === 'directory' ? index.below(path) : [])]
    return {
      path,
      change: deletionOf(this.#context, base),
      units: 1,
      row: () => undefined,
      removed: [index.at(path)?.node ?? base.node, ...rows.map((row) => row.node)],
      event: { path, what: 'deleted', from: 'disk' }
    }
  }

  #setMode({ path, base, entry, disk }: Subject): Taking | undefined {
    if (base?.type !== 'file' || disk === undefined) return undefined
    const { executable, signature } = disk
    return {
      path,
      change: { type: 'executable', node: entry?.node ?? base.node, executable },
      units: 1,
      row: () => ({ ...base, executable, signature, racy: disk.racy }),
      removed: [],
      event: { path, what: 'mode', from: 'disk' }
    }
  }

  async #commit(takings: readonly Taking[]): Promise<void> {
    const { workspace, emit, skipped } = this.#context
    const results = await workspace.edit(
      takings.map(({ change }) => change),
      (results) => this.#rowOps(takings, results)
    )
    for (const [at, taking] of takings.entries()) {
      const result = results[at]
      skipped.delete(taking.path)
      // What a peer moved out of a directory that is deleted here lives on elsewhere.
      for (const node of taking.removed) markTree(this.#context, node)
      if (taking.change.type === 'edit' && taking.text !== undefined && result !== undefined) await this.#verify(taking, taking.text, result)
      emit('change', taking.event)
    }
  }

  #rowOps(takings: readonly Taking[], results: readonly LocalResult[]): readonly KvOp[] {
    const rows: BaseRow[] = []
    const removed: NodeId[] = []
    for (const [at, taking] of takings.entries()) {
      const result = results[at]
      const row = result === undefined ? undefined : taking.row(result)
      if (row !== undefined) rows.push(row)
      removed.push(...taking.removed)
    }
    return this.#context.index.write(rows, removed)
  }

  /** The base must be what the document was at its version, or the next difference would be taken against a fiction. */
  async #verify({ path }: Taking, text: string, { doc, version }: LocalResult): Promise<void> {
    const { workspace, index, dirty, emit, skipped } = this.#context
    if (doc === undefined || version === undefined) return
    const actual = await workspace.readTextAt(doc, version)
    const row = index.at(path)
    if (actual === text || row?.type !== 'file') {
      this.#attempts.delete(path)
      return
    }
    const attempts = (this.#attempts.get(path) ?? 0) + 1
    this.#attempts.set(path, attempts)
    await index.save([{ ...row, agreed: { version, hash: hashText(actual) }, signature: undefined }])
    dirty.add(path)
    if (attempts < MAX_ATTEMPTS) return
    const message = `${path} could not be taken over exactly: the file is left as it is and not synced; run collab doctor`
    if (skipped.add(path, 'could not be taken over exactly')) emit('warning', { code: 'not-exact', message })
  }
}

/** The deletion of what a row stands for, with all below it. */
export function deletionOf(context: FolderContext, base: BaseRow): LocalChange {
  const node = context.workspace.tree.get(base.node)?.node ?? base.node
  const rows = [base, ...(base.type === 'directory' ? context.index.below(base.path) : [])]
  return { type: 'delete', node, seen: new Map(rows.map((row) => seenOf(context, row))) }
}

/** What this folder held of a row's file: whatever a peer sent meanwhile is not deleted with it. */
function seenOf({ workspace }: FolderContext, row: BaseRow): readonly [NodeId, SeenFile | undefined] {
  const node = workspace.tree.get(row.node)?.node ?? row.node
  if (row.type !== 'file') return [node, undefined]
  if (row.blob !== undefined) return [node, { blob: row.blob.blob }]
  return [node, row.agreed === undefined ? undefined : { doc: row.doc, version: row.agreed.version }]
}

function fromRow(row: BaseRow | undefined): HeldBase | undefined {
  if (row?.type !== 'file' || row.agreed === undefined) return undefined
  const wanted = row.wanted !== undefined && row.wanted.doc === row.doc ? [row.wanted] : []
  return { doc: row.doc, agreed: row.agreed, ring: [...wanted, ...row.ring] }
}

function editOf(doc: FileRow['doc'], base: BaseCandidate<DocVersion>, text: string): LocalChange {
  const edits = diffText(base.text, text)
  if (applyEdits(base.text, edits) !== text) throw new RangeError('a difference does not lead to the text that it was made from')
  return { type: 'edit', doc, base: base.version, edits, machine: looksMachineMade(base.text, edits) }
}

function hasAncestorIn(path: string, directories: ReadonlySet<string>): boolean {
  for (let slash = path.lastIndexOf('/'); slash > 0; slash = path.lastIndexOf('/', slash - 1)) {
    if (directories.has(path.slice(0, slash))) return true
  }
  return false
}

function* chunked(takings: readonly Taking[]): Generator<readonly Taking[]> {
  let chunk: Taking[] = []
  let units = 0
  for (const taking of takings) {
    if (chunk.length >= CHUNK_CHANGES || (chunk.length > 0 && units + taking.units > CHUNK_UNITS)) {
      yield chunk
      chunk = []
      units = 0
    }
    chunk.push(taking)
    units += taking.units
  }
  if (chunk.length > 0) yield chunk
}
