import type { KvStore } from '../base/kv.js'
import { AlreadyRunningError, errorMessage } from '../base/errors.js'
import { nobleCrypto } from '../keys/noble-crypto.js'
import type { WorkspaceKeys } from '../keys/workspace-keys.js'
import { BROWSER } from '../net/browser-platform.js'
import { peerOfAddress } from '../net/dial-addresses.js'
import type { Direct } from '../net/net-platform.js'
import { joinTarget, targetOf } from '../node/join-topic.js'
import type { JoinBase, Target } from '../node/join-topic.js'
import type { Workspace } from '../node/workspace-types.js'
import { aloneLock, isHeld } from '../store/indexeddb-lock.js'
import { openIndexedDbStore } from '../store/indexeddb-store.js'
import { SessionMarker } from './session-marker.js'
import { TabDocuments } from './tab-documents.js'
import type { Documents } from './tab-documents.js'

export interface JoinDocumentsOptions extends JoinBase {
  /**
   * Connects to other tabs without a peer in Node between them: `webRtc()` of `@collab/core/browser/webrtc`. Members then
   * learn the address of this machine, as far as the browser shows it.
   *
   * @default it connects to the peers that it dials, and to nobody else
   */
  readonly direct?: Direct
  /** What the other members see. @default 'browser' */
  readonly name?: string
  /**
   * IndexedDB database that keeps the workspace over reloads: edits, keys and what was not sent yet.
   *
   * @default one for each workspace
   */
  readonly database?: string
}

export interface JoinOptions extends JoinDocumentsOptions {
  /** Another store instead, `createMemoryStore()` to keep nothing; closed by `stop`. */
  readonly store?: KvStore
}

/**
 * Joins the workspace of a link or a plain name, and starts syncing with its peers, in this tab alone. It runs until
 * `stop`, or until the tab ends.
 *
 * @throws {InvalidTopicError} when it is neither a link nor a name.
 * @throws {AlreadyRunningError} when another tab has the database open.
 */
export async function joinWorkspace(topic: string, options: JoinOptions = {}): Promise<Workspace> {
  const target = await targetOf(nobleCrypto, topic)
  if (options.store !== undefined) return await join(target, options, options.store, () => false)
  const database = databaseOf(target.keys, options)
  const store = await openIndexedDbStore({ name: database })
  const marker = new SessionMarker(database)
  const ended = marker.take()
  const workspace = await join(target, options, store, (session) => session === ended)
  marker.keep(workspace.session)
  return workspace
}

/**
 * Joins as `joinWorkspace` does, for documents only and in any number of tabs: they are one peer together, which lives
 * in one of them and goes on in another when that one is closed. It dials the peers of all of them; the name, direct
 * connections and a libp2p node of the app's own are those of the tab that it lives in.
 *
 * @throws {InvalidTopicError} when it is neither a link nor a name.
 * @throws {AlreadyRunningError} when another tab joined the workspace for itself alone.
 * @throws {CollabError} named PeerAddressError when a peer's address cannot be read.
 */
export async function joinDocuments(topic: string, options: JoinDocumentsOptions = {}): Promise<Documents> {
  const target = await targetOf(nobleCrypto, topic)
  const database = databaseOf(target.keys, options)
  if (await isHeld(aloneLock(database))) throw new AlreadyRunningError('another tab of this browser has this workspace open for itself')
  const peers = [...target.addresses, ...(options.peers ?? [])]
  for (const address of peers) peerOfAddress(address)
  const documents = new TabDocuments({
    database,
    peers,
    join: (store, witnessed) => join(target, options, store, witnessed),
    onListenerError: (error) => options.logger?.warn('a listener failed', { reason: errorMessage(error) })
  })
  try {
    await documents.start()
    return documents
  } catch (error) {
    await documents.stop()
    throw error
  }
}

async function join(target: Target, options: JoinDocumentsOptions, store: KvStore, witnessed: (session: number) => boolean): Promise<Workspace> {
  const { name = 'browser', direct } = options
  const platform = { ...BROWSER, ...(direct !== undefined && { direct }) }
  // Nothing here names the machine. A copied profile is noticed by what its peers hold.
  const place = { crypto: nobleCrypto, platform, name, machine: 'browser', listen: [], mdns: false, store, witnessed }
  return await joinTarget(target, options, place)
}

function databaseOf({ id }: WorkspaceKeys, { database }: JoinDocumentsOptions): string {
  return database ?? `collab ${id}`
}
