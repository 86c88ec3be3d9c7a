import { MAX_TEXT_BYTES, checkPath } from '@collab/core'
import { lookAt, lookAtPath } from './disk-fact.js'
import { openAnchor } from './anchor.js'
import type { RelPath } from './rel-path.js'
import { bringBack, dropName, dropSecondName, isElsewhere, putAside } from './second-names.js'
import { sameContentState } from './signature.js'
import type { Signature } from './signature.js'
import { readEntry } from './stable-read.js'
import { decodeText, isAlike, keepsLines } from './text-content.js'
import type { TrashNote } from './trash.js'
import type { DiskContext } from './write.js'

/*
 * A file that was cut off while it was being moved has two names: it gets the new one first. Whoever works in the
 * folder before the next start may have done anything to either.
 */

/**
 * Finishes or undoes a move that was cut off, or in the middle of which the disk failed.
 *
 * @returns whether the file is back where it was
 */
export function settleMove(context: DiskContext, id: string, note: TrashNote): boolean {
  const state = context.trash.stateOf(id)
  if (state === undefined) {
    if (!settleUntaken(context, id, note)) context.trash.abandon(id)
    return false
  }
  // It was being brought back, and has both names; or it has the new one.
  const isBack = isThere(context, note.path, state)
  if (isBack || hasNewName(context, id, note)) {
    context.trash.drop(id)
    return isBack
  }
  const isFree = lookAtPath(context.root, note.path as RelPath, context.spelling).kind === 'absent'
  const back = isFree && !wasSavedOver(context, id, note) && bringBack(context, id, note.path as RelPath)
  if (back) context.trash.abandon(id)
  else context.trash.finish(id)
  return back
}

/**
 * The old name was not taken away yet. Undone where the new name is as it was made, also where the old one was saved to
 * by a program that makes a new file of each save; finished where the new name was used by somebody: it was moved on, or
 * saved to in that way.
 *
 * @returns whether the file was put into the trash, under its note
 */
function settleUntaken(context: DiskContext, id: string, note: TrashNote): boolean {
  const from = note.path as RelPath
  const old = lookAtPath(context.root, from, context.spelling)
  const to = targetOf(note)
  if (to === undefined) return false
  if (old.kind === 'absent') dropUnused(context, note, to)
  if (old.kind !== 'file') return false
  if (old.signature.ino !== note.seen.ino) return putUnusedAside(context, id, note, to)
  if (dropSecondName(context, from, to)) return false
  if (note.links === undefined) return false
  // Not by the count alone: a backup outside of the folder may be what has the other name.
  if (old.links > note.links && isElsewhere(context, old.signature.ino, from)) {
    putAside(context, id, from)
    context.trash.drop(id)
    return false
  }
  if (!sameContentState(old.signature, note.seen) || !isSave(context, to, readAt(context, from))) return false
  putAside(context, id, from)
  context.trash.finish(id)
  return true
}

/** Puts a file under its new name into the trash where a program has saved it under its old one, as a new file. */
function putUnusedAside(context: DiskContext, id: string, { path, seen }: TrashNote, to: RelPath): boolean {
  const there = lookAtPath(context.root, to, context.spelling)
  if (there.kind !== 'file' || !sameContentState(there.signature, seen) || !isSave(context, path as RelPath, readAt(context, to))) return false
  putAside(context, id, to)
  context.trash.finish(id)
  return true
}

/** Takes away the new name of a file whose old name was moved on meanwhile: it is where its user put it. */
function dropUnused(context: DiskContext, { seen, links }: TrashNote, to: RelPath): void {
  const there = lookAtPath(context.root, to, context.spelling)
  if (there.kind !== 'file' || there.signature.ino !== seen.ino || links === undefined || there.links <= links) return
  // Not by the count alone: a backup outside of the folder may be what has the other name.
  if (isElsewhere(context, seen.ino, to)) dropName(context, to)
}

/** Whether the file that lies aside still has its new name, there or wherever it was moved on to. */
function hasNewName(context: DiskContext, id: string, note: TrashNote): boolean {
  using trash = context.trash.anchor()
  const aside = lookAt(trash.entry(id))
  const to = targetOf(note)
  if (aside.kind !== 'file' || to === undefined) return false
  return isThere(context, to, aside.signature) || (note.links !== undefined && aside.links > note.links && isElsewhere(context, aside.signature.ino, note.path as RelPath))
}

/** Whether a program has saved the file under its new name, as a new file. */
function wasSavedOver(context: DiskContext, id: string, note: TrashNote): boolean {
  using trash = context.trash.anchor()
  const to = targetOf(note)
  return to !== undefined && isSave(context, to, textOf(trash.entry(id)))
}

/** Whether the file in `state` is also at `path`. */
export function isThere(context: DiskContext, path: string, { ino }: Signature): boolean {
  const fact = lookAtPath(context.root, path as RelPath, context.spelling)
  return fact.kind === 'file' && fact.signature.ino === ino
}

function targetOf({ to }: TrashNote): RelPath | undefined {
  return to !== undefined && checkPath(to) === undefined ? (to as RelPath) : undefined
}

function isSave(context: DiskContext, path: RelPath, before: string | undefined): boolean {
  const after = before === undefined ? undefined : readAt(context, path)
  return before !== undefined && after !== undefined && (isAlike(before, after) || keepsLines(before, after))
}

function readAt({ root, spelling }: DiskContext, path: RelPath): string | undefined {
  const names = spelling.names(path)
  try {
    using parent = openAnchor(root, names.slice(0, -1))
    return textOf(parent.entry(names.at(-1) ?? ''))
  } catch {
    return undefined
  }
}

function textOf(address: string): string | undefined {
  try {
    const snapshot = readEntry(address, MAX_TEXT_BYTES)
    const decoded = snapshot.kind === 'whole' ? decodeText(snapshot.bytes) : { reason: 'not a file that rests' }
    return 'text' in decoded ? decoded.text : undefined
  } catch {
    return undefined
  }
}
