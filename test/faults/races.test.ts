import { FaultyDisk } from '../harness/disk/faulty-disk.js'
import { mount } from '../harness/disk/mounts.js'
import { existsSync, mkdtempSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { STORIES, openAt, prepare, signatureAt } from './stories.js'
import type { Story } from './stories.js'

const SAVED = 'what somebody saved in that moment\n'

const SAVES: Readonly<Record<string, (file: string) => void>> = {
  'in place': (file) => writeFileSync(file, SAVED),
  'under a new inode': (file) => {
    writeFileSync(`${file}.new`, SAVED)
    renameSync(`${file}.new`, file)
  }
}

/** Where a story's file is at the moment; undefined while it is nowhere. */
function fileOf(root: string, story: Story): string | undefined {
  return [...Object.keys(story.files), ...story.places.flat()].map((path) => join(root, path)).find((path) => existsSync(path))
}

/** Runs the story with somebody who saves its file just before the call with this number. */
async function saveBefore(story: Story, at: number, save: (file: string) => void): Promise<{ readonly root: string; readonly saved: boolean; readonly ended: boolean }> {
  const root = mkdtempSync(join(tmpdir(), 'race-'))
  prepare(root, story)
  const disk = new FaultyDisk()
  using _ = mount(root, disk)
  const fs = await openAt(root)
  const seen = signatureAt(fs, Object.keys(story.files)[0] ?? '')
  let calls = 0
  let saved = false
  disk.faultAt = () => {
    if (calls++ === at) {
      const file = fileOf(root, story)
      if (file !== undefined) save(file)
      saved = file !== undefined
    }
    return undefined
  }
  await story.run(fs, seen)
  disk.faultAt = () => undefined
  await fs.close()
  return { root, saved, ended: calls <= at }
}

function visible(root: string): readonly string[] {
  return readdirSync(root, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !entry.parentPath.includes('.collab'))
    .map((entry) => readFileSync(join(entry.parentPath, entry.name), 'utf8'))
}

describe('somebody who saves at every call', () => {
  for (const story of STORIES.filter(({ name }) => ['replace a file', 'remove a file', 'move a file', 'set a mode'].includes(name))) {
    for (const [how, save] of Object.entries(SAVES)) {
      it(`[FAULT16] ${story.name}: what is saved ${how} before any call of it stays in the folder, once`, async () => {
        const wrong: string[] = []
        let moments = 0
        for (let at = 0, more = true; more; at++) {
          const { root, saved, ended } = await saveBefore(story, at, save)
          const count = visible(root).filter((text) => text === SAVED).length
          if (saved) moments++
          if (saved && count !== 1) wrong.push(`before call ${at}: it is there ${count} times`)
          more = !ended
          rmSync(root, { recursive: true })
        }
        expect(wrong).toEqual([])
        expect(moments).toBeGreaterThan(3)
      })
    }
  }
})
