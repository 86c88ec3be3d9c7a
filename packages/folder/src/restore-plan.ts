import type { DeletedFile, FileContent, NodeId, PastFile, TreeEntry, TreeView } from '@collab/core'
import { freePath } from './free-path.js'

/** What becomes of one path. */
export interface RestoreLine {
  readonly path: string
  readonly action:
    /** A deleted file is there again, with its history. */
    | 'bring back'
    /** A file that is there reads again as it did. */
    | 'set text'
    /** A file that was moved since is at its old place again, at `to` until then. */
    | 'move back'
    /** Something else has its place now, so it comes back as `to`. */
    | 'keep beside'
    | 'make folder'
    | 'set mode'
    | 'same'
    /** Not there then; it is left alone. */
    | 'newer'
    | 'skip'
  readonly to?: string
  readonly reason?: string
}

/** One line, and what carries it out. */
export interface RestoreStep {
  readonly line: RestoreLine
  /** What was there then; undefined where nothing is done. */
  readonly past?: PastFile
  /** The node that is moved to its old place. */
  readonly move?: NodeId
  /** The file whose text is set; for a file that comes back beside, none. */
  readonly target?: TreeEntry
  /** Of a deleted file, what it held. */
  readonly content?: FileContent
}

/** Whether `path` is `place` or lies below it; everything lies below ''. */
export function isWithin(path: string, place: string): boolean {
  return place === '' || path === place || path.startsWith(`${place}/`)
}

/** Deletions this close together are one act. */
const ONE_ACT_MS = 60_000

/** The file that was deleted at `place`, as it last was; of a folder, what was deleted below it last. */
export function planReturn(deleted: readonly DeletedFile[], tree: TreeView, place: string): readonly RestoreStep[] {
  const taken = new Set<string>()
  const steps: RestoreStep[] = []
  for (const { path, node, content } of lastDeletion(deleted, place)) {
    if (taken.has(path)) continue
    const isFree = tree.at(path) === undefined
    const to = isFree ? path : freePath(path, 'restored', (other) => tree.at(other) !== undefined || taken.has(other))
    taken.add(path).add(to)
    steps.push({ line: isFree ? { path, action: 'bring back' } : { path, action: 'keep beside', to }, move: node, content })
  }
  return steps.sort(byPath)
}

function lastDeletion(deleted: readonly DeletedFile[], place: string): readonly DeletedFile[] {
  const here = deleted.find(({ path }) => path === place)
  if (here !== undefined) return [here]
  const below = deleted.filter(({ path }) => isWithin(path, place))
  const [newest] = below
  return newest === undefined ? [] : below.filter(({ author, time }) => author === newest.author && time >= newest.time - ONE_ACT_MS)
}

export interface ResetInit {
  /** What was there then, at or below `place`. */
  readonly past: readonly PastFile[]
  readonly tree: TreeView
  readonly place: string
  /** Nodes that can be brought back. */
  readonly deleted: ReadonlySet<NodeId>
  /** Paths whose file holds now what it did then. */
  readonly same: ReadonlySet<string>
}

interface Reset extends ResetInit {
  /** All paths of `past`. */
  readonly paths: ReadonlySet<string>
}

/** Every path reads as it did then; what was made since is left alone. */
export function planReset(init: ResetInit): readonly RestoreStep[] {
  const { past, tree, place } = init
  const paths = new Set(past.map(({ path }) => path))
  const steps = past.map((item) => (item.type === 'directory' ? directoryStep(item, tree) : fileStep(item, { ...init, paths })))
  const moved = new Set(steps.flatMap(({ line }) => (line.action === 'move back' ? [line.to] : [])))
  for (const { path, type } of tree.entries()) {
    if (type === 'file' && isWithin(path, place) && !paths.has(path) && !moved.has(path)) steps.push({ line: { path, action: 'newer' } })
  }
  return steps.filter(({ line }) => line.action !== 'same' || tree.at(line.path)?.type === 'file').sort(byPath)
}

function directoryStep(past: PastFile, tree: TreeView): RestoreStep {
  const now = tree.at(past.path)
  if (now === undefined) return { line: { path: past.path, action: 'make folder' }, past }
  if (now.type === 'directory') return { line: { path: past.path, action: 'same' } }
  return { line: { path: past.path, action: 'skip', reason: 'a file has the name of this folder now' } }
}

function fileStep(past: PastFile, reset: Reset): RestoreStep {
  const { path, node, content } = past
  const { tree, paths, deleted } = reset
  const now = tree.at(path)
  if (now?.type === 'file') return occupiedStep(past, now, reset)
  if (now !== undefined) {
    const to = freePath(path, 'restored', (other) => tree.at(other) !== undefined || paths.has(other))
    if (content?.kind !== 'text') return { line: { path, action: 'skip', reason: 'a folder has its name now' } }
    return { line: { path, action: 'keep beside', to }, past }
  }
  if (deleted.has(node)) return { line: { path, action: 'bring back' }, past, move: node, ...(content !== undefined && { content }) }
  const elsewhere = tree.get(node)
  const isFree = elsewhere?.node === node && !paths.has(elsewhere.path)
  if (isFree && isRestorable(content, elsewhere)) return { line: { path, action: 'move back', to: elsewhere.path }, past, move: node, target: elsewhere }
  // Its node stands for another path of the plan: what it held comes back as a file of its own.
  if (content?.kind === 'text') return { line: { path, action: 'bring back' }, past }
  return { line: { path, action: 'skip', reason: NOT_TEXT } }
}

const NOT_TEXT = 'not text: only its latest content is there'

function occupiedStep(past: PastFile, now: TreeEntry, { same }: Reset): RestoreStep {
  const { path } = past
  if (same.has(path)) {
    if (past.executable === now.executable) return { line: { path, action: 'same' } }
    return { line: { path, action: 'set mode' }, past, target: now }
  }
  if (past.content?.kind !== 'text') return { line: { path, action: 'skip', reason: NOT_TEXT } }
  return { line: { path, action: 'set text' }, past, target: now }
}

/** Of what is no text only the content that the file has now can be had. */
function isRestorable(content: FileContent | undefined, now: TreeEntry): boolean {
  return content?.kind === 'text' || JSON.stringify(content) === JSON.stringify(now.content)
}

function byPath(a: RestoreStep, b: RestoreStep): number {
  return a.line.path < b.line.path ? -1 : 1
}
