import { uint32 } from '../base/bytes.js'
import type { Crypto, Signer } from '../base/crypto.js'
import { idBytes, parseWorkspaceId, type WorkspaceId } from '../base/ids.js'
import { assertNever, NotPermittedError } from '../base/errors.js'

/** May find and serve the workspace, read nothing. */
export interface BlindKeys {
  readonly rights: 'blind'
  readonly id: WorkspaceId
  /** D, 32 bytes: everything public is an HMAC under it, and peers prove to each other that they hold it. */
  readonly discoveryKey: Uint8Array
}

/** May also read. */
export interface ReadKeys extends Omit<BlindKeys, 'rights'> {
  readonly rights: 'read'
  /** R, 32 bytes: bodies are encrypted under keys derived from it. */
  readonly readKey: Uint8Array
}

/** May also write: admits authors. */
export interface WriteKeys extends Omit<ReadKeys, 'rights'> {
  readonly rights: 'write'
  /** W, 32 bytes: the root of everything. */
  readonly writeKey: Uint8Array
}

/** What a link grants. A one-way chain, W -> R -> D: each right includes those under it, none gives one above. */
export type WorkspaceKeys = BlindKeys | ReadKeys | WriteKeys
export type Rights = WorkspaceKeys['rights']

const NO_SALT = new Uint8Array(0)

/** Everything, from W: any 32 unguessable bytes. */
export function keysFromWriteKey(crypto: Crypto, writeKey: Uint8Array): WriteKeys {
  checkKey(writeKey)
  const id = parseWorkspaceId(workspaceSigner(crypto, writeKey).publicKey)
  const readKey = crypto.hkdf(writeKey, NO_SALT, 'collab/1 read key', 32)
  return { ...keysFromReadKey(crypto, readKey, id), rights: 'write', writeKey: Uint8Array.from(writeKey) }
}

/** R alone doesn't say whose it is, so the workspace's id comes with it. */
export function keysFromReadKey(crypto: Crypto, readKey: Uint8Array, id: WorkspaceId): ReadKeys {
  checkKey(readKey)
  const discoveryKey = crypto.hkdf(readKey, idBytes(id), 'collab/1 discovery key', 32)
  return { rights: 'read', id, discoveryKey, readKey: Uint8Array.from(readKey) }
}

export function keysFromDiscoveryKey(discoveryKey: Uint8Array, id: WorkspaceId): BlindKeys {
  checkKey(discoveryKey)
  return { rights: 'blind', id, discoveryKey: Uint8Array.from(discoveryKey) }
}

/** Signs as the workspace itself: admits authors. Its public key is the workspace's id. */
export function workspaceSigner(crypto: Crypto, writeKey: Uint8Array): Signer {
  checkKey(writeKey)
  return crypto.signer(crypto.hkdf(writeKey, NO_SALT, 'collab/1 workspace key', 32))
}

/**
 * The key of an epoch that is derived from R, 32 bytes; `epoch` is a uint32. Today that is epoch 0; a later epoch
 * with a fresh random key is not this function's.
 */
export function epochKey(crypto: Crypto, readKey: Uint8Array, epoch: number): Uint8Array {
  checkKey(readKey)
  if (!Number.isInteger(epoch) || epoch < 0 || epoch > 0xffff_ffff) throw new RangeError('an epoch is a uint32')
  return crypto.hkdf(readKey, uint32(epoch), 'collab/1 epoch key', 32)
}

/** The key of one entry's body, 32 bytes, from its header's random salt: used for one message only. */
export function bodyKey(crypto: Crypto, epochKey: Uint8Array, salt: Uint8Array): Uint8Array {
  return crypto.hkdf(epochKey, salt, 'collab/1 body', 32)
}

/**
 * The same workspace with the rights `rights` and no more, to be handed on.
 *
 * @throws {NotPermittedError} when `keys` grant less than that.
 */
export function shareAs(keys: WorkspaceKeys, rights: Rights): WorkspaceKeys {
  const { id, discoveryKey } = keys
  switch (rights) {
    case 'blind':
      return { rights, id, discoveryKey }
    case 'read':
      if (keys.rights === 'blind') throw notYours(keys.rights, rights)
      return { rights, id, discoveryKey, readKey: keys.readKey }
    case 'write':
      if (keys.rights !== 'write') throw notYours(keys.rights, rights)
      return keys
    default:
      return assertNever(rights)
  }
}

function notYours(held: Rights, wanted: Rights): NotPermittedError {
  const first = `a ${held} link cannot be shared as a ${wanted} link`
  return new NotPermittedError(`${first}; ask someone who holds a ${wanted} link`)
}

function checkKey(key: Uint8Array): void {
  if (key.length !== 32) throw new RangeError('a workspace key has 32 bytes')
}
