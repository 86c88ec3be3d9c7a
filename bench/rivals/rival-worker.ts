import { fork } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { Answer, Figures, Order } from './orders.js'

const PROCESS = fileURLToPath(new URL('./rival-process.js', import.meta.url))

/** Automerge's program counts down to moments that are over, and Node would say so each time. */
const QUIET = ['--disable-warning=TimeoutNegativeWarning']

/** One process of a rival. */
export class RivalWorker {
  readonly #child: ChildProcess

  constructor(name: string) {
    // Only so does `undefined` in an answer arrive.
    this.#child = fork(PROCESS, [name], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'], serialization: 'advanced', execArgv: QUIET })
  }

  async ready(order: Order): Promise<string | undefined> {
    const answer = await this.#ask(order)
    if (!('ready' in answer)) throw new Error('another answer than expected')
    return answer.ready
  }

  async times(order: Order): Promise<readonly number[]> {
    this.#child.send(order)
    return await this.nextTimes()
  }

  async nextTimes(): Promise<readonly number[]> {
    const answer = await this.#next()
    if (!('times' in answer)) throw new Error('another answer than expected')
    return answer.times
  }

  /** Stops what the process shares, and the process. */
  async close(): Promise<Figures> {
    const answer = await this.#ask({ do: 'close' })
    if (!('figures' in answer)) throw new Error('another answer than expected')
    this.end()
    return answer.figures
  }

  end(): void {
    if (this.#child.connected) this.#child.disconnect()
  }

  async #ask(order: Order): Promise<Answer> {
    this.#child.send(order)
    return await this.#next()
  }

  async #next(): Promise<Answer> {
    const ended = new AbortController()
    const exit = (code: number | null): void => ended.abort(new Error(`a process ended with ${code}`))
    this.#child.once('exit', exit)
    try {
      const [answer] = (await once(this.#child, 'message', { signal: ended.signal })) as [Answer]
      return answer
    } finally {
      this.#child.off('exit', exit)
    }
  }
}
