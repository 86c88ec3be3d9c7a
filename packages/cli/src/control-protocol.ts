import type { HistoryItem, PeerInfo, WorkspaceStatus } from '@collab/core'
import type { FolderStatus } from '@collab/folder'

/*
 * One request and one answer per connection, each one line of JSON.
 */

export type ControlRequest =
  | { readonly ask: 'status' }
  | { readonly ask: 'log'; readonly path?: string; readonly limit: number }
  | { readonly ask: 'confirm' }
  | { readonly ask: 'addresses' }
  | { readonly ask: 'stop' }

export interface StatusAnswer {
  readonly workspace: WorkspaceStatus
  readonly folder?: FolderStatus
}

export interface ControlAnswers {
  readonly status: StatusAnswer
  readonly log: readonly HistoryItem[]
  readonly confirm: { readonly confirmed: boolean }
  readonly addresses: readonly string[]
  readonly stop: true
}

export type ControlResponse = { readonly ok: true; readonly value: unknown } | { readonly ok: false; readonly message: string }

/** A request is a few words and at most one path. */
export const MAX_REQUEST_CHARS = 16_384
/** A log of many thousand lines, a status with as many skipped paths. */
export const MAX_RESPONSE_CHARS = 64 * 1024 * 1024
/** The other end is on this machine; one that says nothing for this long is stuck. */
export const CONTROL_TIMEOUT_MS = 10_000

export type { HistoryItem, PeerInfo }

/** Undefined for anything that is not a request. */
export function parseRequest(line: string): ControlRequest | undefined {
  const value = parseJson(line)
  if (typeof value !== 'object' || value === null) return undefined
  const { ask, path, limit } = value as Record<string, unknown>
  switch (ask) {
    case 'status':
    case 'confirm':
    case 'addresses':
    case 'stop':
      return { ask }
    case 'log':
      if (typeof limit !== 'number' || !Number.isSafeInteger(limit) || limit < 1) return undefined
      return { ask, limit, ...(typeof path === 'string' && { path }) }
    default:
      return undefined
  }
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
