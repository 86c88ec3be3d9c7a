import { keysFromWriteKey } from '@collab/core'
import { simCrypto } from './sim-crypto.js'
import { SimFolder } from './sim-folder.js'
import type { SimFolderInit } from './sim-folder.js'
import { SimWorld } from './sim-world.js'

const KEYS = keysFromWriteKey(simCrypto({ bytes: (length) => new Uint8Array(length) }), new Uint8Array(32).fill(6))

export interface TwoFolders extends Disposable {
  readonly world: SimWorld
  readonly a: SimFolder
  readonly b: SimFolder
  /** Lets time pass until neither has anything left to do. */
  readonly settled: () => Promise<void>
  /** What both have: path and text of every file. Throws when they differ. */
  readonly files: () => readonly (readonly [string, string])[]
}

export interface TwoFoldersInit {
  readonly a?: Partial<SimFolderInit>
  readonly b?: Partial<SimFolderInit>
  readonly world?: SimWorld
}

/** Two simulated folders, linked and in sync, that began with `files` in the first. */
export async function twoFolders(files: Readonly<Record<string, string>>, init: TwoFoldersInit = {}): Promise<TwoFolders> {
  const world = init.world ?? new SimWorld({ seed: 3, realCrypto: false })
  const a = new SimFolder({ world, name: 'a', keys: KEYS, ...init.a })
  const b = new SimFolder({ world, name: 'b', keys: KEYS, ...init.b })
  for (const [path, text] of Object.entries(files)) a.user.save(path, text)
  await a.start()
  await b.start()
  world.link()
  const settled = async (): Promise<void> => {
    for (let round = 0; round < 3; round++) for (const folder of [a, b]) await folder.settled()
  }
  await settled()
  return {
    world,
    a,
    b,
    settled,
    files: () => {
      const [one, other] = [a, b].map(({ user }) => [...user.files()])
      if (JSON.stringify(one) !== JSON.stringify(other)) throw new Error(`a has ${JSON.stringify(one)}, b has ${JSON.stringify(other)}`)
      return one ?? []
    },
    [Symbol.dispose]() {
      for (const folder of [a, b]) folder[Symbol.dispose]()
    }
  }
}
