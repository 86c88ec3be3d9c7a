import type { SimPeer } from './sim-peer.js'
import type { SimWorld } from './sim-world.js'

/**
 * Waits until all peers are synced and show the same, with nothing void and nobody refused.
 *
 * @param allowed - Warnings that belong to the test.
 * @returns path -> text, as all of them show it.
 */
export async function convergedFiles(world: SimWorld, allowed = /^(?!)/): Promise<ReadonlyMap<string, string>> {
  await world.heal()
  await world.pass(6000)
  await world.sync()
  const readers = world.peers.filter(({ keys }) => keys.rights !== 'blind')
  const trees = await Promise.all(readers.map((peer) => peer.treeHash()))
  if (new Set(trees).size !== 1) {
    const shown = await Promise.all(readers.map(async (peer) => `${peer.name}: ${(await peer.treeLines()).join(' ')}`))
    throw new Error(`peers differ:\n${shown.join('\n')}`)
  }
  for (const peer of readers) checkHonest(peer, allowed)
  return (await readers[0]?.files()) ?? new Map<string, string>()
}

function checkHonest(peer: SimPeer, allowed: RegExp): void {
  const warnings = peer.warnings.filter((warning) => !allowed.test(warning))
  if (warnings.length > 0) throw new Error(`${peer.name} warns: ${warnings.join('\n')}`)
  if (peer.live.status().voids > 0) throw new Error(`${peer.name} has void changes`)
}

/** All orders of a few things. */
export function permutations<T>(items: readonly T[]): readonly (readonly T[])[] {
  if (items.length <= 1) return [items]
  return items.flatMap((item, at) => permutations(items.toSpliced(at, 1)).map((rest) => [item, ...rest]))
}

/** How often `part` occurs in `text`. */
export function occurrences(text: string, part: string): number {
  return text.split(part).length - 1
}
