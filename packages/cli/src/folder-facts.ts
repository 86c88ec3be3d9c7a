import { accessSync, constants, readFileSync, realpathSync, statSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { FailureError, describeError } from './cli-error.js'
import { makeDirectories } from './make-directories.js'
import type { FolderFacts, MarkerFact } from './place.js'
import type { StoreRecord } from './store-record.js'

const MARKER = ['.collab', 'marker.json'] as const
/** A marker has about 200 bytes; what is larger is none. */
const MAX_MARKER_BYTES = 4096

/** Looks at the folder that is to be joined, and at the folders of the records; changes nothing. */
export function lookAtFolder(typed: string, cwd: string, records: readonly StoreRecord[]): FolderFacts {
  const folder = realPath(resolve(cwd, typed))
  const folders = new Set(records.flatMap((record) => record.folder ?? []))
  return {
    folder,
    kind: kindOf(folder),
    marker: readMarker(folder),
    joinedAbove: joinedAbove(folder),
    markerAt: new Map([...folders].flatMap((path) => {
      const marker = readMarker(path)
      return marker === undefined ? [] : [[path, marker] as const]
    }))
  }
}

/** The path without symlinks; what does not exist yet is taken as it is. */
export function realPath(path: string): string {
  try {
    return realpathSync(path)
  } catch (error) {
    const parent = dirname(path)
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || parent === path) return path
    return join(realPath(parent), basename(path))
  }
}

/** The joined folder at or above `path`. */
export function folderAround(path: string): string | undefined {
  return readMarker(path) === undefined ? joinedAbove(path) : path
}

/**
 * Makes the folder when it is missing, and sees that it can be written.
 *
 * @throws {FailureError}
 */
export function makeFolder(folder: string): void {
  try {
    makeDirectories(folder)
    accessSync(folder, constants.R_OK | constants.W_OK | constants.X_OK)
  } catch (error) {
    throw new FailureError(`cannot use the folder: ${describeError(error)}`, { cause: error })
  }
}

function kindOf(folder: string): FolderFacts['kind'] {
  try {
    return statSync(folder).isDirectory() ? 'directory' : 'other'
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return 'missing'
    throw new FailureError(`cannot use the folder: ${describeError(error)}`, { cause: error })
  }
}

function joinedAbove(folder: string): string | undefined {
  for (let at = dirname(folder); ; at = dirname(at)) {
    if (readMarker(at) !== undefined) return at
    if (at === dirname(at)) return undefined
  }
}

/** A damaged marker counts as none here; opening the folder says what is wrong with it. */
function readMarker(folder: string): MarkerFact | undefined {
  try {
    const path = join(folder, ...MARKER)
    if (statSync(path).size > MAX_MARKER_BYTES) return undefined
    const { workspace, store } = JSON.parse(readFileSync(path, 'utf8')) as Record<string, unknown>
    return typeof workspace === 'string' && typeof store === 'string' ? { workspace, store } : undefined
  } catch {
    return undefined
  }
}
