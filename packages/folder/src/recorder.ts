import { shareMostLines } from '@collab/core'
import type { KvOp, NodeId } from '@collab/core'
import { BASE_TABLE } from './base-index.js'
import type { BaseRow, FileRow, WantedText } from './base-row.js'
import { isInDoubt, pushedRing, unplacedRow } from './base-row.js'
import { holdsNewLine } from './best-base.js'
import { blobRow } from './blob-placing.js'
import type { Subject } from './facts.js'
import { lookOnce, markHeir } from './folder-context.js'
import type { FolderContext } from './folder-context.js'
import type { RemovedFile } from './folder-fs.js'
import type { RelPath } from './rel-path.js'
import { equalSignature, isRacy } from './signature.js'
import type { Signature } from './signature.js'
import { decodeText, hashBytes } from './text-content.js'
import { isEditOf, placedRow } from './unsettled.js'

/** Files in doubt that are settled because of a new one. */
const MAX_OTHERS = 256
/** Readings of a file that a crash left in doubt. */
const MAX_READS = 20

type DoubtfulRow = FileRow & { readonly wanted: WantedText }

interface FoundText {
  readonly text: string
  readonly hash: string
  readonly signature: Signature
  readonly racy: boolean
}

/** Records what disk and workspace agree on, where neither has to change. */
export class Recorder {
  readonly #context: FolderContext

  constructor(context: FolderContext) {
    this.#context = context
  }

  async record(subjects: readonly Subject[]): Promise<void> {
    const rows: BaseRow[] = []
    const dropped: NodeId[] = []
    for (const subject of subjects) {
      if (subject.step === 'forget') this.#forget(subject, dropped)
      const row = subject.step === 'adopt' ? adopted(subject) : subject.step === 'nothing' ? this.#refreshed(subject) : undefined
      if (row === undefined) continue
      rows.push(row)
      if (row.type === 'file' && row.agreed !== undefined) this.#context.stale.settle(row.node, row.agreed.version)
    }
    if (rows.length + dropped.length > 0) await this.#context.index.save(rows, dropped)
  }

  /** Where others were made anew while files were aside, what the last run recorded of those does not hold. */
  async noteGaps(paths: readonly RelPath[]): Promise<void> {
    const rows = paths.flatMap((path) => this.#context.index.at(path) ?? []).filter((row) => row.type === 'file')
    await this.#context.index.save(rows.map((row) => ({ ...row, gap: true })))
  }

  /** What the last run removed just before it ended was deleted by nobody here: should it have come back, it is placed again. */
  async noteRemoved(removed: readonly RemovedFile[]): Promise<void> {
    const { fs, held, index, workspace } = this.#context
    const dropped: NodeId[] = []
    const kept: KvOp[] = []
    for (const { id, path, ino } of removed) {
      const row = index.at(path)
      if (row?.type !== 'file' || isInDoubt(row) || row.signature?.ino !== ino || fs.fact(path).kind !== 'absent') continue
      dropped.push(row.node)
      if (row.agreed !== undefined) kept.push(held.put(id, { doc: row.doc, agreed: row.agreed, ring: row.ring }))
    }
    if (dropped.length > 0) await workspace.rows.commit([...index.write([], dropped), ...kept])
  }

  /** A file equal to what was about to be put on disk when the last run ended is ours; any other stays what it is. */
  async settleWanted(): Promise<void> {
    const doubts = [...this.#context.index.all()].filter(isInDoubt)
    await this.#settleAll(doubts, async ({ retryAfterMs }) => {
      await new Promise<void>((resolve) => void this.#context.clock.after(retryAfterMs, resolve))
      return true
    })
  }

  /**
   * The same for `paths` where the disk failed in this run; where one of them is new, for others too: it may be one of
   * those, moved. @returns paths that are to be looked at later
   */
  async settleDoubts(paths: readonly RelPath[]): Promise<ReadonlySet<RelPath>> {
    const { index, dirty } = this.#context
    const later = new Set<RelPath>()
    if (index.doubtful.size === 0) return later
    const isNew = (path: RelPath): boolean => index.at(path) === undefined && lookOnce(this.#context, path).kind === 'file'
    const others = paths.some(isNew) ? [...index.doubtful].slice(0, MAX_OTHERS) : []
    const doubts = [...new Set([...paths.map((path) => index.at(path)), ...others])].filter(isInDoubt)
    const settled = await this.#settleAll(doubts, ({ path, retryAfterMs }) => {
      later.add(path)
      dirty.add(path, retryAfterMs)
      return Promise.resolve(false)
    })
    for (const path of settled) dirty.add(path)
    return later
  }

  /** @param wait asked when a file is being written at this moment: whether to look again */
  async #settleAll(doubts: readonly DoubtfulRow[], wait: (unrest: { readonly path: RelPath; readonly retryAfterMs: number }) => Promise<boolean>): Promise<readonly RelPath[]> {
    const settledPaths: RelPath[] = []
    const rows: BaseRow[] = []
    const dropped: NodeId[] = []
    for (const row of doubts) {
      // Another file has its place since: this one is nowhere, or was moved.
      if (this.#context.index.at(row.path) !== row) {
        this.#context.unsettled.add(row)
        dropped.push(row.node)
        continue
      }
      // What cannot be read now stays in doubt.
      if (this.#context.fs.fact(row.path).kind === 'unreadable') continue
      const found = await this.#readWanted(row, wait)
      if (found === 'later') continue
      settledPaths.push(row.path)
      const settled = await this.#settleRow(row, found)
      if (settled === undefined) dropped.push(row.node)
      else rows.push(settled)
    }
    const { index, unsettled } = this.#context
    const [open, certain] = [(node: NodeId): boolean => unsettled.has(node), (node: NodeId): boolean => !unsettled.has(node)]
    // In memory only: a crash before what was moved is found leaves it in doubt again.
    index.write(rows.filter(({ node }) => open(node)), dropped.filter(open))
    await index.save(rows.filter(({ node }) => certain(node)), dropped.filter(certain))
    return settledPaths
  }

  /** What was moved meanwhile has been found by now: what was taken to be so of the rest is kept. */
  async concludeDoubts(): Promise<void> {
    const { index, unsettled, workspace } = this.#context
    const nodes = unsettled.rows().map(({ node }) => node)
    if (nodes.length === 0) return
    unsettled.clear()
    const gone = nodes.filter((node) => index.of(node) === undefined)
    await workspace.rows.commit([...index.write(nodes.flatMap((node) => index.of(node) ?? [])), ...gone.map((key) => ({ table: BASE_TABLE, key }))])
  }

  #forget({ path, base, entry }: Subject, dropped: NodeId[]): void {
    const { index, dirty } = this.#context
    const stored = index.at(path)?.node ?? base?.node
    if (stored !== undefined) dropped.push(stored)
    if (entry !== undefined && entry.path !== path) dirty.add(entry.path as RelPath)
    markHeir(this.#context, path)
  }

  #refreshed({ path, base, disk }: Subject): BaseRow | undefined {
    if (base === undefined) return undefined
    const moved = this.#context.index.at(path)?.node !== base.node
    if (base.type === 'directory' || disk === undefined) return moved ? base : undefined
    const same = base.signature !== undefined && equalSignature(base.signature, disk.signature) && base.racy === disk.racy && base.gap === undefined
    return same && !moved ? undefined : { ...base, signature: disk.signature, racy: disk.racy, gap: undefined }
  }

  async #settleRow(row: DoubtfulRow, found: FoundText | undefined): Promise<FileRow | undefined> {
    const { wanted } = row
    if (found?.hash === wanted.hash) {
      const agreed = { version: wanted.version, hash: wanted.hash }
      const ring = row.doc === wanted.doc ? pushedRing(row) : []
      return { ...row, doc: wanted.doc, agreed, blob: undefined, ring, wanted: undefined, gap: undefined, signature: found.signature, racy: found.racy }
    }
    if (this.#wasNeverPut(row)) return unplacedRow(row)
    if (await this.#mayBeElsewhere(row, found)) this.#context.unsettled.add(row)
    if (row.agreed === undefined) return (await this.#wasEdited(found, row)) ? placedRow(row) : unplacedRow(row)
    const seen = await this.#hasSeen(found, row, wanted)
    // It was there, and what the file lacks of it was deleted.
    if (seen === 'yes') return { ...placedRow(row), ring: pushedRing(row) }
    return { ...row, ring: seen === 'maybe' ? [{ version: wanted.version, hash: wanted.hash }, ...row.ring] : row.ring, wanted: undefined }
  }

  /** Whether the old file is still there, under whatever content. */
  #wasNeverPut({ path, signature }: DoubtfulRow): boolean {
    const fact = this.#context.fs.fact(path)
    return fact.kind === 'file' && fact.signature.ino === signature?.ino
  }

  /** Whether nothing at the path is what was there or was to be there: it may have been moved. */
  async #mayBeElsewhere(row: DoubtfulRow, found: FoundText | undefined): Promise<boolean> {
    const { fs, texts } = this.#context
    if (fs.fact(row.path).kind === 'absent') return true
    return row.agreed !== undefined && !(await isEditOf(texts, row, found?.text))
  }

  /**
   * Whether who edited the file had the new text already. Without a trace of it the old one counts: what the
   * edit lacks of the new text was then never seen, and is not deleted by it. A file that is elsewhere is compared later.
   */
  async #hasSeen(found: FoundText | undefined, { doc, agreed }: FileRow, wanted: WantedText): Promise<'yes' | 'maybe' | 'no'> {
    if (doc !== wanted.doc) return 'no'
    if (found === undefined || agreed === undefined) return 'maybe'
    const { texts } = this.#context
    return holdsNewLine(found.text, await texts.read(doc, agreed), await texts.read(doc, wanted)) ? 'yes' : 'no'
  }

  /**
   * A file of mostly the same lines where one was being placed was placed, and edited since. Where a text was before it
   * may be that one, which lacks what it never had.
   */
  async #wasEdited(found: FoundText | undefined, { wanted, signature, blob }: DoubtfulRow): Promise<boolean> {
    const wasText = signature !== undefined && blob === undefined
    return found !== undefined && !wasText && shareMostLines(await this.#context.texts.read(wanted.doc, wanted), found.text)
  }

  async #readWanted(
    { path, wanted }: DoubtfulRow,
    wait: (unrest: { readonly path: RelPath; readonly retryAfterMs: number }) => Promise<boolean>
  ): Promise<FoundText | 'later' | undefined> {
    const { fs, texts, clock } = this.#context
    if (fs.fact(path).kind !== 'file') return undefined
    const content = (): Promise<string> => texts.read(wanted.doc, wanted)
    for (let attempt = 0; attempt < MAX_READS; attempt++) {
      const lookedAt = clock.now()
      const result = await fs.read(path, { last: { content, hash: wanted.hash } })
      if (result.kind === 'unstable') {
        if (await wait({ path, retryAfterMs: result.retryAfterMs })) continue
        return 'later'
      }
      if (result.kind === 'unreadable') return 'later'
      if (result.kind !== 'stable') return undefined
      const decoded = decodeText(result.bytes)
      if ('reason' in decoded) return undefined
      return { text: decoded.text, hash: hashBytes(result.bytes), signature: result.signature, racy: isRacy(result.signature, lookedAt) }
    }
    return 'later'
  }
}

function adopted({ path, base, entry, disk, live }: Subject): BaseRow | undefined {
  if (entry === undefined) return undefined
  if (entry.type === 'directory') return { type: 'directory', path, node: entry.node, ignored: false }
  if (disk === undefined || entry.content === undefined) return undefined
  const { signature, racy, executable } = disk
  const known = base?.type === 'file' ? base : undefined
  if (disk.blob !== undefined) return blobRow({ path, node: entry.node }, disk.blob, { ...disk, executable: known?.executable ?? (executable && entry.executable) })
  if (known !== undefined && (disk.content === undefined || disk.content.hash === known.agreed?.hash)) {
    return { ...known, executable, signature, racy, gap: undefined }
  }
  if (live === undefined || disk.content === undefined || entry.content.kind !== 'text') return undefined
  return {
    type: 'file',
    path,
    node: entry.node,
    doc: entry.content.doc,
    agreed: { version: live.version, hash: disk.content.hash },
    signature,
    racy,
    // Without a base a mode that is set on either side is taken for meant.
    executable: known?.executable ?? (executable && entry.executable),
    ring: [],
    wanted: undefined,
    ignored: false
  }
}
