import createIgnore from 'ignore'
import type { RelPath } from './rel-path.js'
import { CONTROL_DIRECTORY } from './rel-path.js'

/** The rules of a folder, in gitignore syntax; synced like any file. */
export const IGNORE_FILE = '.collabignore'

/** What editors, desktops and other sync tools leave behind. `.collabignore` can take any of them back with `!`. */
export const DEFAULT_PATTERNS: readonly string[] = `
  .hg .svn .jj node_modules
  .DS_Store ._* .Spotlight-V100 .Trashes .fseventsd Thumbs.db desktop.ini $RECYCLE.BIN .Trash-*
  .fuse_hidden* .nfs* *~ .*.sw[a-z] 4913 .#* \\#*\\# *.swp *.kate-swp .goutputstream-* .~lock.*#
  ~$* *.vsctmp *___jb_tmp___ *___jb_old___ *.sb-????????-?????? *.crdownload
  *.part *.partial .syncthing.*.tmp
  ~syncthing~*.tmp .stfolder .stversions .dropbox* .unison.* .obsidian/workspace*.json
  .obsidian/cache .trash/
`
  .trim()
  .split(/\s+/)

/** Never synced, whatever the rules say: they come last, and in gitignore the last match wins. */
const HARD_PATTERNS: readonly string[] = [CONTROL_DIRECTORY, '.git']

/** The file is read by every member: bounds on what one of them can make the others compile. */
const MAX_RULES_LENGTH = 64 * 1024
const MAX_LINES = 1000
/** Wildcards of one component: matching costs up to (name length) to this power. */
const MAX_STARS_PER_NAME = 3
const MAX_STARS = 8

export interface IgnoreRules {
  /** In order, the hard ones last: what the watcher compiles again in its own thread. */
  readonly patterns: readonly string[]
  readonly caseSensitive: boolean
  /** Lines that were not used, each with the reason, for the user. */
  readonly refused: readonly string[]
  ignores(path: RelPath, isDirectory: boolean): boolean
}

/**
 * Compiles the rules of a folder.
 *
 * @param options.text content of `.collabignore`
 * @param options.caseSensitive as the folder's file system is
 */
export function createIgnoreRules(options: { readonly text?: string; readonly caseSensitive?: boolean } = {}): IgnoreRules {
  const { text = '', caseSensitive = true } = options
  const { accepted, refused } = checkLines(text)
  const patterns = [...DEFAULT_PATTERNS, ...accepted, ...HARD_PATTERNS]
  const matcher = createIgnore({ ignorecase: !caseSensitive }).add(patterns)
  return {
    patterns,
    caseSensitive,
    refused,
    ignores: (path, isDirectory) => matcher.ignores(isDirectory ? `${path}/` : path)
  }
}

function checkLines(text: string): { accepted: string[]; refused: string[] } {
  const accepted: string[] = []
  const refused: string[] = []
  const whole = text.slice(0, MAX_RULES_LENGTH).split(/\r?\n/)
  if (text.length > MAX_RULES_LENGTH || whole.length > MAX_LINES) refused.push(`only the first ${MAX_LINES} lines are used`)
  for (const line of whole.slice(0, MAX_LINES)) {
    if (isTooComplex(line)) refused.push(`too many wildcards: ${line.slice(0, 80)}`)
    else accepted.push(line)
  }
  return { accepted, refused }
}

function isTooComplex(line: string): boolean {
  const counts = line.split('/').map((name) => name.match(/\*+/g)?.length ?? 0)
  return counts.some((count) => count > MAX_STARS_PER_NAME) || counts.reduce((sum, count) => sum + count, 0) > MAX_STARS
}
