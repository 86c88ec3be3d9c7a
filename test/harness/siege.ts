import { readFileSync } from 'node:fs'
import { Crowd } from './crowd.js'
import { eventually } from './eventually.js'
import type { FolderPeer } from './folder-peer.js'
import { countLines, insertLine } from './lines.js'
import { SeededRandom } from './random.js'
import { importInto, sampleRealFiles } from './real-input.js'
import { readTree } from './tree.js'

/** What a siege may cost the process, whatever was sent: buffers of some streams, not what a stranger would like. */
const MOST_GROWTH_BYTES = 160e6

/** Two honest processes that sync, of which one is attacked. */
export class Siege implements AsyncDisposable {
  readonly crowd: Crowd
  /** Who is attacked. */
  readonly target: FolderPeer
  readonly friend: FolderPeer
  readonly #path: string
  readonly #before: number
  readonly #pid: number
  #edits = 0

  private constructor(crowd: Crowd, path: string) {
    this.crowd = crowd
    this.target = crowd.peer(0)
    this.friend = crowd.peer(1)
    this.#path = path
    this.#pid = this.target.process.pid
    this.#before = residentBytes(this.#pid)
  }

  static async lay(): Promise<Siege> {
    const crowd = await Crowd.make(2, 'chain')
    importInto(crowd.peer(0).folder, sampleRealFiles(new SeededRandom(9), 20))
    const tree = await crowd.settle()
    const [path = ''] = [...tree].find(([, { text }]) => text.split('\n').length > 3) ?? []
    return new Siege(crowd, path)
  }

  /** An edit crosses both ways, meanwhile or afterwards. */
  async honestGoOn(): Promise<void> {
    for (const [from, to] of [
      [this.target, this.friend],
      [this.friend, this.target]
    ] as const) {
      const line = `§ honest edit ${this.#edits++};`
      insertLine(from, this.#path, line)
      await eventually('an honest edit arrives', () => countLines(readTree(to.folder), [line])[line] === 1, { otherwise: () => this.crowd.describe() })
    }
  }

  /** Alive, not swollen, and with nothing but its friend. */
  async stands(): Promise<void> {
    await this.honestGoOn()
    if (this.target.process.isOver || this.target.process.pid !== this.#pid) throw new Error(`the process ended: ${this.target.process.stderr}`)
    const growth = residentBytes(this.#pid) - this.#before
    if (growth > MOST_GROWTH_BYTES) throw new Error(`the process grew by ${growth} bytes`)
    const status = await this.target.status()
    if (status?.workspace.peers.length !== 1) throw new Error(`peers: ${JSON.stringify(status?.workspace.peers)}`)
    if (status.workspace.voids !== 0 || status.workspace.forks !== 0) throw new Error('something of the attack was taken in')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.crowd[Symbol.asyncDispose]()
  }
}

/** As Linux counts it; elsewhere nothing is measured. */
function residentBytes(pid: number): number {
  try {
    return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) * 1024
  } catch {
    return 0
  }
}
