import { CollabError, checkName, checkPath } from '@collab/core'

declare const brand: unique symbol

/** A checked path below the folder: slash separated, relative, NFC, no component that could lead elsewhere. */
export type RelPath = string & { readonly [brand]: 'RelPath' }

/** Our own directory in the folder: marker, trash and temporary files. Nothing in it is ever synced. */
export const CONTROL_DIRECTORY = '.collab'

/** A path from a peer, a document or the disk that must not be used. */
export class UnsafePathError extends CollabError {
  constructor(message: string, options?: ErrorOptions) {
    super('UnsafePathError', message, options)
  }
}

/** Whether `name` may be one component of a `RelPath`. */
export function isSafeName(name: string): boolean {
  return checkName(name) === undefined
}

/** @throws {UnsafePathError} when `text` is not a path as `RelPath` describes. */
export function parseRelPath(text: string): RelPath {
  const problem = checkPath(text)
  if (problem !== undefined) throw new UnsafePathError(`${JSON.stringify(text.slice(0, 200))} cannot be used as a path: ${problem}`)
  return text as RelPath
}

/** The components of `path`; none for the folder itself. */
export function namesOf(path: RelPath | ''): string[] {
  return path === '' ? [] : path.split('/')
}

export function nameOf(path: RelPath): string {
  return path.slice(path.lastIndexOf('/') + 1)
}

/** The directory that holds `path`; '' is the folder itself. */
export function parentOf(path: RelPath): RelPath | '' {
  const slash = path.lastIndexOf('/')
  return slash < 0 ? '' : (path.slice(0, slash) as RelPath)
}

/** @throws {UnsafePathError} when the result is not a path. */
export function joinPath(directory: RelPath | '', name: string): RelPath {
  return parseRelPath(directory === '' ? name : `${directory}/${name}`)
}
