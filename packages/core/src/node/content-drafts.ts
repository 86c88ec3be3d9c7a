import { utf8 } from '../base/bytes.js'
import type { Crypto } from '../base/crypto.js'
import type { NodeId } from '../base/ids.js'
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

/**
 * A file that was given several contents at once becomes as many files: a text stays what it is, else the one that is
 * shown; each other blob gets a conflict name and an id that anybody who splits it would give it.
 */
export function splitContents(crypto: Crypto, { node, path, shown, values }: Contested, who: (op: string) => string | undefined): readonly (readonly Change[])[] {
  const kept = values.find(({ value }) => value.kind === 'text')?.value ?? shown
  const units: (readonly Change[])[] = []
  const split: FileContent[] = [kept]
  for (const { op, value } of values) {
    if (value.kind !== 'blob' || split.some((other) => sameContent(other, value))) continue
    split.push(value)
    const directory = path.slice(0, path.lastIndexOf('/') + 1)
    const twin = fileId(crypto, path, value.hash, 0)
    const name = conflictName(path.slice(directory.length), who(op), twin, 1)
    units.push([
      {
        kind: 'tree',
        node: twin,
        create: { type: 'file', path: directory + name, contentHash: value.hash },
        place: { value: { parent: node.parent, name }, replaces: [] },
        content: { value, replaces: [] }
      }
    ])
  }
  const settled: TreeChange = { kind: 'tree', node: node.id, content: { value: kept, replaces: values.map(({ op }) => op) } }
  return [...units, [settled]]
}
