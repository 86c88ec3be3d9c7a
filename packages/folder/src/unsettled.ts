import type { NodeId } from '@collab/core'
import type { FileRow } from './base-row.js'
import { isAlike } from './text-content.js'
import type { BaseTexts } from './text-content.js'

/**
 * Files that were being put on disk when a crash came, and that are not at their path now: nothing is, or something else. The new file may have been
 * placed, and moved by somebody since; nothing but its content says so, for its inode was never noted.
 */
export class Unsettled {
  readonly #rows = new Map<NodeId, FileRow>()

  get size(): number {
    return this.#rows.size
  }

  add(row: FileRow): void {
    this.#rows.set(row.node, row)
  }

  has(node: NodeId): boolean {
    return this.#rows.has(node)
  }

  delete(node: NodeId): void {
    this.#rows.delete(node)
  }

  rows(): readonly FileRow[] {
    return [...this.#rows.values()]
  }

  /** Hash of what was to be at the path. */
  hashAt(path: string): string | undefined {
    return this.at(path)?.wanted?.hash
  }

  at(path: string): FileRow | undefined {
    return this.rows().find((row) => row.path === path)
  }

  /** What was moved meanwhile has been found by now. */
  clear(): void {
    this.#rows.clear()
  }
}

/** The row of a file that turned out to have been placed. */
export function placedRow({ wanted, ...row }: FileRow): FileRow {
  if (wanted === undefined) return { ...row, wanted }
  return { ...row, doc: wanted.doc, agreed: { version: wanted.version, hash: wanted.hash }, blob: undefined, signature: undefined, racy: true, wanted: undefined, gap: undefined }
}

/** Whether `text` may have become of what was at a path, or was to be there, by editing. */
export async function isEditOf(texts: BaseTexts, { doc, agreed, wanted }: FileRow, text: string | undefined): Promise<boolean> {
  if (text === undefined) return false
  if (agreed !== undefined && isAlike(await texts.read(doc, agreed), text)) return true
  return wanted !== undefined && isAlike(await texts.read(wanted.doc, wanted), text)
}
