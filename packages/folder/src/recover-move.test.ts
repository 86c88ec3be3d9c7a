import { linkSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { silentLogger, systemClock } from '@collab/core'
import { afterEach, describe, expect, it } from 'vitest'
import { openFolder } from './node-fs.js'
import type { RelPath } from './rel-path.js'
import { Trash } from './trash.js'

const TEXT = 'what somebody wrote\n'
const bases: string[] = []
afterEach(() => {
  for (const base of bases.splice(0)) rmSync(base, { recursive: true })
})

/** Where a process was to move a.md to b.md and ended after it had noted that; what is there when the next one has begun, all of it with `text`. */
async function afterCrash(meanwhile: (root: string) => void, text = TEXT): Promise<readonly string[]> {
  const base = mkdtempSync(join(tmpdir(), 'collab-move-'))
  bases.push(base)
  const root = join(base, 'folder')
  mkdirSync(join(root, 'sub'), { recursive: true })
  writeFileSync(join(root, 'a.md'), TEXT)
  const first = await openFolder({ root, logger: silentLogger, clock: systemClock })
  const fact = first.fact('a.md' as RelPath)
  if (fact.kind !== 'file') throw new Error('not there')
  const trash = new Trash(root, systemClock)
  await trash.begin(trash.newId(), { path: 'a.md', why: 'moved', to: 'b.md', links: fact.links, at: systemClock.now(), seen: fact.signature, changed: false })
  await first.close()
  meanwhile(root)
  const second = await openFolder({ root, logger: silentLogger, clock: systemClock })
  await second.recover()
  await second.close()
  const names = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.md') && !name.startsWith('.collab'))
  expect(names.map((name) => readFileSync(join(root, name), 'utf8'))).toEqual(names.map(() => text))
  return names.sort()
}

describe('a move that was cut off', () => {
  it('[DISK65] leaves the file where it was when a backup outside of the folder has linked it meanwhile', async () => {
    expect(await afterCrash((root) => linkSync(join(root, 'a.md'), join(root, '../backup.md')))).toEqual(['a.md'])
  })

  it('[DISK65] leaves it once where somebody moved the new name on', async () => {
    const moveOn = (root: string): void => {
      linkSync(join(root, 'a.md'), join(root, 'b.md'))
      renameSync(join(root, 'b.md'), join(root, 'sub/c.md'))
    }
    expect(await afterCrash(moveOn)).toEqual(['sub/c.md'])
  })

  it('[DISK65] leaves it once, as it was saved, where a program has made a new file under its old name', async () => {
    const saved = `${TEXT}and more\n`
    const save = (root: string): void => {
      linkSync(join(root, 'a.md'), join(root, 'b.md'))
      writeFileSync(join(root, 'new'), saved)
      renameSync(join(root, 'new'), join(root, 'a.md'))
    }
    expect(await afterCrash(save, saved)).toEqual(['a.md'])
  })

  it('[DISK65] leaves it once where much was added to it under either name by a program that makes a new file of each save', async () => {
    const saved = `${TEXT}${'and much more was written there\n'.repeat(4)}`
    for (const name of ['a.md', 'b.md']) {
      const save = (root: string): void => {
        linkSync(join(root, 'a.md'), join(root, 'b.md'))
        writeFileSync(join(root, 'new'), saved)
        renameSync(join(root, 'new'), join(root, name))
      }
      expect(await afterCrash(save, saved)).toEqual([name])
    }
  })
})
