import { utf8 } from '../base/bytes.js'
import type { Crypto } from '../base/crypto.js'
import type { DocId, NodeId, OpId } from '../base/ids.js'
import { diffText } from '../base/text-diff.js'
import type { TextEdit } from '../base/text-diff.js'
import { conflictName } from '../doc/conflict-name.js'
import { documentId, fileId } from '../doc/node-id.js'
import type { Contested } from '../doc/tree.js'
import { sameContent } from '../doc/tree-node.js'
import type { Change, FileContent, TreeChange } from '../log/change.js'
import type { Applier } from './applier.js'
import type { Batch } from './batch.js'

interface DraftContext {
  readonly crypto: Crypto
  readonly applier: Applier
  readonly batch: Batch
}

/** A file that becomes text: as the document that this text began, or, where that was edited since, with the edit back. */
export interface TextDraft {
  readonly change: TreeChange
  readonly doc: ReturnType<typeof documentId>
  /** The document's first text is to follow. */
  readonly seed: boolean
  readonly edits: readonly TextEdit[]
  /** Changes that the document has. */
  readonly count: number
}

export async function draftText({ crypto, applier, batch }: DraftContext, node: NodeId, base: FileContent, text: string): Promise<TextDraft> {
  const doc = documentId(crypto, node, crypto.sha256(utf8(text)))
  const replaces = applier.tree.replacesContent(node, base)
  const change: TreeChange = { kind: 'tree', node, content: { value: { kind: 'text', doc }, replaces } }
  const known = await applier.documents.row(batch, doc)
  if (known.count === 0) return { change, doc, seed: true, edits: [], count: 0 }
  const now = await applier.documents.text(batch, doc)
  return { change, doc, seed: false, edits: diffText(now.text, text), count: now.count }
}

export interface Split {
  readonly contested: Contested
  /** Name of an operation's author. */
  readonly who: (op: OpId) => string | undefined
  /** What a document says now. */
  readonly textOf: (doc: DocId) => string
}

/**
 * A file that was given several contents at once becomes as many files: a text stays what it is, else the one that is
 * shown; each other content gets a conflict name and an id that anybody who splits it would give it.
 */
export function splitContents(crypto: Crypto, { contested, who, textOf }: Split): readonly (readonly Change[])[] {
  const { node, path, shown, values } = contested
  const kept = values.find(({ value }) => value.kind === 'text')?.value ?? shown
  const isSame = (a: FileContent, b: FileContent): boolean =>
    sameContent(a, b) || (a.kind === 'text' && b.kind === 'text' && textOf(a.doc) === textOf(b.doc))
  const units: (readonly Change[])[] = []
  const split: FileContent[] = [kept]
  for (const { op, value } of values) {
    if (split.some((other) => isSame(other, value))) continue
    split.push(value)
    const text = value.kind === 'text' ? textOf(value.doc) : undefined
    const contentHash = value.kind === 'text' ? crypto.sha256(utf8(textOf(value.doc))) : value.hash
    const directory = path.slice(0, path.lastIndexOf('/') + 1)
    const twin = fileId(crypto, path, contentHash, 0)
    const name = conflictName(path.slice(directory.length), who(op), twin, 1)
    const doc = documentId(crypto, twin, contentHash)
    const created: TreeChange = {
      kind: 'tree',
      node: twin,
      create: { type: 'file', path: directory + name, contentHash },
      place: { value: { parent: node.parent, name }, replaces: [] },
      content: { value: text === undefined ? value : { kind: 'text', doc }, replaces: [] }
    }
    units.push(text === undefined ? [created] : [created, { kind: 'seed', doc, text }])
  }
  const settled: TreeChange = { kind: 'tree', node: node.id, content: { value: kept, replaces: values.map(({ op }) => op) } }
  return [...units, [settled]]
}
