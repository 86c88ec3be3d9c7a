import { chmodSync, closeSync, fstatSync, lstatSync, mkdirSync, openSync, readFileSync, realpathSync, renameSync, unlinkSync } from 'node:fs'
import type { Clock, Logger, Unsubscribe } from '@collab/core'
import { CollabError } from '@collab/core'
import { dropPart, listParts, openFile, openPart } from './blob-disk.js'
import { diskReason, errorCode, forgetAnchors, openAnchor } from './anchor.js'
import { lookAtPath } from './disk-fact.js'
import { ExactNames } from './exact-names.js'
import { syncAndClose, syncDirectory, unlinkIfThere, writeNew } from './durable.js'
import type { Expected, FolderFs, HeldChange, HeldId, Hint, PlaceItem, PurgeOptions, ReadOptions, ReadResult, RecoverOptions, ReplaceOptions, ScanOptions } from './folder-fs.js'
import { HeldInodes } from './held.js'
import { Holders } from './holders.js'
import type { IgnoreRules } from './ignore.js'
import type { Marker } from './marker.js'
import { MARKER_FILE, decodeMarker, encodeMarker } from './marker.js'
import { placeMany } from './place-many.js'
import { PlaceThread } from './place-thread.js'
import { recover } from './recover.js'
import type { RelPath } from './rel-path.js'
import { CONTROL_DIRECTORY } from './rel-path.js'
import { makeDirectory, moveDirectory, moveFile, removeDirectory, removeFile, setExecutable } from './relocate.js'
import { FolderMissingError, listDirectory, scanTree } from './scan.js'
import type { DiskFact, Signature } from './signature.js'
import { Spelling } from './spelling.js'
import { bringBack } from './second-names.js'
import { StableReader } from './stable-read.js'
import { STUCK_REASON, StuckPaths } from './stuck.js'
import { TEMP_DIRECTORY, TRASH_DIRECTORY, Trash } from './trash.js'
import { startWatch } from './watch.js'
import type { Watcher } from './watch.js'
import type { Content, DiskContext } from './write.js'
import { replaceFile, syncParents, tempAnchor } from './write.js'

/** The folder cannot be used as one. */
export class FolderUnusableError extends CollabError {
  constructor(message: string, options?: ErrorOptions) {
    super('FolderUnusableError', message, options)
  }
}

export interface OpenFolderInit {
  /** The shared folder, which must exist; symlinks in this path itself are followed once. */
  readonly root: string
  readonly logger: Logger
  readonly clock: Clock
  /** Many new files at once are placed in a thread of its own. @default true */
  readonly thread?: boolean
}

/**
 * Opens a folder and makes its `.collab` directory.
 *
 * @throws {FolderMissingError} when there is no such directory
 * @throws {FolderUnusableError} when `.collab` cannot be made or is something else
 */
export async function openFolder({ root, logger, clock, thread = true }: OpenFolderInit): Promise<FolderFs> {
  const real = realRoot(root)
  makeControlDirectories(real)
  const trash = new Trash(real, clock)
  const held = new HeldInodes({ trash, holders: new Holders(clock), clock, logger: logger.scope('held') })
  const probe = probeFileSystem(real, trash.newId())
  const context: DiskContext = { root: real, spelling: new Spelling(), clock, trash, held, stuck: new StuckPaths(logger.scope('disk')), newFileMode: probe.newFileMode }
  return new NodeFolderFs(context, probe, { logger, thread })
}

function realRoot(root: string): string {
  try {
    const real = realpathSync(root)
    if (lstatSync(real).isDirectory()) return real
  } catch (error) {
    throw new FolderMissingError(root, { cause: error })
  }
  throw new FolderMissingError(root)
}

function makeControlDirectories(root: string): void {
  const control = `${root}/${CONTROL_DIRECTORY}`
  for (const directory of [control, `${control}/${TRASH_DIRECTORY}`, `${control}/${TEMP_DIRECTORY}`]) {
    try {
      makePrivate(directory)
    } catch (error) {
      throw new FolderUnusableError(`${directory} cannot be used. ${diskReason(error)}`, { cause: error })
    }
  }
}

function makePrivate(directory: string): void {
  try {
    mkdirSync(directory, { mode: 0o700 })
  } catch (error) {
    if (errorCode(error) !== 'EEXIST') throw error
  }
  if (!lstatSync(directory).isDirectory()) throw Object.assign(new Error(directory), { code: 'ENOTDIR' })
  chmodSync(directory, 0o700)
}

interface Probe {
  readonly caseSensitive: boolean
  readonly normalising: boolean
  readonly newFileMode: number
}

/** Finds out by trying: options of a mount decide it, not the operating system. */
function probeFileSystem(root: string, id: string): Probe {
  using temps = tempAnchor(root)
  const composed = temps.entry(`${id}-probe-\u00e9`)
  const is = (name: string): boolean => lstatSync(temps.entry(name), { throwIfNoEntry: false }) !== undefined
  const fd = openSync(composed, 'wx', 0o666)
  try {
    const newFileMode = fstatSync(fd).mode & 0o777
    return { caseSensitive: !is(`${id}-PROBE-\u00e9`), normalising: is(`${id}-probe-e\u0301`), newFileMode }
  } finally {
    closeSync(fd)
    unlinkSync(composed)
  }
}

/** The real disk. Each method is one call into the file that does it. */
class NodeFolderFs implements FolderFs {
  readonly root: string
  readonly caseSensitive: boolean
  readonly normalising: boolean
  readonly #context: DiskContext
  readonly #logger: Logger
  readonly #reader: StableReader
  readonly #exact: ExactNames
  readonly #placing: PlaceThread | undefined
  readonly #watchers = new Set<Watcher>()

  constructor(context: DiskContext, probe: Probe, { logger, thread }: { readonly logger: Logger; readonly thread: boolean }) {
    this.root = context.root
    this.caseSensitive = probe.caseSensitive
    this.normalising = probe.normalising
    this.#context = context
    this.#logger = logger
    this.#exact = new ExactNames(context.root, context.clock)
    this.#placing = thread ? new PlaceThread(context, logger.scope('place')) : undefined
    this.#reader = new StableReader(context.root, context.spelling, context.clock)
  }

  fact(path: RelPath): DiskFact {
    if (this.#context.stuck.has(path)) return { kind: 'unreadable', reason: STUCK_REASON }
    const fact = lookAtPath(this.root, path, this.#context.spelling)
    return fact.kind === 'absent' || this.#isSpelt(path) ? fact : { kind: 'absent' }
  }

  scan(ignore: IgnoreRules, options?: ScanOptions) {
    return scanTree(this.#context, ignore, options)
  }

  list(directory: RelPath | '') {
    if (directory !== '' && this.fact(directory).kind !== 'directory') return undefined
    return listDirectory(this.#context, directory)
  }

  async read(path: RelPath, options?: ReadOptions): Promise<ReadResult> {
    if (this.#context.stuck.has(path)) return { kind: 'unreadable', reason: STUCK_REASON }
    return this.#reader.read(path, options)
  }

  open(path: RelPath) {
    return openFile(this.#context, path)
  }

  openPart(name: string, size: number) {
    return openPart(this.#context, name, size)
  }

  dropPart(name: string) {
    dropPart(this.#context, name)
  }

  parts() {
    return listParts(this.#context)
  }

  replace(path: RelPath, content: Content, options: ReplaceOptions) {
    return replaceFile(this.#context, path, content, options)
  }

  placeMany(items: readonly PlaceItem[]) {
    return this.#placing?.isWorthIt(items) === true ? this.#placing.placeMany(items) : placeMany(this.#context, items)
  }

  remove(path: RelPath, options: Expected) {
    return removeFile(this.#context, path, options)
  }

  move(from: RelPath, to: RelPath, options: { readonly expect: Signature }) {
    return moveFile(this.#context, from, to, options.expect)
  }

  moveDirectory(from: RelPath, to: RelPath) {
    return moveDirectory(this.#context, from, to)
  }

  makeDirectory(path: RelPath) {
    return makeDirectory(this.#context, path)
  }

  removeDirectory(path: RelPath) {
    return removeDirectory(this.#context, path)
  }

  setExecutable(path: RelPath, executable: boolean, options: { readonly expect: Signature }) {
    return setExecutable(this.#context, path, executable, options.expect)
  }

  #isSpelt(path: RelPath): boolean {
    if (this.caseSensitive) return true
    try {
      return this.#exact.has(this.#context.spelling.names(path))
    } catch {
      // Something changed meanwhile, or may not be listed: what was found stands.
      return true
    }
  }

  async watch(onHint: (hint: Hint) => void, ignore: IgnoreRules) {
    const { spelling, clock } = this.#context
    const watcher = await startWatch({ root: this.root, rules: ignore, spelling, clock, logger: this.#logger.scope('watch'), onHint })
    this.#watchers.add(watcher)
    return async () => {
      this.#watchers.delete(watcher)
      await watcher.stop()
    }
  }

  async caughtUp(): Promise<void> {
    await Promise.all(Array.from(this.#watchers, (watcher) => watcher.caughtUp()))
  }

  onHeldChange(listener: (change: HeldChange) => void): Unsubscribe {
    return this.#context.held.on(listener)
  }

  recover(options: RecoverOptions = {}) {
    return recover(this.#context, this.#logger, options)
  }

  async trash() {
    return this.#context.trash.list()
  }

  async takeFromTrash(id: HeldId, to: RelPath) {
    if (!bringBack(this.#context, id, to)) return false
    this.#context.trash.drop(id)
    await syncParents(this.#context, to)
    return true
  }

  async purge(options?: PurgeOptions) {
    return this.#context.trash.purge(this.#context.held.ids, options)
  }

  readMarker(): Marker | undefined {
    try {
      using control = openAnchor(this.root, [CONTROL_DIRECTORY])
      return decodeMarker(readFileSync(control.entry(MARKER_FILE)))
    } catch (error) {
      const code = errorCode(error)
      if (code === 'ENOENT' || code === 'ENOTDIR') return undefined
      throw error
    }
  }

  async writeMarker(marker: Marker): Promise<void> {
    using control = openAnchor(this.root, [CONTROL_DIRECTORY])
    const temporary = control.entry(`${MARKER_FILE}.new`)
    unlinkIfThere(temporary)
    await syncAndClose(writeNew(temporary, encodeMarker(marker)))
    renameSync(temporary, control.entry(MARKER_FILE))
    await syncDirectory(control)
  }

  async close(): Promise<void> {
    this.#context.held.stop()
    const watchers = [...this.#watchers]
    this.#watchers.clear()
    await Promise.all([...watchers.map((watcher) => watcher.stop()), this.#placing?.stop()])
    forgetAnchors()
  }
}
