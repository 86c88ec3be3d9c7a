import type { Crypto } from '../base/crypto.js'
import { nodeCrypto } from './node-crypto.js'
import type { Workspace } from './workspace-types.js'
import { openWorkspace as openWith } from './workspace.js'
import type { WorkspaceInit as Init } from './workspace.js'

export interface WorkspaceInit extends Omit<Init, 'crypto'> {
  /** @default Node's own crypto */
  readonly crypto?: Crypto
}

/**
 * Opens a workspace over a store: reads what is there and takes up its identity. Nothing is sent before `start`.
 *
 * @throws {StoreDamagedError} when the store holds what it cannot hold.
 */
export async function openWorkspace(init: WorkspaceInit): Promise<Workspace> {
  return await openWith({ crypto: nodeCrypto, ...init })
}
