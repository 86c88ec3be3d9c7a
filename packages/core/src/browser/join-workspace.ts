import type { KvStore } from '../base/kv.js'
import { nobleCrypto } from '../keys/noble-crypto.js'
import { BROWSER } from '../net/browser-platform.js'
import { joinTopic } from '../node/join-topic.js'
import type { JoinBase } from '../node/join-topic.js'
import type { Workspace } from '../node/workspace-types.js'
import { openIndexedDbStore } from '../store/indexeddb-store.js'

export interface JoinOptions extends JoinBase {
  /** What the other members see. @default 'browser' */
  readonly name?: string
  /**
   * IndexedDB database that keeps the workspace over reloads: edits, keys and what was not sent yet.
   *
   * @default one for each workspace
   */
  readonly database?: string
  /** Another store instead, `createMemoryStore()` to keep nothing; closed by `stop`. */
  readonly store?: KvStore
}

/**
 * Joins the workspace of a link or a plain name, and starts syncing with its peers. It runs until `stop`, or until the
 * tab ends.
 *
 * @throws {InvalidTopicError} when it is neither a link nor a name.
 * @throws {AlreadyRunningError} when another tab has the database open.
 */
export async function joinWorkspace(topic: string, options: JoinOptions = {}): Promise<Workspace> {
  const { name = 'browser', database, store } = options
  return await joinTopic(topic, options, {
    crypto: nobleCrypto,
    platform: BROWSER,
    name,
    // Nothing here names the machine. A copied profile is noticed by what its peers hold.
    machine: 'browser',
    listen: [],
    mdns: false,
    store: async ({ id }) => store ?? (await openIndexedDbStore({ name: database ?? `collab ${id}` }))
  })
}
