import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { Crowd } from '../harness/crowd.js'
import { eventually } from '../harness/eventually.js'
import { Terminal, isInstalled } from '../harness/terminal.js'

interface Editor {
  readonly name: string
  readonly program: string
  readonly command: (file: string) => readonly string[]
  /** Types a line at the end of the file, and does not save it. */
  readonly add: (terminal: Terminal, line: string) => void
  /** Saves over what changed on the disk, as the editor asks to be told. */
  readonly save: (terminal: Terminal) => Promise<void>
}

const vim = (backupcopy: string): Editor => ({
  name: `vim, backupcopy=${backupcopy}`,
  program: 'vim',
  command: (file) => ['vim', '-u', 'NONE', '-N', '-n', '--cmd', `set backupcopy=${backupcopy} noautoread shortmess=I`, file],
  add: (terminal, line) => {
    terminal.press('G', 'o')
    terminal.type(line)
    terminal.press('Escape')
  },
  save: async (terminal) => {
    terminal.type(':w')
    terminal.press('Enter')
    await terminal.shows(/changed since reading|written/)
    if (!/written/.test(terminal.screen())) terminal.type('y')
    await terminal.shows(/written/)
  }
})

const nano: Editor = {
  name: 'nano',
  program: 'nano',
  command: (file) => ['nano', '--ignorercfiles', file],
  add: (terminal, line) => {
    terminal.press('M-/')
    terminal.type(line)
    terminal.press('Enter')
  },
  save: async (terminal) => {
    terminal.press('C-o', 'Enter')
    await terminal.shows(/was modified since|Wrote/)
    if (!/Wrote/.test(terminal.screen())) terminal.type('y')
    await terminal.shows(/Wrote/)
  }
}

const emacs: Editor = {
  name: 'emacs',
  program: 'emacs',
  command: (file) => ['emacs', '-nw', '-Q', file],
  add: (terminal, line) => {
    terminal.press('M->')
    terminal.type(line)
    terminal.press('Enter')
  },
  save: async (terminal) => {
    terminal.press('C-x', 'C-s')
    await terminal.shows(/changed on disk|has changed|Wrote/i)
    if (!/Wrote/.test(terminal.screen())) terminal.type('yes')
    terminal.press('Enter')
    await terminal.shows(/Wrote/)
  }
}

describe('an editor that has a file open, unsaved, while a peer edits it', () => {
  for (const editor of [vim('no'), vim('yes'), vim('auto'), nano, emacs]) {
    it(`[EDIT4] ${editor.name}: the save loses neither what was typed nor what came meanwhile`, { timeout: 90_000 }, async ({ skip }) => {
      for (const program of [editor.program, 'tmux']) if (!isInstalled(program)) return skip(`${program} is not installed here`)
      await using crowd = await Crowd.make(2, 'chain')
      const [here, there] = [crowd.peer(0), crowd.peer(1)]
      const text = Array.from({ length: 12 }, (_, index) => `line ${index} of a note that two people have open\n`).join('')
      writeFileSync(join(here.folder, 'note.md'), text)
      await crowd.settle()
      using terminal = new Terminal(editor.command(join(here.folder, 'note.md')))
      await terminal.shows(/line 11 of a note/)
      editor.add(terminal, 'typed here')
      await terminal.shows(/typed here/)
      const noteOf = (folder: string): string => readFileSync(join(folder, 'note.md'), 'utf8')
      writeFileSync(join(there.folder, 'note.md'), text.replace('line 3 of', 'line three of').concat('sent meanwhile\n'))
      await eventually('the edit is on this disk', () => noteOf(here.folder).includes('sent meanwhile'))
      await editor.save(terminal)
      await eventually('both are everywhere', () => [here, there].every(({ folder }) => ['typed here', 'sent meanwhile', 'line three of'].every((part) => noteOf(folder).includes(part))), {
        otherwise: () => noteOf(here.folder)
      })
      const tree = await crowd.settle()
      expect(tree.get('note.md')?.text?.split('\n').filter((line) => line === 'typed here' || line === 'sent meanwhile').sort()).toEqual(['sent meanwhile', 'typed here'])
      expect([...tree.keys()].filter((path) => path !== 'note.md')).toEqual([])
      expect(crowd.leftovers()).toEqual([])
    })
  }
})
