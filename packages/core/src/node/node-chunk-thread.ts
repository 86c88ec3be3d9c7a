import { Worker, isMarkedAsUntransferable } from 'node:worker_threads'
import type { BlobKeys } from '../blob/blob-keys.js'
import { Bitfield } from '../blob/bitfield.js'
import type { Kept } from '../blob/blob-place.js'
import type { ChunkList } from '../blob/chunk-list.js'
import type { Item } from '../blob/manifest.js'
import type { ChunkAnswer, ChunkAt, ChunkJob, ChunkResult, ChunkTask } from './node-chunk-worker.js'

/** A thread that had nothing to do for so long ends: it is some 10 MiB of memory. */
const IDLE_MS = 5_000

interface Waiting {
  readonly id: number
  readonly resolve: (answer: ChunkResult) => void
  readonly reject: (error: Error) => void
}

/** Larger parts of a buffer are handed over with all of it; a small one of a large buffer is copied first. */
const SLACK_BYTES = 1024

/**
 * Cuts whole files, and seals and opens chunks, in a thread of its own, which reads and writes them by descriptor: a
 * gigabyte takes seconds, and meanwhile edits go on. One job after the other, in the order of the calls; the caller keeps
 * the files open until it has the answer.
 */
export class ChunkThread {
  readonly #keys: BlobKeys
  /**
   * No map: as entries come and go a map makes new tables, the old ones point to the new and still hold what was in them, and
   * so a third of all chunks would stay until the whole heap is collected.
   */
  readonly #waiting: Waiting[] = []
  #worker: Worker | undefined
  #idle: NodeJS.Timeout | undefined
  #next = 0
  #stopped = false

  constructor(keys: BlobKeys) {
    this.#keys = keys
  }

  /** It will be asked something in a moment: it takes as long to start as several megabytes take to open. */
  warm(): void {
    if (this.#stopped) return
    this.#worker ??= this.#start()
    this.#rest()
  }

  /**
   * The chunks of the first `size` bytes of an open file, and their tags, 32 bytes each.
   *
   * @throws {Error} when it cannot be read or is shorter.
   */
  async cut(fd: number, size: number): Promise<{ readonly items: readonly Item[]; readonly tags: Uint8Array }> {
    const answer = await this.#ask({ type: 'cut', fd, size })
    return 'items' in answer ? answer : { items: [], tags: new Uint8Array(0) }
  }

  /** Which chunks of a blob an open file already has at their places. */
  async match(fd: number, list: ChunkList): Promise<Bitfield> {
    const expected = Array.from({ length: list.count }, (_, at) => ({ hash: list.hashOf(at), size: list.sizeOf(at) }))
    const answer = await this.#ask({ type: 'match', fd, expected })
    const field = new Bitfield(list.count)
    if ('matches' in answer) for (const [at, is] of answer.matches.entries()) if (is) field.set(at)
    return field
  }

  /**
   * What lies at the place of a chunk of `list` in an open file, sealed; undefined when it is another. With its tag known
   * it is hashed once less.
   */
  async seal(fd: number, list: ChunkList, index: number, tag?: Uint8Array): Promise<Uint8Array | undefined> {
    const answer = await this.#ask({ type: 'seal', tag, ...placeOf(fd, list, index) })
    return 'sealed' in answer ? answer.sealed : undefined
  }

  /**
   * Checks a sealed chunk, opens it, and writes it to its place in an open file. Takes the bytes over.
   *
   * @throws {Error} when the file cannot be written.
   */
  async open(fd: number, list: ChunkList, index: number, sealed: Uint8Array): Promise<Kept> {
    const { buffer } = sealed
    const isOurs = buffer.byteLength - sealed.length <= SLACK_BYTES && !isMarkedAsUntransferable(buffer)
    const own = isOurs ? sealed : new Uint8Array(sealed)
    const answer = await this.#ask({ type: 'open', sealed: own, ...placeOf(fd, list, index) }, [own.buffer as ArrayBuffer])
    return 'kept' in answer ? answer.kept : 'does-not-open'
  }

  /** Copies a chunk to places in another open file; false when it is not there any more. */
  async copy(fd: number, list: ChunkList, index: number, to: number, places: readonly number[]): Promise<boolean> {
    const answer = await this.#ask({ type: 'copy', to, places, ...placeOf(fd, list, index) })
    return 'copied' in answer && answer.copied
  }

  /** Nothing is done any more, once it resolves; what was not done fails. */
  async stop(): Promise<void> {
    this.#stopped = true
    clearTimeout(this.#idle)
    await this.#end()
    this.#failAll(new Error('stopped'))
  }

  /** Ends the thread when nothing is asked for a while. */
  #rest(): void {
    clearTimeout(this.#idle)
    if (this.#waiting.length === 0) this.#idle = setTimeout(() => void this.#end(), IDLE_MS).unref()
  }

  /** What is asked meanwhile is done by another thread. */
  async #end(): Promise<void> {
    const worker = this.#worker
    this.#worker = undefined
    await worker?.terminate()
  }

  async #ask(task: ChunkTask, handOver: readonly ArrayBuffer[] = []): Promise<ChunkResult> {
    if (this.#stopped) throw new Error('stopped')
    clearTimeout(this.#idle)
    this.#worker ??= this.#start()
    const id = this.#next++
    const { promise, resolve, reject } = Promise.withResolvers<ChunkResult>()
    this.#worker.postMessage({ ...task, id } satisfies ChunkJob, handOver)
    this.#waiting.push({ id, resolve, reject })
    const answer = await promise
    if ('error' in answer) throw new Error(answer.error)
    return answer
  }

  #start(): Worker {
    const worker = new Worker(new URL('node-chunk-worker.js', import.meta.url), { workerData: this.#keys })
    worker.on('message', (answer: ChunkAnswer) => {
      const at = this.#waiting.findIndex(({ id }) => id === answer.id)
      if (at >= 0) this.#waiting.splice(at, 1)[0]?.resolve(answer)
      this.#rest()
    })
    worker.on('error', (error) => {
      // One that ends because it was idle was asked nothing.
      if (this.#worker !== worker) return
      this.#worker = undefined
      this.#failAll(error instanceof Error ? error : new Error(String(error)))
    })
    worker.unref()
    return worker
  }

  #failAll(error: Error): void {
    for (const { reject } of this.#waiting.splice(0)) reject(error)
  }
}

function placeOf(fd: number, list: ChunkList, index: number): ChunkAt {
  return { fd, at: list.startOf(index), size: list.sizeOf(index), hash: list.hashOf(index).slice() }
}
