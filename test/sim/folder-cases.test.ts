import { describe, expect, it } from 'vitest'
import type { SimFolder } from '../harness/sim-folder.js'
import { SimWorld } from '../harness/sim-world.js'
import { twoFolders } from '../harness/two-folders.js'

/** Every content that a file has on a disk from now on; undefined where it is not there. */
function contentsOf(folder: SimFolder, path: string): Set<string | undefined> {
  const seen = new Set<string | undefined>()
  folder.disk.onChange((changed) => {
    if (changed === path) seen.add(folder.user.read(path))
  })
  return seen
}

describe('what went wrong elsewhere, between two folders', () => {
  it('[REG3] characters beyond the first plane, and what combines, are never split by an edit', async () => {
    using folders = await twoFolders({ 'x.md': 'a 😀 b\n' })
    const { a, b, settled } = folders
    for (const text of ['a 😁 b\n', 'a 😁😀 b\n', 'a 👩‍👩‍👧 b\n', 'a 👨‍👩‍👧 é b\n', 'a 🇩🇪🇩🇰 e\u0301\n', '\u{1f600}\u{1f603}']) {
      a.user.save('x.md', text)
      await settled()
      expect(b.user.read('x.md')).toBe(text)
    }
    folders.world.unlink()
    a.user.save('x.md', '\u{1f601}\u{1f603}')
    b.user.save('x.md', '\u{1f600}\u{1f604}')
    await settled()
    folders.world.link()
    await settled()
    expect(folders.files()).toEqual([['x.md', '\u{1f601}\u{1f604}']])
  })

  it('[REG6] whatever message is lost, a file never vanishes, and never shows what nobody wrote', async () => {
    for (let seed = 1; seed <= 20; seed++) {
      using folders = await twoFolders({ 'x.md': 'line 0\n' }, { world: new SimWorld({ seed, loss: 0.5, realCrypto: false }) })
      const { world, a, b, settled } = folders
      const versions = ['line 0\n']
      const seen = contentsOf(b, 'x.md')
      for (let edit = 1; edit <= 8; edit++) {
        versions.push(edit % 3 === 0 ? `only ${edit}\n` : `${versions.at(-1) ?? ''}line ${edit}\n`)
        a.user.save('x.md', versions.at(-1) ?? '')
        await world.pass(40)
      }
      await settled()
      expect(b.user.read('x.md')).toBe(versions.at(-1))
      // Between the old file and the new one, in the replacing itself, there is a moment without.
      seen.delete(undefined)
      expect([...seen].filter((text) => !versions.includes(text ?? ''))).toEqual([])
    }
  })

  it('[REG22] a new file is never there empty before its text is, on any disk', async () => {
    using folders = await twoFolders({})
    const { a, b, settled } = folders
    const paths = ['x.md', 'd/y.md', 'd/e/z.md']
    const seen = paths.map((path) => contentsOf(b, path))
    for (const path of paths) a.user.save(path, `text of ${path}\n`)
    await settled()
    for (const [at, path] of paths.entries()) expect([...(seen[at] ?? [])], path).toEqual([`text of ${path}\n`])
  })
})
