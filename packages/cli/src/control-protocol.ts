import type { DeletedFile, DocVersion, HistoryItem, PastPoint, PeerInfo, VoidChange, TransferStatus, WorkspaceStatus } from '@collab/core'
import type { ConflictItem, ConflictTexts, FolderStatus, Keep, RestoreLine } from '@collab/folder'
import type { When } from './when.js'

/*
 * One request and one answer per connection, each one line of JSON.
 */

export type ControlRequest =
  | { readonly ask: 'status' }
  | { readonly ask: 'log'; readonly path?: string; readonly limit: number }
  | { readonly ask: 'confirm' }
  | { readonly ask: 'addresses' }
  | { readonly ask: 'stop' }
  | { readonly ask: 'deleted' }
  | { readonly ask: 'text'; readonly path: string; readonly at?: PastPoint }
  | { readonly ask: 'restore'; readonly path: string; readonly at?: When; readonly dryRun: boolean }
  | { readonly ask: 'empty-trash' }
  | { readonly ask: 'conflicts' }
  | { readonly ask: 'voids' }
  | { readonly ask: 'conflict-texts'; readonly path: string }
  | { readonly ask: 'resolve'; readonly path: string; readonly keep: Keep }
  | { readonly ask: 'merge'; readonly path: string; readonly base: DocVersion; readonly text: string }

export interface StatusAnswer {
  readonly workspace: WorkspaceStatus
  /** None when it was read from a store. */
  readonly transfers?: TransferStatus
  readonly folder?: FolderStatus
}

export interface ControlAnswers {
  readonly status: StatusAnswer
  readonly log: readonly HistoryItem[]
  readonly confirm: { readonly confirmed: boolean }
  readonly addresses: readonly string[]
  readonly stop: true
  readonly deleted: readonly DeletedFile[]
  readonly text: string
  readonly restore: readonly RestoreLine[]
  readonly conflicts: readonly ConflictItem[]
  readonly voids: readonly VoidChange[]
  readonly 'conflict-texts': ConflictTexts
  /** Where the copy is now. */
  readonly resolve: { readonly path?: string }
  readonly merge: true
  readonly 'empty-trash': { readonly removed: number; readonly keptBytes: number }
}

export type ControlResponse = { readonly ok: true; readonly value: unknown } | { readonly ok: false; readonly message: string }

/** A request is a few words and a path, or a merged text: as JSON, with its version, at most so long. */
export const MAX_REQUEST_CHARS = 8 * 1024 * 1024
/** A log of many thousand lines, a status with as many skipped paths. */
export const MAX_RESPONSE_CHARS = 64 * 1024 * 1024
/** The other end is on this machine; one that says nothing for this long is stuck. */
export const CONTROL_TIMEOUT_MS = 10_000
/** Restoring ten thousand files on a slow disk; both ends hold the connection as long. */
export const LONG_TIMEOUT_MS = 10 * 60_000

export function timeoutOf({ ask }: ControlRequest): number {
  return ask === 'restore' ? LONG_TIMEOUT_MS : CONTROL_TIMEOUT_MS
}

export type { HistoryItem, PeerInfo }

/** Undefined for anything that is not a request. */
export function parseRequest(line: string): ControlRequest | undefined {
  const value = parseJson(line)
  if (typeof value !== 'object' || value === null) return undefined
  const { ask, path, limit, at, dryRun, keep, base, text } = value as Record<string, unknown>
  switch (ask) {
    case 'deleted':
    case 'empty-trash':
    case 'conflicts':
    case 'voids':
    case 'status':
    case 'confirm':
    case 'addresses':
    case 'stop':
      return { ask }
    case 'log':
      if (typeof limit !== 'number' || !Number.isSafeInteger(limit) || limit < 1) return undefined
      return { ask, limit, ...(typeof path === 'string' && { path }) }
    case 'text': {
      const when = readWhen(at)
      if (typeof path !== 'string' || when === null || (when !== undefined && 'trash' in when)) return undefined
      return { ask, path, ...(when !== undefined && { at: when }) }
    }
    case 'restore': {
      const when = readWhen(at)
      if (typeof path !== 'string' || typeof dryRun !== 'boolean' || when === null) return undefined
      return { ask, path, dryRun, ...(when !== undefined && { at: when }) }
    }
    case 'conflict-texts':
      return typeof path === 'string' ? { ask, path } : undefined
    case 'resolve':
      return typeof path === 'string' && isKeep(keep) ? { ask, path, keep } : undefined
    case 'merge':
      return typeof path === 'string' && typeof text === 'string' && isVersion(base) ? { ask, path, base, text } : undefined
    default:
      return undefined
  }
}

export const KEEPS = ['original', 'copy', 'both'] as const

function isKeep(value: unknown): value is Keep {
  return KEEPS.some((keep) => keep === value)
}

function isVersion(value: unknown): value is DocVersion {
  if (typeof value !== 'object' || value === null || !('upTo' in value) || !('plus' in value)) return false
  return Number.isSafeInteger(value.upTo) && Array.isArray(value.plus) && value.plus.every((at) => Number.isSafeInteger(at))
}

/** Null for what is none. */
function readWhen(at: unknown): When | undefined | null {
  if (at === undefined) return undefined
  if (typeof at !== 'object' || at === null) return null
  if ('time' in at && typeof at.time === 'number' && Number.isFinite(at.time)) return { time: at.time }
  if ('version' in at && typeof at.version === 'string') return { version: at.version }
  return 'trash' in at && typeof at.trash === 'string' ? { trash: at.trash } : null
}

export function parseResponse(line: string): ControlResponse | undefined {
  const value = parseJson(line)
  if (typeof value !== 'object' || value === null || !('ok' in value)) return undefined
  if (value.ok === true && 'value' in value) return { ok: true, value: value.value }
  return 'message' in value && typeof value.message === 'string' ? { ok: false, message: value.message } : undefined
}

function parseJson(line: string): unknown {
  try {
    return JSON.parse(line)
  } catch {
    return undefined
  }
}
