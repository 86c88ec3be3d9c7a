import { Worker } from 'node:worker_threads'
import type { BlobKeys } from '../blob/blob-keys.js'
import { Bitfield } from '../blob/bitfield.js'
import type { ChunkList } from '../blob/chunk-list.js'
import type { Item } from '../blob/manifest.js'
import type { ChunkAnswer, ChunkJob } from './node-chunk-worker.js'

/** A thread that had nothing to do for so long ends: it is some 10 MiB of memory. */
const IDLE_MS = 5_000

interface Waiting {
  readonly resolve: (answer: ChunkAnswer) => void
  readonly reject: (error: Error) => void
}

/**
 * Cuts, seals and hashes whole files in a thread of its own, which reads them by descriptor: a gigabyte takes seconds,
 * and meanwhile edits go on.
 */
export class ChunkThread {
  readonly #keys: BlobKeys
  readonly #waiting = new Map<number, Waiting>()
  #worker: Worker | undefined
  #idle: NodeJS.Timeout | undefined
  #next = 0

  constructor(keys: BlobKeys) {
    this.#keys = keys
  }

  /**
   * The chunks of the first `size` bytes of an open file, which the caller keeps open.
   *
   * @throws {Error} when it cannot be read or is shorter.
   */
  async cut(fd: number, size: number): Promise<readonly Item[]> {
    const answer = await this.#ask({ fd, size })
    return 'items' in answer ? answer.items : []
  }

  /** Which chunks of a blob an open file already has at their places. */
  async match(fd: number, list: ChunkList): Promise<Bitfield> {
    const expected = Array.from({ length: list.count }, (_, at) => ({ hash: list.hashOf(at), size: list.sizeOf(at) }))
    const answer = await this.#ask({ fd, size: list.size, expected })
    const field = new Bitfield(list.count)
    if ('matches' in answer) for (const [at, is] of answer.matches.entries()) if (is) field.set(at)
    return field
  }

  async stop(): Promise<void> {
    clearTimeout(this.#idle)
    const worker = this.#worker
    this.#worker = undefined
    await worker?.terminate()
    this.#failAll(new Error('stopped'))
  }

  async #ask(job: Omit<ChunkJob, 'id' | 'keys'>): Promise<ChunkAnswer> {
    clearTimeout(this.#idle)
    this.#worker ??= this.#start()
    const id = this.#next++
    const { promise, resolve, reject } = Promise.withResolvers<ChunkAnswer>()
    this.#waiting.set(id, { resolve, reject })
    this.#worker.postMessage({ ...job, id, keys: this.#keys } satisfies ChunkJob)
    const answer = await promise
    if ('error' in answer) throw new Error(answer.error)
    return answer
  }

  #start(): Worker {
    const worker = new Worker(new URL('node-chunk-worker.js', import.meta.url))
    worker.on('message', (answer: ChunkAnswer) => {
      this.#waiting.get(answer.id)?.resolve(answer)
      this.#waiting.delete(answer.id)
      if (this.#waiting.size === 0) this.#idle = setTimeout(() => void this.stop(), IDLE_MS).unref()
    })
    worker.on('error', (error) => {
      if (this.#worker === worker) this.#worker = undefined
      this.#failAll(error instanceof Error ? error : new Error(String(error)))
    })
    worker.unref()
    return worker
  }

  #failAll(error: Error): void {
    for (const { reject } of this.#waiting.values()) reject(error)
    this.#waiting.clear()
  }
}
