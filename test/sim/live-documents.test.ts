import { keysFromWriteKey, nodeCrypto } from '@collab/core'
import type { OpenDocument } from '@collab/core'
import { expect, it } from 'vitest'
import * as Y from 'yjs'
import { SeededRandom } from '../harness/random.js'
import type { SimPeer } from '../harness/sim-peer.js'
import { SimWorld } from '../harness/sim-world.js'
import { FAILED_LIVE_SEEDS } from './seeds.js'

const KEYS = keysFromWriteKey(nodeCrypto, new Uint8Array(32).fill(8))
/** `COLLAB_LIVE_SIM_RUNS=500 vitest run test/sim/live-documents` is the long mode; `COLLAB_SIM_SEED` is the first seed. */
const RUNS = Number(process.env['COLLAB_LIVE_SIM_RUNS'] ?? 4)
const START = Number(process.env['COLLAB_SIM_SEED'] ?? 1)
const SEEDS = [...FAILED_LIVE_SEEDS, ...Array.from({ length: RUNS }, (_, index) => START + index)]
const STEPS = 80

/** Live documents in whole workspaces that crash, lose each other and lose messages. */
class LiveWorld {
  readonly world: SimWorld
  readonly random: SeededRandom
  readonly open = new Map<SimPeer, OpenDocument>()
  /** Marks that were durable somewhere: none of them may be lost or doubled. */
  readonly marks: string[] = []
  crashes = 0

  constructor(seed: number) {
    this.world = new SimWorld({ seed, loss: 0.2, duplication: 0.1, delayMs: 40 })
    this.random = new SeededRandom(seed)
    for (const name of ['a', 'b', 'c']) this.world.add(name, KEYS)
  }

  async attach(peer: SimPeer): Promise<void> {
    this.open.set(peer, await this.world.until(peer.live.openDoc('board')))
  }

  async step(number: number): Promise<void> {
    const { world, random } = this
    const peer = random.pick(world.peers)
    const document = this.open.get(peer)
    if (document === undefined) return
    const dice = random.int(20)
    if (dice < 12) edit(document.doc, random)
    else if (dice < 15) {
      const mark = `mark ${number}`
      document.doc.getArray('marks').push([mark])
      await world.until(document.flush())
      this.marks.push(mark)
    } else if (dice < 17) await world.pass(random.int(500))
    else if (dice === 17) world.unlink([peer, random.pick(world.peers)])
    else if (dice === 18) world.link()
    else await this.#crash(peer, document)
  }

  /** What was saved is there again; what was typed since is gone with the process. */
  async #crash(peer: SimPeer, document: OpenDocument): Promise<void> {
    await this.world.until(document.flush())
    peer.crash()
    this.crashes++
    await this.world.until(peer.start())
    await this.attach(peer)
    this.world.link()
  }

  /** Until nobody has anything to say: Yjs itself tidies up formats that it is shown. */
  async rest(): Promise<void> {
    for (let round = 0; round < 8; round++) {
      await this.world.heal()
      for (const document of this.open.values()) await this.world.until(document.flush())
      await this.world.pass(1_000)
      if ([...this.open.values()].every(({ status }) => status.saved) && new Set([...this.open.values()].map(({ doc }) => stateOf(doc))).size === 1) return
    }
    throw new Error('never at rest')
  }
}

function edit(doc: Y.Doc, random: SeededRandom): void {
  const text = doc.getText('text')
  const map = doc.getMap('map')
  const at = random.int(text.length + 1)
  switch (random.int(7)) {
    case 0:
    case 1:
      return text.insert(at, random.pick(['a', 'word ', '\n', 'é']))
    case 2:
      return text.insert(at, 'bold', { bold: true })
    case 3:
      return text.delete(at, Math.min(3, text.length - at))
    case 4:
      return text.format(at, Math.min(4, text.length - at), { color: random.pick(['red', null]) })
    case 5:
      return void map.set(random.pick(['x', 'y']), random.int(2) === 0 ? random.int(100) : new Y.Map([['inner', random.int(9)]]))
    default: {
      const inner = map.get(random.pick(['x', 'y']))
      if (inner instanceof Y.Map) inner.set('more', random.int(100))
    }
  }
}

/** Units, deletions and content. */
function stateOf(doc: Y.Doc): string {
  const map = doc.getMap('map')
  const entries = ['x', 'y'].map((key) => sortedJson(map.get(key)))
  return [Y.encodeSnapshot(Y.snapshot(doc)).join(), sortedJson(doc.getText('text').toDelta()), ...entries].join('|')
}

/** Keys have no order: a Y.Map lists them as they came to it. */
function sortedJson(value: unknown): string {
  const plain: unknown = value instanceof Y.Map ? value.toJSON() : value
  return JSON.stringify(plain, (_, part: unknown) =>
    part instanceof Object && !Array.isArray(part) ? Object.fromEntries(Object.entries(part).toSorted(([a], [b]) => (a < b ? -1 : 1))) : part
  )
}

it.each(SEEDS)('[EMB30] live documents end the same on all peers, with every saved mark once, through loss, partitions and crashes (seed %i)', async (seed) => {
  const live = new LiveWorld(seed)
  await live.world.heal()
  for (const peer of live.world.peers) await live.attach(peer)
  for (let step = 0; step < STEPS; step++) await live.step(step)
  await live.rest()
  for (const document of live.open.values()) {
    expect([document.status.error, document.doc.store.pendingStructs]).toEqual([undefined, null])
    expect(document.doc.getArray<string>('marks').toArray().toSorted()).toEqual(live.marks.toSorted())
  }
  expect(live.world.peers.flatMap(({ warnings }) => warnings)).toEqual([])
  expect(live.marks.length).toBeGreaterThan(0)
})
