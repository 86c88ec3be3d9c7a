import { mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { createMemoryStore, keysFromWriteKey, nodeCrypto, openWorkspace, shareAs, silentLogger, systemClock } from '@collab/core'
import type { BlobLimits, KvStore, Pace, Rights, Transport, TransportHandlers, Workspace } from '@collab/core'
import type { FolderEvents } from '../folder-events.js'
import { FolderSync } from '../folder-sync.js'
import type { FolderSyncInit } from '../folder-sync.js'
import type { FolderFs } from '../folder-fs.js'
import { IGNORE_FILE } from '../ignore.js'
import { openFolder } from '../node-fs.js'
import { DEADLINE_MS, eventually, pause, testFolder } from './disk-harness.js'
import type { TestFolder } from './disk-harness.js'

/** Carries frames between workspaces in this process; `cut` and `join` take the network away and give it back. */
export class Wire {
  readonly #ends = new Map<string, { handlers: TransportHandlers; last: Promise<void> }>()
  /** Bytes that all peers sent of blobs. */
  blobBytes = 0
  #connected = true
  #names = 0

  transport(): (seed: Uint8Array, handlers: TransportHandlers) => Transport {
    return (_seed, handlers) => {
      const peerId = `peer-${this.#names++}`
      return {
        peerId,
        start: async () => {
          const others = [...this.#ends]
          this.#ends.set(peerId, { handlers, last: Promise.resolve() })
          if (this.#connected) for (const [other, end] of others) this.#link(peerId, handlers, other, end.handlers)
        },
        stop: async () => {
          this.#ends.delete(peerId)
          if (this.#connected) for (const end of this.#ends.values()) {
            end.handlers.blobs?.left(peerId)
            end.handlers.left(peerId, 'stopped')
          }
        },
        addresses: () => [],
        send: async (peer, frame) => void this.#send(peer, (handlers) => handlers.frame(peerId, frame)),
        blobs: {
          send: async (peer, ...parts) => {
            const frame = Buffer.concat(parts)
            this.blobBytes += frame.length
            await this.#send(peer, async (handlers) => await handlers.blobs?.frame(peerId, frame))
          }
        },
        publish: async (data) => {
          if (!this.#connected) return
          for (const [peer, end] of this.#ends) if (peer !== peerId) await end.handlers.gossip(peerId, data)
        },
        disconnect: () => undefined,
        peers: () =>
          this.#connected ? [...this.#ends.keys()].filter((peer) => peer !== peerId).map((peer) => ({ peer, address: peer, direction: 'outbound' })) : []
      }
    }
  }

  cut(): void {
    this.#connected = false
    for (const [peer, end] of this.#ends) {
      for (const other of this.#ends.keys()) {
        if (other === peer) continue
        end.handlers.blobs?.left(other)
        end.handlers.left(other, 'cut')
      }
    }
  }

  join(): void {
    this.#connected = true
    const ends = [...this.#ends]
    for (const [at, [peer, end]] of ends.entries()) {
      for (const [other, otherEnd] of ends.slice(at + 1)) this.#link(peer, end.handlers, other, otherEnd.handlers)
    }
  }

  #link(a: string, aHandlers: TransportHandlers, b: string, bHandlers: TransportHandlers): void {
    aHandlers.joined(b)
    bHandlers.joined(a)
    aHandlers.blobs?.joined(b)
    bHandlers.blobs?.joined(a)
  }

  #send(to: string, deliver: (handlers: TransportHandlers) => Promise<void>): Promise<void> {
    const end = this.#ends.get(to)
    if (end === undefined || !this.#connected) throw new Error('not connected')
    end.last = end.last.then(() => deliver(end.handlers)).catch(() => undefined)
    return end.last
  }
}

const WRITE_KEY = new Uint8Array(32).fill(7)

export interface TestPeer extends AsyncDisposable {
  readonly folder: TestFolder
  readonly workspace: Workspace
  readonly sync: FolderSync
  readonly events: { readonly name: keyof FolderEvents; readonly payload: FolderEvents[keyof FolderEvents] }[]
  write(name: string, text: string): void
  read(name: string): string | undefined
  /** Files that were read from the disk, the ignore rules aside. */
  readonly reads: readonly string[]
  /** Names of all files outside `.collab`, sorted. */
  names(): readonly string[]
  /** Ends the folder and the workspace, keeps disk and store, and begins anew as another process would. */
  restart(between?: () => void, changed?: TestPeerOptions): Promise<TestPeer>
  stop(): Promise<void>
}

export interface TestPeerOptions extends Partial<Omit<FolderSyncInit, 'workspace' | 'fs'>> {
  readonly wire?: Wire
  readonly rights?: Rights
  readonly folder?: TestFolder
  readonly store?: KvStore
  readonly begin?: boolean
  /** Called with the folder's disk before anything uses it. */
  readonly prepare?: (fs: FolderFs) => void
  readonly blobLimits?: BlobLimits
  readonly pace?: Pace
  /** Edits older than this are left to others. */
  readonly pruneAfterMs?: number
  /** Called before the folder starts. */
  readonly files?: Readonly<Record<string, string>>
}

/** A workspace on a memory store and a real folder, started. */
export async function testPeer(options: TestPeerOptions = {}): Promise<TestPeer> {
  const { wire, rights = 'write', folder = await testFolder(), store = createMemoryStore(), files = {}, begin = true, prepare, blobLimits = {}, pace, pruneAfterMs, ...rest } = options
  const keys = shareAs(keysFromWriteKey(nodeCrypto, WRITE_KEY), rights)
  const kept = { ...store, get: store.get.bind(store), scan: store.scan.bind(store), commit: store.commit.bind(store), close: async () => undefined }
  const transport = wire === undefined ? {} : { transport: wire.transport() }
  const workspace = await openWorkspace({ keys, store: kept, name: 'test', machine: 'test', blobLimits, ...(pace && { pace }), ...(pruneAfterMs !== undefined && { pruneAfterMs }), ...transport })
  prepare?.(folder.fs)
  const reads: string[] = []
  const readFile = folder.fs.read.bind(folder.fs)
  folder.fs.read = async (path, readOptions) => {
    if (path !== IGNORE_FILE) reads.push(path)
    return await readFile(path, readOptions)
  }
  const sync = new FolderSync({ workspace, fs: folder.fs, joinWaitMs: 0, ...rest })
  const events: TestPeer['events'] = []
  for (const name of ['change', 'conflict', 'skipped', 'guard', 'warning', 'progress'] as const) {
    sync.on(name, (payload) => void events.push({ name, payload }))
  }
  const write = (name: string, text: string): void => {
    mkdirSync(dirname(folder.at(name)), { recursive: true })
    writeFileSync(folder.at(name), text)
  }
  for (const [name, text] of Object.entries(files)) write(name, text)
  const stop = async (): Promise<void> => {
    await sync.stop()
    await workspace.stop()
  }
  if (begin) {
    await workspace.start()
    await sync.start()
  }
  return {
    folder,
    workspace,
    sync,
    events,
    reads,
    write,
    read: (name) => readIfThere(folder.at(name)),
    names: () => readdirSync(folder.root, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => `${entry.parentPath}/${entry.name}`.slice(folder.root.length + 1))
      .filter((name) => !name.startsWith('.collab/'))
      .sort(),
    async restart(between, changed = {}) {
      await stop()
      await folder.fs.close()
      between?.()
      return await testPeer({ ...options, ...changed, files: {}, folder: await reopened(folder), store })
    },
    stop,
    async [Symbol.asyncDispose]() {
      await stop()
      await folder[Symbol.asyncDispose]()
    }
  }
}

/** A folder whose watcher, once `isLate`, says nothing of its own accord: only when it is asked to catch up. */
export async function lateFolder(): Promise<TestFolder & { isLate: boolean }> {
  const folder = { ...(await testFolder()), isLate: false }
  const { fs } = folder
  const kept: (() => void)[] = []
  const watch = fs.watch.bind(fs)
  const caughtUp = fs.caughtUp.bind(fs)
  fs.watch = async (onHint, ignore) => await watch((hint) => (folder.isLate ? void kept.push(() => onHint(hint)) : onHint(hint)), ignore)
  fs.caughtUp = async () => {
    await caughtUp()
    for (const tell of kept.splice(0)) tell()
  }
  return folder
}

async function reopened(folder: TestFolder): Promise<TestFolder> {
  const fs = await openFolder({ root: folder.root, logger: silentLogger, clock: systemClock })
  return {
    root: folder.root,
    fs,
    at: (name) => folder.at(name),
    async [Symbol.asyncDispose]() {
      await fs.close()
      await folder[Symbol.asyncDispose]()
    }
  }
}

function readIfThere(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return undefined
  }
}

/** Waits until the folders of `peers` hold the same files with the same texts, and nothing is under way. */
export async function alike(...peers: readonly TestPeer[]): Promise<void> {
  const state = (peer: TestPeer): string => JSON.stringify(peer.names().map((name) => [name, peer.read(name)]))
  const isQuiet = (): boolean => peers.every((peer) => peer.sync.status().dirty === 0)
  await eventually('the folders are alike', () => isQuiet() && new Set(peers.map(state)).size === 1)
}

/** Waits until the peer's disk holds exactly `files`, and its workspace too. */
export async function matches(peer: TestPeer, files: Readonly<Record<string, string>>): Promise<void> {
  const wanted = JSON.stringify(Object.entries(files).sort(([a], [b]) => (a < b ? -1 : 1)))
  const onDisk = (): string => JSON.stringify(peer.names().map((name) => [name, peer.read(name)]))
  const deadline = systemClock.monotonic() + DEADLINE_MS
  for (;;) {
    const inWorkspace = await workspaceTexts(peer, Object.keys(files))
    if (onDisk() === wanted && inWorkspace === wanted && peer.sync.status().dirty === 0) return
    if (systemClock.monotonic() > deadline) {
      throw new Error(`wanted ${wanted}, disk ${onDisk()}, workspace ${inWorkspace}, status ${JSON.stringify(peer.sync.status())}`)
    }
    await pause(5)
  }
}

async function workspaceTexts(peer: TestPeer, names: readonly string[]): Promise<string> {
  const texts: [string, string | undefined][] = []
  for (const name of names.toSorted()) {
    const content = peer.workspace.tree.at(name)?.content
    texts.push([name, content?.kind === 'text' ? (await peer.workspace.readText(content.doc)).text : undefined])
  }
  return JSON.stringify(texts)
}
