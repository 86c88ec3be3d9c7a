import type { BaseRow } from './base-row.js'
import { rebased } from './base-index.js'
import type { Subject } from './facts.js'
import { markShown } from './folder-context.js'
import type { FolderContext } from './folder-context.js'
import { BLOCKED_RETRY_MS, moveInto, noteBlocked } from './put-directory.js'
import { localEditName } from './read-only.js'
import type { RelPath } from './rel-path.js'
import { nameOf, parentOf } from './rel-path.js'
import { madeRows, rowsAbove } from './rows-above.js'
import type { Signature } from './signature.js'

/** Names that are tried for a file that must make room. */
const MAX_NAMES = 100
/** Of a file that makes room for a moment. */
const ASIDE = ' (moving)'

/** Moves what a peer moved. @returns of a directory that was moved the old and the new path: all that is below went along */
export async function putMove(context: FolderContext, { path, base, entry, disk }: Subject): Promise<readonly RelPath[]> {
  if (base === undefined || entry === undefined) return []
  const { fs, index, dirty } = context
  const to = entry.path as RelPath
  const there = fs.fact(to).kind
  const other = index.at(to)
  const isSameName = index.clash(to)?.path === path
  if (base.type === 'directory' && there === 'directory' && !isSameName) {
    await moveInto(context, base, to)
    return []
  }
  const isFree = there === 'absent' && (other === undefined || other.node === base.node)
  if (isFree || isSameName) return await moveTo(context, base, to, disk?.signature)
  dirty.add(to)
  // What stood there went a moment ago, and nobody knows yet where to: its row is all by which it is known again.
  const isUnjudged = there === 'absent'
  // Two that swap places: one steps aside first. Anything else there moves or is taken over on its own turn.
  if (!isUnjudged && other !== undefined && isSwap(context, path, other)) return await moveTo(context, base, freeName(context, path, ASIDE), disk?.signature)
  const waits = isUnjudged || other === undefined
  dirty.add(path, waits ? BLOCKED_RETRY_MS : 0, waits)
  return []
}

/** Whether `to` is where a file at `from` steps aside: found there after a crash, nobody else moved it. */
export function isStepAside(from: string, to: string): boolean {
  return to.startsWith(from + ASIDE) && /^\d*$/.test(to.slice(from.length + ASIDE.length))
}

/** Whether following who wants whose place leads back to `path`. */
function isSwap({ index, workspace }: FolderContext, path: RelPath, first: BaseRow): boolean {
  let row: BaseRow | undefined = first
  for (const seen = new Set<string>(); row !== undefined && !seen.has(row.path); ) {
    seen.add(row.path)
    const next: string | undefined = workspace.tree.get(row.node)?.path
    if (next === path) return true
    row = next === undefined || next === row.path ? undefined : index.at(next)
  }
  return false
}

async function moveTo(context: FolderContext, base: BaseRow, to: RelPath, signature: Signature | undefined): Promise<readonly RelPath[]> {
  const { fs, index, dirty, emit } = context
  if (base.type === 'file' && signature === undefined) return []
  const from = base.path
  const above = rowsAbove(context, [to])
  const result = base.type === 'directory' ? await fs.moveDirectory(from, to) : await fs.move(from, to, { expect: signature as Signature })
  dirty.add(to)
  if (result.kind === 'blocked') noteBlocked(context, from, result)
  else if (result.kind !== 'moved') dirty.add(from)
  if (result.kind !== 'moved') return []
  const moved = rebased(base.type === 'directory' ? [base, ...index.below(from)] : [base], from, to)
  const now: Signature | undefined = 'signature' in result ? (result.signature as Signature) : undefined
  const signed = moved.map((row) => (row.type === 'file' && now !== undefined ? { ...row, signature: now } : row))
  await index.save([...madeRows(context, above), ...signed])
  for (const row of moved) dirty.add(row.path)
  // Something else may be meant to stand where it was.
  markShown(context, from)
  emit('change', { path: to, what: 'moved', from: 'peer', was: from })
  if (gaveWay(context, base, to)) emit('conflict', { path: from, other: to })
  return base.type === 'directory' ? [from, to] : []
}

/** Whether a file took a second name because another that is new here has its first one. */
function gaveWay({ workspace, index }: FolderContext, { path, type }: BaseRow, to: RelPath): boolean {
  const other = workspace.tree.at(path)
  if (type !== 'file' || other?.type !== 'file' || index.of(other.node) !== undefined) return false
  return parentOf(path) === parentOf(to) && nameOf(to).includes(' (conflict, ')
}

export function freeName({ fs, clock }: FolderContext, path: RelPath, label: string | undefined): RelPath {
  for (let attempt = 0; attempt < MAX_NAMES; attempt++) {
    const name = label === undefined ? localEditName(path, attempt) : `${path}${label}${attempt === 0 ? '' : attempt + 1}`
    if (fs.fact(name as RelPath).kind === 'absent') return name as RelPath
  }
  return localEditName(path, clock.now()) as RelPath
}
