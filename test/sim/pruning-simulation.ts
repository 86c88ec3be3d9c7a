import { keysFromWriteKey, shareAs } from '@collab/core'
import type { DocId, DocVersion, LocalChange, TreeEntry } from '@collab/core'
import { simCrypto } from '../harness/sim-crypto.js'
import { copyOf } from '../harness/sim-peer.js'
import type { SimPeer } from '../harness/sim-peer.js'
import { SimWorld } from '../harness/sim-world.js'
import { LineModel, linesOf } from './line-model.js'

const KEYS = keysFromWriteKey(simCrypto({ bytes: (length) => new Uint8Array(length) }), new Uint8Array(32).fill(7))
const NAMES = ['a.md', 'b.md', 'c.md'] as const
const COMMON = 'common\nfirst\ntext\n'
/** Virtual: a run takes some six seconds. */
const PRUNE_AFTER_MS = 400
const MERGE_MS = 6000
const SILENCE_MS = 60_000
const MAX_FILES = 4
const PRUNES = { pruneAfterMs: PRUNE_AFTER_MS, pace: { snapshotSteps: 4, pageSteps: 5, segmentEntries: 2 } }

export interface Pruned {
  edits: number
  lines: number
  /** Entries that were left to others. */
  pruned: number
  /** Looks that a crash cut off. */
  cut: number
  crashes: number
  copies: number
  /** Times that somebody was away for long. */
  lapses: number
  /** Edits on versions from long ago. */
  late: number
  /** Old texts that were read again, and ones that nobody could be asked for. */
  read: number
  refused: number
}

/** What somebody had in hand: an edit may be made on it at any time. */
interface Held {
  readonly doc: DocId
  readonly version: DocVersion
  readonly text: string
}

/** What each peer had in hand last: it may ask for that without any other. */
const PINNED = 2

export interface PruningSimulationInit {
  readonly seed: number
  /** Stores are copied, and both copies go on as one author. */
  readonly copies?: boolean
}

/** One seeded history of peers of which some leave old edits to others; throws with the seed when an invariant does not hold. */
export async function runPruningSimulation(init: PruningSimulationInit): Promise<Pruned> {
  try {
    return await new PruningSimulation(init).run()
  } catch (error) {
    throw new Error(`simulation of pruning with seed ${init.seed}${init.copies === true ? ' and copies' : ''} failed: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`, { cause: error })
  }
}

class PruningSimulation {
  readonly #init: PruningSimulationInit
  readonly #world: SimWorld
  readonly #keeper: SimPeer
  readonly #writers: SimPeer[] = []
  readonly #model = new LineModel()
  readonly #held = new Map<SimPeer, Held[]>()
  #isKeeperAway = false
  readonly #done: Pruned = { edits: 0, lines: 0, pruned: 0, cut: 0, crashes: 0, copies: 0, lapses: 0, late: 0, read: 0, refused: 0 }

  constructor(init: PruningSimulationInit) {
    this.#init = init
    const world = new SimWorld({ seed: init.seed, loss: 0.3, duplication: 0.2, delayMs: 50, realCrypto: false })
    this.#world = world
    // One that keeps everything is what every peer was before there was a choice; who cannot read may be the only one.
    const isBlind = world.random.chance(0.3)
    this.#keeper = world.add('keeper', isBlind ? shareAs(KEYS, 'blind') : KEYS)
    if (!isBlind) this.#writers.push(this.#keeper)
    for (let index = 0; index < 2 + world.random.int(2); index++) this.#writers.push(world.add(`pruner${index}`, KEYS, PRUNES))
    if (world.random.chance(0.4)) world.add('reader', shareAs(KEYS, 'read'), PRUNES)
  }

  async run(): Promise<Pruned> {
    const { random } = this.#world
    for (const peer of this.#world.peers) await this.#start(peer)
    this.#world.link()
    const steps = 80 + random.int(50)
    const isAwayOnce = random.chance(0.5)
    for (let step = 0; step < steps; step++) {
      // For a third of the time nobody is there who keeps everything.
      this.#isKeeperAway = isAwayOnce && step > steps / 3 && step < (steps * 2) / 3
      if (this.#isKeeperAway) for (const { name } of this.#world.peers) this.#world.network.disconnect(name, this.#keeper.name)
      await this.#act()
      await this.#world.pass(random.int(80))
    }
    await this.#rest()
    await this.#check()
    this.#done.lines = this.#model.size
    return this.#done
  }

  async #start(peer: SimPeer): Promise<void> {
    await this.#world.until(peer.start())
    peer.live.pin(() => {
      const pins = new Map<DocId, number>()
      for (const { doc, version } of this.#heldBy(peer).slice(-PINNED)) pins.set(doc, Math.min(pins.get(doc) ?? Infinity, version.upTo))
      return Promise.resolve(pins)
    })
  }

  async #act(): Promise<void> {
    const { random, peers } = this.#world
    const roll = random.next()
    if (roll < 0.6) await this.#edit(await this.#running(random.pick(this.#writers)))
    else if (roll < 0.65) await this.#readOld(await this.#running(random.pick(this.#writers)))
    else if (roll < 0.8) await this.#prune(await this.#running(random.pick(peers)))
    else if (roll < 0.9) this.#world.link(peers.filter((peer) => random.chance(0.8) && !(this.#isKeeperAway && peer === this.#keeper)))
    else if (roll < 0.94) this.#world.unlink(peers.filter(() => random.chance(0.6)))
    else if (roll < 0.965) await this.#restart(random.pick(peers))
    else if (roll < 0.975) await this.#lapse(random.pick(this.#writers.filter((peer) => peer !== this.#keeper)))
    else if (roll < 0.985 || this.#init.copies !== true || this.#done.copies === 2) this.#crash(random.pick(peers))
    else await this.#copy(random.pick(this.#writers))
  }

  async #running(peer: SimPeer): Promise<SimPeer> {
    if (!peer.running) await this.#start(peer)
    return peer
  }

  async #prune(peer: SimPeer): Promise<void> {
    const { random, network } = this.#world
    if (random.chance(0.8)) {
      // Enough that all that are there confirm what they hold.
      if (this.#isKeeperAway) this.#linkAll()
      else network.connect((await this.#running(this.#keeper)).name, peer.name)
      await this.#world.pass(1000)
    }
    const looking = peer.live.prune()
    if (random.chance(0.1)) {
      void looking.catch(() => undefined)
      await this.#world.pass(random.int(3))
      this.#done.cut++
      return this.#crash(peer)
    }
    const pruned = await this.#world.until(looking)
    // A copy of the keeper's store is one too.
    const isKept = this.#world.peers.some((other) => other.pruneAfterMs === undefined && other.running && (other !== this.#keeper || !this.#isKeeperAway))
    if (!isKept && pruned > 0) throw new Error(`${peer.name} left ${pruned} entries to nobody`)
    this.#done.pruned += pruned
  }

  async #edit(peer: SimPeer): Promise<void> {
    const { random } = this.#world
    const changes: LocalChange[] = []
    for (let count = 1 + random.int(9); count > 0; count--) {
      const change = await this.#change(peer)
      if (change !== undefined) changes.push(change)
    }
    if (changes.length === 0) return
    // Each an entry of its own.
    for (const change of changes) if ((await this.#orRefused(peer.live.edit([change]))) !== undefined) this.#done.edits++
  }

  async #change(peer: SimPeer): Promise<LocalChange | undefined> {
    const { random } = this.#world
    const files = [...peer.live.tree.entries()].filter(({ type }) => type === 'file')
    const roll = random.next()
    if (files.length === 0 || (files.length < MAX_FILES && roll < 0.1)) return this.#create(peer)
    const file = random.chance(0.6) ? files[0] : random.pick(files)
    if (file === undefined) return undefined
    if (roll > 0.985) return { type: 'executable', node: file.node, executable: !file.executable }
    if (roll > 0.88) return await this.#late(peer)
    return await this.#typeInto(peer, file)
  }

  /** Two that make a file of one name apart begin alike: one absorbs the other, with all that was typed there. */
  #create(peer: SimPeer): LocalChange | undefined {
    const { random } = this.#world
    const path = random.chance(0.2) ? random.pick(NAMES) : `${peer.name}-${random.int(2)}.md`
    if (peer.live.tree.at(path) !== undefined) return undefined
    return { type: 'create-file', path, text: COMMON + this.#line(), executable: false }
  }

  #line(): string {
    const line = `${this.#done.edits}-${this.#world.random.word().toString(36)}${this.#world.random.word().toString(36)}\n`
    this.#model.wrote(line)
    return line
  }

  async #typeInto(peer: SimPeer, file: TreeEntry): Promise<LocalChange | undefined> {
    if (file.content?.kind !== 'text') return undefined
    const { random } = this.#world
    const { doc } = file.content
    const state = await this.#orRefused(peer.live.readText(doc))
    if (state === undefined) return undefined
    if (random.chance(0.1)) this.#heldBy(peer).push({ doc, version: state.version, text: state.text })
    return { type: 'edit', doc, base: state.version, edits: [this.#editOf(state.text)], machine: random.chance(0.1) }
  }

  /** An edit on what somebody had in hand for long, as an editor's old buffer is. */
  async #late(peer: SimPeer): Promise<LocalChange | undefined> {
    const { random } = this.#world
    const held = this.#heldBy(peer)
    if (held.length === 0) return undefined
    const { doc, version, text } = random.pick(held)
    const now = await this.#orRefused(peer.live.readTextAt(doc, version))
    if (now === undefined) return undefined
    if (now !== text) throw new Error(`${peer.name} reads another text at an old version:\n${now}\n---\n${text}`)
    this.#done.late++
    return { type: 'edit', doc, base: version, edits: [{ ...this.#editOf(text), remove: 0 }], machine: false }
  }

  #editOf(text: string): { at: number; remove: number; insert: string } {
    const { random } = this.#world
    const lines = linesOf(text)
    const first = random.int(lines.length + 1)
    const removed = random.chance(0.3) ? (lines[first] ?? '') : ''
    this.#model.removed(removed)
    return { at: lines.slice(0, first).join('').length, remove: removed.length, insert: this.#line() }
  }

  /** What was held is read without an edit: the same text, or it is said that nobody can be asked. */
  async #readOld(peer: SimPeer): Promise<void> {
    const isAlone = this.#world.random.chance(0.5)
    if (isAlone) for (const { name } of this.#world.peers) this.#world.network.disconnect(name, peer.name)
    const all = [...this.#heldBy(peer)]
    const last = all.slice(-PINNED)
    for (const held of all) {
      const { doc, version, text } = held
      const now = await this.#orRefused(peer.live.readTextAt(doc, version))
      if (now === undefined && last.includes(held) && !(await this.#needsAll(peer, doc))) throw new Error(`${peer.name} cannot read version ${version.upTo}, which it pinned`)
      if (now !== undefined && now !== text) throw new Error(`${peer.name} reads another text at an old version:\n${now}\n---\n${text}`)
      if (now !== undefined) this.#done.read++
    }
  }

  /** A document that must be built anew from its first edit cannot even be read. */
  async #needsAll(peer: SimPeer, doc: DocId): Promise<boolean> {
    return (await this.#orRefused(peer.live.readText(doc))) === undefined || this.#done.copies > 0
  }

  async #orRefused<T>(work: Promise<T>): Promise<T | undefined> {
    try {
      return await this.#world.until(work)
    } catch (error) {
      if (!(error instanceof Error) || error.name !== 'PrunedHistoryError') throw error
      this.#done.refused++
      return undefined
    }
  }

  #heldBy(peer: SimPeer): Held[] {
    const known = this.#held.get(peer) ?? []
    this.#held.set(peer, known)
    return known
  }

  async #restart(peer: SimPeer): Promise<void> {
    await this.#world.until(peer.stop())
    await this.#start(peer)
    this.#linkAll()
  }

  #linkAll(): void {
    this.#world.link(this.#world.peers.filter((peer) => !this.#isKeeperAway || peer !== this.#keeper))
  }

  #crash(peer: SimPeer): void {
    if (!peer.running) return
    this.#done.crashes++
    peer.crash()
  }

  /** Somebody is away for as long as it takes until nobody waits any more, wrote something before, and comes back; or a copy of a store does. */
  async #lapse(peer: SimPeer): Promise<void> {
    const { random } = this.#world
    await this.#running(peer)
    this.#done.lapses++
    for (const { name } of this.#world.peers) this.#world.network.disconnect(name, peer.name)
    if (random.chance(0.7)) await this.#edit(peer)
    const isCopy = this.#init.copies === true && this.#done.copies < 2 && random.chance(0.5)
    await this.#world.until(peer.stop())
    const [store, held] = [copyOf(peer.store), [...this.#heldBy(peer)]]
    if (isCopy) await this.#start(peer)
    const others = this.#world.peers.filter((other) => isCopy || other !== peer)
    for (let turn = 0; turn < 12; turn++) {
      for (const other of others) await this.#running(other)
      this.#world.link(others.filter((other) => !this.#isKeeperAway || other !== this.#keeper))
      await this.#edit(await this.#running(random.pick(others.filter((other) => this.#writers.includes(other)))))
      await this.#world.pass(100 + random.int(300))
      await this.#prune(random.pick(others))
    }
    if (isCopy) await this.#startCopy(peer, store, held)
    else await this.#start(peer)
    if (random.chance(0.5)) await this.#edit(await this.#running(peer))
    this.#linkAll()
  }

  async #startCopy(peer: SimPeer, store: SimPeer['store'], held: readonly Held[]): Promise<void> {
    this.#done.copies++
    const copy = this.#world.add(`copy${this.#done.copies}`, peer.keys, { store, ...(peer.pruneAfterMs !== undefined && PRUNES) })
    this.#writers.push(copy)
    this.#held.set(copy, [...held])
    await this.#start(copy)
    await this.#edit(copy)
  }

  async #copy(peer: SimPeer): Promise<void> {
    await this.#running(peer)
    this.#done.copies++
    await this.#world.until(peer.stop())
    const copy = this.#world.add(`copy${this.#done.copies}`, peer.keys, { store: copyOf(peer.store), ...(peer.pruneAfterMs !== undefined && PRUNES) })
    this.#writers.push(copy)
    this.#held.set(copy, [...this.#heldBy(peer)])
    await this.#start(copy)
    await this.#start(peer)
  }

  async #rest(): Promise<void> {
    this.#isKeeperAway = false
    for (const peer of this.#world.peers) await this.#running(peer)
    this.#world.link()
    await this.#world.sync()
    // What waits for what went is looked for, however new it is.
    for (const peer of this.#world.peers) await this.#world.until(peer.live.prune())
    await this.#world.pass(MERGE_MS)
    await this.#world.sync()
  }

  async #check(): Promise<void> {
    this.#checkStatus()
    const lines = await this.#checkEqual()
    await this.#checkLines()
    const before = this.#world.network.messages
    await this.#world.pass(SILENCE_MS)
    if (this.#world.network.messages > before) throw new Error(`${this.#world.network.messages - before} messages without any edit`)
    for (const peer of this.#world.peers) if (peer.keys.rights !== 'blind') await this.#readAll(peer)
    await this.#checkReopened(lines)
    await this.#checkLateJoiner(lines)
  }

  /** Warnings that nothing here gives reason for. */
  #needless({ warnings }: SimPeer): readonly string[] {
    const allowed = this.#done.copies > 0 ? /^(forked-log|pruned-missing): / : /^pruned-missing: /
    return warnings.filter((warning) => !allowed.test(warning))
  }

  #checkStatus(): void {
    for (const peer of this.#world.peers) {
      const warnings = this.#needless(peer)
      if (warnings.length > 0) throw new Error(`${peer.name} warns: ${warnings.join('\n')}`)
      const { voids, pruned } = peer.live.status()
      if (voids > 0) throw new Error(`${peer.name} has ${voids} void changes`)
      if (peer.pruneAfterMs === undefined && pruned > 0) throw new Error(`${peer.name} was not asked to leave anything to others`)
    }
  }

  async #checkEqual(): Promise<string> {
    const trees: { name: string; lines: string }[] = []
    for (const peer of this.#world.peers) if (peer.keys.rights !== 'blind') trees.push({ name: peer.name, lines: (await this.#world.until(peer.treeLines())).join('\n') })
    const [first] = trees
    for (const { name, lines } of trees) if (lines !== first?.lines) throw new Error(`${name} differs from ${first?.name}:\n${lines}\n--- ${first?.name}\n${first?.lines}`)
    return first?.lines ?? ''
  }

  async #checkLines(): Promise<void> {
    const peer = this.#world.peers.find(({ keys }) => keys.rights !== 'blind')
    const faults = this.#model.faults(peer === undefined ? new Map() : await this.#world.until(peer.files()))
    if (faults.length > 0) throw new Error(faults.join('\n'))
  }

  /** With one that keeps everything at hand, all that ever was can be read. */
  async #readAll(peer: SimPeer): Promise<void> {
    for (const { doc, version, text } of this.#heldBy(peer)) {
      const now = await this.#world.until(peer.live.readTextAt(doc, version))
      if (now !== text) throw new Error(`${peer.name} reads another text at an old version:\n${now}\n---\n${text}`)
      this.#done.read++
    }
  }

  async #checkReopened(lines: string): Promise<void> {
    for (const peer of this.#world.peers) {
      await this.#restart(peer)
      if (peer.keys.rights === 'blind') continue
      const now = (await this.#world.until(peer.treeLines())).join('\n')
      if (now !== lines) throw new Error(`${peer.name}, opened again, differs:\n${now}\n--- before\n${lines}`)
    }
  }

  /** A newcomer that first meets only peers that left something to others, then one that keeps everything. */
  async #checkLateJoiner(lines: string): Promise<void> {
    const fresh = this.#world.add('fresh', KEYS)
    await fresh.start()
    const pruner = this.#world.random.pick(this.#world.peers.filter(({ pruneAfterMs, keys }) => pruneAfterMs !== undefined && keys.rights !== 'blind'))
    this.#world.network.connect(fresh.name, pruner.name)
    await this.#world.pass(2000)
    this.#world.network.connect(fresh.name, this.#keeper.name)
    await this.#world.sync([fresh])
    const now = (await fresh.treeLines()).join('\n')
    if (now !== lines) throw new Error(`a newcomer differs:\n${now}\n--- the others\n${lines}`)
    const [held, all] = [fresh.live.status().entries, this.#keeper.live.status().entries]
    if (held !== all || fresh.live.status().pruned > 0 || this.#needless(fresh).length > 0) throw new Error(`a newcomer holds ${held} of ${all}; ${fresh.warnings.join()}`)
  }
}
