import { toHex } from '@collab/core'
import type { TreeEntry } from '@collab/core'
import type { FileRow } from './base-row.js'
import type { DiskText } from './facts.js'
import type { FolderContext } from './folder-context.js'
import type { DiskFact } from './plan.js'
import type { RelPath } from './rel-path.js'
import type { Signature } from './signature.js'

interface BlobSide {
  readonly fact: DiskFact
  readonly text?: DiskText
  readonly reason?: string
}

/** A file on the disk as content that is not text. */
export function blobSide(
  context: FolderContext,
  path: RelPath,
  file: { readonly signature: Signature; readonly executable: boolean },
  row: FileRow | undefined,
  entry: TreeEntry | undefined
): BlobSide | { readonly retryAfterMs: number } {
  const { signature, executable } = file
  const refusal = context.blobs.refusal(Number(signature.size))
  if (refusal !== undefined) return { fact: { type: 'foreign' }, reason: refusal }
  const scanned = context.blobs.scan(path, signature)
  if ('retryAfterMs' in scanned) return scanned
  if ('reason' in scanned) return { fact: { type: 'foreign' }, reason: scanned.reason }
  const { blob, size, racy } = scanned
  const content = row?.blob?.blob === blob ? 'base' : entry !== undefined && holds(entry, blob) ? 'document' : 'other'
  return { fact: { type: 'file', content, executable }, text: { signature, executable, racy, content: undefined, blob: { blob, size } } }
}

/** Whether the workspace shows this blob there. */
export function holds({ content }: TreeEntry, blob: string | undefined): boolean {
  return content?.kind === 'blob' && toHex(content.hash) === blob
}
