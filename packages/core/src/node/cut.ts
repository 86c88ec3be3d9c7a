import { CollabError } from '../base/errors.js'
import type { EntryHash } from '../base/ids.js'
import type { EntryHeader } from '../log/entry.js'
import type { Log } from '../log/log.js'
import type { Applier } from './applier.js'
import type { Cause } from './past.js'
import type { PastPoint } from './workspace-types.js'

/** Shorter beginnings of a hash are typing errors more often than versions. */
export const MIN_VERSION_CHARS = 7
/** Operations name their entry by this many characters of its hash. */
const CAUSE_CHARS = 32

/** A part of the log that holds every cause of what it holds. */
export interface Cut {
  includes(cause: Cause): Promise<boolean>
}

/**
 * What was there at a point: up to a time, what claims to be no later and stands on nothing later; up to a version,
 * what its author had when making it. Both are the same on every peer that holds the same entries.
 *
 * @throws {CollabError} named UnknownVersionError
 */
export async function cutAt(log: Log, applier: Applier, point: PastPoint): Promise<Cut> {
  if ('time' in point) return cutAtTime(await log.headers(), point.time)
  const past = await applier.past(await findVersion(log, point.version))
  return { includes: async (cause) => await applier.isInPast(past, cause) }
}

function cutAtTime(headers: ReadonlyMap<EntryHash, EntryHeader>, time: number): Cut {
  const verdicts = new Map<EntryHash, boolean>()
  for (const hash of headers.keys()) decide(hash, headers, time, verdicts)
  const held = new Set<string>()
  for (const [hash, isHeld] of verdicts) if (isHeld) held.add(hash.slice(0, CAUSE_CHARS))
  return { includes: async ({ entry }) => entry !== undefined && held.has(entry.slice(0, CAUSE_CHARS)) }
}

/** A loop, not a recursion: a chain of causes is as long as the log. */
function decide(start: EntryHash, headers: ReadonlyMap<EntryHash, EntryHeader>, time: number, verdicts: Map<EntryHash, boolean>): void {
  const open = [start]
  for (let hash = open.at(-1); hash !== undefined; hash = open.at(-1)) {
    const header = headers.get(hash)
    const causes = header === undefined ? [] : header.prev === null ? header.deps : [header.prev, ...header.deps]
    const isEarly = header !== undefined && header.time <= time
    const next = isEarly ? causes.find((cause) => !verdicts.has(cause)) : undefined
    if (next !== undefined) open.push(next)
    else {
      verdicts.set(hash, isEarly && causes.every((cause) => verdicts.get(cause) === true))
      open.pop()
    }
  }
}

async function findVersion(log: Log, version: string): Promise<EntryHash> {
  const found = version.length < MIN_VERSION_CHARS ? [] : [...(await log.headers(version)).keys()]
  const [hash, other] = found
  if (hash === undefined) throw new CollabError('UnknownVersionError', `there is no version ${version} here; collab log lists them`)
  if (other !== undefined) throw new CollabError('UnknownVersionError', `more than one version begins with ${version}; give more of it`)
  return hash
}
