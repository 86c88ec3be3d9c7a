import { hostname } from 'node:os'
import type { KvStore } from '../base/kv.js'
import type { Logger } from '../base/log.js'
import { keysFromName, parseTopic } from '../keys/topic.js'
import type { NodeFactory } from '../net/create-libp2p.js'
import { createTransport } from '../net/create-transport.js'
import { createMemoryStore } from '../store/memory-store.js'
import { openSqliteStore } from '../store/sqlite-store.js'
import { nodeCrypto } from './node-crypto.js'
import type { Workspace } from './workspace-types.js'
import { openWorkspace } from './workspace.js'

export interface JoinOptions {
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
  /** Multiaddrs to dial, and to keep dialling. @default those of the link */
  readonly peers?: readonly string[]
  /** Multiaddrs to listen on. @default all interfaces, at a free port */
  readonly listen?: readonly string[]
  /** Looks for peers on the local network, where everyone then sees that this machine runs libp2p. @default true */
  readonly mdns?: boolean
  /**
   * Makes the libp2p node from the options that the workspace needs, all of which must stay, and the app's own:
   * further transports, discovery, services. The workspace starts and stops it; the peers of an app's own protocols
   * have not proven anything yet.
   *
   * @default libp2p's createLibp2p
   */
  readonly libp2p?: NodeFactory
  /** @default none */
  readonly logger?: Logger
}

/**
 * Joins the workspace of a link or a plain name, and starts syncing with its peers. It runs until `stop`.
 *
 * @throws {InvalidTopicError} when it is neither a link nor a name.
 * @throws {AlreadyRunningError} when another process has the file open.
 * @throws {ListenError} when a listen address cannot be used.
 */
export async function joinWorkspace(topic: string, options: JoinOptions = {}): Promise<Workspace> {
  const { name = hostname(), file, peers = [], listen = [], mdns = true, logger } = options
  const parsed = parseTopic(nodeCrypto, topic)
  const keys = parsed.kind === 'link' ? parsed.keys : await keysFromName(nodeCrypto, parsed.name)
  const known = parsed.kind === 'link' ? parsed.addresses : []
  const store = options.store ?? (file === undefined ? createMemoryStore() : openSqliteStore({ path: file }))
  const log = logger === undefined ? {} : { logger }
  const node = options.libp2p === undefined ? {} : { libp2p: options.libp2p }
  const workspace = await openWorkspace({
    keys,
    store,
    name,
    machine: hostname(),
    transport: (privateKey, handlers) =>
      createTransport({ privateKey, crypto: nodeCrypto, discoveryKey: keys.discoveryKey, listen, peers: [...known, ...peers], mdns, handlers, ...node, ...log }),
    ...log
  })
  try {
    await workspace.start()
  } catch (error) {
    await workspace.stop()
    throw error
  }
  return workspace
}
