import type { Clock } from '../base/clock.js'
import { systemClock } from '../base/clock.js'
import type { Crypto } from '../base/crypto.js'
import { errorMessage } from '../base/errors.js'
import { Emitter } from '../base/events.js'
import type { KvStore } from '../base/kv.js'
import type { Logger } from '../base/log.js'
import { silentLogger } from '../base/log.js'
import type { WorkspaceKeys } from '../keys/workspace-keys.js'
import { Log } from '../log/log.js'
import type { Transport, TransportHandlers } from '../net/transport.js'
import { systemRandom } from '../base/random.js'
import { deriveBlobKeys } from '../blob/blob-keys.js'
import { BlobDriver } from './blob-driver.js'
import type { BlobLimits } from './blob-types.js'
import type { Pace } from './document-types.js'
import { HeldBlobs } from './held-blobs.js'
import type { HoldInit } from './held-blobs.js'
import { identityRow, nextIdentity, readIdentity } from './identity.js'
import { LiveWorkspace } from './live-workspace.js'
import { Replica } from './replica.js'
import type { Workspace, WorkspaceEvents } from './workspace-types.js'

export interface WorkspaceInit {
  /** What the link grants. */
  readonly keys: WorkspaceKeys
  /** Where entries and keys are kept; closed by `stop`. */
  readonly store: KvStore
  /** What the other members see as this author's name. */
  readonly name: string
  /** Names this machine, so that a store copied to another one is noticed. */
  readonly machine: string
  /**
   * The owner's word that the store is where it last stopped: the folder's marker agrees with `session`.
   *
   * @default () => true
   */
  readonly continuous?: (session: number) => boolean
  /**
   * The owner's word that it saw the run of that number end, and that the store has not been put back since: then the
   * author goes on although the stop was not clean.
   *
   * @default () => false
   */
  readonly witnessed?: (session: number) => boolean
  /** Makes the transport; none for a workspace without a network. */
  readonly transport?: (peerSeed: Uint8Array, handlers: TransportHandlers) => Transport
  /** When history is put together so that it is small and opens fast. @default DEFAULT_PACE */
  readonly pace?: Pace
  /**
   * Edits that claim to be older than this, in milliseconds, are left to connected peers that keep everything: a document
   * stays whole, older versions of it are fetched when they are asked for.
   *
   * @default never: this peer keeps everything
   */
  readonly pruneAfterMs?: number
  /** Bandwidth of pictures and other large files. @default no limits */
  readonly blobLimits?: BlobLimits
  /** With a blind link: where pictures and other large files are kept, and how much of them. @default none are */
  readonly hold?: HoldInit
  /** Told of all bytes of pictures and other large files that passed through memory: `collectYoungEvery` is one. @default none */
  readonly onBlobBytes?: (bytes: number) => void
  readonly crypto: Crypto
  /** @default the system's clock */
  readonly clock?: Clock
  /** @default none */
  readonly logger?: Logger
}

/**
 * Opens a workspace over a store: reads what is there and takes up its identity. Nothing is sent before `start`.
 *
 * @throws {StoreDamagedError} when the store holds what it cannot hold.
 */
export async function openWorkspace(init: WorkspaceInit): Promise<Workspace> {
  const { keys, store, crypto } = init
  const clock = init.clock ?? systemClock
  const logger = init.logger ?? silentLogger
  const last = await readIdentity(store, crypto)
  const continuous = init.continuous?.(last?.session ?? 0) ?? true
  const witnessed = last !== undefined && init.witnessed?.(last.session) === true
  const identity = nextIdentity(crypto, last, { machine: init.machine, continuous, witnessed })
  await store.commit([identityRow(identity)])
  const log = await Log.open({ kv: store, crypto, workspace: keys.id, packing: init.pace })
  const replica = await Replica.open({ kv: store, log, crypto, clock, keys, identity, name: init.name, pace: init.pace })
  const events = new Emitter<WorkspaceEvents>((error) => logger.warn('a listener failed', { reason: errorMessage(error) }))
  const blobs = new BlobDriver({
    crypto,
    kv: store,
    clock,
    random: systemRandom,
    logger: logger.scope('blobs'),
    keys: keys.rights === 'blind' ? undefined : deriveBlobKeys(crypto, keys.readKey),
    limits: init.blobLimits ?? {},
    admit: async (list) => (await held?.admit(list)) ?? true,
    isHeld: (blob) => held?.holds(blob) === true,
    onBytes: init.onBlobBytes ?? (() => undefined),
    onRefused: (peer, reason) => events.emit('peer', { peer, name: undefined, state: 'refused', reason }),
    onTrouble: (message) => events.emit('warning', { code: 'blob-failed', message })
  })
  const { hold } = init
  if (hold !== undefined) blobs.use(hold.chunks)
  const onFull = (message: string): void => events.emit('warning', { code: 'hold-full', message })
  const held = keys.rights === 'blind' ? new HeldBlobs({ kv: store, clock, blobs, hold, onFull }) : undefined
  return new LiveWorkspace({ name: init.name, crypto, keys, store, log, replica, events, clock, logger, blobs, held, pruneAfterMs: init.pruneAfterMs, transport: init.transport })
}
