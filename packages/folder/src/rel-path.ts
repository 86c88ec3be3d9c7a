import { CollabError, MAX_DEPTH, MAX_NAME_BYTES, MAX_PATH_BYTES } from '@collab/core'

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

/** Names that would reach our own files, or make git run code, under any spelling that a file system folds to them. */
const RESERVED = new Set([CONTROL_DIRECTORY, 'collab~1', '.git', 'git~1'])
/** What HFS+ leaves out when it compares names. */
const IGNORABLE = /[\u200c-\u200f\u202a-\u202e\u206a-\u206f\ufeff]/gu
/** How such a name can begin. */
const MAYBE_RESERVED = /^[.cg\u200c-\u200f\u202a-\u202e\u206a-\u206f\ufeff]/iu
const encoder = new TextEncoder()

/** Why `name` cannot be one component of a path; undefined when it can. */
export function nameProblem(name: string): string | undefined {
  if (name === '') return 'an empty name'
  if (name === '.' || name === '..') return 'a name that means another directory'
  if (!name.isWellFormed()) return 'a name that is not valid Unicode'
  if (name.includes('/') || name.includes('\\')) return 'a name with a slash or backslash'
  if (name.includes('\0')) return 'a name with a zero byte'
  if (name.normalize('NFC') !== name) return 'a name that is not in composed form (NFC)'
  if (isLonger(name, MAX_NAME_BYTES)) return `a name longer than ${MAX_NAME_BYTES} bytes`
  if (isReserved(name)) return 'a reserved name'
  return undefined
}

/** Whether `name` may be one component of a `RelPath`. */
export function isSafeName(name: string): boolean {
  return nameProblem(name) === undefined
}

/** Whether a file system could take `name` for `.collab` or `.git`. */
export function isReserved(name: string): boolean {
  if (!MAYBE_RESERVED.test(name)) return false
  const plain = name.replace(IGNORABLE, '').toLowerCase().split(':', 1)[0] ?? ''
  return RESERVED.has(plain.replace(/[. ]+$/, ''))
}

const WINDOWS_DEVICE = /^(?:con|prn|aux|nul|com[0-9]|lpt[0-9])(?:\.|$)/i
// eslint-disable-next-line no-control-regex
const WINDOWS_FORBIDDEN = /[<>:"|?*\u0000-\u001f]|[. ]$/

/** Whether Windows can hold a file of this name. */
export function isWindowsName(name: string): boolean {
  return !WINDOWS_DEVICE.test(name) && !WINDOWS_FORBIDDEN.test(name)
}

/** @throws {UnsafePathError} when `text` is not a path as `RelPath` describes. */
export function parseRelPath(text: string): RelPath {
  const problem = pathProblem(text)
  if (problem !== undefined) throw new UnsafePathError(`${JSON.stringify(text.slice(0, 200))} cannot be used as a path: ${problem}.`)
  return text as RelPath
}

/** Why `text` is not a `RelPath`; undefined when it is one. */
export function pathProblem(text: string): string | undefined {
  const problem = lengthProblem(text)
  if (problem !== undefined) return problem
  for (const name of text.split('/')) {
    const problem = nameProblem(name)
    if (problem !== undefined) return `it has ${problem}`
  }
  return undefined
}

function lengthProblem(text: string): string | undefined {
  if (isLonger(text, MAX_PATH_BYTES)) return `it is longer than ${MAX_PATH_BYTES} bytes`
  let depth = 0
  for (let at = text.indexOf('/'); at >= 0; at = text.indexOf('/', at + 1)) depth++
  return depth > MAX_DEPTH ? `it is more than ${MAX_DEPTH} directories deep` : undefined
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
  const text = directory === '' ? name : `${directory}/${name}`
  const isSafe = isSafeName(name) && lengthProblem(text) === undefined
  return isSafe ? (text as RelPath) : parseRelPath(text)
}

/** Whether `path` lies anywhere below `directory`. */
export function isBelow(path: RelPath, directory: RelPath | ''): boolean {
  return directory === '' || path.startsWith(`${directory}/`)
}

/** Counts bytes only where the number of characters leaves it open. */
function isLonger(text: string, bytes: number): boolean {
  return text.length > bytes || (text.length * 3 > bytes && encoder.encode(text).length > bytes)
}
