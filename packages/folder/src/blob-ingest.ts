import { fromHex } from '@collab/core'
import type { FileContent, LocalResult } from '@collab/core'
import type { BaseRow, FileRow } from './base-row.js'
import { blobRow } from './blob-placing.js'
import type { Subject } from './facts.js'
import type { Taking } from './ingest.js'

/** What a change of one blob counts in the entry that carries it. */
const UNITS = 200

/** A new file that is not text. */
export function createBlob(subject: Subject): Taking | undefined {
  const { path, disk } = subject
  const blob = disk?.blob
  if (disk === undefined || blob === undefined) return undefined
  const row = ({ node }: LocalResult): BaseRow | undefined => (node === undefined ? undefined : blobRow({ path, node }, blob, disk))
  return {
    path,
    change: { type: 'create-blob', path, content: blob, executable: disk.executable },
    units: UNITS + path.length,
    row,
    removed: [],
    event: { path, what: 'created', from: 'disk' }
  }
}

/** Another content, where it is not text or was not: what the workspace was given beside it meanwhile stays too. */
export function setContent({ path, base, disk }: Subject): Taking | undefined {
  if (base?.type !== 'file' || disk === undefined) return undefined
  const { node } = base
  const { content, blob } = disk
  const before = contentOf(base)
  const event = { path, what: 'edited', from: 'disk' } as const
  if (blob !== undefined) {
    const row = (): BaseRow => blobRow({ path, node }, blob, { ...disk, executable: base.executable })
    return { path, change: { type: 'set-blob', node, base: before, seen: base.agreed?.version, content: blob }, units: UNITS, row, removed: [], event }
  }
  if (content === undefined) return undefined
  const row = ({ doc, version }: LocalResult): BaseRow | undefined => {
    if (doc === undefined || version === undefined) return undefined
    const { signature, racy } = disk
    return { ...base, doc, agreed: { version, hash: content.hash }, blob: undefined, signature, racy, ring: [], wanted: undefined, gap: undefined }
  }
  return { path, change: { type: 'set-text', node, base: before, text: content.text }, units: content.text.length, row, removed: [], event }
}

/** What the disk had, as the tree names it. */
function contentOf({ doc, blob }: FileRow): FileContent {
  return blob === undefined ? { kind: 'text', doc } : { kind: 'blob', hash: fromHex(blob.blob), size: blob.size }
}
