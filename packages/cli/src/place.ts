import { FailureError } from './cli-error.js'
import type { StoreRecord } from './store-record.js'

/** A folder's marker as far as the choice of its store goes. */
export interface MarkerFact {
  readonly workspace: string
  readonly store: string
}

/** What was found out about the folder that is to be joined. All paths are real paths. */
export interface FolderFacts {
  readonly folder: string
  readonly kind: 'directory' | 'missing' | 'other'
  readonly marker: MarkerFact | undefined
  /** The nearest folder above that has a marker. */
  readonly joinedAbove: string | undefined
  /** The marker that each recorded folder has now. */
  readonly markerAt: ReadonlyMap<string, MarkerFact>
}

/** Which store the folder gets, and what to tell. */
export interface Place {
  readonly store: StoreRecord | undefined
  /** Records of stores that this folder no longer belongs to. */
  readonly detach: readonly StoreRecord[]
  readonly notice?: { readonly code: string; readonly message: string }
}

/**
 * Decides whether `workspace` may be joined in a folder, and with which store: the one that its marker names, unless
 * that one lives on at another path (this folder is a copy) or is not on this machine.
 *
 * @throws {FailureError} when the folder cannot be joined.
 */
export function choosePlace(facts: FolderFacts, workspace: string, records: readonly StoreRecord[]): Place {
  const { folder, kind, marker } = facts
  if (kind === 'other') throw new FailureError(`${folder} is a file, not a folder; give a folder, or a new name for one`)
  if (marker !== undefined && marker.workspace !== workspace) {
    throw new FailureError(`${folder} is already joined to another topic; use another folder, or delete ${folder}/.collab to leave that topic`)
  }
  refuseNesting(facts, records)
  const here = records.filter((record) => record.folder === folder)
  const chosen = marker === undefined ? unmarked(here, workspace) : marked(facts, marker, records)
  return { ...chosen, detach: here.filter((record) => record.id !== chosen.store?.id) }
}

/** Never joined, or its marker is gone: then the guard asks, because the store knows what was there. */
function unmarked(here: readonly StoreRecord[], workspace: string): Omit<Place, 'detach'> {
  return { store: here.find((record) => record.workspace === workspace) }
}

function marked({ folder, markerAt }: FolderFacts, marker: MarkerFact, records: readonly StoreRecord[]): Omit<Place, 'detach'> {
  const record = records.find(({ id }) => id === marker.store)
  if (record === undefined) {
    const message = `the store of ${folder} is not on this machine; the folder is joined anew, nothing in it is deleted or overwritten`
    return { store: undefined, notice: { code: 'store-missing', message } }
  }
  if (record.folder === undefined || record.folder === folder) return { store: record }
  if (markerAt.get(record.folder)?.store === record.id) {
    const message = `${folder} is a copy of ${record.folder}; it joins as a peer of its own`
    return { store: undefined, notice: { code: 'folder-copied', message } }
  }
  return { store: record, notice: { code: 'folder-moved', message: `the folder moved here from ${record.folder}` } }
}

function refuseNesting({ folder, joinedAbove, markerAt }: FolderFacts, records: readonly StoreRecord[]): void {
  if (joinedAbove !== undefined) {
    throw new FailureError(`${folder} lies inside ${joinedAbove}, which is already joined; choose a folder outside it`)
  }
  const below = records.find((record) => record.folder?.startsWith(`${folder}/`) === true && markerAt.has(record.folder))
  if (below?.folder !== undefined) {
    throw new FailureError(`${folder} contains ${below.folder}, which is already joined; choose a folder that does not contain it`)
  }
}
