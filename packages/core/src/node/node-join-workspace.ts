import { hostname } from 'node:os'
import type { KvStore } from '../base/kv.js'
import { NODE } from '../net/node-transport.js'
import { createMemoryStore } from '../store/memory-store.js'
import { openSqliteStore } from '../store/sqlite-store.js'
import { joinTarget, targetOf } from './join-topic.js'
import type { JoinBase } from './join-topic.js'
import { nodeCrypto } from './node-crypto.js'
import type { Workspace } from './workspace-types.js'

export interface JoinOptions extends JoinBase {
  /** What the other members see. @default the name of this machine */
  readonly name?: string
  /**
   * File that keeps the workspace over restarts: edits, keys and what was not sent yet. One process at a time. Without
   * it everything is in memory, and what no other peer holds is gone with the process.
   *
   * @default none
   */
  readonly file?: string
  /** Another store instead of a file; closed by `stop`. */
  readonly store?: KvStore
  /** Multiaddrs to listen on. @default all interfaces, at a free port */
  readonly listen?: readonly string[]
  /** Looks for peers on the local network, where everyone then sees that this machine runs libp2p. @default true */
  readonly mdns?: boolean
}

/**
 * Joins the workspace of a link or a plain name, and starts syncing with its peers. It runs until `stop`.
 *
 * @throws {InvalidTopicError} when it is neither a link nor a name.
 * @throws {AlreadyRunningError} when another process has the file open.
 * @throws {ListenError} when a listen address cannot be used.
 */
export async function joinWorkspace(topic: string, options: JoinOptions = {}): Promise<Workspace> {
  const { name = hostname(), file, store, listen = [], mdns = true } = options
  const target = await targetOf(nodeCrypto, topic)
  const opened = store ?? (file === undefined ? createMemoryStore() : openSqliteStore({ path: file }))
  return await joinTarget(target, options, { crypto: nodeCrypto, platform: NODE, name, machine: hostname(), listen, mdns, store: opened })
}
