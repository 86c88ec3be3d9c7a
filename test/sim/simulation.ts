import { keysFromWriteKey, shareAs } from '@collab/core'
import type { LocalChange, TreeEntry } from '@collab/core'
import { simCrypto } from '../harness/sim-crypto.js'
import { copyOf } from '../harness/sim-peer.js'
import type { SimPeer } from '../harness/sim-peer.js'
import { SimWorld } from '../harness/sim-world.js'
import { LineModel, linesOf, textBelow } from './line-model.js'

const NAMES = ['notes.md', 'todo.md', 'a.txt', 'Ä🙂.md', 'x'] as const
const FOLDERS = ['', 'work/', 'work/deep/', 'home/'] as const
const WORDS = ['alpha', 'beta', '🙂', 'ä', 'x y', ''] as const
const KEYS = keysFromWriteKey(simCrypto({ bytes: (length) => new Uint8Array(length) }), new Uint8Array(32).fill(7))

/** What files have in common, so that two at one path are merged. */
const COMMON = 'common\nfirst\ntext\n'
const ENDS = ['\n', '\n', '\r\n'] as const
/** Merges of files at one path that only show when all are synced are written by then. */
const MERGE_MS = 6000
/** Without any message for this long, virtual, nothing will ever be sent. */
const SILENCE_MS = 60_000

export interface Done {
  readonly edits: number
  readonly crashes: number
  readonly partitions: number
  readonly lines: number
  readonly readers: number
  readonly copies: number
}

export interface SimulationInit {
  readonly seed: number
  /** Now and then a stopped peer's store is copied and both copies go on: one author, two logs. Without deletions then. */
  readonly copies?: boolean
  /** Also replay everything into a new peer: costs as much as one more peer. @default true */
  readonly replay?: boolean
}

/** One seeded history of 3 to 6 peers; throws with the seed when an invariant does not hold at the end. */
export async function runSimulation(init: SimulationInit): Promise<Done> {
  try {
    return await new Simulation(init).run()
  } catch (error) {
    const kind = init.copies === true ? 'simulation with copied stores and' : 'simulation with'
    throw new Error(`${kind} seed ${init.seed} failed: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`, { cause: error })
  }
}

class Simulation {
  readonly #init: SimulationInit
  readonly #world: SimWorld
  readonly #writers: SimPeer[] = []
  readonly #model = new LineModel()
  #edits = 0
  #crashes = 0
  #partitions = 0
  #readers = 0
  #copies = 0

  constructor(init: SimulationInit) {
    this.#init = init
    this.#world = new SimWorld({ seed: init.seed, loss: 0.3, duplication: 0.2, delayMs: 50, realCrypto: false })
    this.#addPeers()
  }

  #addPeers(): void {
    const { random } = this.#world
    const writers = 2 + random.int(3)
    for (let index = 0; index < writers; index++) this.#writers.push(this.#world.add(`writer${index}`, KEYS))
    if (random.chance(0.4)) this.#world.add('reader', shareAs(KEYS, 'read'))
    if (random.chance(0.4)) this.#world.add('blind', shareAs(KEYS, 'blind'))
    this.#readers = this.#world.peers.length - writers
  }

  async run(): Promise<Done> {
    for (const peer of this.#world.peers) await peer.start()
    this.#connectSome(0.6)
    const steps = 30 + this.#world.random.int(40)
    for (let step = 0; step < steps; step++) {
      await this.#act()
      await this.#world.pass(this.#world.random.int(80))
    }
    await this.#world.heal()
    await this.#world.pass(MERGE_MS)
    await this.#world.sync()
    await this.#check()
    return {
      edits: this.#edits,
      crashes: this.#crashes,
      partitions: this.#partitions,
      lines: this.#model.size,
      readers: this.#readers,
      copies: this.#copies
    }
  }

  async #act(): Promise<void> {
    const { random, peers } = this.#world
    const roll = random.next()
    if (roll < 0.68) await this.#edit(random.pick(this.#writers))
    else if (roll < 0.78) this.#connectSome(0.5)
    else if (roll < 0.88) this.#partition()
    else if (roll < 0.94) await this.#restart(random.pick(peers))
    else if (roll < 0.97 || this.#init.copies !== true || this.#copies === 2) this.#crash(random.pick(peers))
    else await this.#copy(random.pick(this.#writers))
  }

  async #edit(peer: SimPeer): Promise<void> {
    if (!peer.running) await peer.start()
    const count = this.#world.random.chance(0.1) ? 3 : 1
    const changes: LocalChange[] = []
    for (let i = 0; i < count; i++) {
      const change = await this.#change(peer)
      if (change !== undefined) changes.push(change)
    }
    if (changes.length === 0) return
    this.#edits++
    await peer.live.edit(changes)
  }

  async #change(peer: SimPeer): Promise<LocalChange | undefined> {
    const { random } = this.#world
    const entries = [...peer.live.tree.entries()]
    const files = entries.filter(({ type }) => type === 'file')
    const roll = random.next()
    if (files.length === 0 || roll < 0.25) return this.#create(peer)
    const file = random.pick(files)
    if (roll < 0.75) return await this.#typeInto(peer, file)
    if (roll < 0.85) return this.#move(peer, random.pick(entries))
    if (roll < 0.9 || this.#init.copies === true) return { type: 'executable', node: file.node, executable: !file.executable }
    const { node, path } = random.pick(entries)
    this.#model.removed(await textBelow(peer, path))
    return { type: 'delete', node }
  }

  #move(peer: SimPeer, entry: TreeEntry): LocalChange | undefined {
    const path = this.#freePath(peer)
    return path.startsWith(`${entry.path}/`) ? undefined : { type: 'move', node: entry.node, path }
  }

  #create(peer: SimPeer): LocalChange {
    const { random } = this.#world
    const path = this.#freePath(peer)
    const common = random.chance(0.4) ? COMMON : ''
    const lines = Array.from({ length: random.int(common === '' ? 4 : 2) }, () => this.#line())
    return { type: 'create-file', path, text: common + lines.join(''), executable: random.chance(0.2) }
  }

  #line(): string {
    const { random } = this.#world
    const line = `${random.pick(WORDS)} ${this.#edits}-${random.word().toString(36)}${random.pick(ENDS)}`
    this.#model.wrote(line)
    return line
  }

  #freePath(peer: SimPeer): string {
    const { random } = this.#world
    const path = random.pick(FOLDERS) + random.pick(NAMES)
    return peer.live.tree.at(path) === undefined ? path : `${path}-${random.word().toString(36)}`
  }

  /** Whole lines come and go, so that no line is ever made of two. */
  async #typeInto(peer: SimPeer, file: TreeEntry): Promise<LocalChange | undefined> {
    if (file.content?.kind !== 'text') return undefined
    const { random } = this.#world
    const { text, version } = await peer.live.readText(file.content.doc)
    const lines = linesOf(text)
    const first = random.int(lines.length + 1)
    const removed = random.chance(0.3) ? (lines[first] ?? '') : ''
    this.#model.removed(removed)
    const edit = { at: lines.slice(0, first).join('').length, remove: removed.length, insert: this.#line() }
    return { type: 'edit', doc: file.content.doc, base: version, edits: [edit], machine: random.chance(0.2) }
  }

  #connectSome(probability: number): void {
    const { peers, random, network } = this.#world
    for (const a of peers) for (const b of peers) if (a.name < b.name && random.chance(probability)) network.connect(a.name, b.name)
  }

  #partition(): void {
    this.#partitions++
    const { peers, random, network } = this.#world
    const side = new Set(peers.filter(() => random.chance(0.5)))
    for (const a of peers) for (const b of peers) if (side.has(a) !== side.has(b)) network.disconnect(a.name, b.name)
  }

  async #restart(peer: SimPeer): Promise<void> {
    await peer.stop()
    await peer.start()
  }

  #crash(peer: SimPeer): void {
    if (!peer.running) return
    this.#crashes++
    peer.crash()
  }

  /** After a clean stop both copies can prove that they are where they stopped. */
  async #copy(peer: SimPeer): Promise<void> {
    if (!peer.running) await peer.start()
    this.#copies++
    await peer.stop()
    const copy = this.#world.add(`copy${this.#copies}`, peer.keys, { store: copyOf(peer.store) })
    this.#writers.push(copy)
    await copy.start()
    await peer.start()
  }

  async #check(): Promise<void> {
    this.#checkStatus()
    const lines = await this.#checkEqual('at the end')
    await this.#checkLines()
    await this.#checkSilence()
    if (this.#init.replay !== false) await this.#checkReplay(lines)
    await this.#checkReopened(lines)
  }

  #checkStatus(): void {
    const allowed = this.#copies > 0 ? /^forked-log: / : /^(?!)/
    for (const peer of this.#world.peers) {
      const warnings = peer.warnings.filter((warning) => !allowed.test(warning))
      if (warnings.length > 0) throw new Error(`${peer.name} warns: ${warnings.join('\n')}`)
      const { voids, forks } = peer.live.status()
      if (voids > 0) throw new Error(`${peer.name} has ${voids} void changes`)
      if (forks > this.#copies) throw new Error(`${peer.name} has ${forks} forks`)
    }
  }

  async #checkEqual(when: string): Promise<string> {
    const trees = await Promise.all(this.#readable().map(async (peer) => ({ name: peer.name, lines: (await peer.treeLines()).join('\n') })))
    const [first] = trees
    for (const { name, lines } of trees) {
      if (lines !== first?.lines) throw new Error(`${when} ${name} differs from ${first?.name}:\n${lines}\n--- ${first?.name}\n${first?.lines}`)
    }
    return first?.lines ?? ''
  }

  async #checkLines(): Promise<void> {
    const [peer] = this.#readable()
    const files = (await peer?.files()) ?? new Map<string, string>()
    const faults = this.#model.faults(files)
    if (faults.length > 0) throw new Error(`${faults.join('\n')}\nin ${JSON.stringify([...files], undefined, 1)}`)
  }

  async #checkSilence(): Promise<void> {
    const before = this.#world.network.messages
    await this.#world.pass(SILENCE_MS)
    const sent = this.#world.network.messages - before
    if (sent > 0) throw new Error(`${sent} messages without any edit`)
  }

  /** A new peer that gets all entries at once sees the same, and knows as much as the others. */
  async #checkReplay(lines: string): Promise<void> {
    const source = this.#world.random.pick(this.#world.peers)
    const fresh = this.#world.add('fresh', KEYS)
    await fresh.start()
    this.#world.network.connect(fresh.name, source.name)
    await this.#world.sync([fresh])
    await this.#expectTree(fresh, lines, 'replayed')
  }

  async #checkReopened(lines: string): Promise<void> {
    for (const peer of this.#world.peers) {
      await peer.stop()
      await peer.start()
      if (peer.keys.rights !== 'blind') await this.#expectTree(peer, lines, 'reopened')
    }
  }

  async #expectTree(peer: SimPeer, lines: string, what: string): Promise<void> {
    const [other] = this.#world.peers
    const [held, all] = [peer.live.status().entries, other?.live.status().entries]
    if (held !== all) throw new Error(`${peer.name}, ${what}, holds ${held} entries of ${all}`)
    const now = (await peer.treeLines()).join('\n')
    if (now !== lines) throw new Error(`${peer.name}, ${what}, differs:\n${now}\n--- before\n${lines}`)
    if (peer.live.status().voids > 0) throw new Error(`${peer.name}, ${what}, has void changes`)
  }

  #readable(): readonly SimPeer[] {
    return this.#world.peers.filter(({ keys }) => keys.rights !== 'blind')
  }
}

