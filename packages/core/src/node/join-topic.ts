import type { Crypto } from '../base/crypto.js'
import type { KvStore } from '../base/kv.js'
import type { Logger } from '../base/log.js'
import { keysFromName, parseTopic } from '../keys/topic.js'
import type { WorkspaceKeys } from '../keys/workspace-keys.js'
import type { NodeFactory } from '../net/create-libp2p.js'
import { createTransport } from '../net/create-transport.js'
import type { NetPlatform } from '../net/net-platform.js'
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
  /**
   * Edits that claim to be older than this, in milliseconds, are left to connected peers that keep everything.
   *
   * @default never: this peer keeps everything
   */
  readonly pruneAfterMs?: number
  /** @default none */
  readonly logger?: Logger
}

/** What the system offers, and what was decided from its own options. */
export interface JoinPlace extends Pick<WorkspaceInit, 'machine' | 'witnessed'> {
  readonly crypto: Crypto
  readonly platform: NetPlatform
  readonly name: string
  readonly listen: readonly string[]
  readonly mdns: boolean
  readonly store: KvStore
}

/** What a topic stands for. */
export interface Target {
  readonly keys: WorkspaceKeys
  /** Where a link says that peers are. */
  readonly addresses: readonly string[]
}

/** @throws {InvalidTopicError} when `topic` is neither a link nor a name. */
export async function targetOf(crypto: Crypto, topic: string): Promise<Target> {
  const parsed = parseTopic(crypto, topic)
  return parsed.kind === 'link' ? parsed : { keys: await keysFromName(crypto, parsed.name), addresses: [] }
}

/**
 * Joins a workspace, and starts syncing with its peers. It closes the store, also when it throws.
 *
 * @throws {ListenError} when a listen address cannot be used.
 */
export async function joinTarget({ keys, addresses }: Target, options: JoinBase, place: JoinPlace): Promise<Workspace> {
  const { crypto, platform, listen, mdns } = place
  const { discoveryKey } = keys
  const peers = [...addresses, ...(options.peers ?? [])]
  const past = options.pruneAfterMs !== undefined && { pruneAfterMs: options.pruneAfterMs }
  const given = { ...(options.libp2p !== undefined && { libp2p: options.libp2p }), ...(options.logger !== undefined && { logger: options.logger }) }
  const opening = openWorkspace({
    ...place,
    ...given,
    ...past,
    keys,
    transport: (privateKey, handlers) => createTransport({ privateKey, crypto, discoveryKey, platform, listen, peers, mdns, handlers, ...given })
  })
  try {
    const workspace = await opening
    await workspace.start()
    return workspace
  } catch (error) {
    await opening.then((workspace) => workspace.stop(), () => place.store.close())
    throw error
  }
}
