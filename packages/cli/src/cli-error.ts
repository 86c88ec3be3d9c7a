import { EXIT } from './exit-code.js'
import type { ExitCode } from './exit-code.js'

/** The command line itself is wrong: it could not work on any machine. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}

/** What was asked cannot be done here and now: one sentence of cause and advice. */
export class FailureError extends Error {
  override readonly name = 'FailureError'
}

/** A store or folder has one process at a time. */
export function alreadyRunning(folder: string | undefined, cause?: unknown): FailureError {
  const what = folder === undefined ? 'holding this workspace' : `syncing ${folder}`
  return new FailureError(`another collab process is already ${what}; stop it first, or see collab status`, { cause })
}

/** Errors of the packages below that mean a wrong argument; compared by name, so that they need not be loaded. */
const USAGE_NAMES = new Set(['UsageError', 'InvalidTopicError', 'PeerAddressError'])

const SYSTEM_ADVICE: Readonly<Record<string, string>> = {
  ENOSPC: 'the disk is full; free some space and start again',
  EDQUOT: 'the disk quota is used up; free some space and start again',
  EACCES: 'no permission; check who owns it, or choose another place',
  EPERM: 'the system does not permit it; choose another place',
  EROFS: 'that file system is read-only; choose another place',
  EMFILE: 'too many open files; raise the limit (ulimit -n) and start again',
  ENOTDIR: 'a part of that path is a file, not a folder',
  ENAMETOOLONG: 'that path is too long',
  ENOENT: 'there is no such place; check the path',
  ELOOP: 'that path has symbolic links that lead in a circle'
}

export function exitCodeOf(error: unknown): ExitCode {
  return error instanceof Error && USAGE_NAMES.has(error.name) ? EXIT.usage : EXIT.failure
}

/** One line for a person: cause, then advice. */
export function describeError(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const { code, path } = error as NodeJS.ErrnoException
  const advice = code === undefined ? undefined : SYSTEM_ADVICE[code]
  if (advice !== undefined) return path === undefined ? advice : `${path}: ${advice}`
  // SQLite's own word, from wherever it writes.
  if (error.message.includes('disk is full')) return SYSTEM_ADVICE['ENOSPC'] ?? error.message
  return error.message.split(/\r?\n/).filter((line) => line.trim() !== '').join('; ')
}
