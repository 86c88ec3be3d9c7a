// Runs in a worker and imports packages only, so that it starts the same from source and from the build.
import type { FSWatcher } from 'node:fs'
import { lstatSync, readdirSync, watch } from 'node:fs'
import { parentPort, workerData } from 'node:worker_threads'
import createIgnore from 'ignore'

/** What the thread is told. */
export interface WatchInit {
  readonly root: string
  readonly patterns: readonly string[]
  readonly caseSensitive: boolean
  /** One watch for the whole tree, where the system offers that reliably. */
  readonly recursive: boolean
}

/** What it says. Names are as on the disk. */
export type WatchReport =
  | { readonly kind: 'ready' }
  | { readonly kind: 'caught-up'; readonly question: number }
  | { readonly kind: 'paths'; readonly paths: readonly string[] }
  | { readonly kind: 'rescan'; readonly reason: string; readonly lasting?: boolean }

/** libuv reads the queue until it is empty within one turn; the kernel drops events silently at 16,384. */
const OVERFLOW_PER_TURN = 8192
/** After a report, the next one waits this long, and longer while a burst goes on. */
const FIRST_PAUSE_MS = 5
const LONGEST_PAUSE_MS = 50
/** How often a tree that could not be watched completely is scanned instead. */
const POLL_MS = 15_000
const ROOT_RETRY_MS = 1000

/**
 * One non-recursive watch per directory. Events say "look there", nothing else: whatever a directory event may mean,
 * the directory gets a new watch and everything in it is reported, because an equal inode proves nothing.
 */
class TreeWatcher {
  readonly #init: WatchInit
  readonly #ignores: (path: string, isDirectory: boolean) => boolean
  readonly #report: (report: WatchReport) => void
  readonly #watches = new Map<string, FSWatcher>()
  readonly #dirty = new Set<string>()
  /** Paths with a rename event: what is there now may be another file or directory than before. */
  readonly #renamed = new Set<string>()
  #rescan: string | undefined
  #turnEvents = 0
  #flushing = false
  #pauseMs = FIRST_PAUSE_MS
  #isPolling = false
  #rootIdentity = ''

  constructor(init: WatchInit, report: (report: WatchReport) => void) {
    const matcher = createIgnore({ ignorecase: !init.caseSensitive }).add(init.patterns)
    this.#init = init
    this.#report = report
    this.#ignores = (path, isDirectory) => matcher.ignores(isDirectory ? `${path}/` : path)
  }

  start(): void {
    this.#addRoot()
    this.#report({ kind: 'ready' })
  }

  /** One turn reads what the kernel has queued; after it, everything that happened before the question is marked. */
  answer(question: number): void {
    const report = (): void => {
      this.#reportAll()
      this.#report({ kind: 'caught-up', question })
    }
    setImmediate(() => setImmediate(report))
  }

  #addRoot(): void {
    this.#rootIdentity = this.#identifyRoot()
    if (this.#init.recursive) this.#addRecursive()
    else this.#addTree('', false)
    if (!this.#watches.has('')) setTimeout(() => this.#returnOfRoot(), ROOT_RETRY_MS)
  }

  #returnOfRoot(): void {
    this.#addRoot()
    if (this.#watches.has('')) this.#needRescan('the folder is back')
  }

  #addRecursive(): void {
    this.#open('', { recursive: true }, (_, name) => {
      if (name === null || name === '') this.#needRescan('events were lost')
      else this.#mark(name.replaceAll('\\', '/'))
    })
  }

  /** Watches the directory and what is below it; watch first, list second. */
  #addTree(top: string, report: boolean): void {
    const pending = [top]
    for (let directory = pending.pop(); directory !== undefined; directory = pending.pop()) {
      if (!this.#addDirectory(directory)) continue
      for (const entry of this.#list(directory)) {
        const path = directory === '' ? entry.name : `${directory}/${entry.name}`
        if (this.#isIgnored(path, entry.isDirectory())) continue
        if (report) this.#dirty.add(path)
        if (entry.isDirectory()) pending.push(path)
      }
    }
  }

  #addDirectory(directory: string): boolean {
    return this.#open(directory, {}, (type, name) => this.#onEvent(directory, type, name))
  }

  #open(directory: string, options: { recursive?: boolean }, listener: (type: string, name: string | null) => void): boolean {
    const previous = this.#watches.get(directory)
    try {
      const fresh = watch(this.#address(directory), { ...options, persistent: true }, listener)
      fresh.on('error', () => this.#lost(directory))
      this.#watches.set(directory, fresh)
      return true
    } catch (error) {
      this.#watches.delete(directory)
      this.#failed(directory, error)
      return false
    } finally {
      previous?.close()
    }
  }

  #lost(directory: string): void {
    this.#watches.get(directory)?.close()
    this.#watches.delete(directory)
    if (directory === '') this.#needRescan('the folder itself changed')
    else this.#markRenamed(directory)
  }

  #failed(directory: string, error: unknown): void {
    const code = error instanceof Error && 'code' in error ? error.code : undefined
    if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'ELOOP') return
    const reason =
      code === 'ENOSPC' || code === 'EMFILE' || code === 'ENFILE'
        ? 'The system allows no more watches (fs.inotify.max_user_watches, max_user_instances); changes show only every 15 seconds. Raise the limit with sysctl.'
        : `${directory === '' ? 'The folder' : directory} cannot be watched (${String(code)}); it is scanned every 15 seconds instead.`
    if (this.#isPolling) return
    this.#isPolling = true
    this.#report({ kind: 'rescan', reason, lasting: true })
    setInterval(() => this.#needRescan(reason), POLL_MS)
  }

  #onEvent(directory: string, type: string, name: string | null): void {
    this.#countEvent()
    if (name === null || name === '') return this.#needRescan('an event without a name')
    const path = directory === '' ? name : `${directory}/${name}`
    if (type === 'rename') this.#markRenamed(path)
    else this.#mark(path)
    if (type === 'rename' && name === baseName(directory === '' ? this.#init.root : directory)) this.#ownWatchDied(directory)
  }

  /** A removed or renamed directory reports itself by its own name. */
  #ownWatchDied(directory: string): void {
    if (directory !== '') this.#markRenamed(directory)
    else if (this.#identifyRoot() !== this.#rootIdentity) this.#needRescan('the folder itself changed')
  }

  /** An inode number alone may have been given out again. */
  #identifyRoot(): string {
    const stats = lstatSync(this.#init.root, { bigint: true, throwIfNoEntry: false })
    return stats === undefined ? '' : `${stats.dev} ${stats.ino} ${stats.birthtimeNs}`
  }

  #countEvent(): void {
    if (this.#turnEvents === 0) setImmediate(() => (this.#turnEvents = 0))
    if (++this.#turnEvents >= OVERFLOW_PER_TURN) this.#needRescan('more events than the system keeps')
  }

  #mark(path: string): void {
    this.#dirty.add(path)
    this.#flushSoon()
  }

  #markRenamed(path: string): void {
    this.#renamed.add(path)
    this.#mark(path)
  }

  #needRescan(reason: string): void {
    this.#rescan = reason
    this.#flushSoon()
  }

  /** The first event goes out at once; those that follow are gathered. */
  #flushSoon(): void {
    if (this.#flushing) return
    this.#flushing = true
    setImmediate(() => this.#flush())
  }

  #reportAll(): void {
    if (this.#rescan === undefined) this.#followRenames()
    if (this.#rescan !== undefined) this.#reportRescan(this.#rescan)
    else this.#reportPaths()
  }

  #flush(): void {
    this.#reportAll()
    setTimeout(() => this.#afterPause(), this.#pauseMs)
  }

  #afterPause(): void {
    this.#flushing = false
    const busy = this.#dirty.size > 0 || this.#rescan !== undefined
    this.#pauseMs = busy ? Math.min(2 * this.#pauseMs, LONGEST_PAUSE_MS) : FIRST_PAUSE_MS
    if (busy) this.#flushSoon()
  }

  #reportRescan(reason: string): void {
    this.#rescan = undefined
    this.#dirty.clear()
    this.#renamed.clear()
    if (!this.#init.recursive) this.#dropTree('')
    this.#addRoot()
    this.#report({ kind: 'rescan', reason })
  }

  #reportPaths(): void {
    const paths = [...this.#dirty].filter((path) => !this.#isIgnored(path, false))
    this.#dirty.clear()
    if (paths.length > 0) this.#report({ kind: 'paths', paths })
  }

  #followRenames(): void {
    if (this.#init.recursive) return
    const renamed = [...this.#renamed]
    this.#renamed.clear()
    for (const path of renamed) {
      const isDirectory = lstatSync(this.#address(path), { throwIfNoEntry: false })?.isDirectory() === true
      if (this.#watches.has(path)) this.#dropTree(path)
      if (isDirectory && !this.#isIgnored(path, true)) this.#addTree(path, true)
    }
  }

  #dropTree(top: string): void {
    for (const [directory, watcher] of this.#watches) {
      if (top !== '' && directory !== top && !directory.startsWith(`${top}/`)) continue
      watcher.close()
      this.#watches.delete(directory)
    }
  }

  #isIgnored(path: string, isDirectory: boolean): boolean {
    try {
      return this.#ignores(path, isDirectory)
    } catch {
      return true
    }
  }

  #list(directory: string) {
    try {
      return readdirSync(this.#address(directory), { withFileTypes: true })
    } catch {
      return []
    }
  }

  #address(path: string): string {
    return path === '' ? this.#init.root : `${this.#init.root}/${path}`
  }
}

function baseName(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1)
}

const port = parentPort
if (port !== null) {
  const watcher = new TreeWatcher(workerData as WatchInit, (report) => port.postMessage(report))
  watcher.start()
  port.on('message', (question: number) => watcher.answer(question))
}
