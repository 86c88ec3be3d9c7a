import { statfsSync } from 'node:fs'
import { Worker } from 'node:worker_threads'
import type { Clock, Logger } from '@collab/core'
import { errorMessage } from '@collab/core'
import type { Hint } from './folder-fs.js'
import type { IgnoreRules } from './ignore.js'
import type { RelPath } from './rel-path.js'
import type { Spelling } from './spelling.js'
import type { WatchInit, WatchReport } from './watch-worker.js'

export interface WatchOptions {
  readonly root: string
  readonly rules: IgnoreRules
  readonly spelling: Spelling
  readonly clock: Clock
  readonly logger: Logger
  readonly onHint: (hint: Hint) => void
}

/** NFS, SMB (two), 9p, FUSE: changes made elsewhere give no events here. */
const EVENTLESS_TYPES = new Set([0x6969, 0xff534d42, 0xfe534d42, 0x01021997, 0x65735546])
const POLL_MS = 15_000
/** A watcher that dies at once each time would otherwise spin. */
const RESTART_MS = 1000

export interface Watcher {
  /** Resolves when everything that happened on the disk before the call was hinted at, as far as the system reports it. */
  caughtUp(): Promise<void>
  stop(): Promise<void>
}

/** Watches the tree in a thread of its own, where a busy main thread cannot make it miss events. */
export async function startWatch(options: WatchOptions): Promise<Watcher> {
  const watcher = new ThreadedWatcher(options)
  await watcher.start()
  return watcher
}

class ThreadedWatcher implements Watcher {
  readonly #options: WatchOptions
  readonly #questions = new Map<number, () => void>()
  #asked = 0
  #worker: Worker | undefined
  #stopped = false
  #cancelPoll: () => void = () => undefined
  #cancelRestart: () => void = () => undefined

  constructor(options: WatchOptions) {
    this.#options = options
  }

  async start(): Promise<void> {
    await this.#startThread()
    if (isEventless(this.#options.root)) this.#pollLater()
  }

  caughtUp(): Promise<void> {
    if (this.#stopped) return Promise.resolve()
    const question = this.#asked++
    return new Promise((resolve) => {
      this.#questions.set(question, resolve)
      this.#worker?.postMessage(question)
    })
  }

  async stop(): Promise<void> {
    this.#stopped = true
    this.#cancelPoll()
    this.#cancelRestart()
    await this.#worker?.terminate()
    this.#answerAll()
  }

  #startThread(): Promise<void> {
    const { root, rules } = this.#options
    const workerData: WatchInit = {
      root,
      patterns: rules.patterns,
      caseSensitive: rules.caseSensitive,
      recursive: process.platform === 'darwin' || process.platform === 'win32'
    }
    const file = import.meta.url.endsWith('.ts') ? './watch-worker.ts' : './watch-worker.js'
    const worker = new Worker(new URL(file, import.meta.url), { workerData, execArgv: [] })
    this.#worker = worker
    return new Promise((resolve, reject) => {
      worker.on('message', (report: WatchReport) => (report.kind === 'ready' ? resolve() : this.#onReport(report)))
      let reason: unknown = new Error('the watcher ended')
      worker.once('error', (error) => (reason = error))
      worker.once('exit', () => {
        reject(reason)
        this.#died(reason)
      })
    })
  }

  #onReport(report: Exclude<WatchReport, { kind: 'ready' }>): void {
    if (report.kind === 'caught-up') return this.#answered(report.question)
    if (this.#stopped) return
    if (report.kind === 'rescan') return this.#options.onHint({ rescan: true, reason: report.reason, lasting: report.lasting === true })
    const paths = report.paths.flatMap((diskPath) => this.#pathOf(diskPath) ?? [])
    if (paths.length > 0) this.#options.onHint({ paths: [...new Set(paths)] })
  }

  #answered(question: number): void {
    this.#questions.get(question)?.()
    this.#questions.delete(question)
  }

  /** The path of a name on the disk, whose spelling is learnt on the way. */
  #pathOf(diskPath: string): RelPath | undefined {
    const { spelling } = this.#options
    let path: RelPath | '' = ''
    for (const diskName of diskPath.split('/')) {
      const next = spelling.pathOf(path, diskName)
      if (next === undefined) return undefined
      if (next.normalize('NFC') !== next || diskName.normalize('NFC') !== diskName) spelling.learn(next, diskName)
      path = next
    }
    return path === '' ? undefined : path
  }

  #died(error: unknown): void {
    this.#worker = undefined
    if (this.#stopped) return this.#answerAll()
    this.#options.logger.warn('the watcher ended and is started again', { error: errorMessage(error) })
    this.#cancelRestart = this.#options.clock.after(RESTART_MS, () => {
      this.#startThread().then(
        () => this.#startedAgain(),
        () => undefined
      )
    })
  }

  #startedAgain(): void {
    this.#options.onHint({ rescan: true, reason: 'the watcher was started again' })
    this.#answerAll()
  }

  #answerAll(): void {
    for (const question of this.#questions.keys()) this.#answered(question)
  }

  #pollLater(): void {
    this.#cancelPoll = this.#options.clock.after(POLL_MS, () => {
      this.#options.onHint({ rescan: true, reason: 'this file system does not report changes made elsewhere' })
      this.#pollLater()
    })
  }
}

function isEventless(root: string): boolean {
  try {
    return EVENTLESS_TYPES.has(statfsSync(root).type)
  } catch {
    return false
  }
}
