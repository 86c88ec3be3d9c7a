import type { Crypto } from '../base/crypto.js'
import { toHex, utf8 } from '../base/bytes.js'
import { CollabError } from '../base/errors.js'
import type { AuthorId, DocId, NodeId } from '../base/ids.js'
import { ROOT_NODE, idBytes } from '../base/ids.js'
import { authorClient } from '../doc/client-id.js'
import { directoryId, documentId, fileId } from '../doc/node-id.js'
import type { TextDocument } from '../doc/text-document.js'
import type { Tree } from '../doc/tree.js'
import type { TreeEntry } from '../doc/tree-view.js'
import type { Change, FileContent, Place, TreeChange } from '../log/change.js'
import type { Applier } from './applier.js'
import { keepText } from './kept-texts.js'
import type { Batch } from './batch.js'
import { draftText } from './content-drafts.js'
import type { BlobRef, DocVersion, LocalChange, SeenFile } from './workspace-types.js'

/** Client ids of one run in one document: one for each old version that was edited while newer own edits were there. */
const MAX_NONCES = 10_000
/** Deletions of what is in a directory that stay in one entry, with that of the directory. */
const DELETED_TOGETHER = 100

/** One local change as the log will carry it. */
export interface Draft {
  /** Changes in order; those of one unit share an entry. */
  readonly units: readonly (readonly Change[])[]
  readonly node: NodeId | undefined
  readonly doc: DocId | undefined
  /** For an edit: the version it was made on, and whether that was the whole document. */
  readonly base: { readonly version: DocVersion; readonly whole: boolean } | undefined
}

interface NewFile {
  readonly path: string
  readonly contentHash: Uint8Array
  readonly executable: boolean
  readonly content: (node: NodeId) => FileContent
}

/**
 * Turns what a local replica did into changes of the log. One drafter serves one `edit` call: it knows the
 * directories that the call itself creates.
 */
export class Drafter {
  readonly #crypto: Crypto
  readonly #author: AuthorId
  readonly #firstNonce: number
  readonly #applier: Applier
  readonly #batch: Batch
  readonly #created = new Map<string, NodeId>()
  /** Documents edited by this call: their live state is ahead of every version. */
  readonly #edited = new Set<DocId>()
  /** Client ids that this call used: no document holds all of those edits yet. */
  readonly #used = new Set<number>()

  constructor(init: { crypto: Crypto; author: AuthorId; nonce: number; applier: Applier; batch: Batch }) {
    this.#crypto = init.crypto
    this.#author = init.author
    this.#firstNonce = init.nonce
    this.#applier = init.applier
    this.#batch = init.batch
  }

  async draft(change: LocalChange): Promise<Draft> {
    switch (change.type) {
      case 'create-file':
        return this.#createFile(change.path, change.text, change.executable)
      case 'create-blob':
        return this.#createBlob(change)
      case 'set-blob':
        return await this.#setBlob(change)
      case 'set-text':
        return await this.#setText(change)
      case 'create-directory': {
        const units: Change[][] = []
        const node = this.#directory(change.path, units)
        return { units, node, doc: undefined, base: undefined }
      }
      case 'edit':
        return await this.#edit(change)
      case 'move':
        return this.#move(change.node, change.path)
      case 'executable': {
        const executable = { value: change.executable, replaces: this.#applier.tree.replaces(change.node, 'executable') }
        return of(change.node, [[{ kind: 'tree', node: change.node, executable }]])
      }
      case 'delete':
        return of(change.node, await this.#delete(change))
    }
  }

  #createFile(path: string, text: string, executable: boolean): Draft {
    const units: Change[][] = []
    const contentHash = this.#crypto.sha256(utf8(text))
    const docOf = (node: NodeId): DocId => documentId(this.#crypto, node, contentHash)
    const file = this.#newFile({ path, contentHash, executable, content: (node) => ({ kind: 'text', doc: docOf(node) }) }, units)
    const doc = docOf(file.node)
    units.push([file, { kind: 'seed', doc, text }])
    return { units, node: file.node, doc, base: undefined }
  }

  #createBlob({ path, content, executable }: Extract<LocalChange, { type: 'create-blob' }>): Draft {
    const units: Change[][] = []
    const value = blobContent(content)
    const file = this.#newFile({ path, contentHash: value.hash, executable, content: () => value }, units)
    return of(file.node, [...units, [file]])
  }

  /** A new file; the directories that it needs go into `units`. */
  #newFile({ path, contentHash, executable, content }: NewFile, units: Change[][]): TreeChange {
    const place = this.#place(path, units)
    const node = fileId(this.#crypto, path, contentHash, this.#applier.tree.begun(path, 'file', contentHash))
    return {
      kind: 'tree',
      node,
      create: { type: 'file', path, contentHash },
      place: { value: place, replaces: [] },
      content: { value: content(node), replaces: [] },
      executable: { value: executable, replaces: [] }
    }
  }

  async #setBlob({ node, base, seen, content }: Extract<LocalChange, { type: 'set-blob' }>): Promise<Draft> {
    const { tree, documents } = this.#applier
    const replaces = tree.replacesContent(node, base)
    const change: TreeChange = { kind: 'tree', node, content: { value: blobContent(content), replaces } }
    const entry = tree.view.get(node)
    if (base.kind === 'blob' || seen === undefined || entry === undefined) return of(node, [[change]])
    const { text } = await documents.text(this.#batch, base.doc)
    if (text === (await documents.textAt(this.#batch, base.doc, seen))) return of(node, [[change]])
    const file = { node: { id: node, parent: entry.parent }, path: entry.path, began: tree.began(node) ?? entry.path }
    return of(node, [...keepText({ crypto: this.#crypto, tree, file, text, who: undefined }), [change]])
  }

  async #setText({ node, base, text }: Extract<LocalChange, { type: 'set-text' }>): Promise<Draft> {
    const context = { crypto: this.#crypto, applier: this.#applier, batch: this.#batch }
    const { change, doc, seed, edits, count } = await draftText(context, node, base, text)
    if (seed) return { units: [[change, { kind: 'seed', doc, text }]], node, doc, base: undefined }
    if (edits.length === 0) return of(node, [[change]])
    const edit = await this.#edit({ type: 'edit', doc, base: { upTo: count, plus: [] }, edits, machine: true })
    return { ...edit, node, units: [[change], ...edit.units] }
  }

  #place(path: string, units: Change[][]): Place {
    const slash = path.lastIndexOf('/')
    return { parent: slash < 0 ? ROOT_NODE : this.#directory(path.slice(0, slash), units), name: path.slice(slash + 1) }
  }

  /** The directory at `path`; what is missing of it is created. */
  #directory(path: string, units: Change[][]): NodeId {
    if (path === '') return ROOT_NODE
    const entry = this.#applier.tree.view.at(path)
    const known = this.#created.get(path) ?? (entry?.type === 'directory' ? entry.node : undefined)
    if (known !== undefined) return known
    const place = this.#place(path, units)
    const node = directoryId(this.#crypto, path, this.#applier.tree.begun(path, 'directory', null))
    units.push([{ kind: 'tree', node, create: { type: 'directory', path, contentHash: null }, place: { value: place, replaces: [] } }])
    this.#created.set(path, node)
    return node
  }

  #move(node: NodeId, path: string): Draft {
    const units: Change[][] = []
    const value = this.#place(path, units)
    const { tree } = this.#applier
    const moved = [node, ...tree.shownWith(node)]
    const gone = [...new Set(moved.flatMap((at) => tree.deletedWith(at)))]
    for (let at = 0; at < gone.length; at += DELETED_TOGETHER) units.push(gone.slice(at, at + DELETED_TOGETHER).map((each) => deletion(tree, each)))
    for (const at of moved) {
      units.push([{ kind: 'tree', node: at, place: { value, replaces: tree.replaces(at, 'place') } }])
    }
    return of(node, units)
  }

  /** Deletes `node` and all that is shown below it, each as far as it was seen. */
  async #delete({ node, seen }: Extract<LocalChange, { type: 'delete' }>): Promise<readonly (readonly TreeChange[])[]> {
    const { tree } = this.#applier
    const todo: NodeId[] = [node]
    for (const at of todo) todo.push(...tree.view.children(at).map((child: TreeEntry) => child.node))
    const kept = new Set<NodeId>()
    for (const at of todo) if (seen !== undefined && (await this.#isNews(at, seen))) kept.add(at)
    const doomed = (ids: readonly NodeId[]): TreeChange[] =>
      ids
        .filter((at) => !kept.has(at))
        .flatMap((at) => (tree.view.get(at)?.type === 'directory' ? [at, ...tree.shownWith(at)] : [at]))
        .toReversed()
        .map((at) => deletion(tree, at))
    // Each entry says of the directory too that it goes: who moves it meanwhile keeps all of it.
    const [top, below] = [doomed([node]), doomed(todo.slice(1))]
    const units: TreeChange[][] = []
    for (let at = 0; at < below.length; at += DELETED_TOGETHER) units.push([...below.slice(at, at + DELETED_TOGETHER), ...top])
    return below.length === 0 ? top.map((change) => [change]) : units
  }

  /** Whether a replica that held `seen` has not been shown what is at `node` now. */
  async #isNews(node: NodeId, seen: ReadonlyMap<NodeId, SeenFile | undefined>): Promise<boolean> {
    const { documents, tree } = this.#applier
    const entry = tree.view.get(node)
    if (!seen.has(node)) return entry?.type === 'file'
    const content = entry?.content
    const known = seen.get(node)
    if (content === undefined || known === undefined) return false
    if ('blob' in known || content.kind === 'blob') return !('blob' in known && content.kind === 'blob' && toHex(content.hash) === known.blob)
    const row = await documents.row(this.#batch, content.doc)
    if (known.doc === content.doc && documents.isWhole(row, known.version)) return false
    const now = await documents.text(this.#batch, content.doc)
    return now.text !== (await documents.textAt(this.#batch, known.doc, known.version))
  }

  async #edit(change: Extract<LocalChange, { type: 'edit' }>): Promise<Draft> {
    const { documents } = this.#applier
    const row = await documents.row(this.#batch, change.doc)
    const whole = !this.#edited.has(change.doc) && documents.isWhole(row, change.base)
    this.#edited.add(change.doc)
    const twin = change.machine && row.contested ? await documents.fork(this.#batch, change.doc, change.base) : undefined
    const live = await documents.document(this.#batch, change.doc)
    const target = whole ? live : await documents.fork(this.#batch, change.doc, change.base)
    const update = change.machine ? target.editDerived(change.edits, twin) : target.edit(change.edits, this.#author, this.#nonce(change.doc, live, target))
    return { units: [[update]], node: this.#applier.tree.view.nodeOf(change.doc), doc: change.doc, base: { version: change.base, whole } }
  }

  /** The first nonce whose client id `target` knows as far as the live document does: ids are never used twice for one clock. */
  #nonce(doc: DocId, live: TextDocument, target: TextDocument): number {
    for (let nonce = this.#firstNonce; nonce < this.#firstNonce + MAX_NONCES; nonce++) {
      const client = authorClient(this.#crypto, this.#author, doc, nonce)
      if (this.#used.has(client) || target.clockOf(client) !== live.clockOf(client)) continue
      this.#used.add(client)
      return nonce
    }
    throw new CollabError('TooManyClientsError', 'this file was edited from too many old versions at once; save it again')
  }
}

function blobContent({ blob, size }: BlobRef): FileContent & { kind: 'blob' } {
  return { kind: 'blob', hash: idBytes(blob), size }
}

function deletion(tree: Tree, node: NodeId): TreeChange {
  return { kind: 'tree', node, deleted: { seen: tree.seen(node) } }
}

function of(node: NodeId, units: readonly (readonly Change[])[]): Draft {
  return { units, node, doc: undefined, base: undefined }
}
