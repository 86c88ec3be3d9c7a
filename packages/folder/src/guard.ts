/** Below this many files at once a deletion is everyday work; above it, it may be an unmounted disk or a slip. */
export const GUARD_FILES = 20
/** In a large folder a deletion is unusual above this part of all files. */
export const GUARD_FRACTION = 0.25
/** A folder that loses all of at least this many files was emptied; fewer can be deleted one by one. */
export const EMPTIED_FILES = 4

/** Why a side was stopped. */
export interface GuardStop {
  readonly side: 'disk' | 'peers' | 'both'
  readonly count: number
  /** One sentence: what, how many, and what to do. */
  readonly message: string
}

/** What was done to many files, and where it was done first. */
export interface GuardKind {
  readonly side: 'disk' | 'peers'
  readonly what: 'deleted' | 'rewritten'
}

export interface ManyFiles extends GuardKind {
  /** Files that it would be done to now, and those that it was done to on this side a moment ago. */
  readonly files: number
  /** Files that both sides agreed on before. */
  readonly known: number
}

/** Stops a deletion or a rewriting of many files at once until somebody confirms it. */
export function guardMany({ side, what, files, known }: ManyFiles): GuardStop | undefined {
  const all = files >= known && known >= EMPTIED_FILES
  if (!all && files <= Math.max(GUARD_FILES, known * GUARD_FRACTION)) return undefined
  const many = all ? `all ${files} files` : `${files} of ${known} files`
  return { side, count: files, message: `${many} ${happened({ side, what })}; run collab confirm if this is meant, or collab restore to have them back` }
}

function happened({ side, what }: GuardKind): string {
  if (what === 'deleted') {
    return side === 'disk'
      ? 'are gone from this folder at once and would be deleted on every peer'
      : 'were deleted by peers at once and would be removed from this folder'
  }
  return side === 'disk'
    ? 'lost most of their text in this folder at once and would lose it on every peer'
    : 'lost most of their text by peers at once and would lose it in this folder'
}

export interface RootFacts {
  readonly root: boolean
  /** The marker in the folder: ours, none, or another store's. */
  readonly marker: 'ours' | 'none' | 'other'
  /** Files that both sides agreed on before; 0 for a folder joined for the first time. */
  readonly known: number
}

/** Stops everything when the folder that was synced before is not there, or is not that folder. */
export function guardRoot({ root, marker, known }: RootFacts): GuardStop | undefined {
  if (!root) {
    return { side: 'both', count: known, message: 'the folder is missing or cannot be read; nothing is synced until it is back' }
  }
  if (known === 0 || marker === 'ours') return undefined
  const what = marker === 'none' ? 'the folder has lost its .collab marker' : 'the folder carries the marker of another store'
  const advice = 'run collab confirm to join it anew (nothing is deleted by that)'
  return { side: 'both', count: known, message: `${what}: it may be an unmounted disk or another folder; put it back, or ${advice}` }
}
