import { CollabError, diffText } from '@collab/core'
import type { DeletedFile, LocalChange, PastFile, PastPoint, TextEdit, TreeEntry, Workspace } from '@collab/core'
import type { FolderFs, HeldId, TrashItem } from './folder-fs.js'
import { freePath } from './free-path.js'
import { parseRelPath } from './rel-path.js'
import type { RestoreLine, RestoreStep } from './restore-plan.js'
import { isWithin, planReset, planReturn } from './restore-plan.js'

export interface RestoreRequest {
  /** Below the folder; '' is all of it. */
  readonly path: string
  /** A point in the past, or something in the trash. @default what was deleted comes back as it last was */
  readonly at?: PastPoint | { readonly trash: HeldId }
  /** @default false */
  readonly dryRun?: boolean
}

/** What is asked for cannot be had; one sentence with advice. */
export class NothingToRestoreError extends CollabError {
  constructor(message: string) {
    super('NothingToRestoreError', message)
  }
}

type Reader = Pick<Workspace, 'tree' | 'past' | 'deleted' | 'readText' | 'readTextAt' | 'history'>

const FROM_TRASH = 'from the trash'
/** Changes of one restore that become one entry where they fit. */
const CHUNK = 500

/** Says what restoring would do, by path; changes nothing. */
export async function rehearseRestore(workspace: Reader, trash: readonly TrashItem[], request: RestoreRequest): Promise<readonly RestoreLine[]> {
  const { at } = request
  if (at !== undefined && 'trash' in at) return [trashLine(workspace, findTrash(trash, at.trash))]
  const steps = withContent(await planSteps(workspace, request.path, at), trash)
  if (steps.length > 0) return steps.map(({ line }) => line)
  return [trashLine(workspace, lastInTrash(trash, request.path) ?? (await refuse(workspace, request)))]
}

/**
 * Brings back what was deleted or replaced, as ordinary edits that are synced like any other: nothing is overwritten,
 * and what is being written here meanwhile is merged. Durable when it resolves.
 *
 * @throws {NothingToRestoreError} and {NotPermittedError} with a link that only reads
 */
export async function restore(workspace: Workspace, fs: FolderFs, request: RestoreRequest): Promise<readonly RestoreLine[]> {
  const { at, path } = request
  const isTrash = at !== undefined && 'trash' in at
  const trash = await fs.trash()
  const steps = isTrash ? [] : withContent(await planSteps(workspace, path, at), trash)
  if (steps.length > 0) {
    await carryOut(workspace, steps)
    for (const { line, trashId } of steps) if (trashId !== undefined) await fs.takeFromTrash(trashId, parseRelPath(line.to ?? line.path))
    return steps.map(({ line }) => line)
  }
  const item = isTrash ? findTrash(trash, at.trash) : (lastInTrash(trash, path) ?? (await refuse(workspace, request)))
  return [await placeFromTrash(workspace, fs, item)]
}

/** What a file read at a point in the past. */
export async function readRestored(workspace: Reader, path: string, at: PastPoint | undefined): Promise<string> {
  const file = at === undefined ? await lastDeleted(workspace, path) : (await workspace.past(at)).find((file) => file.path === path)
  if (file?.content?.kind !== 'text') return await refuse(workspace, { path, ...(at !== undefined && { at }) })
  const version = 'version' in file ? file.version : undefined
  return version === undefined ? (await workspace.readText(file.content.doc)).text : await workspace.readTextAt(file.content.doc, version)
}

async function lastDeleted(workspace: Reader, path: string): Promise<DeletedFile | undefined> {
  return (await workspace.deleted()).find((file) => file.path === path)
}

async function planSteps(workspace: Reader, path: string, at: PastPoint | undefined): Promise<readonly RestoreStep[]> {
  const { tree } = workspace
  if (at === undefined) {
    if (tree.at(path)?.type === 'file') throw new NothingToRestoreError(`${path} is there; say which version with --at (collab restore --list shows them)`)
    return planReturn(await workspace.deleted(), tree, path)
  }
  const past = (await workspace.past(at)).filter((file) => isWithin(file.path, path))
  if (past.length === 0) return await refuse(workspace, { path, at })
  const deleted = new Set((await workspace.deleted()).map(({ node }) => node))
  return planReset({ past, tree, place: path, deleted, same: await samePaths(workspace, past) })
}

interface ReadyStep extends RestoreStep {
  /** Where the content of what is not text is. */
  readonly trashId?: HeldId
}

/** The log has no content of what is not text: such a file comes back where the trash has it, as any new file. */
function withContent(steps: readonly RestoreStep[], trash: readonly TrashItem[]): readonly ReadyStep[] {
  return steps.map((step) => {
    const { line, content } = step
    if (content?.kind !== 'blob') return step
    const item = trash.findLast(({ path, size }) => path === line.path && size === content.size)
    if (item !== undefined) return { line, trashId: item.id }
    return { line: { path: line.path, action: 'skip', reason: 'not text, and not in the trash of this machine; restore it on one that has it' } }
  })
}

/** Paths whose file holds now what it did then. */
async function samePaths(workspace: Reader, past: readonly PastFile[]): Promise<ReadonlySet<string>> {
  const same = new Set<string>()
  for (const file of past) {
    const now = workspace.tree.at(file.path)
    if (now?.type === file.type && (await isSameContent(workspace, file, now))) same.add(file.path)
  }
  return same
}

async function isSameContent(workspace: Reader, past: PastFile, now: TreeEntry): Promise<boolean> {
  if (past.content?.kind !== 'text' || now.content?.kind !== 'text') return JSON.stringify(past.content) === JSON.stringify(now.content)
  const live = await workspace.readText(now.content.doc)
  return live.text === (await pastText(workspace, past))
}

async function pastText(workspace: Reader, past: PastFile): Promise<string> {
  if (past.content?.kind !== 'text' || past.version === undefined) return ''
  return await workspace.readTextAt(past.content.doc, past.version)
}

async function carryOut(workspace: Workspace, steps: readonly ReadyStep[]): Promise<void> {
  const changes: LocalChange[] = []
  for (const step of steps) changes.push(...(await changesOf(workspace, step)))
  for (let at = 0; at < changes.length; at += CHUNK) await workspace.edit(changes.slice(at, at + CHUNK))
}

async function changesOf(workspace: Workspace, { line, past, move, target, trashId }: ReadyStep): Promise<readonly LocalChange[]> {
  if (trashId !== undefined) return []
  const path = line.action === 'keep beside' ? (line.to ?? line.path) : line.path
  if (line.action === 'make folder') return [{ type: 'create-directory', path }]
  const changes: LocalChange[] = []
  if (move !== undefined) changes.push({ type: 'move', node: move, path })
  if (past === undefined) return changes
  if (move === undefined && target === undefined) return [{ type: 'create-file', path, text: await pastText(workspace, past), executable: past.executable }]
  const node = target?.node ?? past.node
  const content = target?.content ?? past.content
  if (past.content?.kind === 'text' && content?.kind === 'text') {
    const live = await workspace.readText(content.doc)
    const edits: readonly TextEdit[] = diffText(live.text, await pastText(workspace, past))
    // The same version restored by two at once is restored once.
    if (edits.length > 0) changes.push({ type: 'edit', doc: content.doc, base: live.version, edits, machine: true })
  }
  if (past.content?.kind === 'text' && target?.content?.kind === 'blob') {
    changes.push({ type: 'set-text', node, base: target.content, text: await pastText(workspace, past) })
  }
  if (target === undefined || target.executable !== past.executable) changes.push({ type: 'executable', node, executable: past.executable })
  return changes
}

function lastInTrash(trash: readonly TrashItem[], path: string): TrashItem | undefined {
  return trash.findLast((item) => item.path === path)
}

function findTrash(trash: readonly TrashItem[], id: HeldId): TrashItem {
  const found = trash.find((item) => item.id === id)
  if (found === undefined) throw new NothingToRestoreError(`there is no ${id} in the trash; collab trash lists what is`)
  return found
}

function trashLine({ tree }: Reader, { path }: TrashItem): RestoreLine {
  if (tree.at(path) === undefined) return { path, action: 'bring back', reason: FROM_TRASH }
  return { path, action: 'keep beside', to: freePath(path, 'restored', (other) => tree.at(other) !== undefined), reason: FROM_TRASH }
}

/** It goes to where it was, or beside what is there; the folder then takes it as it takes any new file. */
async function placeFromTrash(workspace: Workspace, fs: FolderFs, { id, path }: TrashItem): Promise<RestoreLine> {
  const isTaken = (path: string): boolean => workspace.tree.at(path) !== undefined || fs.fact(parseRelPath(path)).kind !== 'absent'
  for (;;) {
    const to = isTaken(path) ? freePath(path, 'restored', isTaken) : path
    if (!(await fs.takeFromTrash(id, parseRelPath(to)))) continue
    const line: RestoreLine = { path, action: to === path ? 'bring back' : 'keep beside', reason: FROM_TRASH }
    return to === path ? line : { ...line, to }
  }
}

/** Nothing is there for the request: says what else there is. */
async function refuse(workspace: Reader, { path, at }: RestoreRequest): Promise<never> {
  if (path === '') throw new NothingToRestoreError(at === undefined ? 'nothing was deleted here' : 'there was nothing in this folder then')
  const [last] = at === undefined ? [] : (await workspace.history({ path, limit: 8 })).filter(({ what }) => what !== 'pruned')
  if (last !== undefined) throw new NothingToRestoreError(`${path} was not there then; collab restore --list ${path} shows when it was`)
  if (workspace.tree.at(path) !== undefined) throw new NothingToRestoreError(`nothing below ${path} was deleted`)
  throw new NothingToRestoreError(`nothing is known of ${path}; collab restore --list shows what was deleted`)
}
