import { FaultyDisk } from '../harness/disk/faulty-disk.js'
import { mount } from '../harness/disk/mounts.js'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { STORIES, faultsOf, openAt, prepare } from './stories.js'
import type { Story } from './stories.js'

/** Runs the story on a fresh folder until `step` changes of the disk are done; then the process, and maybe the power, is gone. */
async function crashAfter(story: Story, step: number, powerLoss: boolean): Promise<{ readonly root: string; readonly crashed: boolean }> {
  const root = mkdtempSync(join(tmpdir(), 'crash-'))
  prepare(root, story)
  const disk = new FaultyDisk()
  {
    using _ = mount(root, disk)
    const fs = await openAt(root)
    await story.before?.(fs)
    disk.crashBefore(step)
    await story.run(fs).catch(() => undefined)
    await fs.close()
  }
  if (powerLoss) disk.losePower(root)
  return { root, crashed: disk.handOver() }
}

/** The next start: recovery, which may itself be cut off after `step` changes. */
async function recover(root: string, step = Infinity): Promise<boolean> {
  const disk = new FaultyDisk()
  using _ = mount(root, disk)
  disk.crashBefore(step)
  try {
    const fs = await openAt(root)
    await fs.recover()
    await fs.close()
  } catch (error) {
    if (!disk.crashed) throw error
  }
  return disk.handOver()
}

describe('a crash at every step', () => {
  for (const story of STORIES) {
    for (const powerLoss of [false, true]) {
      it(`[FAULT1] ${story.name}${powerLoss ? ', with the power gone' : ''}: nothing is lost, torn, doubled or left behind`, async () => {
        const wrong: string[] = []
        let step = 0
        for (; ; step++) {
          const { root, crashed } = await crashAfter(story, step, powerLoss)
          await recover(root)
          wrong.push(...faultsOf(root, story).map((fault) => `after ${step} changes: ${fault}`))
          rmSync(root, { recursive: true })
          if (!crashed) break
        }
        expect(wrong).toEqual([])
        expect(step).toBeGreaterThan(0)
      })
    }

    it(`[FAULT2] ${story.name}: recovery that is cut off at any step is finished by the next one`, async () => {
      const wrong: string[] = []
      for (let step = 0, ended = false; !ended; step++) {
        for (let cut = 0, cutOff = true; cutOff; cut++) {
          const { root, crashed } = await crashAfter(story, step, false)
          cutOff = await recover(root, cut)
          await recover(root)
          wrong.push(...faultsOf(root, story).map((fault) => `after ${step} changes and ${cut} of recovery: ${fault}`))
          rmSync(root, { recursive: true })
          ended = !crashed
        }
      }
      expect(wrong).toEqual([])
    })
  }
})
