import type { LocalChange, TreeEntry, Workspace, WorkspaceKeys } from '@collab/core'
import { diffText } from '@collab/core'
import { SeededRandom } from '../harness/random.js'
import { SimNetwork } from '../harness/sim-network.js'
import { SimPeer } from '../harness/sim-peer.js'
import { VirtualClock } from '../harness/virtual-clock.js'

const NAMES = ['notes.md', 'todo.md', 'a.txt', 'Ä🙂.md', 'x'] as const
const FOLDERS = ['', 'work/', 'work/deep/', 'home/'] as const
const WORDS = ['alpha', 'beta', '🙂', 'ä', 'line\nbreak', '\r\n', 'x'] as const

export interface Done {
  readonly edits: number
  readonly crashes: number
  readonly partitions: number
}

/** One seeded history of 3 to 6 peers; throws with the seed when an invariant does not hold at the end. */
export async function runSimulation(seed: number, keys: WorkspaceKeys): Promise<Done> {
  try {
    return await new Simulation(seed, keys).run()
  } catch (error) {
    throw new Error(`simulation with seed ${seed} failed: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`, { cause: error })
  }
}

class Simulation {
  readonly #random: SeededRandom
  readonly #clock = new VirtualClock()
  readonly #network: SimNetwork
  readonly #peers: readonly SimPeer[]
  /** Lines that somebody wrote and nobody deleted: unique, so that each can be looked up at the end. */
  readonly #written = new Set<string>()
  #edits = 0
  #crashes = 0
  #partitions = 0

  constructor(seed: number, keys: WorkspaceKeys) {
    this.#random = new SeededRandom(seed)
    this.#network = new SimNetwork(this.#clock, this.#random, { loss: 0.3, duplication: 0.2, delayMs: 50 })
    this.#peers = Array.from({ length: 3 + this.#random.int(4) }, (_, index) => new SimPeer(`peer${index}`, keys, this.#network, this.#clock, this.#random))
  }

  async run(): Promise<Done> {
    for (const peer of this.#peers) await peer.start()
    this.#connectSome(0.6)
    const steps = 30 + this.#random.int(60)
    for (let step = 0; step < steps; step++) {
      await this.#act()
      await this.#pass(this.#random.int(80))
    }
    await this.#heal()
    await this.#check()
    return { edits: this.#edits, crashes: this.#crashes, partitions: this.#partitions }
  }

  async #act(): Promise<void> {
    const roll = this.#random.next()
    const peer = this.#random.pick(this.#peers)
    if (roll < 0.68) await this.#edit(peer)
    else if (roll < 0.78) this.#connectSome(0.5)
    else if (roll < 0.9) this.#partition()
    else if (roll < 0.95) await this.#restart(peer)
    else this.#crash(peer)
  }

  async #edit(peer: SimPeer): Promise<void> {
    if (!peer.running) await peer.start()
    const change = await this.#change(peer.live)
    if (change === undefined) return
    this.#edits++
    await peer.live.edit([change])
  }

  async #change(workspace: Workspace): Promise<LocalChange | undefined> {
    const entries = [...workspace.tree.entries()]
    const files = entries.filter(({ type }) => type === 'file')
    const roll = this.#random.next()
    if (files.length === 0 || roll < 0.25) return this.#create(workspace)
    const file = this.#random.pick(files)
    if (roll < 0.75) return await this.#typeInto(workspace, file)
    if (roll < 0.85) return this.#move(workspace, this.#random.pick(entries))
    if (roll < 0.9) return { type: 'executable', node: file.node, executable: !file.executable }
    return { type: 'delete', node: this.#random.pick(entries).node }
  }

  #move(workspace: Workspace, entry: TreeEntry): LocalChange | undefined {
    const path = this.#freePath(workspace)
    return path.startsWith(`${entry.path}/`) ? undefined : { type: 'move', node: entry.node, path }
  }

  #create(workspace: Workspace): LocalChange {
    const path = this.#freePath(workspace)
    const lines = Array.from({ length: this.#random.int(6) }, () => this.#line())
    const text = this.#random.chance(0.4) ? 'common\nfirst\ntext\n' + lines.slice(0, 1).join('') : lines.join('')
    return { type: 'create-file', path, text, executable: this.#random.chance(0.2) }
  }

  #line(): string {
    const line = `${this.#random.pick(WORDS)} ${this.#edits}-${this.#random.word().toString(36)}\n`
    this.#written.add(line)
    return line
  }

  #freePath(workspace: Workspace): string {
    const path = this.#random.pick(FOLDERS) + this.#random.pick(NAMES)
    return workspace.tree.at(path) === undefined ? path : `${path}-${this.#random.word().toString(36)}`
  }

  async #typeInto(workspace: Workspace, file: TreeEntry): Promise<LocalChange | undefined> {
    if (file.content?.kind !== 'text') return undefined
    const { text, version } = await workspace.readText(file.content.doc)
    const lines = text.split(/(?<=\n)/)
    lines.splice(this.#random.int(lines.length + 1), this.#random.chance(0.3) ? 1 : 0, this.#line())
    const edits = diffText(text, lines.join(''))
    return { type: 'edit', doc: file.content.doc, base: version, edits, machine: this.#random.chance(0.2) }
  }

  #connectSome(probability: number): void {
    for (const a of this.#peers) for (const b of this.#peers) if (a.name < b.name && this.#random.chance(probability)) this.#network.connect(a.name, b.name)
  }

  #partition(): void {
    this.#partitions++
    const side = new Set(this.#peers.filter(() => this.#random.chance(0.5)))
    for (const a of this.#peers) for (const b of this.#peers) if (side.has(a) !== side.has(b)) this.#network.disconnect(a.name, b.name)
  }

  async #restart(peer: SimPeer): Promise<void> {
    await peer.stop()
    await peer.start()
  }

  #crash(peer: SimPeer): void {
    this.#crashes++
    peer.crash()
  }

  /** Lets virtual time pass, and all that follows from it. */
  async #pass(ms: number): Promise<void> {
    const until = this.#clock.monotonic() + ms
    do await settle()
    while (this.#clock.step(until))
  }

  async #heal(): Promise<void> {
    for (const peer of this.#peers) if (!peer.running) await peer.start()
    for (let round = 0; round < 60; round++) {
      this.#connectSome(1)
      await this.#pass(1000)
    }
  }

  async #check(): Promise<void> {
    const warnings = this.#peers.flatMap((peer) => peer.warnings)
    if (warnings.length > 0) throw new Error(`warnings: ${warnings.join('\n')}`)
    const [first, ...others] = await Promise.all(this.#peers.map((peer) => peer.treeLines()))
    for (const [index, lines] of others.entries()) {
      if (lines.join('\n') !== first?.join('\n')) throw new Error(`${this.#peers.map((peer) => `${peer.name}: ${JSON.stringify(peer.live.status())}`).join('\n')}\npeer${index + 1} differs from peer0:\n${lines.join('\n')}\n--- peer0\n${first?.join('\n')}`)
    }
    const before = this.#network.messages
    await this.#pass(120_000)
    if (this.#network.messages !== before) throw new Error(`${this.#network.messages - before} messages without any edit`)
  }
}

/** Lets every promise that can go on go on. */
async function settle(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve))
}
