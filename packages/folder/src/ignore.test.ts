import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { createIgnoreRules } from './ignore.js'
import { parseRelPath } from './rel-path.js'
import type { RelPath } from './rel-path.js'

const RULES = ['*.log', '!keep.log', '/build', 'docs/*.tmp', 'cache/', '**/deep/*.bin', 'a/**/z', '\\!bang', 'x?y', '[ab].c', 'space\\ ', '#comment', '']
const FILES = [
  'a.log', 'keep.log', 'sub/keep.log', 'build', 'sub/build', 'docs/a.tmp', 'docs/sub/a.tmp', 'cache/x', 'sub/cache/y', 'cachefile',
  'deep/a.bin', 'q/deep/a.bin', 'q/deep/r/a.bin', 'a/z', 'a/b/c/z', '!bang', 'xay', 'xaay', 'a.c', 'c.c', 'space ', '#comment', 'A.LOG'
]

describe('ignore rules', () => {
  it('[DISK4] decides as git does', () => {
    const root = mkdtempSync(join(tmpdir(), 'ignore-'))
    try {
      execFileSync('git', ['init', '-q', root])
      writeFileSync(join(root, '.gitignore'), RULES.join('\n'))
      for (const file of FILES) {
        mkdirSync(dirname(join(root, file)), { recursive: true })
        writeFileSync(join(root, file), '')
      }
      const output = execFileSync('git', ['-C', root, 'status', '--porcelain', '-uall', '-z', '--ignored=no'], { encoding: 'utf8' })
      const kept = output.split('\0').filter((line) => line.startsWith('?? ') && !line.endsWith('.gitignore')).map((line) => line.slice(3))
      const rules = createIgnoreRules({ text: RULES.join('\n') })
      expect(FILES.filter((file) => !rules.ignores(parseRelPath(file), false)).sort()).toEqual(kept.sort())
    } finally {
      rmSync(root, { recursive: true, force: true })
    }
  })

  it.each(['node_modules/x/y.js', 'a/.DS_Store', 'note.md~', '.note.md.swp', '.#note.md', '#note.md#', '4913', 'x.part', '.obsidian/workspace.json', '.obsidian/cache/a'])(
    '[DISK5] leaves out %s without being told',
    (file) => {
      expect(createIgnoreRules().ignores(parseRelPath(file), false)).toBe(true)
    }
  )

  it.each(['note.md', '.obsidian/app.json', '.bashrc', 'a~b', 'swap.txt', 'part', '#tag.md'])('[DISK5] keeps %s', (file) => {
    expect(createIgnoreRules().ignores(parseRelPath(file), false)).toBe(false)
  })

  it('[DISK5] a rule can take back a default, but never .git or .collab', () => {
    const rules = createIgnoreRules({ text: '!*.part\n!.git\n!.git/**\n!.collab\n!.collab/**\n!**' })
    expect(rules.ignores(parseRelPath('x.part'), false)).toBe(false)
    const hard = ['.git/config', 'sub/.git/config', '.collab/trash/x'] as RelPath[]
    expect(hard.filter((path) => !rules.ignores(path, false))).toEqual([])
  })

  it('[DISK6] refuses rules that would take long to match, and says so', () => {
    const slow = '*a*a*a*a*a*a*a*b'
    const rules = createIgnoreRules({ text: `${slow}\n*.tmp` })
    expect(rules.refused).toEqual([expect.stringContaining(slow)])
    expect([rules.ignores(parseRelPath('a'.repeat(200)), false), rules.ignores(parseRelPath('x.tmp'), false)]).toEqual([false, true])
  })

  it('[DISK4] minds case only where the file system does', () => {
    const at = (caseSensitive: boolean) => createIgnoreRules({ text: '*.log', caseSensitive }).ignores(parseRelPath('A.LOG'), false)
    expect([at(true), at(false)]).toEqual([false, true])
  })
})
