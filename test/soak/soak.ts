import { setTimeout as delay } from 'node:timers/promises'
import { Crowd } from '../harness/crowd.js'
import type { Topology } from '../harness/crowd.js'
import type { FolderPeer } from '../harness/folder-peer.js'
import { SeededRandom } from '../harness/random.js'
import { ODD_FILES, importInto, sampleRealFiles, writeFiles } from '../harness/real-input.js'
import { TreeModel } from '../harness/tree-model.js'
import { Writers } from '../harness/writers.js'

export interface SoakInit {
  readonly minutes: number
  readonly seed: number
  readonly tell: (line: string) => void
  /** @default 5 */
  readonly peers?: number
  /** @default 400 */
  readonly files?: number
  /** Between two times that everybody must agree. @default 60000 */
  readonly roundMs?: number
}

const TOPOLOGIES: readonly Topology[] = ['chain', 'star', 'mesh']
/** People act this often, all together: the pace is part of the test, and nothing waits for it. */
const PACE_MS = 40
const AGREE_MS = 600_000

/** People write, processes are killed, stopped and frozen, and connected in other ways; once a round all must agree. */
export async function runSoak(init: SoakInit): Promise<void> {
  const { seed, tell, minutes, peers = 5, files = 400, roundMs = 60_000 } = init
  const random = new SeededRandom(seed)
  await using crowd = await Crowd.make(peers, 'chain', { cuttable: true })
  const model = new TreeModel()
  const writers = new Writers(crowd, model, random)
  const end = performance.now() + minutes * 60_000
  try {
    importInto(crowd.peer(0).folder, sampleRealFiles(random, files))
    writeFiles(crowd.peer(peers - 1).folder, ODD_FILES)
    model.begin(await crowd.settle(AGREE_MS))
    for (let round = 1; performance.now() < end; round++) {
      crowd.rewire(random.pick(TOPOLOGIES))
      await disorder(crowd, writers, random, performance.now() + Math.min(roundMs, end - performance.now()))
      const since = performance.now()
      await writers.agree(AGREE_MS)
      tell(figuresLine(round, crowd, writers, model, performance.now() - since))
    }
    tell('lost 0, doubled 0')
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error)
    throw new Error(`${message}\n${await crowd.describe()}\nsince they last agreed:\n${writers.log.join('\n')}`, { cause: error })
  }
}

async function disorder(crowd: Crowd, writers: Writers, random: SeededRandom, until: number): Promise<void> {
  const frozen = new Set<FolderPeer>()
  while (performance.now() < until) {
    const roll = random.next()
    const peer = random.pick(crowd.peers)
    if (roll < 0.015) await writers.disturb(peer)
    else if (roll < 0.025) frozen.add(writers.freeze(peer))
    else if (roll < 0.04) for (const one of [...frozen].slice(0, 1)) thaw(one, frozen)
    else if (roll < 0.046) writers.cut()
    else if (roll < 0.056) writers.heal()
    else if (roll < 0.08) await (frozen.has(peer) ? undefined : writers.look(peer))
    else writers.act(peer)
    await delay(PACE_MS)
  }
  for (const peer of frozen) thaw(peer, frozen)
}

function thaw(peer: FolderPeer, frozen: Set<FolderPeer>): void {
  peer.resume()
  frozen.delete(peer)
}

function figuresLine(round: number, crowd: Crowd, writers: Writers, model: TreeModel, agreeMs: number): string {
  const figures = Object.entries(writers.figures).map(([name, count]) => `${name} ${count}`)
  const conflicts = crowd.peers.reduce((sum, peer) => sum + peer.events.filter(({ type }) => type === 'conflict').length, 0)
  const rest = [`conflicts told ${conflicts}`, `certain lines ${model.certainLines}`, 'lost 0', `agreed in ${(agreeMs / 1000).toFixed(1)} s`]
  return [`round ${round}:`, ...figures, ...rest].join('  ')
}
