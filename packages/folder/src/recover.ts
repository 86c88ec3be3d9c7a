import { readdirSync, unlinkSync } from 'node:fs'
import { checkPath, errorMessage } from '@collab/core'
import type { Logger } from '@collab/core'
import { lookAtPath } from './disk-fact.js'
import type { RecoverOptions, RecoverReport, RemovedFile } from './folder-fs.js'
import { partOf } from './part-name.js'
import type { RelPath } from './rel-path.js'
import { isThere, settleMove } from './recover-move.js'
import { bringBack } from './second-names.js'
import { sameContentState } from './signature.js'
import type { TrashNote } from './trash.js'
import type { DiskContext } from './write.js'
import { isPlaced, tempAnchor } from './write.js'

interface OpenNote {
  readonly id: string
  readonly note: TrashNote
}

/** Finishes or undoes what a run left in the middle; see `FolderFs.recover`. */
export async function recover(context: DiskContext, logger: Logger, { onGaps }: RecoverOptions = {}): Promise<RecoverReport> {
  const restored: RelPath[] = []
  const gaps: OpenNote[] = []
  context.trash.clearBroken()
  for (const { id, open, note } of context.trash.notes()) {
    if (!open || checkPath(note.path) !== undefined) continue
    try {
      const outcome = finishOrUndo(context, { id, note })
      if (outcome === 'back') restored.push(note.path as RelPath)
      if (outcome === 'gap') gaps.push({ id, note })
    } catch (error) {
      logger.warn('a displaced file could not be brought back', { path: note.path, error: errorMessage(error) })
    }
  }
  if (gaps.length > 0) await onGaps?.(gaps.map(({ note }) => note.path as RelPath))
  for (const { id } of gaps) context.trash.finish(id)
  return { temporary: clearTemporary(context), restored, removed: removedFiles(context), recovered: deliverNews(context) }
}

function clearTemporary(context: DiskContext): number {
  using temps = tempAnchor(context.root)
  // What was fetched of a file is gone on with.
  const names = readdirSync(temps.at).filter((name) => partOf(name) === undefined)
  for (const name of names) unlinkSync(temps.entry(name))
  return names.length
}

/** 'back': the file is where it was. 'gap': another one is, made while it was aside and nothing in its place; that is still open. */
function finishOrUndo(context: DiskContext, { id, note }: OpenNote): 'back' | 'gap' | 'done' {
  if (note.why === 'moved') return settleMove(context, id, note) ? 'back' : 'done'
  const state = context.trash.stateOf(id)
  if (state === undefined) {
    context.trash.abandon(id)
    return 'done'
  }
  if (isThere(context, note.path, state)) {
    // It was being brought back, and has both names.
    context.trash.drop(id)
    return 'back'
  }
  const complete = note.why === 'removed' ? sameContentState(state, note.seen) : isPlaced(context, note)
  const isTaken = !complete && !isAbsent(context, note.path)
  if (isTaken && note.why === 'replaced' && note.temp !== undefined) return 'gap'
  const back = !complete && !isTaken && bringBack(context, id, note.path as RelPath)
  if (back) context.trash.abandon(id)
  else context.trash.finish(id)
  return back ? 'back' : 'done'
}

function isAbsent(context: DiskContext, path: string): boolean {
  return lookAtPath(context.root, path as RelPath, context.spelling).kind === 'absent'
}

function removedFiles({ trash }: DiskContext): readonly RemovedFile[] {
  return trash.notes().flatMap(({ id, open, note }) => {
    const state = open || note.why !== 'removed' || checkPath(note.path) !== undefined ? undefined : trash.stateOf(id)
    return state === undefined ? [] : [{ id, path: note.path as RelPath, ino: state.ino }]
  })
}

/** Displaced files of earlier runs: news are handed over, and those that a program may still have open are watched again. */
function deliverNews(context: DiskContext): number {
  let recovered = 0
  for (const { id, open, note } of context.trash.notes()) {
    const state = context.trash.stateOf(id)
    if (open) continue
    if (state === undefined) {
      context.trash.drop(id)
      continue
    }
    const isNews = !sameContentState(state, note.seen)
    if (note.why === 'replaced' || isNews) context.held.hold(id, note)
    if (isNews && context.held.offer(id, note, 'recovered')) recovered++
  }
  return recovered
}
