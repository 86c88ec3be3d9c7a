import { fromUtf8 } from '../base/bytes.js'
import { parseEntryHash } from '../base/ids.js'
import type { DocId, EntryHash, NodeId } from '../base/ids.js'
import type { KvStore } from '../base/kv.js'
import { Tree } from '../doc/tree.js'
import type { TreeOp } from '../doc/tree-state.js'
import type { Log } from '../log/log.js'
import { Absorptions } from './absorptions.js'
import type { Applier } from './applier.js'
import type { Batch } from './batch.js'
import { cutAt } from './cut.js'
import type { Cut } from './cut.js'
import type { StepRow } from './step-row.js'
import { TREE_TABLE, decodeTreeRow } from './tree-row.js'
import type { DeletedFile, DocVersion, PastFile, PastPoint, VoidChange } from './workspace-types.js'

export interface PastViewInit {
  readonly kv: KvStore
  readonly log: Log
  readonly applier: Applier
}

/** Everything that was shown at `point`, parents before children: the same folds as of now, over fewer entries. */
export async function readPast({ kv, log, applier }: PastViewInit, batch: Batch, point: PastPoint): Promise<readonly PastFile[]> {
  const cut = await cutAt(log, applier, point)
  const tree = new Tree({ authorName: (author) => applier.members.get(author) })
  const ops = await opsIn(kv, cut)
  for (const op of ops) tree.apply(op)
  await touchDeleted(tree, ops, cut, applier, batch)
  await applier.judge(batch, tree)
  const files: PastFile[] = []
  for (const { node, path, type, content, executable } of tree.view.entries()) {
    const version = content?.kind === 'text' ? await versionIn(cut, applier, batch, content.doc) : undefined
    files.push({ node, path, type, content, executable, version })
  }
  return files
}

/** Files that are no longer shown, each where it was last; newest deletion first. */
export async function readDeleted({ kv, log, applier }: PastViewInit): Promise<readonly DeletedFile[]> {
  const { tree } = applier
  const last = new Map<NodeId, TreeOp>()
  for (const op of await opsIn(kv, undefined)) if (op.change.kind === 'tree' && op.change.deleted !== undefined) last.set(op.change.node, op)
  const files: DeletedFile[] = []
  for (const [node, op] of last) {
    const path = tree.lastPath(node)
    const content = tree.lastContent(node)
    if (path === undefined || content === undefined || tree.isAlive(node) || tree.absorbedInto(node) !== undefined) continue
    const entry = await entryOf(log, op)
    const time = entry === undefined ? undefined : (await log.header(entry))?.time
    if (entry !== undefined && time !== undefined) files.push({ node, path, content, time, author: op.author, name: applier.members.get(op.author), entry })
  }
  return files.sort((a, b) => b.time - a.time || (a.path < b.path ? -1 : 1))
}

/** Changes that broke the rules, and whose they are. */
export async function readVoids({ kv, log, applier }: PastViewInit): Promise<readonly VoidChange[]> {
  const voids: VoidChange[] = []
  for (const [key, row] of await kv.scan('void')) {
    const entry = parseEntryHash(key.slice(0, key.indexOf('/')))
    const header = await log.header(entry)
    if (header !== undefined) voids.push({ entry, author: header.author, name: applier.members.get(header.author), reason: fromUtf8(row) })
  }
  return voids
}

async function opsIn(kv: KvStore, cut: Cut | undefined): Promise<readonly TreeOp[]> {
  const ops: TreeOp[] = []
  for (const [, row] of await kv.scan(TREE_TABLE)) {
    const op = decodeTreeRow(row)
    if (op !== undefined && (cut === undefined || (await cut.includes(causeOf(op))))) ops.push(op)
  }
  return ops
}

/** Edits decide over life and death of what was deleted, and of nothing else. */
async function touchDeleted(tree: Tree, ops: readonly TreeOp[], cut: Cut, applier: Applier, batch: Batch): Promise<void> {
  for (const { change } of ops) {
    if (change.kind !== 'tree' || change.deleted === undefined) continue
    const content = tree.lastContent(change.node)
    if (content?.kind !== 'text') continue
    for (const step of await applier.documents.steps(batch, content.doc)) {
      if (!step.isSeed && step.origin === undefined && (await cut.includes(step))) tree.touch(content.doc, step.author, step.seq)
    }
  }
}

async function versionIn(cut: Cut, { documents }: Applier, batch: Batch, doc: DocId): Promise<DocVersion> {
  const row = await documents.row(batch, doc)
  if (row.seedOnly) return { upTo: row.count, plus: [] }
  const held: (readonly [number, StepRow])[] = []
  for (const [at, step] of (await documents.steps(batch, doc)).entries()) if (await cut.includes(step)) held.push([at, step])
  const absorptions = new Absorptions(doc, held.map(([, step]) => step))
  // What came from an absorbed document is there once its absorption is.
  const positions = held.flatMap(([at, { origin }]) => (absorptions.has(origin) ? [at] : []))
  const gap = positions.findIndex((position, at) => position !== at)
  const upTo = gap < 0 ? positions.length : gap
  return { upTo, plus: positions.slice(upTo) }
}

function causeOf({ id, author, seq }: TreeOp) {
  return { author, seq, entry: id.slice(0, 32) }
}

async function entryOf(log: Log, op: TreeOp): Promise<EntryHash | undefined> {
  const { author, seq, entry } = causeOf(op)
  return (await log.at(author, seq)).map(parseEntryHash).find((hash) => hash.startsWith(entry))
}
