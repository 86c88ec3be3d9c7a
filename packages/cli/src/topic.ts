import { encodeLink, isGuessable, keysFromName, nodeCrypto, parseLink, parseTopic } from '@collab/core'
import type { WorkspaceKeys } from '@collab/core'
import type { StoreRecord } from './store-record.js'

/** What a typed topic comes to. */
export interface ResolvedTopic {
  readonly keys: WorkspaceKeys
  /** The plain name, normalised; none for a link. */
  readonly name?: string
  readonly isGuessable: boolean
  /** Where the link says that peers were. */
  readonly addresses: readonly string[]
}

/**
 * The keys of a topic. A name's slow hash is taken from the store that was joined by it before.
 *
 * @throws {InvalidTopicError} when it is neither a link nor a name.
 */
export async function resolveTopic(text: string, records: readonly StoreRecord[]): Promise<ResolvedTopic> {
  const topic = parseTopic(nodeCrypto, text)
  if (topic.kind === 'link') return { keys: topic.keys, isGuessable: false, addresses: topic.addresses }
  const { name } = topic
  const keys = knownKeys(name, records) ?? (await keysFromName(nodeCrypto, name))
  return { keys, name, isGuessable: isGuessable(name), addresses: [] }
}

function knownKeys(name: string, records: readonly StoreRecord[]): WorkspaceKeys | undefined {
  for (const record of records) {
    const keys = record.topic === name ? keysOfRecord(record) : undefined
    if (keys?.rights === 'write') return keys
  }
  return undefined
}

/** What a record's link grants; undefined when it cannot be read. */
export function keysOfRecord(record: StoreRecord): WorkspaceKeys | undefined {
  try {
    return parseLink(nodeCrypto, record.link).keys
  } catch {
    return undefined
  }
}

/** The link to keep: the one that grants more. */
export function strongerLink(keys: WorkspaceKeys, record: StoreRecord | undefined): string {
  const known = record === undefined ? undefined : keysOfRecord(record)
  const order = ['blind', 'read', 'write'] as const
  const isKnownStronger = known !== undefined && order.indexOf(known.rights) > order.indexOf(keys.rights)
  return encodeLink(nodeCrypto, isKnownStronger ? known : keys)
}
