import { NodeChunkFiles, collectYoungEvery, createTransport, nodeCrypto, openStoreOrSetAside, openWorkspace, silentLogger, systemClock } from '@collab/core'
import type { BlobLimits, HoldInit, KvStore, Workspace, WorkspaceInit, WorkspaceKeys } from '@collab/core'
import { FolderSync, lockFolder, openFolder } from '@collab/folder'
import type { BlobPolicy, FolderFs, Marker, PurgeOptions } from '@collab/folder'
import { answer } from './answers.js'
import { ChangeTeller } from './change-teller.js'
import { FailureError, alreadyRunning, describeError } from './cli-error.js'
import { ControlServer } from './control-server.js'
import type { CollabEvent } from './json-events.js'
import { giveMemoryBackAtRest } from './memory.js'

/** After as many failed rounds without one that worked, trying again in the same process is of no use. */
const MAX_FOLDER_FAILURES = 3
/** A folder joined for the first time waits this long for peers that have the same files; LAN peers answer within 0.1 s. */
const JOIN_WAIT_MS = 1_000
/**
 * Where this folder's own store is gone or from an older copy, peers hold what was typed here: compared with them first,
 * nothing is taken for new that they already have.
 */
const REJOIN_WAIT_MS = 60_000

export interface NetworkInit {
  readonly peers: readonly string[]
  readonly listen: readonly string[]
  readonly mdns: boolean
}

export interface SessionInit {
  readonly storeId: string
  readonly storeDirectory: string
  readonly keys: WorkspaceKeys
  /** None to hold a workspace. */
  readonly folder?: string
  /** The folder was joined before, and the store that knew it is gone. */
  readonly lostStore?: boolean
  /** None to stay alone. */
  readonly network?: NetworkInit
  readonly blobs?: BlobPolicy
  readonly trash?: PurgeOptions
  /** Older edits are left to peers that keep everything. */
  readonly pruneAfterMs?: number
  readonly blobLimits?: BlobLimits
  /** How much is held where there is no folder. */
  readonly hold?: Omit<HoldInit, 'chunks'>
  readonly name: string
  readonly machine: string
  readonly tell: (event: CollabEvent) => void
  /** Somebody asks for the end, or something failed that only a new start can mend. */
  readonly end: (failure?: FailureError) => void
}

/** A running workspace with its folder. */
export interface Session {
  readonly workspace: Workspace
  readonly sync: FolderSync | undefined
  readonly fs: FolderFs | undefined
  /** Everything durable, everything closed; may be called twice. */
  stop(): Promise<void>
}

/**
 * Opens the store, the workspace and the folder, and starts all of them; on a failure everything is closed again.
 *
 * @throws {AlreadyRunningError} and others, each with one sentence of advice.
 */
export async function openSession(init: SessionInit): Promise<Session> {
  await using opening = new AsyncDisposableStack()
  const { store, isFresh } = openOwnStore(init)
  opening.defer(() => store.close())
  const fs = init.folder === undefined ? undefined : await openFolder({ root: init.folder, logger: silentLogger, clock: systemClock })
  if (fs !== undefined) {
    opening.defer(() => fs.close())
    opening.use(lockFolder(fs.root))
  }
  const { workspace, isRolledBack } = await openOwnWorkspace(init, store, fs)
  opening.defer(() => workspace.stop())
  const teller = new ChangeTeller((limit) => workspace.history({ limit }), () => workspace.status().author, init.tell)
  const sync = fs === undefined ? undefined : folderSync(init, workspace, fs, { isRolledBack, isLost: isFresh || init.lostStore === true })
  if (sync !== undefined) opening.defer(() => sync.stop())
  opening.defer(() => teller.idle())
  relayWorkspace(init, workspace)
  if (sync !== undefined) relayFolder(init, sync, teller)
  opening.defer(giveMemoryBackAtRest(() => releaseMemory(workspace, sync)))
  const folder = sync === undefined || fs === undefined ? undefined : { sync, fs }
  const control = new ControlServer(init.storeDirectory, (request) => answer(request, { workspace, folder, end: () => init.end() }))
  opening.defer(() => control.stop())
  await startAll(init, { workspace, sync, control })
  const open = opening.move()
  return { workspace, sync, fs, stop: () => open.disposeAsync() }
}

async function releaseMemory(workspace: Workspace, sync: FolderSync | undefined): Promise<void> {
  sync?.releaseMemory()
  await workspace.releaseMemory()
}

interface Parts {
  readonly workspace: Workspace
  readonly sync: FolderSync | undefined
  readonly control: ControlServer
}

/** The folder is listed while the network starts, so that neither waits for the other. */
async function startAll(init: SessionInit, { workspace, sync, control }: Parts): Promise<void> {
  await startControl(init, control)
  const { folder } = init
  const started: CollabEvent = { type: 'started', workspace: workspace.id, rights: workspace.rights, store: init.storeId }
  init.tell(folder === undefined ? started : { ...started, folder })
  const results = await Promise.allSettled([sync?.start(), workspace.start()])
  for (const result of results) if (result.status === 'rejected') throw result.reason
}

/** Without it everything else works. */
async function startControl(init: SessionInit, control: ControlServer): Promise<void> {
  try {
    await control.start()
  } catch (error) {
    const message = `collab status and collab confirm cannot reach this process: ${describeError(error)}`
    init.tell({ type: 'warning', code: 'control-failed', message })
  }
}

function openOwnStore({ storeDirectory, folder, tell }: SessionInit): { store: KvStore; isFresh: boolean } {
  try {
    const { store, setAside } = openStoreOrSetAside({ path: `${storeDirectory}/store.sqlite` })
    if (setAside !== undefined) {
      const message = `the store was damaged; it is kept as ${setAside} and rebuilt from the folder and the peers`
      tell({ type: 'warning', code: 'store-set-aside', message })
    }
    return { store, isFresh: setAside !== undefined }
  } catch (error) {
    throw error instanceof Error && error.name === 'AlreadyRunningError' ? alreadyRunning(folder, error) : error
  }
}

async function openOwnWorkspace(init: SessionInit, store: KvStore, fs: FolderFs | undefined) {
  const marker = fs?.readMarker()
  const isOurs = marker?.store === init.storeId
  let isRolledBack = false
  const continuous = (session: number): boolean => {
    isRolledBack = isOurs && marker.session > session
    return fs === undefined || session === 0 || (isOurs && marker.session === session)
  }
  const { keys, name, machine, network, blobLimits = {} } = init
  const transport: WorkspaceInit['transport'] = (privateKey, handlers) =>
    createTransport({ listen: [], peers: [], mdns: false, ...network, privateKey, handlers, crypto: nodeCrypto, discoveryKey: keys.discoveryKey })
  const hold = fs === undefined ? { chunks: new NodeChunkFiles(`${init.storeDirectory}/chunks`), ...init.hold } : undefined
  const workspace = await openWorkspace({
    keys,
    store,
    name,
    machine,
    continuous,
    blobLimits,
    onBlobBytes: collectYoungEvery(),
    ...(hold !== undefined && { hold }),
    ...(init.pruneAfterMs !== undefined && { pruneAfterMs: init.pruneAfterMs }),
    ...(network !== undefined && { transport })
  })
  return { workspace, isRolledBack }
}

interface StoreFate {
  /** The store is an older copy of what it was. */
  readonly isRolledBack: boolean
  /** The store that knew the folder is gone. */
  readonly isLost: boolean
}

function folderSync(init: SessionInit, workspace: Workspace, fs: FolderFs, { isRolledBack, isLost }: StoreFate): FolderSync {
  const marker: Marker = { version: 1, workspace: workspace.id, store: init.storeId, session: workspace.session }
  const mayMeetPeers = init.network !== undefined && (init.network.mdns || init.network.peers.length > 0)
  const joinWaitMs = isRolledBack || isLost ? REJOIN_WAIT_MS : JOIN_WAIT_MS
  return new FolderSync({ workspace, fs, marker, blobs: init.blobs ?? {}, trash: init.trash ?? {}, discardBases: isRolledBack, joinWaitMs: mayMeetPeers ? joinWaitMs : 0 })
}

function relayWorkspace({ tell, end }: SessionInit, workspace: Workspace): void {
  workspace.on('listening', ({ addresses }) => tell({ type: 'listening', addresses }))
  workspace.on('peer', ({ peer, name, state, reason }) => {
    const address = workspace.status().peers.find((info) => info.peer === peer)?.address
    tell({ type: 'peer', state, peer, ...(name !== undefined && { name }), ...(address !== undefined && { address }), ...(reason !== undefined && { reason }) })
  })
  workspace.on('synced', ({ peers }) => tell({ type: 'synced', peers, files: workspace.status().files }))
  workspace.on('progress', ({ received, expected }) => tell({ type: 'progress', what: 'receiving', done: received, total: expected }))
  workspace.on('warning', ({ code, message }) => tell({ type: 'warning', code, message }))
  workspace.on('failed', ({ error }) => end(new FailureError(`syncing stopped, nothing that was saved is lost: ${describeError(error)}`, { cause: error })))
}

function relayFolder({ tell, end }: SessionInit, sync: FolderSync, teller: ChangeTeller): void {
  let failures = 0
  sync.on('change', (change) => {
    failures = 0
    teller.add({ type: 'change', ...change })
  })
  sync.on('conflict', (conflict) => tell({ type: 'conflict', ...conflict }))
  sync.on('skipped', (skipped) => tell({ type: 'skipped', ...skipped }))
  sync.on('guard', (guard) => tell({ type: 'guard', ...guard }))
  sync.on('progress', ({ done, total, what }) => tell({ type: 'progress', what, done, total }))
  sync.on('warning', ({ code, message }) => {
    tell({ type: 'warning', code, message })
    if (code === 'folder-failed' && ++failures === MAX_FOLDER_FAILURES) end(new FailureError(message.replace(' and is tried again', '')))
  })
}
