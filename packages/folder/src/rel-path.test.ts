import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { UnsafePathError, isSafeName, joinPath, nameOf, namesOf, parentOf, parseRelPath } from './rel-path.js'

const HOSTILE = [
  '', '.', '..', '/', '/x', 'x/', 'a//b', './a', 'a/.', 'a/..', '../x', 'a/../../x', 'a\\b', '\\\\server\\share', 'C:\\x',
  'a\0b', '\0', 'e\u0301', '\ud800', 'a/\udc00',
  '.collab', '.collab/marker.json', 'a/.collab/x', '.Collab', '.collab ', '.collab.', '.git', 'a/.git/config', '.GIT', '.g\u200cit', 'git~1', '.git::$DATA',
  'a\nb', '.hg', 'a/.svn/x',
  'n'.repeat(256),
  '\u00e9'.repeat(128),
  Array.from({ length: 66 }, () => 'd').join('/'),
  Array.from({ length: 20 }, () => 'd'.repeat(60)).join('/')
]

describe('paths', () => {
  it.each(HOSTILE)('[DISK1] refuses %j', (text) => {
    expect(() => parseRelPath(text)).toThrow(UnsafePathError)
  })

  it.each(['a', 'a/b.md', '.collabignore', '.gitignore', 'a b', 'caf\u00e9.md', '\u{1f600}', 'CON', 'a:b', 'x'.repeat(255)])(
    '[DISK1] takes %j as it is',
    (text) => {
      expect(parseRelPath(text)).toBe(text)
    }
  )

  it('[DISK1] a path that was taken leads nowhere else, whatever it was made of', () => {
    const piece = fc.oneof(fc.constantFrom('..', '.', '', '/', '\\', '\0', '.git', '.collab'), fc.string({ maxLength: 8, unit: 'binary' }))
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 6 }), (pieces) => {
        const text = pieces.join('/')
        let taken
        try {
          taken = parseRelPath(text)
        } catch (error) {
          expect(error).toBeInstanceOf(UnsafePathError)
          return
        }
        expect(namesOf(taken).every((name) => isSafeName(name) && name !== '..' && name !== '.')).toBe(true)
        expect(new URL(`file:///root/${namesOf(taken).map(encodeURIComponent).join('/')}`).pathname.startsWith('/root/')).toBe(true)
      })
    )
  })

  it('takes a path apart and puts it together', () => {
    const file = parseRelPath('a/b/c.md')
    expect([parentOf(file), nameOf(file), parentOf(parseRelPath('c'))]).toEqual(['a/b', 'c.md', ''])
    expect(joinPath(parseRelPath('a/b'), 'c.md')).toBe(file)
    expect(() => joinPath('', '..')).toThrow(UnsafePathError)
  })
})
