import { FaultyDisk, isChange } from '../harness/disk/faulty-disk.js'
import { mount } from '../harness/disk/mounts.js'
import { existsSync, mkdtempSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { STORIES, openAt, prepare, signatureAt } from './stories.js'
import type { RelPath, Story } from './stories.js'

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

/** A note of a gap that fails as long as `isRefused`. */
class GapNote {
  isRefused = true
  count = 0
  readonly write = async (): Promise<void> => {
    if (this.isRefused) throw new Error('the store is full')
    this.count++
  }
}

describe('a file made while the old one is aside', () => {
  for (const { how, broken } of [
    { how: 'just before the new one is linked in', broken: false },
    { how: 'while the disk takes nothing more', broken: true }
  ]) {
    it(`[DISK66] ${how} is nobody's edit before it is noted that there was none, also where that fails at first`, async () => {
      const root = mkdtempSync(join(tmpdir(), 'gap-'))
      const file = join(root, 'a.md')
      writeFileSync(file, 'before\n')
      const disk = new FaultyDisk()
      using _ = mount(root, disk)
      const fs = await openAt(root)
      const note = new GapNote()
      let isBroken = false
      disk.faultAt = (call) => {
        if (call.name === 'linkSync' && broken) isBroken = true
        if (call.name === 'linkSync' && !broken && !existsSync(file)) writeFileSync(file, SAVED)
        return isBroken && isChange(call) ? { kind: 'error', code: 'EIO' } : undefined
      }
      const options = { expect: signatureAt(fs, 'a.md'), executable: false, onGap: note.write }
      expect(await fs.replace('a.md' as RelPath, Buffer.from('new\n'), options)).toMatchObject({ kind: 'blocked' })
      isBroken = false
      if (broken) writeFileSync(file, SAVED)
      const look = async (): Promise<string> => {
        const { kind } = fs.fact('a.md' as RelPath)
        await new Promise((resolve) => setImmediate(resolve))
        return kind
      }
      const isOpen = (): boolean => readdirSync(join(root, '.collab/trash')).some((name) => name.endsWith('.open'))
      expect([await look(), await look(), isOpen(), note.count]).toEqual(['unreadable', 'unreadable', true, 0])
      note.isRefused = false
      expect([await look(), await look(), isOpen(), note.count]).toEqual(['unreadable', 'file', false, 1])
      expect(readFileSync(file, 'utf8')).toBe(SAVED)
      await fs.close()
      rmSync(root, { recursive: true })
    })
  }

  for (const isOnce of [true, false]) {
    it(`[FAULT3] a file that is put back in two steps with a failure between them${isOnce ? '' : ', and of all that follows'}, is in the folder only`, async () => {
      const root = mkdtempSync(join(tmpdir(), 'gap-'))
      writeFileSync(join(root, 'a.md'), 'before\n')
      const disk = new FaultyDisk()
      using _ = mount(root, disk)
      const fs = await openAt(root)
      let links = 0
      let failures = 0
      disk.faultAt = (call) => {
        if (call.name === 'linkSync') links++
        if (call.name === 'linkSync' && links === 1) return { kind: 'error', code: 'EIO' }
        const isBroken = isOnce ? failures === 0 && call.name === 'unlinkSync' : links === 2 && call.name !== 'linkSync' && isChange(call)
        return isBroken && links === 2 ? (failures++, { kind: 'error', code: 'EIO' }) : undefined
      }
      const options = { expect: signatureAt(fs, 'a.md'), executable: false, onGap: () => Promise.reject(new Error('no file was made')) }
      expect(await fs.replace('a.md' as RelPath, Buffer.from('new\n'), options)).toMatchObject({ kind: 'blocked' })
      expect(failures).toBeGreaterThan(0)
      disk.faultAt = () => undefined
      expect(fs.fact('a.md' as RelPath)).toMatchObject({ kind: 'file', links: 1 })
      expect(readdirSync(join(root, '.collab/trash'))).toEqual([])
      await fs.close()
      rmSync(root, { recursive: true })
    })
  }
})
