import { Worker } from 'node:worker_threads'
import type { Logger } from '@collab/core'
import { errorMessage } from '@collab/core'
import type { PlaceItem, ReplaceResult } from './folder-fs.js'
import type { PlaceAnswer, PlaceInit, PlaceJob } from './place-worker.js'
import type { RelPath } from './rel-path.js'
import type { PlaceContext } from './write.js'

/** With fewer files, starting the thread takes longer than placing them here. */
const MIN_FILES = 64
/** A thread that had nothing to do for so long ends: it is some 10 MiB of memory. */
const IDLE_MS = 2_000

/**
 * Places many files in a thread of its own: a first sync is bound by one core, and the calls of the system by which a
 * new file is made are a fifth of it.
 */
export class PlaceThread {
  readonly #context: PlaceContext
  readonly #logger: Logger
  readonly #waiting = new Map<number, (results: readonly ReplaceResult[] | undefined) => void>()
  #worker: Worker | undefined
  #idle: NodeJS.Timeout | undefined
  #next = 0

  constructor(context: PlaceContext, logger: Logger) {
    this.#context = context
    this.#logger = logger
  }

  /** From source, where a thread would not find its modules, everything is placed here. */
  isWorthIt(items: readonly PlaceItem[]): boolean {
    return items.length >= MIN_FILES && import.meta.url.endsWith('.js')
  }

  /** As `placeMany`. When the thread dies nobody knows how far it came: all paths are to be looked at again. */
  async placeMany(items: readonly PlaceItem[]): Promise<ReplaceResult[]> {
    clearTimeout(this.#idle)
    this.#worker ??= this.#start()
    const id = this.#next++
    const { promise, resolve } = Promise.withResolvers<readonly ReplaceResult[] | undefined>()
    this.#waiting.set(id, resolve)
    const { spelling } = this.#context
    const spelt = items.map((item) => ({ ...item, path: spelling.names(item.path).join('/') as RelPath }))
    this.#worker.postMessage({ id, items: spelt } satisfies PlaceJob)
    const results = await promise
    return results === undefined ? items.map(() => ({ kind: 'changed' })) : [...results]
  }

  /** Waits for what is under way. */
  async stop(): Promise<void> {
    clearTimeout(this.#idle)
    while (this.#waiting.size > 0) await new Promise<void>((resolve) => this.#worker?.once('message', () => resolve()).once('exit', () => resolve()))
    await this.#end()
  }

  #start(): Worker {
    const { root, newFileMode } = this.#context
    const worker = new Worker(new URL('place-worker.js', import.meta.url), { workerData: { root, newFileMode } satisfies PlaceInit, execArgv: [] })
    worker.on('message', ({ id, results }: PlaceAnswer) => this.#answer(id, results))
    worker.once('error', (error) => this.#logger.warn('the thread that places files ended', { error: errorMessage(error) }))
    worker.once('exit', () => {
      // One that ends because it was idle was asked nothing: what waits now is another's.
      if (this.#worker !== worker) return
      this.#worker = undefined
      for (const id of this.#waiting.keys()) this.#answer(id, undefined)
    })
    return worker
  }

  #answer(id: number, results: readonly ReplaceResult[] | undefined): void {
    this.#waiting.get(id)?.(results)
    this.#waiting.delete(id)
    if (this.#waiting.size === 0) this.#idle = setTimeout(() => void this.#end(), IDLE_MS).unref()
  }

  async #end(): Promise<void> {
    const worker = this.#worker
    this.#worker = undefined
    await worker?.terminate()
  }
}
