import { hostname, userInfo } from 'node:os'
import type { BlobLimits } from '@collab/core'
import type { BlobOptions, HoldOptions, PastOptions, RunOptions, TrashOptions } from './args.js'
import { chooseReporter } from './choose-reporter.js'
import type { FailureError } from './cli-error.js'
import { EXIT } from './exit-code.js'
import type { ExitCode } from './exit-code.js'
import { machineId } from './machine-id.js'
import { peerIdOf, usableAddresses } from './network-options.js'
import { syncOnce } from './once.js'
import type { Reporter } from './reporter.js'
import { openSession } from './session.js'
import type { NetworkInit, Session, SessionInit } from './session.js'
import type { LastState, WarningEvent } from './json-events.js'
import { lastLook, lastState } from './last-state.js'
import { show } from './show.js'
import type { System } from './system.js'
import type { Heading, Snapshot } from './view.js'

export interface RunInit extends Pick<SessionInit, 'storeId' | 'keys' | 'folder'> {
  readonly system: System
  readonly options: RunOptions & Partial<BlobOptions> & TrashOptions & HoldOptions & PastOptions
  /** What the heading calls the topic; never a secret. */
  readonly topic: string
  /** Addresses that came in the link. */
  readonly addresses: readonly string[]
  readonly notices: readonly WarningEvent[]
}

/** Runs a session until the user ends it, it fails, or `--once` is done; everything is durable when it resolves. */
export async function runSession(init: RunInit): Promise<ExitCode> {
  const { system, options, notices } = init
  const reporter = chooseReporter(system.io, options.json)
  let session: Session | undefined
  reporter.begin(headingOf(init), () => (session === undefined ? undefined : snapshotOf(session)))
  for (const notice of notices) reporter.tell(notice)
  let failure: FailureError | undefined
  const ended = new AbortController()
  const end = (error?: FailureError) => {
    failure ??= error
    ended.abort()
  }
  const stop = AbortSignal.any([system.stop, ended.signal])
  try {
    session = await openSession(sessionInit(init, reporter, end))
    const { code, last } = await untilEnd(init, session, { stop, reporter }).catch((error: unknown) => {
      // What made it end says more than what then could not be closed.
      throw failure ?? error
    })
    if (failure !== undefined) throw failure
    reporter.tell({ type: 'stopped', code, ...last })
    return code
  } finally {
    reporter.end()
  }
}

function sessionInit({ system, storeId, keys, folder, options, addresses, notices }: RunInit, reporter: Reporter, end: SessionInit['end']): SessionInit {
  return {
    storeId,
    keys,
    storeDirectory: system.home.storeDirectory(storeId),
    ...(folder !== undefined && { folder }),
    lostStore: notices.some(({ code }) => code === 'store-missing' || code === 'folder-copied'),
    network: networkOf(options, addresses),
    trash: trashOf(options),
    ...(options.pruneAfter !== undefined && { pruneAfterMs: options.pruneAfter * DAY_MS }),
    blobs: { enabled: options.blobs !== false, ...(options.maxBlob !== undefined && { maxBytes: options.maxBlob }) },
    blobLimits: limitsOf(options),
    hold: holdOf(options),
    name: options.name ?? defaultName(),
    machine: machineId(system.home.directory),
    tell: onceEach((event) => reporter.tell(event)),
    end
  }
}

function limitsOf({ limitUp, limitDown }: RunOptions): BlobLimits {
  return { ...(limitUp !== undefined && { upBytesPerSecond: limitUp }), ...(limitDown !== undefined && { downBytesPerSecond: limitDown }) }
}

const DAY_MS = 24 * 60 * 60 * 1000

function trashOf({ trashDays, trashSize }: TrashOptions): NonNullable<SessionInit['trash']> {
  return { ...(trashDays !== undefined && { maxAgeMs: trashDays * DAY_MS }), ...(trashSize !== undefined && { maxBytes: trashSize }) }
}

function holdOf({ maxSize, keepDays }: HoldOptions): NonNullable<SessionInit['hold']> {
  return { ...(maxSize !== undefined && { maxBytes: maxSize }), ...(keepDays !== undefined && { keepMs: keepDays * DAY_MS }) }
}

export function networkOf({ peer, listen, mdns }: RunOptions, addresses: readonly string[]): NetworkInit {
  return { peers: [...new Set([...peer, ...usableAddresses(addresses)])], listen, mdns }
}

function headingOf({ topic, keys, folder }: RunInit): Heading {
  return { topic, rights: keys.rights, ...(folder !== undefined && { folder }) }
}

function snapshotOf({ workspace, sync }: Session): Snapshot {
  return { workspace: workspace.status(), transfers: workspace.blobs.status(), ...(sync !== undefined && { folder: sync.status() }) }
}

interface Ending {
  readonly stop: AbortSignal
  readonly reporter: Reporter
}

async function untilEnd({ system, options }: RunInit, session: Session, { stop, reporter }: Ending): Promise<{ code: ExitCode; last: LastState }> {
  const { workspace, sync } = session
  let code: ExitCode = EXIT.ok
  let last: LastState
  try {
    if (options.once) {
      const peers = options.peer.map((address) => ({ address, peer: peerIdOf(address) }))
      const result = await syncOnce({ workspace, sync, peers, stop })
      code = result.code
      if (result.message !== undefined) system.io.error(`collab: ${show(result.message)}`)
    } else await aborted(stop)
  } finally {
    if (system.stop.aborted) await lastLook(session)
    reporter.ending()
    last = lastState(session)
    await session.stop()
  }
  return { code, last }
}

async function aborted(signal: AbortSignal): Promise<void> {
  if (!signal.aborted) await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
}

/** A condition that lasts is told once, not at every attempt. */
function onceEach(tell: SessionInit['tell']): SessionInit['tell'] {
  const told = new Set<string>()
  return (event) => {
    if (event.type === 'warning') {
      const key = `${event.code}\n${event.message}`
      if (told.has(key)) return
      told.add(key)
    }
    tell(event)
  }
}

/** What others see when no name was given. */
export function defaultName(): string {
  try {
    return `${userInfo().username}@${hostname()}`.slice(0, 64)
  } catch {
    return 'somebody'
  }
}
