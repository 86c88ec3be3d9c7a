import type { Workspace } from '@collab/core'
import { datedConflicts, mergeConflict, readConflict, readRestored, rehearseRestore, resolveConflict, restore } from '@collab/folder'
import type { FolderFs, FolderSync } from '@collab/folder'
import { FailureError } from './cli-error.js'
import type { ControlAnswers, ControlRequest } from './control-protocol.js'

/** What a running process answers from. */
export interface AnswerParts {
  readonly workspace: Workspace
  /** None when holding. */
  readonly folder: { readonly sync: FolderSync; readonly fs: FolderFs } | undefined
  readonly end: () => void
}

export async function answer(request: ControlRequest, parts: AnswerParts): Promise<ControlAnswers[ControlRequest['ask']]> {
  const { workspace, folder, end } = parts
  switch (request.ask) {
    case 'status':
      return { workspace: workspace.status(), transfers: workspace.blobs.status(), ...(folder !== undefined && { folder: folder.sync.status() }) }
    case 'log':
      return await workspace.history({ limit: request.limit, ...(request.path !== undefined && { path: request.path }) })
    case 'confirm': {
      const waits = folder?.sync.status().guard !== undefined
      if (waits) await folder?.sync.confirm()
      return { confirmed: waits }
    }
    case 'addresses':
      return workspace.status().listening
    case 'stop':
      // The answer goes out first.
      setImmediate(end)
      return true
    case 'deleted':
      return await workspace.deleted()
    case 'text':
      return await readRestored(workspace, request.path, request.at)
    case 'restore':
      return await restoreIn(request, parts)
    case 'voids':
      return workspace.rights === 'blind' ? [] : await workspace.voids()
    case 'conflicts':
      return await datedConflicts(workspace)
    case 'conflict-texts':
      return await readConflict(workspace, request.path)
    case 'merge':
      await mergeConflict(workspace, request.path, request.base, request.text)
      await settled(parts)
      return true
    case 'resolve': {
      await folder?.sync.rescan()
      const path = await resolveConflict(workspace, request.path, request.keep)
      await settled(parts)
      return path === undefined ? {} : { path }
    }
    case 'empty-trash':
      return await folderOf(parts).fs.purge({ maxAgeMs: -1 })
  }
}

/** What was changed in the workspace is on disk when this resolves. */
async function settled({ folder }: AnswerParts): Promise<void> {
  await folder?.sync.rescan()
}

/** What was just saved or deleted here counts, and what comes back is on disk when this resolves. */
async function restoreIn({ path, at, dryRun }: Extract<ControlRequest, { ask: 'restore' }>, parts: AnswerParts): Promise<ControlAnswers['restore']> {
  const { workspace } = parts
  const { sync, fs } = folderOf(parts)
  const request = { path, ...(at !== undefined && { at }) }
  await sync.rescan()
  if (path === '' && at === undefined && !dryRun && sync.status().guard !== undefined) return await takeBack(sync)
  if (dryRun) return await rehearseRestore(workspace, await fs.trash(), request)
  const lines = await restore(workspace, fs, request)
  await sync.rescan()
  return lines
}

/** What waits for confirmation is undone instead. */
async function takeBack(sync: FolderSync): Promise<ControlAnswers['restore']> {
  const paths = await sync.takeBack()
  await sync.rescan()
  if (paths.length === 0) throw new FailureError(sync.status().guard ?? 'nothing waits any more')
  return paths.toSorted().map((path) => ({ path, action: 'bring back', reason: 'waited for confirmation' }))
}

function folderOf({ folder }: AnswerParts): NonNullable<AnswerParts['folder']> {
  if (folder === undefined) throw new FailureError('this workspace is held without a folder')
  return folder
}
