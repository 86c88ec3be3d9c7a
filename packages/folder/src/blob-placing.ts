import { parseBlobId } from '@collab/core'
import type { BlobRef } from '@collab/core'
import type { FileRow } from './base-row.js'
import type { DiskText, Subject } from './facts.js'
import type { FolderContext } from './folder-context.js'
import type { Blocked } from './folder-fs.js'
import { isRacy } from './signature.js'

/** Files whose content came whole are placed, one after the other: each is one link. */
export async function placeBlobs(context: FolderContext, subjects: readonly Subject[], blocked: (path: Subject['path'], result: Blocked) => void): Promise<void> {
  for (const subject of subjects) await placeOne(context, subject, blocked)
}

async function placeOne(context: FolderContext, subject: Subject, blocked: (path: Subject['path'], result: Blocked) => void): Promise<void> {
  const { path, entry, disk, step } = subject
  const content = entry?.content
  if (entry === undefined || content?.kind !== 'blob') return
  const expect = step === 'place' ? 'absent' : disk?.signature
  if (expect === undefined) return context.dirty.add(path)
  // Another file of the same content may have taken it: this one copies it from there, and is marked then.
  if (!context.blobs.ready(path, entry)) return
  const ref: BlobRef = { blob: parseBlobId(content.hash), size: content.size }
  const base = subject.base?.type === 'file' ? subject.base : undefined
  const executable = base?.executable ?? entry.executable
  const result = await context.fs.replace(path, { part: ref.blob }, { expect, executable })
  if (result.kind === 'blocked') return blocked(path, result)
  if (result.kind !== 'written') return context.dirty.add(path)
  if (result.held !== undefined && base?.agreed !== undefined) {
    const { doc, agreed, ring } = base
    await context.workspace.rows.commit([context.held.put(result.held, { doc, agreed, ring })])
  }
  await context.index.save([blobRow({ path, node: entry.node }, ref, { signature: result.signature, racy: isRacy(result.signature, context.clock.now()), executable })])
  context.skipped.delete(path)
  context.verifiedAt.set(path, context.clock.monotonic())
  context.blobs.placed(path, ref.blob)
  context.dirty.add(path)
  context.emit('change', { path, what: step === 'place' ? 'created' : 'edited', from: 'peer' })
}

/** What disk and workspace agree on where the content is not text. */
export function blobRow(
  { path, node }: Pick<FileRow, 'path' | 'node'>,
  blob: BlobRef,
  { signature, racy, executable }: Pick<DiskText, 'signature' | 'racy' | 'executable'>
): FileRow {
  return { type: 'file', path, node, doc: NO_DOCUMENT, agreed: undefined, blob, signature, racy, executable, ring: [], wanted: undefined, ignored: false }
}

/** The document of a file that has none. */
const NO_DOCUMENT = '' as FileRow['doc']
