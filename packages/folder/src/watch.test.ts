import { execFileSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, renameSync, rmSync, unlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { createIgnoreRules } from './ignore.js'
import { HintLog, eventually, testFolder } from './testing/disk-harness.js'
import type { TestFolder } from './testing/disk-harness.js'

const rules = createIgnoreRules()

/** `count` files, twenty to a directory. */
function makeTree(root: string, count: number, content: string): string[] {
  const names = Array.from({ length: count }, (_, i) => `${Math.floor(i / 20)}/sub/${i}.md`)
  for (const name of names) {
    mkdirSync(join(root, name, '..'), { recursive: true })
    writeFileSync(join(root, name), content)
  }
  return names
}

/** Every path is hinted at when it is edited in place afterwards: no watch went blind. */
async function expectSighted(folder: TestFolder, hints: HintLog, names: readonly string[]): Promise<void> {
  hints.paths.clear()
  for (const name of names) writeFileSync(folder.at(name), `edited ${name}`)
  await eventually('the edits afterwards', () => names.every((name) => hints.paths.has(name)))
}

async function watched(folder: TestFolder): Promise<HintLog> {
  const hints = new HintLog()
  await folder.fs.watch(hints.onHint, rules)
  return hints
}

const seesAll = (hints: HintLog, names: readonly string[]) => eventually('all hints', () => names.every((name) => hints.paths.has(name)))

describe('watching', () => {
  it('[DISK45] has reported everything that happened before it says that it caught up', async () => {
    await using folder = await testFolder()
    const names = makeTree(folder.root, 60, 'one')
    const hints = await watched(folder)
    for (let round = 0; round < 20; round++) {
      const top = `moved-${round}`
      hints.paths.clear()
      renameSync(folder.at(round === 0 ? '0' : `moved-${round - 1}`), folder.at(top))
      for (const name of names.slice(20, 40)) writeFileSync(folder.at(name), `round ${round}`)
      await folder.fs.caughtUp()
      const missing = [`${top}/sub/0.md`, `${top}/sub/19.md`, ...names.slice(20, 40)].filter((name) => !hints.paths.has(name))
      expect(missing).toEqual([])
    }
  })

  it('[DISK40] reports edits in place, saves by rename, and edits after them', async () => {
    await using folder = await testFolder()
    const names = makeTree(folder.root, 60, 'one')
    const hints = await watched(folder)
    await expectSighted(folder, hints, names)
    for (const name of names) {
      writeFileSync(folder.at(`${name}.tmp1`), 'two')
      renameSync(folder.at(`${name}.tmp1`), folder.at(name))
    }
    await seesAll(hints, names)
    await expectSighted(folder, hints, names)
  })

  it('[DISK40] sees everything of a checkout that deletes, replaces and creates', async () => {
    await using folder = await testFolder()
    const names = makeTree(folder.root, 300, 'one')
    const hints = await watched(folder)
    const gone = names.slice(0, 100)
    const replaced = names.slice(100, 200)
    for (const name of gone) unlinkSync(folder.at(name))
    for (const name of replaced) {
      unlinkSync(folder.at(name))
      writeFileSync(folder.at(name), 'two', { flag: 'wx' })
    }
    const created = makeTree(folder.at('fresh'), 100, 'new').map((name) => `fresh/${name}`)
    await seesAll(hints, [...gone, ...replaced, ...created])
    await expectSighted(folder, hints, [...replaced.slice(0, 40), ...created.slice(0, 40)])
  })

  it('[DISK41] [REG24] sees files written at once into directories just made', async () => {
    await using folder = await testFolder()
    const hints = await watched(folder)
    const names = Array.from({ length: 200 }, (_, i) => `a${i}/b/c/file.md`)
    for (const name of names) {
      mkdirSync(folder.at(join(name, '..')), { recursive: true })
      writeFileSync(folder.at(name), 'x')
    }
    await seesAll(hints, names)
    await expectSighted(folder, hints, names.slice(0, 60))
  })

  it('[DISK41] [REG24] sees what is in a tree that is moved in, copied in, renamed or put in the place of another', async () => {
    await using folder = await testFolder()
    const outside = mkdtempSync(join(tmpdir(), 'outside-'))
    try {
      const names = makeTree(outside, 100, 'x')
      const below = (top: string): string[] => names.map((name) => `${top}/${name}`)
      const hints = await watched(folder)
      cpSync(outside, folder.at('copied'), { recursive: true })
      renameSync(outside, folder.at('moved'))
      await seesAll(hints, [...below('copied'), ...below('moved')])
      renameSync(folder.at('moved'), folder.at('renamed'))
      await seesAll(hints, below('renamed'))
      await expectSighted(folder, hints, below('renamed').slice(0, 40))
      renameSync(folder.at('copied'), folder.at('aside'))
      renameSync(folder.at('renamed'), folder.at('copied'))
      await seesAll(hints, [...below('copied'), ...below('aside'), 'renamed'])
      await expectSighted(folder, hints, [...below('copied').slice(0, 40), ...below('aside').slice(0, 40)])
    } finally {
      rmSync(outside, { recursive: true, force: true })
    }
  })

  it('[DISK41] a directory deleted and made again is not taken for the old one', async () => {
    await using folder = await testFolder()
    const hints = await watched(folder)
    for (let round = 0; round < 20; round++) {
      mkdirSync(folder.at('d'))
      writeFileSync(folder.at('d/f.md'), `${round}`)
      rmSync(folder.at('d'), { recursive: true })
    }
    mkdirSync(folder.at('d'))
    writeFileSync(folder.at('d/f.md'), 'last')
    await seesAll(hints, ['d', 'd/f.md'])
    await expectSighted(folder, hints, ['d/f.md'])
  })

  it('[DISK42] says nothing of what is ignored, nor of our own files', async () => {
    await using folder = await testFolder()
    mkdirSync(folder.at('node_modules/x'), { recursive: true })
    const hints = await watched(folder)
    writeFileSync(folder.at('node_modules/x/y.js'), '')
    writeFileSync(folder.at('note.md~'), '')
    writeFileSync(folder.at('.collab/temp/x'), '')
    writeFileSync(folder.at('last.md'), '')
    await seesAll(hints, ['last.md'])
    expect([...hints.paths]).toEqual(['last.md'])
  })

  it('[DISK43] in a burst of more events than the system keeps, everything is named or a rescan is asked for', async () => {
    await using folder = await testFolder()
    const hints = await watched(folder)
    const script = 'for(let i=0;i<9000;i++)require("fs").writeFileSync(process.argv[1]+"/"+i+".md","")'
    execFileSync(process.execPath, ['-e', script, folder.root])
    const names = Array.from({ length: 9000 }, (_, i) => `${i}.md`)
    await eventually('all files or a rescan', () => hints.rescans > 0 || names.every((name) => hints.paths.has(name)))
    await expectSighted(folder, hints, ['7.md'])
  })

  it('[DISK43] asks for a rescan when the folder itself goes and comes back', async () => {
    await using folder = await testFolder()
    const hints = await watched(folder)
    renameSync(folder.root, `${folder.root}-away`)
    await eventually('the first rescan', () => hints.rescans > 0)
    const before = hints.rescans
    renameSync(`${folder.root}-away`, folder.root)
    await eventually('the second rescan', () => hints.rescans > before)
    writeFileSync(folder.at('a.md'), 'x')
    await expectSighted(folder, hints, ['a.md'])
  })

  it('[DISK44] stops when it is told to', async () => {
    await using folder = await testFolder()
    const stopped = new HintLog()
    const hints = new HintLog()
    const stop = await folder.fs.watch(stopped.onHint, rules)
    await folder.fs.watch(hints.onHint, rules)
    await stop()
    await stop()
    writeFileSync(folder.at('a.md'), 'x')
    await seesAll(hints, ['a.md'])
    expect(stopped.paths.size).toBe(0)
  })
})
