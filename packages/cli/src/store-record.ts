/** What this machine knows of one store, beside the store itself. It holds the secret: 0600. */
export interface StoreRecord {
  readonly version: 1
  readonly id: string
  readonly workspace: string
  /** The strongest link that was given. */
  readonly link: string
  /** The plain name that was typed, normalised: its slow hash is not computed again. */
  readonly topic?: string
  /** Real path of the folder; none for a held workspace, or when the folder now belongs to another store. */
  readonly folder?: string
  readonly held?: boolean
  /** The user has been told that the name is guessable. */
  readonly warned?: boolean
}

export function encodeRecord(record: StoreRecord): string {
  return `${JSON.stringify(record, undefined, 2)}\n`
}

/** Undefined for anything else. */
export function decodeRecord(text: string): StoreRecord | undefined {
  const value: unknown = JSON.parse(text)
  if (typeof value !== 'object' || value === null) return undefined
  const { version, id, workspace, link, topic, folder, held, warned } = value as Record<string, unknown>
  if (version !== 1 || typeof id !== 'string' || typeof workspace !== 'string' || typeof link !== 'string') return undefined
  return {
    version,
    id,
    workspace,
    link,
    ...(typeof topic === 'string' && { topic }),
    ...(typeof folder === 'string' && { folder }),
    ...(held === true && { held }),
    ...(warned === true && { warned })
  }
}
