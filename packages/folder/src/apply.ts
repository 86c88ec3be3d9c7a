import type { KvOp, NodeId, TextState } from '@collab/core'
import { placeBlobs } from './blob-placing.js'
import { pushedRing, unplacedRow } from './base-row.js'
import type { BaseRow, BaseText, DirectoryRow, FileRow, WantedText } from './base-row.js'
import type { Subject } from './facts.js'
import type { FolderContext } from './folder-context.js'
import type { ReplaceResult } from './folder-fs.js'
import { isPut } from './plan.js'
import type { PutStep } from './plan.js'
import { makeDirectories, noteBlocked, removeDirectory } from './put-directory.js'
import { freeName, putMove } from './put-move.js'
import type { RelPath } from './rel-path.js'
import { madeRows, rowsAbove } from './rows-above.js'
import { isRacy } from './signature.js'
import type { Signature } from './signature.js'
import { encodeText, hashText } from './text-content.js'

/** Files that are read from the workspace and placed together. */
const PLACE_FILES = 256
const PLACE_UNITS = 4 * 1024 * 1024
/** Replacements under way at once: their fsyncs overlap. */
const PARALLEL_WRITES = 16

/** What must stand before something else can: parents first, room made before it is taken, children gone before their directory. */
const ORDER: readonly PutStep[] = ['keep-beside', 'make-directory', 'move', 'set-disk-mode', 'write', 'place', 'remove', 'remove-directory']

interface Wanted {
  readonly subject: Subject
  readonly live: TextState
  readonly row: FileRow
}

/** Workspace to disk. Nothing is overwritten or removed but what was read; what is, is kept aside by the disk side. */
export class Apply {
  readonly #context: FolderContext
  /** Directories that moved in this round, old and new paths: what was decided about what is below is out of date. */
  readonly #shifted = new Set<string>()

  constructor(context: FolderContext) {
    this.#context = context
  }

  /** Carries out the steps that lead from the workspace to the disk. */
  async put(subjects: readonly Subject[]): Promise<void> {
    this.#shifted.clear()
    const steps = Map.groupBy(subjects, ({ step }) => step)
    for (const step of ORDER) {
      const group = (steps.get(step) ?? []).filter(({ step }) => isPut(step)).sort((a, b) => (a.path < b.path ? -1 : 1))
      if (group.length === 0) continue
      if (step === 'write' || step === 'place') await this.#putContent(group.filter((subject) => this.#isCurrent(subject)), step)
      else if (step === 'make-directory') await makeDirectories(this.#context, group)
      else for (const subject of step === 'remove-directory' ? group.reverse() : group) if (this.#isCurrent(subject)) await this.#putOne(subject, step)
    }
  }

  /** Whether the path is still what was looked at; if not it is looked at again. */
  #isCurrent({ path }: Subject): boolean {
    if (this.#shifted.size === 0 || !isAtOrBelow(path, this.#shifted)) return true
    this.#context.dirty.add(path)
    return false
  }

  async #putContent(group: readonly Subject[], step: 'write' | 'place'): Promise<void> {
    const { blobs = [], texts = [] } = Object.groupBy(group, ({ entry }) => (entry?.content?.kind === 'blob' ? 'blobs' : 'texts'))
    await placeBlobs(this.#context, blobs, (path, result) => noteBlocked(this.#context, path, result))
    if (texts.length === 0) return
    if (step === 'write') await this.#writeAll(texts)
    else await this.#placeAll(texts)
  }

  async #putOne(subject: Subject, step: PutStep): Promise<void> {
    switch (step) {
      case 'move':
        for (const path of await putMove(this.#context, subject)) this.#shifted.add(path)
        return
      case 'remove':
        return await this.#remove(subject)
      case 'remove-directory':
        return await removeDirectory(this.#context, subject)
      case 'set-disk-mode':
        return await this.#setMode(subject)
      case 'keep-beside':
        return await this.#keepBeside(subject)
      case 'make-directory':
      case 'write':
      case 'place':
        return undefined
    }
  }

  async #writeAll(subjects: readonly Subject[]): Promise<void> {
    for (let at = 0; at < subjects.length; at += PARALLEL_WRITES) {
      const wanted = subjects.slice(at, at + PARALLEL_WRITES).flatMap((subject) => toWanted(subject, subject.live))
      await this.#intend(wanted)
      const results = await Promise.all(wanted.map(async (item) => [item, await this.#replace(item)] as const))
      await this.#conclude(results, 'edited')
    }
  }

  async #replace({ subject, live, row }: Wanted): Promise<ReplaceResult> {
    const expect = subject.disk?.signature
    if (expect === undefined) return { kind: 'changed' }
    const onGap = (): Promise<void> => this.#noteGap(row.node)
    return await this.#context.fs.replace(row.path, encodeText(live.text), { expect, hash: knownHash(subject), executable: row.executable, onGap })
  }

  /** Where nobody ever agreed on anything there is nothing that another file could seem to delete. */
  async #noteGap(node: NodeId): Promise<void> {
    const row = this.#context.index.of(node)
    if (row?.type === 'file' && unplacedRow(row) !== undefined) await this.#context.index.save([withGap(row)])
  }

  /** While one batch is placed, the one before it is concluded and the one after it intended. */
  async #placeAll(subjects: readonly Subject[]): Promise<void> {
    let done = 0
    let before: Promise<void> = Promise.resolve()
    try {
      for (const batch of placeBatches(subjects)) {
        const wanted = batch.flatMap((subject) => toWanted(subject, subject.live))
        const above = rowsAbove(this.#context, wanted.map(({ row }) => row.path))
        await this.#intend(wanted)
        const placed = this.#place(wanted)
        await before
        before = placed.then(async (results) => {
          await this.#conclude(results, 'created', above)
          done += batch.length
          if (subjects.length > PLACE_FILES / 4) this.#context.emit('progress', { done, total: subjects.length, what: 'placing' })
        })
        // It is waited for with the next batch, or at the end.
        before.catch(() => undefined)
      }
    } finally {
      await before
    }
  }

  async #place(wanted: readonly Wanted[]): Promise<readonly (readonly [Wanted, ReplaceResult])[]> {
    const items = wanted.map(({ row, live }) => ({ path: row.path, text: live.text, executable: row.executable }))
    const results = await this.#context.fs.placeMany(items)
    return wanted.map((item, at) => [item, results[at] ?? { kind: 'changed' }] as const)
  }

  /** Durable before the disk is touched, so that after a crash the file on disk is known for ours. */
  async #intend(wanted: readonly Wanted[]): Promise<void> {
    await this.#context.index.save(wanted.map(({ row }) => row))
  }

  async #conclude(results: readonly (readonly [Wanted, ReplaceResult])[], what: 'created' | 'edited', above: readonly DirectoryRow[] = []): Promise<void> {
    const rows: BaseRow[] = [...madeRows(this.#context, above)]
    const dropped: NodeId[] = []
    const held: KvOp[] = []
    for (const [item, result] of results) {
      const { row } = item
      if ('held' in result && result.held !== undefined) held.push(...this.#hold(result.held, row))
      if (result.kind === 'blocked') noteBlocked(this.#context, row.path, result)
      // The disk failed in the middle: what it holds is seen when it is looked at again, and is in doubt until then.
      if (result.kind === 'blocked' && result.isPlaced === true) continue
      const unplaced = unplacedRow(row)
      if (result.kind === 'written') rows.push(this.#written(item, result.signature, what))
      else if (unplaced === undefined) dropped.push(row.node)
      else rows.push(result.kind === 'exists' && result.held !== undefined ? withGap(row) : unplaced)
      if (result.kind === 'blocked') continue
      if (result.kind === 'changed') this.#lookAgain(row.path)
      else if (result.kind !== 'written' || this.#context.stale.has(row.node)) this.#context.dirty.add(row.path)
    }
    const ops = [...this.#context.index.write(rows, dropped), ...held]
    if (ops.length > 0) await this.#context.workspace.rows.commit(ops)
  }

  #hold(id: string, row: FileRow): KvOp[] {
    return row.agreed === undefined ? [] : [this.#context.held.put(id, { doc: row.doc, agreed: row.agreed, ring: row.ring })]
  }

  #written({ row, live }: Wanted, signature: Signature, what: 'created' | 'edited'): FileRow {
    const { clock, writtenAt, verifiedAt, skipped, emit, texts, stale } = this.#context
    const wanted = row.wanted as WantedText
    writtenAt.set(row.path, clock.monotonic())
    verifiedAt.set(row.path, clock.monotonic())
    skipped.delete(row.path)
    texts.remember(live.text, wanted.hash)
    stale.settle(row.node, wanted.version)
    emit('change', { path: row.path, what, from: 'peer' })
    const agreed: BaseText = { version: wanted.version, hash: wanted.hash }
    const ring = row.doc === wanted.doc ? pushedRing(row) : []
    return { ...row, doc: wanted.doc, agreed, blob: undefined, ring, wanted: undefined, gap: undefined, signature, racy: isRacy(signature, clock.now()) }
  }

  async #remove({ path, base, disk }: Subject): Promise<void> {
    const { fs, index, emit, dirty, workspace, held } = this.#context
    if (base?.type !== 'file' || disk === undefined) return
    const stored = index.at(path)?.node ?? base.node
    const result = await fs.remove(path, { expect: disk.signature, hash: knownHash({ base, disk }) })
    if (result.kind === 'blocked') return noteBlocked(this.#context, path, result)
    if (result.kind === 'changed') return this.#lookAgain(path)
    const keep = result.kind === 'removed' && base.agreed !== undefined
    const ops = keep ? [held.put(result.held, { doc: base.doc, agreed: base.agreed, ring: base.ring })] : []
    await workspace.rows.commit([...index.write([], [stored]), ...ops])
    dirty.add(path)
    emit('change', { path, what: 'deleted', from: 'peer' })
  }

  async #setMode({ path, base, entry, disk }: Subject): Promise<void> {
    const { fs, index, emit, dirty } = this.#context
    if (base?.type !== 'file' || disk === undefined) return
    const executable = entry?.executable ?? base.executable
    const result = await fs.setExecutable(path, executable, { expect: disk.signature })
    dirty.add(path)
    if (result.kind === 'blocked') return noteBlocked(this.#context, path, result)
    if (result.kind !== 'set') return
    await index.save([{ ...base, executable, signature: result.signature, racy: disk.racy }])
    emit('change', { path, what: 'mode', from: 'peer' })
  }

  /** With a link that only reads: the edited file steps aside, and the document takes its place again. */
  async #keepBeside({ path, base, disk }: Subject): Promise<void> {
    const { fs, index, emit, dirty, skipped } = this.#context
    if (base === undefined || disk === undefined) return
    const beside = freeName(this.#context, path, undefined)
    const result = await fs.move(path, beside, { expect: disk.signature })
    dirty.add(path)
    if (result.kind === 'blocked') return noteBlocked(this.#context, path, result)
    if (result.kind !== 'moved') return
    await index.save([], [index.at(path)?.node ?? base.node])
    skipped.add(beside, 'a local edit that the link does not allow to send')
    emit('warning', { code: 'read-only', message: `the link only grants reading: your edit of ${path} was kept as ${beside} and is not sent` })
  }

  #lookAgain(path: RelPath): void {
    this.#context.verifiedAt.delete(path)
    this.#context.dirty.add(path)
  }
}

/** Another file is where this one was. */
function withGap(row: FileRow): FileRow {
  return { ...row, wanted: undefined, gap: true }
}

/** What the file holds as far as is known, where its signature does not show every change. */
function knownHash({ base, disk }: Pick<Subject, 'base' | 'disk'>): string | undefined {
  if (disk?.racy !== true) return undefined
  return disk.content?.hash ?? (base?.type === 'file' ? base.agreed?.hash : undefined)
}

function toWanted(subject: Subject, live: TextState | undefined): Wanted[] {
  const { path, base, entry } = subject
  if (live === undefined || entry?.content?.kind !== 'text') return []
  const wanted: WantedText = { doc: entry.content.doc, version: live.version, hash: hashText(live.text) }
  // Which file it is whose place is to be taken tells after a crash whether it was.
  const { signature, racy } = subject.disk ?? { signature: undefined, racy: true }
  if (base?.type === 'file') return [{ subject, live, row: { ...base, wanted, gap: undefined, signature, racy } }]
  const row: FileRow = {
    type: 'file',
    path,
    node: entry.node,
    doc: wanted.doc,
    agreed: undefined,
    signature,
    racy: true,
    executable: entry.executable,
    ring: [],
    wanted,
    ignored: false
  }
  return [{ subject, live, row }]
}

function isAtOrBelow(path: string, directories: ReadonlySet<string>): boolean {
  for (let end = path.length; end > 0; end = path.lastIndexOf('/', end - 1)) if (directories.has(path.slice(0, end))) return true
  return false
}

function* placeBatches(subjects: readonly Subject[]): Generator<readonly Subject[]> {
  let batch: Subject[] = []
  let units = 0
  for (const subject of subjects) {
    batch.push(subject)
    units += subject.live?.text.length ?? 0
    if (batch.length < PLACE_FILES && units < PLACE_UNITS) continue
    yield batch
    batch = []
    units = 0
  }
  if (batch.length > 0) yield batch
}
