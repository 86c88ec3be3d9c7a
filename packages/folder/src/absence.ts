import type { Clock } from '@collab/core'
import type { FolderFs } from './folder-fs.js'
import type { RelPath } from './rel-path.js'
import { parentOf } from './rel-path.js'

/** Longer than the moment in which vim and others have renamed the old file away and not yet made the new one. */
export const ABSENT_MS = 150

/**
 * Which of `paths` are truly gone: still absent after a while, and not listed by their directory (which is listed
 * once for all its paths). A directory that cannot be read proves nothing.
 */
export async function confirmAbsent(
  folder: Pick<FolderFs, 'fact' | 'list'>,
  paths: readonly RelPath[],
  clock: Clock,
  waitMs = ABSENT_MS
): Promise<RelPath[]> {
  await new Promise<void>((resolve) => void clock.after(waitMs, resolve))
  const listed = new Map<RelPath | '', ReadonlySet<RelPath> | undefined>()
  const namesIn = (directory: RelPath | ''): ReadonlySet<RelPath> | undefined => {
    if (!listed.has(directory)) listed.set(directory, new Set(folder.list(directory)?.entries.keys()))
    return listed.get(directory)
  }
  return paths.filter((path) => folder.fact(path).kind === 'absent' && namesIn(parentOf(path))?.has(path) !== true)
}
