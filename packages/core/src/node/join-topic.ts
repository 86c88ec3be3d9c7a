import type { Crypto } from '../base/crypto.js'
import type { KvStore } from '../base/kv.js'
import type { Logger } from '../base/log.js'
import { keysFromName, parseTopic } from '../keys/topic.js'
import type { WorkspaceKeys } from '../keys/workspace-keys.js'
import type { NodeFactory } from '../net/create-libp2p.js'
import { createTransport } from '../net/create-transport.js'
import type { NetPlatform } from '../net/create-transport.js'
import type { Workspace } from './workspace-types.js'
import { openWorkspace } from './workspace.js'
import type { WorkspaceInit } from './workspace.js'

/** What every way to join takes. */
export interface JoinBase {
  /** Multiaddrs to dial, and to keep dialling. @default those of the link */
  readonly peers?: readonly string[]
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

/** What the system offers, and what was decided from its own options. */
export interface JoinPlace extends Pick<WorkspaceInit, 'machine' | 'continuous'> {
  readonly crypto: Crypto
  readonly platform: NetPlatform
  readonly name: string
  readonly listen: readonly string[]
  readonly mdns: boolean
  /** Called once the topic is known to be one. */
  readonly store: (keys: WorkspaceKeys) => KvStore | Promise<KvStore>
}

/**
 * Joins the workspace of a link or a plain name, and starts syncing with its peers.
 *
 * @throws {InvalidTopicError} when it is neither a link nor a name.
 * @throws {ListenError} when a listen address cannot be used.
 */
export async function joinTopic(topic: string, options: JoinBase, place: JoinPlace): Promise<Workspace> {
  const { crypto, platform, listen, mdns } = place
  const parsed = parseTopic(crypto, topic)
  const keys = parsed.kind === 'link' ? parsed.keys : await keysFromName(crypto, parsed.name)
  const { discoveryKey } = keys
  const peers = [...(parsed.kind === 'link' ? parsed.addresses : []), ...(options.peers ?? [])]
  const given = { ...(options.libp2p !== undefined && { libp2p: options.libp2p }), ...(options.logger !== undefined && { logger: options.logger }) }
  const workspace = await openWorkspace({
    ...place,
    ...given,
    keys,
    store: await place.store(keys),
    transport: (privateKey, handlers) => createTransport({ privateKey, crypto, discoveryKey, platform, listen, peers, mdns, handlers, ...given })
  })
  try {
    await workspace.start()
  } catch (error) {
    await workspace.stop()
    throw error
  }
  return workspace
}
