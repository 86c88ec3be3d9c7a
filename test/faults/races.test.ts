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

/** Where a story's file is at the moment; while it is nowhere, where whoever saves it makes it anew. */
function fileOf(root: string, story: Story): string {
  const paths = [...Object.keys(story.files), ...story.places.flat()].map((path) => join(root, path))
  return paths.find((path) => existsSync(path)) ?? paths[0] ?? ''
}

/** Runs the story with somebody who saves its file just before the call with this number. */
async function saveBefore(story: Story, at: number, save: (file: string) => void): Promise<{ readonly root: string; readonly ended: boolean; readonly kind: string }> {
  const root = mkdtempSync(join(tmpdir(), 'race-'))
  prepare(root, story)
  const disk = new FaultyDisk()
  using _ = mount(root, disk)
  const fs = await openAt(root)
  const seen = signatureAt(fs, Object.keys(story.files)[0] ?? '')
  let calls = 0
  disk.faultAt = () => {
    if (calls++ === at) save(fileOf(root, story))
    return undefined
  }
  const result = (await story.run(fs, seen)) as { readonly kind: string }
  disk.faultAt = () => undefined
  await fs.close()
  return { root, ended: calls <= at, kind: result.kind }
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
        let at = 0
        for (let more = true; more; at++) {
          const { root, ended, kind } = await saveBefore(story, at, save)
          const count = visible(root).filter((text) => text === SAVED).length
          if (!ended && count !== 1) wrong.push(`before call ${at}: it is there ${count} times`)
          if (kind === 'blocked') wrong.push(`before call ${at}: that is told as a failure of the disk`)
          more = !ended
          rmSync(root, { recursive: true })
        }
        expect(wrong).toEqual([])
        expect(at).toBeGreaterThan(4)
      })
    }
  }
})
