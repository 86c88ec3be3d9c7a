import { setTimeout as delay } from 'node:timers/promises'
import type { Workspace } from '@collab/core'
import type { FolderSync } from '@collab/folder'
import { EXIT } from './exit-code.js'
import type { ExitCode } from './exit-code.js'

/** Long enough to find peers on the local network, and for one that is just starting. */
const FIRST_PEER_MS = 10_000
/** Without any sign of work for this long, nothing more is to be expected. */
const STILL_MS = 30_000

/** A peer that heard of a file asks for it within this time. */
const ASK_MS = 1_500
const LOOK_MS = 100

export interface OnceInit {
  readonly workspace: Workspace
  readonly sync: FolderSync | undefined
  /** The addresses that were asked for, with their peer ids where they have one. */
  readonly peers: readonly { readonly address: string; readonly peer: string | undefined }[]
  readonly stop: AbortSignal
}

export interface OnceResult {
  readonly code: ExitCode
  /** Why it is not 0. */
  readonly message?: string
}

/** Syncs with the peers that can be reached: everything fetched, placed, taken in and confirmed by each of them. */
export async function syncOnce(init: OnceInit): Promise<OnceResult> {
  const { workspace, sync, stop } = init
  await waitForPeers(init)
  if (stop.aborted) return { code: EXIT.ok }
  if (workspace.status().peers.length === 0) return undelivered('no peer could be reached; is one running, and its address right?')
  const isDone = await exchange(init)
  if (stop.aborted) return { code: EXIT.ok }
  const guard = sync?.status().guard
  if (guard !== undefined) return undelivered(guard.split('\n').join('; '))
  return isDone ? { code: EXIT.ok } : undelivered('not everything could be delivered: the peers left or stopped answering; try again')
}

function undelivered(message: string): OnceResult {
  return { code: EXIT.undelivered, message }
}

/** Until each peer that was asked for came or was tried in vain, one at least, or the time is over. */
async function waitForPeers({ workspace, peers, stop }: OnceInit): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  const failed = new Set<string>()
  const check = () => {
    const connected = new Set(workspace.status().peers.map(({ peer }) => peer))
    const isOpen = ({ address, peer }: (typeof peers)[number]) => peer !== undefined && !connected.has(peer) && !failed.has(address)
    if (connected.size > 0 && !peers.some(isOpen)) resolve()
  }
  const timer = setTimeout(resolve, FIRST_PEER_MS)
  const undo = [
    workspace.on('peer', check),
    workspace.on('warning', ({ message }) => {
      for (const { address } of peers) if (message.includes(address)) failed.add(address)
      check()
    })
  ]
  stop.addEventListener('abort', () => resolve(), { once: true })
  check()
  await promise
  clearTimeout(timer)
  for (const take of undo) take()
}

/** True when the folder has nothing left to do and every peer holds the same as we do, both at once. */
async function exchange(init: OnceInit): Promise<boolean> {
  const { workspace, sync, stop } = init
  using still = new Stillness(init)
  const ended = AbortSignal.any([still.signal, stop])
  const settle = async () => {
    if (sync !== undefined) await orAborted(sync.settled(), ended)
  }
  try {
    for (;;) {
      await workspace.whenSynced({ signal: ended })
      const before = workspace.status().entries
      await settle()
      await workspace.whenSynced({ signal: ended })
      await settle()
      if (workspace.status().entries === before && (await hasNothingToMove(init, ended))) return true
    }
  } catch {
    return false
  }
}

/**
 * Whether pictures and large files came, and went to whoever asked for them. Who just heard of one asks within moments,
 * so nothing must have been asked for that long.
 */
async function hasNothingToMove({ workspace, sync }: OnceInit, signal: AbortSignal): Promise<boolean> {
  const isMoving = (): boolean => {
    const { active, waiting, serving } = workspace.blobs.status()
    return (sync?.status().fetching ?? 0) + active.length + waiting + serving > 0
  }
  const until = performance.now() + (hasBlobs(workspace) ? ASK_MS : 0)
  for (let was = isMoving(); was || performance.now() < until; was = isMoving()) {
    if (was) return await delay(LOOK_MS, false, { signal })
    await delay(LOOK_MS, undefined, { signal })
  }
  return true
}

function hasBlobs({ rights, tree }: Workspace): boolean {
  if (rights === 'blind') return true
  for (const { content } of tree.entries()) if (content?.kind === 'blob') return true
  return false
}

/** @throws when `signal` is aborted before the work is done. */
export async function orAborted(work: Promise<void>, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted()
  const { promise, reject } = Promise.withResolvers<never>()
  const onAbort = () => reject(new Error('aborted'))
  signal.addEventListener('abort', onAbort, { once: true })
  try {
    await Promise.race([work, promise])
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}

/** Aborts its signal when nothing has happened for a while. */
class Stillness {
  readonly #controller = new AbortController()
  readonly #undo: readonly (() => void)[]
  readonly #moved: NodeJS.Timeout
  #timer: NodeJS.Timeout
  #bytes = 0

  constructor({ workspace, sync }: OnceInit) {
    const again = () => this.#timer.refresh()
    this.#timer = setTimeout(() => this.#controller.abort(), STILL_MS)
    this.#moved = setInterval(() => this.#look(workspace), STILL_MS / 10)
    const folder = sync === undefined ? [] : [sync.on('change', again), sync.on('progress', again)]
    this.#undo = [workspace.on('progress', again), workspace.on('synced', again), workspace.on('text', again), workspace.on('tree', again), ...folder]
  }

  /** Bytes of large files are work too. */
  #look({ blobs }: Workspace): void {
    const { sentBytes, receivedBytes } = blobs.status()
    if (sentBytes + receivedBytes !== this.#bytes) this.#timer.refresh()
    this.#bytes = sentBytes + receivedBytes
  }

  get signal(): AbortSignal {
    return this.#controller.signal
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer)
    clearInterval(this.#moved)
    for (const take of this.#undo) take()
  }
}
