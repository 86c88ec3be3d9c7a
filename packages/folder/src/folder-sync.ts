import { Emitter, errorMessage, silentLogger, systemClock } from '@collab/core'
import type { Clock, DocId, Logger, Unsubscribe, Workspace } from '@collab/core'
import { diskReason, errorCode } from './anchor.js'
import { Apply } from './apply.js'
import { BaseIndex } from './base-index.js'
import { Brakes } from './brakes.js'
import { DirtySet } from './dirty-set.js'
import { FolderBlobs } from './folder-blobs.js'
import type { BlobPolicy } from './folder-blobs.js'
import type { FolderContext } from './folder-context.js'
import { foldOf, markText, markTree } from './folder-context.js'
import type { FolderEvents } from './folder-events.js'
import type { FolderFs, HeldChange, Hint, PurgeOptions } from './folder-fs.js'
import { GoneFiles } from './gone-files.js'
import { HeldBases } from './held-bases.js'
import { createIgnoreRules } from './ignore.js'
import { Ingest } from './ingest.js'
import type { PlanLine } from './join-plan.js'
import { Lookout } from './lookout.js'
import type { Marker } from './marker.js'
import { Recorder } from './recorder.js'
import { pinnedVersions } from './pins.js'
import type { RelPath } from './rel-path.js'
import { RootWatch } from './root-watch.js'
import { Round } from './round.js'
import { SkippedPaths } from './skipped.js'
import { StaleTexts } from './stale-texts.js'
import { BaseTexts } from './text-content.js'
import { Unsettled } from './unsettled.js'

export interface FolderSyncInit {
  readonly workspace: Workspace
  readonly fs: FolderFs
  /** What the folder's marker must say. @default the workspace's id, any store */
  readonly marker?: Marker
  /** The store was rolled back: what disk and workspace agreed on is not to be trusted. @default false */
  readonly discardBases?: boolean
  /** Longest wait for peers before files that only this folder has are added to a workspace joined for the first time. @default 3000 */
  readonly joinWaitMs?: number
  /** What is synced of files that are not text. @default all of them */
  readonly blobs?: BlobPolicy
  /** How long and how much is kept in the trash. @default 30 days, 1 GiB, never more than half of what is free */
  readonly trash?: PurgeOptions
  /** Time between two listings of the whole folder while idle: the net under the watcher. @default 60000 */
  readonly scanIntervalMs?: number
  /** @default the system's clock */
  readonly clock?: Clock
  /** @default none */
  readonly logger?: Logger
}

export interface FolderStatus {
  /** Files on which disk and workspace agreed. */
  readonly files: number
  readonly skipped: readonly { readonly path: string; readonly reason: string }[]
  /** Paths that wait to be looked at, and one for the work under way; 0 when all is at rest. */
  readonly dirty: number
  /** Files whose content is on its way. */
  readonly fetching: number
  /** What waits for `confirm`. */
  readonly guard?: string
}

/** After a failure (a full disk under the store, say) the loop tries again. */
const FAILURE_RETRY_MS = 1_000
/** A file that was touched just before it was read is read once more after this time, when nobody waits for it. */
const VERIFY_MS = 10_000
const PURGE_MS = 60 * 60 * 1_000

/**
 * Keeps a folder and a workspace equal. Events of either side only mark paths; one worker takes the marked paths and
 * brings each a step nearer, until there is nothing left to do for it.
 */
export class FolderSync {
  readonly #init: FolderSyncInit
  readonly #clock: Clock
  readonly #logger: Logger
  readonly #emitter: Emitter<FolderEvents>
  readonly #context: FolderContext
  readonly #root: RootWatch
  readonly #lookout: Lookout
  readonly #ingest: Ingest
  readonly #recorder: Recorder
  readonly #round: Round
  readonly #brakes: Brakes
  readonly #undo: (() => void | Promise<void>)[] = []
  readonly #lateWrites: HeldChange[] = []
  #waiters: (() => void)[] = []
  #working: Promise<void> | undefined
  #cancelScan: () => void = () => undefined
  #cancelPurge: () => void = () => undefined
  #cancelRetry: () => void = () => undefined
  #started = false
  #paused = false
  #stopped = false

  constructor(init: FolderSyncInit) {
    const { workspace, fs } = init
    this.#init = init
    this.#clock = init.clock ?? systemClock
    this.#logger = init.logger ?? silentLogger
    this.#emitter = new Emitter((error) => this.#logger.warn('a listener failed', { reason: errorMessage(error) }))
    const index = new BaseIndex(workspace.rows, { fold: foldOf(fs), onRacy: (path) => this.#context.dirty.add(path, VERIFY_MS, true) })
    const mark = (path: RelPath): void => this.#context.dirty.add(path)
    this.#context = {
      workspace,
      fs,
      clock: this.#clock,
      logger: this.#logger,
      emit: (name, payload) => this.#emitter.emit(name, payload),
      index,
      texts: new BaseTexts(workspace),
      held: new HeldBases(workspace.rows),
      blobs: new FolderBlobs({ workspace, fs, index, clock: this.#clock, policy: init.blobs ?? {}, mark }),
      dirty: new DirtySet<RelPath>(this.#clock, () => this.#wake()),
      skipped: new SkippedPaths((path, reason) => this.#emitter.emit('skipped', { path, reason })),
      stale: new StaleTexts(),
      unsettled: new Unsettled(),
      writtenAt: new Map(),
      verifiedAt: new Map(),
      found: new Map(),
      rules: createIgnoreRules({ caseSensitive: fs.caseSensitive }),
      makeRoom: () => this.#purge()
    }
    this.#brakes = new Brakes(this.#context)
    this.#root = new RootWatch(this.#context, init.marker)
    this.#lookout = new Lookout(this.#context)
    this.#ingest = new Ingest(this.#context)
    this.#recorder = new Recorder(this.#context)
    this.#round = new Round({
      context: this.#context,
      ingest: this.#ingest,
      recorder: this.#recorder,
      apply: new Apply(this.#context),
      gone: new GoneFiles(this.#context, this.#brakes.deletedHere),
      brakes: this.#brakes,
      joinWaitMs: init.joinWaitMs ?? 3_000
    })
  }

  /**
   * Finishes what a crash interrupted, begins to watch, lists the folder and starts to bring both sides together.
   *
   * @throws {CollabError} when the folder's marker is damaged
   */
  async start(): Promise<void> {
    const { workspace, fs, index, held } = this.#context
    this.#context.blobs.start()
    this.#undo.push(fs.onHeldChange((change) => this.#onHeldChange(change)), workspace.pin(() => this.#pins()))
    await index.load()
    if (this.#init.discardBases === true) await index.clear()
    if (await this.#root.open()) {
      const { removed } = await fs.recover({ onGaps: (paths) => this.#recorder.noteGaps(paths) })
      await this.#recorder.noteRemoved(removed)
      await held.prune(new Set((await fs.trash()).map(({ id }) => id)))
      await this.#recorder.settleWanted()
      this.#round.startJoining(index.size === 0)
    }
    this.#undo.push(
      workspace.on('tree', ({ nodes }) => nodes.forEach((node) => markTree(this.#context, node))),
      workspace.on('text', ({ files }) => files.forEach((file) => markText(this.#context, file))),
      workspace.on('synced', () => this.#round.endJoining())
    )
    await this.#lookout.begin((hint) => this.#onHint(hint))
    this.#lookout.wantScan()
    this.#scanLater()
    this.#purge()
    // Not before: what is absent may have been moved while nobody watched.
    this.#started = true
    this.#wake()
  }

  /** Finishes the step under way and lets go of everything; may be called twice. */
  async stop(): Promise<void> {
    if (this.#stopped) return
    this.#stopped = true
    this.#context.dirty.stop()
    for (const undo of this.#undo.splice(0).reverse()) await undo()
    this.#root.close()
    this.#cancelScan()
    this.#cancelPurge()
    this.#cancelRetry()
    await this.#context.blobs.stop()
    await this.#lookout.end()
    await this.#working
    this.#settle()
  }

  async #pins(): Promise<ReadonlyMap<DocId, number>> {
    const { workspace, fs } = this.#context
    return await pinnedVersions(workspace.rows, new Set((await fs.trash()).map(({ id }) => id)))
  }

  /** What a run would do; changes nothing. */
  async dryRun(): Promise<readonly PlanLine[]> {
    if (!this.#started) await this.#context.index.load()
    await this.#lookout.loadRules()
    return await this.#round.rehearse(await this.#lookout.everything())
  }

  /** Lists the whole folder and brings what differs together; resolves when that is done. */
  async rescan(): Promise<void> {
    this.#lookout.wantScan(true)
    this.#wake()
    await this.settled()
  }

  /** Resolves when nothing is marked and nothing is under way, or when something stops everything until it is confirmed. */
  async settled(): Promise<void> {
    if (this.#isSettled()) return
    await new Promise<void>((resolve) => this.#waiters.push(resolve))
  }

  /** Lets go on what a guard stopped. */
  async confirm(): Promise<void> {
    for (const path of this.#brakes.confirm()) this.#context.dirty.add(path)
    if (this.#root.stopped !== undefined) {
      await this.#root.confirm()
      this.#round.startJoining(true)
      this.#lookout.wantScan(true)
    }
    this.#wake()
  }

  /** Undoes what a guard stopped, for everybody; returns the files. */
  async takeBack(): Promise<readonly string[]> {
    const paths = await this.#brakes.takeBack()
    for (const path of paths) this.#context.dirty.add(path)
    this.#lookout.wantScan(true)
    this.#wake()
    return paths
  }

  on<Name extends keyof FolderEvents>(name: Name, listener: (payload: FolderEvents[Name]) => void): Unsubscribe {
    return this.#emitter.on(name, listener)
  }

  /** Lets go of what is in memory only to be found faster: for a program at rest. */
  releaseMemory(): void {
    this.#context.texts.forget()
  }

  status(): FolderStatus {
    const { index, skipped, dirty } = this.#context
    const stops = [this.#root.stopped, ...this.#brakes.stops].flatMap((stop) => stop?.message ?? [])
    const status = { files: index.files, skipped: skipped.list(), dirty: dirty.waiting + Number(this.#working !== undefined), fetching: this.#context.blobs.waiting }
    return stops.length === 0 ? status : { ...status, guard: stops.join('\n') }
  }

  #onHint(hint: Hint): void {
    if ('rescan' in hint && hint.lasting === true) this.#emitter.emit('warning', { code: 'not-watched', message: hint.reason })
    if ('rescan' in hint) this.#lookout.wantScan()
    else for (const path of hint.paths) this.#lookout.markHint(path)
    this.#wake()
  }

  #onHeldChange(change: HeldChange): void {
    const known = this.#lateWrites.findIndex(({ id }) => id === change.id)
    if (known >= 0) this.#lateWrites[known] = change
    else this.#lateWrites.push(change)
    this.#wake()
  }

  #scanLater(): void {
    this.#cancelScan = this.#clock.after(this.#init.scanIntervalMs ?? 60_000, () => {
      this.#lookout.wantScan()
      this.#wake()
      this.#scanLater()
    })
  }

  /** Lets go of what was kept aside too long, now and once an hour; on a full disk that is half of it, oldest first. */
  #purge(): void {
    this.#cancelPurge()
    this.#context.fs.purge(this.#init.trash).catch((error: unknown) => this.#logger.warn('the trash could not be purged', { reason: errorMessage(error) }))
    this.#context.blobs.sweep().catch((error: unknown) => this.#logger.warn('what nobody wants could not be deleted', { reason: errorMessage(error) }))
    this.#cancelPurge = this.#clock.after(PURGE_MS, () => this.#purge())
  }

  #wake(): void {
    if (this.#working !== undefined || this.#stopped || !this.#started || this.#paused) return
    this.#working = this.#work()
  }

  async #work(): Promise<void> {
    try {
      while (!this.#stopped && (await this.#turn()));
    } catch (error) {
      await this.#afterFailure(error)
    } finally {
      this.#working = undefined
    }
    if (this.#isAtRest()) await this.#recorder.concludeDoubts().catch((error: unknown) => this.#logger.warn('files in doubt stay so', { reason: errorMessage(error) }))
    if (this.#isSettled()) this.#settle()
    else if (this.#root.stopped === undefined) this.#resume()
  }

  /** What was marked while the worker was about to end. */
  #resume(): void {
    if (this.#lateWrites.length > 0 || this.#lookout.scanWanted) this.#wake()
    else this.#context.dirty.rearm()
  }

  /** One piece of work; false when there is none at the moment. */
  async #turn(): Promise<boolean> {
    if (!(await this.#root.check(() => this.#wake()))) return false
    const late = this.#lateWrites.shift()
    if (late !== undefined) await this.#takeLate(late)
    else if (this.#lookout.scanWanted) await this.#lookout.scan()
    else return await this.#round.run(this.#lookout)
    return true
  }

  /** Where that fails it is handed over again; what was taken already changes nothing then. */
  async #takeLate(late: HeldChange): Promise<void> {
    await this.#ingest.takeHeld(late)
    await late.taken().catch((error: unknown) => this.#logger.warn('a late write stays new', { path: late.path, reason: errorMessage(error) }))
  }

  async #afterFailure(error: unknown): Promise<void> {
    const { index, emit } = this.#context
    this.#logger.warn('a round failed', { reason: errorMessage(error) })
    emit('warning', { code: 'folder-failed', message: `syncing the folder failed and is tried again: ${errorCode(error) === undefined ? errorMessage(error) : diskReason(error)}` })
    await index.load().catch(() => undefined)
    this.#lookout.wantScan(true)
    this.#paused = true
    this.#cancelRetry = this.#clock.after(FAILURE_RETRY_MS, () => {
      this.#paused = false
      this.#wake()
    })
  }

  /** Nothing is left to do, or nothing will be done. */
  #isSettled(): boolean {
    return this.#stopped || this.#root.stopped !== undefined || this.#isAtRest()
  }

  #isAtRest(): boolean {
    if (this.#stopped || this.#root.stopped !== undefined) return false
    const idle = this.#working === undefined && this.#lateWrites.length === 0 && !this.#lookout.scanWanted
    return this.#started && idle && this.#context.dirty.waiting === 0
  }

  #settle(): void {
    for (const waiter of this.#waiters.splice(0)) waiter()
  }
}
