import { SimFolder } from '../harness/sim-folder.js'
import { keysFromWriteKey } from '@collab/core'
import { describe, expect, it } from 'vitest'
import { FileCalls, SAVE_PATTERNS, appendSteps } from '../harness/save-patterns.js'
import type { SaveStep } from '../harness/save-patterns.js'
import { simCrypto } from '../harness/sim-crypto.js'
import { SimWorld } from '../harness/sim-world.js'

const KEYS = keysFromWriteKey(simCrypto({ bytes: (length) => new Uint8Array(length) }), new Uint8Array(32).fill(4))
const BEFORE = ['one', 'two', 'three', 'four', 'five'].map((word) => `the line ${word} of a note\n`).join('')
/** Long enough for what a peer sent to reach this disk in the middle of a save. */
const NETWORK_MS = 40
/** Files that were replaced are looked at this often while a program may still have them open. */
const LATE_MS = 40_000

interface Desk extends AsyncDisposable {
  readonly world: SimWorld
  /** Where the editor runs. */
  readonly here: SimFolder
  readonly peer: SimFolder
  readonly file: FileCalls
  readonly settled: () => Promise<void>
  /** Every text that the note ever had in the workspace. */
  readonly texts: () => Promise<readonly string[]>
}

async function desk(): Promise<Desk> {
  const world = new SimWorld({ seed: 2, realCrypto: false })
  const here = new SimFolder({ world, name: 'here', keys: KEYS })
  const peer = new SimFolder({ world, name: 'peer', keys: KEYS })
  here.user.save('note.md', BEFORE)
  await here.start()
  await peer.start()
  world.link()
  const settled = async (): Promise<void> => {
    for (let round = 0; round < 3; round++) for (const folder of [here, peer]) await folder.settled()
  }
  await settled()
  await world.pass(6_000)
  return {
    world,
    here,
    peer,
    file: new FileCalls(here.disk, `${here.root}/note.md`),
    settled,
    texts: async () => {
      const { doc, version } = await peer.peer.open('note.md')
      return await Promise.all(Array.from({ length: version.upTo + 1 }, (_, upTo) => peer.peer.live.readTextAt(doc, { upTo, plus: [] })))
    },
    [Symbol.asyncDispose]: async () => {
      for (const folder of [here, peer]) {
        await folder.stop()
        folder[Symbol.dispose]()
      }
    }
  }
}

const linesOf = (text: string): string[] => text.split('\n').filter((line) => line !== '')

async function carryOut(world: SimWorld, steps: readonly SaveStep[], between?: (done: number) => Promise<void>): Promise<void> {
  for (const [index, { afterMs, run }] of steps.entries()) {
    await world.pass(afterMs)
    await between?.(index)
    run()
  }
}

describe('how programs save', () => {
  for (const [name, pattern] of Object.entries(SAVE_PATTERNS)) {
    it(`[EDIT1] [REG22] ${name}: one edit, nothing half written, nothing of its own files`, async () => {
      await using at = await desk()
      const after = BEFORE.replace('three', 'three and a half')
      await carryOut(at.world, pattern(at.file, after))
      await at.settled()
      await at.world.pass(6_000)
      expect(at.peer.user.read('note.md')).toBe(after)
      expect(at.peer.user.names().filter((each) => each !== 'note.md' && each !== 'note.md~')).toEqual([])
      expect([...new Set(await at.texts())].filter((text) => text !== '' && text !== BEFORE)).toEqual([after])
    })

    it(`[EDIT2] ${name}: a peer's edit that arrives at any moment of the save is kept, and so is the save`, async () => {
      await using counting = await desk()
      const { length } = pattern(counting.file, '')
      for (let moment = 0; moment < length; moment++) {
        await using at = await desk()
        await carryOut(at.world, pattern(at.file, `${BEFORE}mine\n`), async (done) => {
          if (done !== moment) return
          at.peer.user.save('note.md', `theirs\n${BEFORE}`)
          await at.world.pass(NETWORK_MS)
        })
        await at.settled()
        await at.world.pass(6_000)
        await at.settled()
        const text = at.peer.user.read('note.md') ?? ''
        expect(at.here.user.read('note.md'), `before call ${moment}`).toBe(text)
        expect(linesOf(text).sort(), `before call ${moment}`).toEqual(linesOf(`${BEFORE}theirs\nmine\n`).sort())
      }
    })
  }

  it('[EDIT5] an editor that saves what it had open, unchanged, takes nothing back and says nothing', async () => {
    await using at = await desk()
    at.peer.user.save('note.md', `${BEFORE}theirs\n`)
    await at.settled()
    const { entries } = at.here.peer.live.status()
    at.here.user.save('note.md', BEFORE)
    await at.settled()
    expect([at.here.user.read('note.md'), at.peer.user.read('note.md')]).toEqual([`${BEFORE}theirs\n`, `${BEFORE}theirs\n`])
    expect(at.here.peer.live.status().entries).toBe(entries)
  })

  it('[EDIT3] what a program appends to a file that it holds open is kept, though peers replaced the file meanwhile', async () => {
    await using at = await desk()
    const [open, write, close] = appendSteps(at.file, 'mine\n')
    open?.run()
    for (let round = 0; round < 3; round++) {
      at.peer.user.save('note.md', `${'theirs\n'.repeat(round + 1)}${BEFORE}`)
      await at.settled()
    }
    write?.run()
    await at.world.pass(LATE_MS)
    close?.run()
    await at.settled()
    expect(linesOf(at.peer.user.read('note.md') ?? '').filter((line) => line === 'mine' || line === 'theirs')).toEqual(['theirs', 'theirs', 'theirs', 'mine'])
    expect(at.here.user.read('note.md')).toBe(at.peer.user.read('note.md'))
  })
})
