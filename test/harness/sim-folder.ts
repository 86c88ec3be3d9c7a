import { mount } from './disk/mounts.js'
import { silentLogger } from '@collab/core'
import type { Clock, WorkspaceKeys } from '@collab/core'
import { FolderSync, openFolder } from '@collab/folder'
import type { FolderFs, FolderStatus } from '@collab/folder'
import { CrashError, FaultyDisk, isChange } from './disk/faulty-disk.js'
import { DiskUser } from './disk/disk-user.js'
import { MemoryDisk } from './disk/memory-disk.js'
import type { MemoryDiskInit } from './disk/memory-disk.js'
import { badWatcher } from './disk/watched.js'
import type { WatcherFaults } from './disk/watched.js'
import type { SimPeer } from './sim-peer.js'
import type { SimWorld } from './sim-world.js'

export interface SimFolderInit {
  readonly world: SimWorld
  readonly name: string
  readonly keys: WorkspaceKeys
  readonly disk?: Partial<MemoryDiskInit>
  readonly watcher?: Partial<WatcherFaults>
  /** @default that of the world */
  readonly clock?: Clock
}

/** The net under a watcher that loses events. */
const SCAN_MS = 5_000
const ROUND_MS = 50
const MAX_ROUNDS = 2_000

/** A simulated peer with a folder: a disk in memory that outlives its runs, with the real folder code on it. */
export class SimFolder implements Disposable {
  readonly name: string
  readonly peer: SimPeer
  readonly disk: MemoryDisk
  readonly user: DiskUser
  readonly root: string
  /** While set, every change of the disk fails with it. */
  diskError: string | undefined
  /** What the folder warned of or failed at, in all runs. */
  readonly warnings: string[] = []
  readonly #world: SimWorld
  readonly #clock: Clock
  readonly #watcher: WatcherFaults
  readonly #mounted: Disposable
  #faulty: FaultyDisk
  #running: { readonly fs: FolderFs; readonly sync: FolderSync } | undefined
  #stepsLeft = Infinity
  #failure = { stepsLeft: Infinity, code: '' }

  constructor({ world, name, keys, disk = {}, watcher = {}, clock = world.clock }: SimFolderInit) {
    this.#clock = clock
    this.name = name
    this.#world = world
    this.root = `/in-memory/${name}-${crypto.randomUUID()}`
    this.#watcher = { loss: 0, duplication: 0, delayMs: 0, ...watcher }
    this.disk = new MemoryDisk({ root: this.root, now: () => clock.now(), ...disk })
    this.user = new DiskUser(this.disk, this.root)
    this.#faulty = new FaultyDisk(this.disk)
    this.#mounted = mount(this.root, { call: (call, args) => this.#faulty.call(call, args) })
    this.peer = world.add(name, keys, { clock })
  }

  get running(): boolean {
    return this.#running !== undefined
  }

  status(): FolderStatus | undefined {
    return this.#running?.sync.status()
  }

  /** Ends the process before it changes its disk or commits to its store for the `step`th time from now, counted from 0. */
  crashBefore(step: number): void {
    this.#stepsLeft = step
  }

  /** The disk fails from its `step`th change from now on, counted from 0; with Infinity it works. */
  failBefore(step: number, code: string): void {
    this.diskError = undefined
    this.#failure = { stepsLeft: step, code }
  }

  /** A crash that was asked for may come already now: then it does not run afterwards. */
  async start(): Promise<void> {
    const faulty = new FaultyDisk(this.disk)
    const isLast = (): boolean => this.#faulty === faulty && this.#stepsLeft-- === 0
    faulty.faultAt = (call) => {
      if (!isChange(call)) return undefined
      if (isLast()) return { kind: 'crash' }
      if (this.#failure.stepsLeft-- <= 0) this.diskError ??= this.#failure.code
      return this.diskError === undefined ? undefined : { kind: 'error', code: this.diskError }
    }
    this.#faulty = faulty
    this.#guardStore(faulty, isLast)
    try {
      await this.#begin()
    } catch (error) {
      if (!faulty.crashed) throw error
      await this.crash()
    }
  }

  async #begin(): Promise<void> {
    await this.peer.start()
    const fs = await openFolder({ root: this.root, logger: silentLogger, clock: this.#clock, thread: false })
    Object.assign(fs, badWatcher(this.disk, this.#world.clock, this.#world.random, this.#watcher))
    const sync = new FolderSync({ workspace: this.peer.live, fs, clock: this.#clock, joinWaitMs: 500, scanIntervalMs: SCAN_MS })
    const faulty = this.#faulty
    const warn = (warning: string): void => void (faulty.crashed || this.warnings.push(warning))
    sync.on('warning', ({ code, message }) => warn(`${code}: ${message}`))
    sync.on('guard', ({ message }) => warn(`guard: ${message}`))
    this.#running = { fs, sync }
    await this.#world.until(sync.start())
  }

  /** Ends as a process does that is told to, unless a crash comes first. */
  async stop(): Promise<void> {
    const running = this.#running
    if (running === undefined) return
    try {
      await this.#world.until(running.sync.stop())
      await running.fs.close()
      await this.#world.until(this.peer.stop())
      this.#running = undefined
    } catch (error) {
      if (!this.#faulty.crashed) throw error
    }
    if (this.#faulty.crashed) await this.crash()
  }

  /** Whether a crash that was asked for has come: `crash` clears away what is left of the process. */
  get crashed(): boolean {
    return this.running && this.#faulty.crashed
  }

  /** A crash, now or already: disk and store stay as they are at this moment. */
  async crash(): Promise<void> {
    const running = this.#running
    this.#faulty.crash()
    if (running === undefined) return this.peer.crash()
    this.#running = undefined
    this.peer.crash()
    await this.#world.until(running.sync.stop().catch(() => undefined))
    await running.fs.close().catch(() => undefined)
    this.disk.closeAll()
    this.#stepsLeft = Infinity
  }

  /** Lets time pass until nothing is left to do. */
  async settled(): Promise<void> {
    for (let round = 0; round < MAX_ROUNDS; round++) {
      await this.#world.pass(ROUND_MS)
      if (this.crashed || this.status()?.dirty === 0) return
    }
    throw new Error(`${this.name} does not come to rest: ${JSON.stringify(this.status())}`)
  }

  [Symbol.dispose](): void {
    this.#mounted[Symbol.dispose]()
  }

  #guardStore(faulty: FaultyDisk, isLast: () => boolean): void {
    const { store } = this.peer
    const commit = store.commit.bind(store)
    store.commit = async (ops) => {
      if (isLast()) faulty.crash()
      if (faulty.crashed) throw new CrashError()
      await commit(ops)
    }
  }
}
