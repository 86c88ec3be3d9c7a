import { mergeLines, shareMostLines } from '@collab/core'
import type { BlobRef, DocId, NodeId, TextState, TreeEntry } from '@collab/core'
import type { BaseRow, FileRow } from './base-row.js'
import { blobSide, holds } from './blob-facts.js'
import type { FolderContext } from './folder-context.js'
import { ABSENT_MS } from './absence.js'
import { lookOnce, placementProblem } from './folder-context.js'
import type { ReadOptions, ReadResult } from './folder-fs.js'
import { currentBase } from './current-base.js'
import { isCarried, waitsForDirectory } from './moved-directories.js'
import { plan } from './plan.js'
import type { BaseFact, DiskFact, DocumentFact, Step } from './plan.js'
import { readOnlyStep } from './read-only.js'
import type { RelPath } from './rel-path.js'
import { equalSignature, isRacy } from './signature.js'
import type { Signature } from './signature.js'
import { decodeText, hashBytes, hashText } from './text-content.js'

/** How long a file that we read or wrote is not read again while its signature stays the same: less than until it is verified. */
const JUST_MS = 5_000
/** A file whose name is taken in other letters is looked at again after this time: nothing tells when the name is free. */
const CLASH_RETRY_MS = 5_000

/** A readable text file as it was found. */
export interface DiskText {
  readonly signature: Signature
  readonly executable: boolean
  readonly racy: boolean
  /** Undefined where the signature alone shows that it is the base's. */
  readonly content: { readonly text: string; readonly hash: string } | undefined
  /** What it is where it is not text. */
  readonly blob?: BlobRef
}

/** One path with all that is known about it, and the step that follows. */
export interface Subject {
  readonly path: RelPath
  readonly step: Step
  readonly base: BaseRow | undefined
  /** Where the base's node is now; without a base, what is shown at the path. */
  readonly entry: TreeEntry | undefined
  readonly disk: DiskText | undefined
  readonly live: TextState | undefined
  /** Why it is skipped. */
  readonly reason: string | undefined
}

export type Gathered = Subject | { readonly path: RelPath; readonly retryAfterMs: number }

interface DiskSide {
  readonly fact: DiskFact
  readonly text?: DiskText
  readonly reason?: string
}

interface DocumentSide {
  readonly fact: DocumentFact
  readonly live?: TextState
  readonly reason?: string
}

/** Peers come and go: until one has the edits that are needed, it is tried again. */
const PRUNED_RETRY_MS = 5_000
const PRUNED_REASON = 'Its text needs edits that were left to other peers, and none of them is connected.'

/** Looks at one path on all three sides and decides its next step. */
export async function gather(context: FolderContext, path: RelPath): Promise<Gathered> {
  try {
    return await look(context, path)
  } catch (error) {
    if (!(error instanceof Error) || error.name !== 'PrunedHistoryError') throw error
    // Disk and workspace stay as they are until somebody has the edits that its text is made of.
    context.dirty.add(path, PRUNED_RETRY_MS, true)
    return { path, step: 'skip', base: undefined, entry: undefined, disk: undefined, live: undefined, reason: PRUNED_REASON }
  }
}

async function look(context: FolderContext, path: RelPath): Promise<Gathered> {
  const current = await currentBase(context, path)
  if ('retryAfterMs' in current) return { path, retryAfterMs: current.retryAfterMs }
  const { base, entry } = current
  if (base === undefined && entry !== undefined && waitsForDirectory(context, path)) return { path, retryAfterMs: ABSENT_MS }
  const problem = entry === undefined ? undefined : entryProblem(context, path, base, entry)
  const disk = await diskSide(context, path, base, entry)
  if ('retryAfterMs' in disk) return { path, retryAfterMs: disk.retryAfterMs }
  const document = await documentSide(context, path, base, entry, disk, problem)
  const fact = base === undefined && disk.text?.content !== undefined ? comparedToDocument(disk, document.live) : disk.fact
  const planned = plan(baseFact(base), fact, document.fact)
  const step = mayPut(context, path, planned, base, entry) ? planned : 'nothing'
  const reason = disk.reason ?? document.reason
  const final = context.workspace.rights === 'write' ? step : readOnlyStep(step)
  return { path, step: final, base, entry, disk: disk.text, live: document.live, reason: reason ?? readOnlyReason(step, final) }
}

/** Whether what a step puts on the disk is here, and what it takes away is somewhere else too. */
function mayPut(context: FolderContext, path: RelPath, step: Step, base: BaseRow | undefined, entry: TreeEntry | undefined): boolean {
  if (entry === undefined || (step !== 'write' && step !== 'place')) {
    if (step !== 'move') context.blobs.settled(path)
    return true
  }
  const old = base?.type === 'file' ? base.blob?.blob : undefined
  return context.blobs.ready(path, entry) && (old === undefined || !context.blobs.isLastCopy(path, entry.node, old))
}

function readOnlyReason(step: Step, final: Step): string | undefined {
  return step !== final && final === 'skip' ? 'new here, and the link only grants reading' : undefined
}

function baseFact(base: BaseRow | undefined): BaseFact {
  if (base === undefined) return undefined
  return base.type === 'file' ? { type: 'file', executable: base.executable } : { type: 'directory' }
}

async function diskSide(
  context: FolderContext,
  path: RelPath,
  base: BaseRow | undefined,
  entry: TreeEntry | undefined
): Promise<DiskSide | { retryAfterMs: number }> {
  const fact = lookOnce(context, path)
  switch (fact.kind) {
    case 'absent':
      return { fact: { type: 'absent' } }
    case 'directory':
      return { fact: { type: 'directory' } }
    case 'other':
      return foreign(`a ${fact.what}`)
    case 'unreadable':
      return foreign(fact.reason)
    case 'file':
      break
  }
  const row = base?.type === 'file' ? base : undefined
  const isKnown = row !== undefined && (row.agreed ?? row.blob) !== undefined && row.signature !== undefined && equalSignature(row.signature, fact.signature)
  if (isKnown && (!row.racy || wasJustVerified(context, path))) {
    const text = { signature: fact.signature, executable: fact.executable, racy: row.racy, content: undefined }
    return { fact: { type: 'file', content: 'base', executable: fact.executable }, text }
  }
  return await readSide(context, path, row, entry)
}

/** So soon after a look the next one is an echo of our own step; what hides behind an equal signature is found by the next listing. */
function wasJustVerified({ verifiedAt, clock }: FolderContext, path: RelPath): boolean {
  const at = verifiedAt.get(path)
  if (at === undefined) return false
  if (clock.monotonic() - at < JUST_MS) return true
  verifiedAt.delete(path)
  return false
}

async function readSide(
  context: FolderContext,
  path: RelPath,
  row: FileRow | undefined,
  entry: TreeEntry | undefined
): Promise<DiskSide | { retryAfterMs: number }> {
  const lookedAt = context.clock.now()
  const result = await context.fs.read(path, lastRead(context, row))
  if (result.kind === 'too-large') return blobSide(context, path, result, row, entry)
  if (result.kind !== 'stable') return unreadSide(result)
  const decoded = decodeText(result.bytes)
  const blob = 'reason' in decoded || row?.blob !== undefined || entry?.content?.kind === 'blob' ? blobSide(context, path, result, row, entry) : undefined
  // A text in the place of other content is text, unless it is that very content.
  if (blob !== undefined && ('reason' in decoded || 'retryAfterMs' in blob || isMet(blob.fact))) return blob
  if ('reason' in decoded) return foreign(decoded.reason)
  const content = { text: decoded.text, hash: hashBytes(result.bytes) }
  const racy = isRacy(result.signature, lookedAt)
  context.verifiedAt.set(path, context.clock.monotonic())
  const text: DiskText = { signature: result.signature, executable: result.executable, racy, content }
  const same = await compare(context, content.hash, row, entry)
  return { fact: { type: 'file', content: same, executable: result.executable }, text }
}

function isMet(fact: DiskFact): boolean {
  return fact.type === 'file' && (fact.content === 'base' || fact.content === 'document')
}

function lastRead({ texts }: FolderContext, row: FileRow | undefined): ReadOptions {
  if (row?.agreed === undefined) return {}
  const { doc, agreed, signature } = row
  const content = (): Promise<string> => texts.read(doc, agreed)
  return { last: { content, hash: agreed.hash, ...(signature === undefined ? {} : { signature }) } }
}

function unreadSide(result: Exclude<ReadResult, { kind: 'stable' | 'too-large' }>): DiskSide | { retryAfterMs: number } {
  switch (result.kind) {
    case 'unstable':
      return { retryAfterMs: result.retryAfterMs }
    case 'absent':
      // It was there when the round began: who is gone is judged then, because it may have been moved.
      return { retryAfterMs: 0 }
    case 'other':
      return result.what === 'directory' ? { retryAfterMs: 0 } : foreign(`a ${result.what}`)
    case 'unreadable':
      return foreign(result.reason)
  }
}

function foreign(reason: string): DiskSide {
  return { fact: { type: 'foreign' }, reason }
}

async function compare(
  context: FolderContext,
  hash: string,
  row: FileRow | undefined,
  entry: TreeEntry | undefined
): Promise<'base' | 'document' | 'other'> {
  if (row?.agreed?.hash === hash) return 'base'
  if (entry?.content?.kind !== 'text') return 'other'
  const live = await context.workspace.readText(entry.content.doc)
  return hashText(live.text) === hash ? 'document' : 'other'
}

/** For a file without a base the document that counts is the one read last. */
function comparedToDocument(disk: DiskSide, live: TextState | undefined): DiskFact {
  const text = disk.text?.content?.text
  if (disk.fact.type !== 'file') return disk.fact
  if (live === undefined || text === undefined) return { ...disk.fact, content: 'other' }
  if (live.text === text) return { ...disk.fact, content: 'document' }
  const isAkin = live.text === '' || text === '' || shareMostLines(live.text, text)
  if (!isAkin) return { ...disk.fact, content: 'other' }
  return { ...disk.fact, content: mergeLines(live.text, text) === live.text ? 'contained' : 'extends' }
}

function entryProblem(context: FolderContext, path: RelPath, base: BaseRow | undefined, entry: TreeEntry): string | undefined {
  if (base !== undefined && entry.path === path) return undefined
  const problem = placementProblem(context, entry.path, entry.type === 'directory')
  if (problem !== undefined) return problem
  const clash = context.index.clash(entry.path)
  if (clash === undefined || clash.node === entry.node) return undefined
  context.dirty.add(path, CLASH_RETRY_MS, true)
  return `this disk takes its name for that of ${clash.path}; rename one of them`
}

async function documentSide(
  context: FolderContext,
  path: RelPath,
  base: BaseRow | undefined,
  entry: TreeEntry | undefined,
  disk: DiskSide,
  problem: string | undefined
): Promise<DocumentSide> {
  if (entry === undefined) return { fact: { type: 'absent' } }
  if (base === undefined && problem !== undefined) return { fact: { type: 'foreign' }, reason: problem }
  const isElsewhere = base !== undefined && entry.path !== path && problem === undefined
  const moved = isElsewhere && !(disk.fact.type === 'absent' && isCarried(context, path, entry))
  const blocked = problem === undefined ? {} : { reason: problem }
  if (entry.type === 'directory') {
    const gone = base !== undefined && disk.fact.type !== 'directory'
    return { fact: { type: 'directory', moved, occupied: gone && isOccupied(context, path, entry) }, ...blocked }
  }
  if (entry.content?.kind === 'blob') {
    const same = base?.type === 'file' && holds(entry, base.blob?.blob)
    const refusal = same ? undefined : context.blobs.refusal(entry.content.size)
    if (refusal !== undefined) return { fact: { type: 'foreign' }, reason: refusal }
    return { fact: { type: 'file', moved, content: same ? 'base' : 'changed', executable: entry.executable }, ...blocked }
  }
  if (entry.content === undefined) return { fact: { type: 'foreign' }, reason: 'its content is not known' }
  const file = await liveFile(context, base?.type === 'file' ? base : undefined, entry, entry.content.doc, disk)
  return { fact: { type: 'file', moved, content: file.content, executable: entry.executable }, ...file.live, ...blocked }
}

async function liveFile(
  context: FolderContext,
  row: FileRow | undefined,
  entry: TreeEntry,
  doc: DocId,
  disk: DiskSide
): Promise<{ content: 'base' | 'changed'; live: { live?: TextState } }> {
  const { stale, workspace } = context
  const agreed = row?.doc === doc ? row.agreed : undefined
  const compared = disk.fact.type === 'file' && disk.fact.content === 'document'
  if (agreed !== undefined && !stale.has(entry.node) && !compared) return { content: 'base', live: {} }
  if (row === undefined && disk.fact.type === 'directory') return { content: 'changed', live: {} }
  stale.unmark(entry.node)
  const live = await workspace.readText(doc).catch((error: unknown) => {
    stale.mark(entry.node)
    throw error
  })
  const same = agreed !== undefined && hashText(live.text) === agreed.hash
  if (!same) stale.mark(entry.node, live.version.upTo)
  return { content: same ? 'base' : 'changed', live: { live } }
}

/** Whether a directory that is gone from the disk shows something in the workspace that the disk never had, or had otherwise. */
function isOccupied(context: FolderContext, path: RelPath, top: TreeEntry): boolean {
  const todo: NodeId[] = [top.node]
  for (const node of todo) {
    for (const child of context.workspace.tree.children(node)) {
      const row = context.index.of(child.node)
      if (row === undefined || row.path !== child.path || !row.path.startsWith(`${path}/`)) return true
      if (context.stale.has(child.node)) return true
      if (child.type === 'directory') todo.push(child.node)
    }
  }
  return false
}
