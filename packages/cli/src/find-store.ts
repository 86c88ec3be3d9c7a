import { resolve } from 'node:path'
import { FailureError } from './cli-error.js'
import { folderAround, realPath } from './folder-facts.js'
import type { StoreRecord } from './store-record.js'
import type { System } from './system.js'

/** The store of a joined folder, and where a path lies in it. */
export interface Found {
  readonly record: StoreRecord
  /** Slash-separated path below the folder; '' for the folder itself. */
  readonly inside: string
}

/**
 * The store of the joined folder at or around `typed` (default: the working directory; without one there, the only
 * store that there is).
 *
 * @throws {FailureError} when there is none, or more than one.
 */
export function findStore(typed: string | undefined, { cwd, home }: System): Found {
  const records = home.records().filter(({ folder, held }) => folder !== undefined || held === true)
  const path = realPath(resolve(cwd, typed ?? '.'))
  const around = recordAround(path, records)
  if (around !== undefined) return around
  const [only, ...others] = records
  if (typed === undefined && only !== undefined && others.length === 0) return { record: only, inside: '' }
  const known = folderAround(path)
  if (known !== undefined) throw new FailureError(`${known} was joined with another COLLAB_HOME, or its store is gone; join it again`)
  if (typed === undefined && records.length > 1) throw new FailureError('more than one folder is joined; say which (collab status lists them)')
  throw new FailureError(`${path} is not in a joined folder; collab status lists what is joined`)
}

function recordAround(path: string, records: readonly StoreRecord[]): Found | undefined {
  for (const record of records) {
    if (record.folder === path) return { record, inside: '' }
    if (record.folder !== undefined && path.startsWith(`${record.folder}/`)) return { record, inside: path.slice(record.folder.length + 1) }
  }
  return undefined
}
