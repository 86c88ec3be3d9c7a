import { isLongerInUtf8 } from '../base/bytes.js'
import { MAX_DEPTH, MAX_NAME_BYTES, MAX_PATH_BYTES } from '../base/limits.js'

/**
 * Which names the log accepts. Refused, for everybody and for ever, is only what is dangerous on some
 * system: a name that leaves its directory there, that reaches private state or a repository's hooks, or
 * that two peers could spell differently. What is merely unportable (`aux.txt`, `a:b`, `x.`) is a user's
 * own file: it is accepted, and `unportable` tells a folder on Windows that it cannot be placed.
 */

/** Directories that hold private state or run code: ours, and those of version control. */
const RESERVED = new Set(['.collab', '.git', '.hg', '.svn', '.jj', 'collab~1', 'git~1', 'hg~1', 'svn~1', 'jj~1'])

/** Code points that HFS+ ignores when it compares names (the list that git uses). */
const HFS_IGNORABLE = /[\u200c-\u200f\u202a-\u202e\u206a-\u206f\ufeff]/gu

/** Names that Windows gives to devices, with any extension. */
const DEVICES = /^(?:con|prn|aux|nul|conin\$|conout\$|com[0-9¹²³]|lpt[0-9¹²³])[ ]*(?:\.|$)/i

/** Most names: nothing in them that any rule below is about. */
const PLAIN = /^[a-z0-9][a-z0-9 _.()-]{0,99}$/i

/** Why a file or directory may not have this name, or undefined when it may. */
export function checkName(name: string): string | undefined {
  if (PLAIN.test(name)) return undefined
  if (name === '') return 'a name is empty'
  if (name === '.' || name === '..') return 'a name is a step to another directory'
  if (name.includes('/') || name.includes('\\')) return 'a name contains a path separator'
  if (hasControl(name)) return 'a name contains a control character'
  if (!name.isWellFormed()) return 'a name is not well-formed Unicode'
  if (isLongerInUtf8(name, MAX_NAME_BYTES)) return `a name is longer than ${MAX_NAME_BYTES} bytes`
  if (name.normalize('NFC') !== name) return 'a name is not in Unicode normal form C'
  if (isReserved(name)) return 'a name is reserved for private state'
  return undefined
}

/** Why a slash-separated relative path is refused, or undefined when it is fine. */
export function checkPath(path: string): string | undefined {
  if (isLongerInUtf8(path, MAX_PATH_BYTES)) return `a path is longer than ${MAX_PATH_BYTES} bytes`
  const names = path.split('/')
  if (names.length > MAX_DEPTH + 1) return `a path has more than ${MAX_DEPTH} directories`
  for (const name of names) {
    const reason = checkName(name)
    if (reason !== undefined) return reason
  }
  return undefined
}

/**
 * Why Windows cannot hold an accepted name, or undefined when it can. A folder there must not place such
 * a file: `C:x` would leave the folder, `x.` and `x ` would land on `x`.
 */
export function unportable(name: string): string | undefined {
  if (/[<>:"|?*]/.test(name)) return 'the name contains a character that Windows does not allow'
  if (/[. ]$/.test(name)) return 'the name ends in a dot or a space'
  if (DEVICES.test(name)) return 'the name is a device on Windows'
  return undefined
}

/**
 * A key that is equal for names that a case-insensitive or normalising file system may take for one:
 * case (full mapping: ß is ss), final sigma, and composed or decomposed accents.
 */
export function foldName(name: string): string {
  if (PLAIN.test(name)) return name.toLowerCase()
  return name.normalize('NFD').toUpperCase().toLowerCase().replaceAll('ς', 'σ').normalize('NFD')
}

/** By every spelling that some file system takes for the reserved one: case, ignorables, `.git.`, `.git::$DATA`. */
function isReserved(name: string): boolean {
  const plain = name.replace(HFS_IGNORABLE, '').replace(/:.*$/su, '').replace(/[. ]+$/u, '')
  return RESERVED.has(foldName(plain))
}

function hasControl(name: string): boolean {
  for (let i = 0; i < name.length; i++) {
    const code = name.charCodeAt(i)
    if (code < 0x20 || (code >= 0x7f && code < 0xa0)) return true
  }
  return false
}
