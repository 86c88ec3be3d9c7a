import { utf8 } from '../base/bytes.js'
import type { Crypto } from '../base/crypto.js'
import type { AuthorId, DocId, EntryHash, OpId } from '../base/ids.js'
import { conflictName } from '../doc/conflict-name.js'
import { documentId, fileId } from '../doc/node-id.js'
import type { Retired, Tree } from '../doc/tree.js'
import type { Change, TreeChange } from '../log/change.js'
import type { Applier } from './applier.js'
import type { Batch } from './batch.js'
import { newestSeq } from './past.js'

export interface KeptTextsInit {
  readonly crypto: Crypto
  readonly applier: Applier
  readonly batch: Batch
  readonly entryOf: (op: OpId) => Promise<EntryHash | undefined>
  /** Whether somebody here may be typing in it: what has no end yet would be kept again and again. */
  readonly isOpen: (doc: DocId) => boolean
}

/**
 * Texts that became something else while somebody wrote into them: what was written is kept as a file of its own, under
 * a conflict name and an id that anybody who keeps it would give it.
 */
export async function keptTexts(init: KeptTextsInit): Promise<readonly (readonly Change[])[]> {
  const { crypto, applier, batch } = init
  const units: (readonly Change[])[] = []
  for (const retired of applier.tree.retired()) {
    if (init.isOpen(retired.doc)) continue
    const author = await unseenAuthor(init, retired)
    if (author === undefined) continue
    const { text } = await applier.documents.text(batch, retired.doc)
    units.push(...keepText({ crypto, tree: applier.tree, file: retired, text, who: applier.members.get(author) }))
  }
  return units
}

export interface KeepTextInit {
  readonly crypto: Crypto
  readonly tree: Tree
  readonly file: Pick<Retired, 'node' | 'path' | 'began'>
  readonly text: string
  readonly who: string | undefined
}

/** `text` as a file beside `file`; nothing when it was kept before, and when there is none. */
export function keepText({ crypto, tree, file, text, who }: KeepTextInit): readonly (readonly Change[])[] {
  const contentHash = crypto.sha256(utf8(text))
  // From where the file began: it may have been moved meanwhile, on some of the peers.
  const twin = fileId(crypto, `${file.began}\n${file.node.id}`, contentHash, 0)
  if (text === '' || tree.knows(twin)) return []
  const directory = file.path.slice(0, file.path.lastIndexOf('/') + 1)
  const name = conflictName(file.path.slice(directory.length), who, twin, 1)
  const doc = documentId(crypto, twin, contentHash)
  const created: TreeChange = {
    kind: 'tree',
    node: twin,
    create: { type: 'file', path: directory + name, contentHash },
    place: { value: { parent: file.node.parent, name }, replaces: [] },
    content: { value: { kind: 'text', doc }, replaces: [] }
  }
  return [[created, { kind: 'seed', doc, text }]]
}

/** An author of an edit that some operation which took the text's place had not seen. */
async function unseenAuthor({ applier, entryOf }: KeptTextsInit, { by, touches }: Retired): Promise<AuthorId | undefined> {
  for (const op of by) {
    const entry = await entryOf(op)
    if (entry === undefined) continue
    const past = await applier.past(entry)
    for (const [author, seq] of touches) if (seq > newestSeq(past, author)) return author
  }
  return undefined
}
