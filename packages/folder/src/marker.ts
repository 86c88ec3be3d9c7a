import { CollabError } from '@collab/core'

/** What proves that the folder is the one that was joined, and not an empty mount point or a copy. */
export interface Marker {
  readonly version: 1
  readonly workspace: string
  readonly store: string
  /** Grows with every session: a store older than the folder was restored from a backup. */
  readonly session: number
}

export const MARKER_FILE = 'marker.json'

/** The marker is there and does not say what a marker says. */
export class MarkerDamagedError extends CollabError {
  constructor(message: string, options?: ErrorOptions) {
    super('MarkerDamagedError', message, options)
  }
}

export function encodeMarker({ workspace, store, session }: Marker): Uint8Array {
  return Buffer.from(`${JSON.stringify({ version: 1, workspace, store, session })}\n`)
}

/** @throws {MarkerDamagedError} */
export function decodeMarker(bytes: Uint8Array): Marker {
  const value = parse(bytes)
  if (typeof value !== 'object' || value === null) throw damaged()
  const { version, workspace, store, session } = value as Record<string, unknown>
  if (typeof version === 'number' && version > 1) {
    throw new MarkerDamagedError('The folder was joined with a newer version of this program. Update it; nothing was changed.')
  }
  if (version !== 1 || typeof workspace !== 'string' || typeof store !== 'string') throw damaged()
  if (typeof session !== 'number' || !Number.isSafeInteger(session) || session < 0) throw damaged()
  return { version, workspace, store, session }
}

function parse(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(bytes).toString('utf8'))
  } catch (error) {
    throw damaged(error)
  }
}

function damaged(cause?: unknown): MarkerDamagedError {
  return new MarkerDamagedError('The file .collab/marker.json is damaged. Delete it and join the folder again.', { cause })
}
