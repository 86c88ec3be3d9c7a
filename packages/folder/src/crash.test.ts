import { existsSync, readFileSync, readdirSync, renameSync, writeFileSync } from 'node:fs'
import { silentLogger, systemClock } from '@collab/core'
import { describe, expect, it } from 'vitest'
import { openFolder } from './node-fs.js'
import { eventually, pause, signatureAt, testFolder } from './testing/disk-harness.js'
import { runScript } from './testing/spawn.js'
import { Trash } from './trash.js'
import type { TrashNote } from './trash.js'

const noteFor = (file: string, seen: TrashNote['seen'], rest: Partial<TrashNote> = {}): TrashNote => ({
  path: file,
  why: 'replaced',
  at: 0,
  seen,
  changed: false,
  ...rest
})

describe('after a crash', () => {
  it('[DISK60] a file that was moved aside and not yet replaced is back', async () => {
    await using folder = await testFolder()
    const { fs, at, root } = folder
    writeFileSync(at('a.md'), 'old')
    writeFileSync(at('.collab/temp/left'), 'new')
    await new Trash(root, systemClock).begin('1', noteFor('a.md', signatureAt(fs, 'a.md')))
    renameSync(at('a.md'), at('.collab/trash/1'))
    expect(await fs.recover()).toEqual({ restored: ['a.md'], removed: [], recovered: 0, temporary: 1 })
    expect([readFileSync(at('a.md'), 'utf8'), readdirSync(at('.collab/trash')), readdirSync(at('.collab/temp'))]).toEqual(['old', [], []])
  })

  it('[DISK60] a file that was replaced stays, and the old one is kept', async () => {
    await using folder = await testFolder()
    const { fs, at, root } = folder
    writeFileSync(at('a.md'), 'old')
    await new Trash(root, systemClock).begin('1', noteFor('a.md', signatureAt(fs, 'a.md')))
    renameSync(at('a.md'), at('.collab/trash/1'))
    writeFileSync(at('a.md'), 'new')
    expect(await fs.recover()).toMatchObject({ restored: [] })
    expect([readFileSync(at('a.md'), 'utf8'), readdirSync(at('.collab/trash')).sort()]).toEqual(['new', ['1', '1.json']])
  })

  it('[DISK66] a file that was made where one was aside is told from one that replaced it', async () => {
    await using folder = await testFolder()
    const { fs, at, root } = folder
    const trash = new Trash(root, systemClock)
    for (const name of ['made.md', 'placed.md']) {
      writeFileSync(at(name), 'old')
      await trash.begin(name, noteFor(name, signatureAt(fs, name), { temp: `${name}.new` }))
      renameSync(at(name), at(`.collab/trash/${name}`))
      writeFileSync(at(`.collab/temp/${name}.new`), 'new')
    }
    writeFileSync(at('made.md'), 'by a user')
    renameSync(at('.collab/temp/placed.md.new'), at('placed.md'))
    const told: string[] = []
    const dies = fs.recover({ onGaps: (paths) => (told.push(...paths), Promise.reject(new Error('dies'))) })
    await expect(dies).rejects.toThrow('dies')
    expect(await fs.recover({ onGaps: (paths) => Promise.resolve(void told.push(...paths)) })).toMatchObject({ restored: [] })
    await fs.recover({ onGaps: (paths) => Promise.resolve(void told.push(...paths)) })
    expect(told).toEqual(['made.md', 'made.md'])
    expect([readFileSync(at('made.md'), 'utf8'), readFileSync(at('.collab/trash/made.md'), 'utf8')]).toEqual(['by a user', 'old'])
  })

  it('[DISK61] a removal is finished if it took the expected file, and undone if it took another', async () => {
    await using folder = await testFolder()
    const { fs, at, root } = folder
    const trash = new Trash(root, systemClock)
    for (const name of ['a.md', 'b.md']) {
      writeFileSync(at(name), 'old')
      await trash.begin(name, noteFor(name, signatureAt(fs, name), { why: 'removed' }))
      if (name === 'b.md') writeFileSync(at(name), 'edited meanwhile')
      renameSync(at(name), at(`.collab/trash/${name}`))
    }
    expect(await fs.recover()).toMatchObject({ restored: ['b.md'] })
    expect([existsSync(at('a.md')), readFileSync(at('b.md'), 'utf8')]).toEqual([false, 'edited meanwhile'])
    expect((await fs.trash()).map((item) => item.path)).toEqual(['a.md'])
  })

  it('[DISK61] a note without its file changes nothing', async () => {
    await using folder = await testFolder()
    const { fs, at, root } = folder
    await new Trash(root, systemClock).begin('1', noteFor('gone.md', { ino: 1n, size: 1n, mtimeNs: 1n, ctimeNs: 1n }))
    writeFileSync(at('.collab/trash/2.open'), '{"cut off')
    writeFileSync(at('.collab/trash/3.open'), '{"path":"../../etc/x","seen":["1","1","1","1"]}')
    expect(await fs.recover()).toEqual({ restored: [], removed: [], recovered: 0, temporary: 0 })
    expect(readdirSync(root)).toEqual(['.collab'])
  })

  it('[DISK62] killed at any moment of replacing, the path holds a whole content afterwards', async () => {
    await using folder = await testFolder()
    writeFileSync(folder.at('a.md'), '0\n'.repeat(500))
    const contents = new Set<string>()
    for (let round = 0; round < 8; round++) {
      let written = -1
      await using script = runScript('./replace-process.ts', [folder.root], (line) => (written = Number(line['written'])))
      await eventually('some replacements', () => written > round)
      await pause(round % 4)
      script.child.kill('SIGKILL')
      await script.ended
      const again = await openFolder({ root: folder.root, logger: silentLogger, clock: systemClock })
      await again.recover()
      await again.close()
      const text = readFileSync(folder.at('a.md'), 'utf8')
      const [first = ''] = text.split('\n', 1)
      expect(text).toBe(`${first}\n`.repeat(500))
      contents.add(first)
      expect(readdirSync(folder.at('.collab/temp'))).toEqual([])
    }
    expect(contents.size).toBeGreaterThan(1)
  })
})
