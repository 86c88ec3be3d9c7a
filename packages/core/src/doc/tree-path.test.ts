import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { utf8 } from '../base/bytes.js'
import { parseNodeId } from '../base/ids.js'
import { MAX_DEPTH, MAX_NAME_BYTES } from '../base/limits.js'
import { nobleCrypto } from '../keys/noble-crypto.js'
import { conflictName } from './conflict-name.js'
import { directoryId, documentId, fileId } from './node-id.js'
import { checkName, checkPath, foldName, unportable } from './tree-path.js'

const ID = parseNodeId('1f2e3d4c'.repeat(4))
const goodNames = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 80 }).map((name) => name.normalize('NFC')).filter((name) => checkName(name) === undefined)

describe('names', () => {
  it.each([
    ['', '.', '..', 'a/b', '/', 'a\\b', '..\\x', 'a\0b', 'a\nb', '\u001b[2J', 'x\u007f', 'x\u009b', '\ud800', 'a\udc00', 'e\u0301'],
    ['.git', '.GIT', '.Git.', '.git ', '.git. .', '.git::$INDEX_ALLOCATION', '.g\u200cit', '\ufeff.git', 'GIT~1', 'git~1.', '.hg', '.svn', '.jj'],
    ['.collab', '.Collab', '.col\u200dlab', 'COLLAB~1', '.\u017fvn', 'é'.repeat(128), 'x'.repeat(256)]
  ].flat())('[TREE15] refuses the dangerous name %j', (name) => {
    expect(checkName(name)).toEqual(expect.any(String))
  })

  it.each(['a', '.gitignore', '.github', 'git', '.collabignore', '...', 'x.', 'aux.txt', 'CON', 'a:b', ' ', 'é'.repeat(127), '👩‍👩‍👧', '日本', 'a\u202eb', 'git~2'])(
    '[TREE15] accepts the name %j, however unportable',
    (name) => {
      expect(checkName(name)).toBeUndefined()
    }
  )

  it('[TREE15] says what Windows cannot hold', () => {
    for (const name of ['x.', 'x ', 'C:x', 'a|b', 'CON', 'aux.txt', 'Com1', 'nul .txt', 'x:stream', 'a?']) expect(unportable(name)).toEqual(expect.any(String))
    for (const name of ['x', 'console', 'auxiliary.txt', 'com', 'com10', '.x']) expect(unportable(name)).toBeUndefined()
  })

  it('[TREE15] refuses paths that are absolute, climb, are too deep or too long', () => {
    for (const path of ['', '/x', 'a//b', 'a/', 'a/../b', './a', 'a/.git/hooks', 'a/'.repeat(MAX_DEPTH + 1) + 'f', 'x'.repeat(200).concat('/').repeat(6)]) {
      expect(checkPath(path)).toEqual(expect.any(String))
    }
    expect(checkPath('a/'.repeat(MAX_DEPTH) + 'f')).toBeUndefined()
  })

  it('[TREE12] folds case, sharp s, final sigma and accents', () => {
    for (const [a, b] of [['Readme.MD', 'README.md'], ['straße', 'STRASSE'], ['ΟΔΟΣ', 'οδος'], ['é', 'E\u0301'], ['ﬁn', 'FIN']] as const) expect(foldName(a)).toBe(foldName(b))
    for (const [a, b] of [['a', 'b'], ['e', 'é'], ['a', 'a ']] as const) expect(foldName(a)).not.toBe(foldName(b))
  })
})

describe('conflict names', () => {
  it('[TREE11] say whose the file is, beside the original, with its extension', () => {
    expect(conflictName('notes.md', 'Ann', ID, 1)).toBe('notes (conflict, Ann 1f2e3d4c).md')
    expect(conflictName('notes.md', 'Ann', ID, 2)).toBe('notes (conflict, Ann 1f2e3d4c 2).md')
    expect(conflictName('.env', undefined, ID, 1)).toBe('.env (conflict, someone 1f2e3d4c)')
    expect(conflictName('Dr. No and others', '', ID, 1)).toBe('Dr. No and others (conflict, someone 1f2e3d4c)')
    expect(conflictName('a.md', '../<b>\u001b[1m Eve\n', ID, 1)).toBe('a (conflict, b 1m Eve 1f2e3d4c).md')
  })

  it('[TREE11] are acceptable names, whatever the file and its author are called', () => {
    fc.assert(
      fc.property(goodNames, fc.string({ unit: 'binary' }), fc.integer({ min: 1, max: 1e6 }), (name, who, attempt) => {
        const conflict = conflictName(name, who, ID, attempt)
        expect(checkName(conflict)).toBeUndefined()
        expect(unportable(conflict) === undefined || unportable(name) !== undefined).toBe(true)
        expect(utf8(conflict).length).toBeLessThanOrEqual(MAX_NAME_BYTES)
        expect(conflict).not.toBe(conflictName(name, who, ID, attempt + 1))
      })
    )
  })

  it('[TREE11] fit even when the name is as long as it may be', () => {
    const conflict = conflictName(`${'é'.repeat(125)}.md`, '👩'.repeat(50) + '漢'.repeat(50), ID, 12)
    expect(checkName(conflict)).toBeUndefined()
    expect(conflict).toMatch(/^é+ \(conflict, 漢{24} 1f2e3d4c 12\)\.md$/)
  })
})

describe('derived ids', () => {
  const hash = new Uint8Array(32).fill(1)

  it('[TREE16] are the same for the same beginning and differ in every part of it', () => {
    const ids = [
      fileId(nobleCrypto, 'a/b', hash, 0),
      fileId(nobleCrypto, 'a/b', hash, 1),
      fileId(nobleCrypto, 'a/c', hash, 0),
      fileId(nobleCrypto, 'a/b', new Uint8Array(32), 0),
      directoryId(nobleCrypto, 'a/b', 0),
      directoryId(nobleCrypto, 'a/b', 1),
      documentId(nobleCrypto, ID, hash),
      documentId(nobleCrypto, ID, new Uint8Array(32))
    ]
    expect(new Set(ids).size).toBe(ids.length)
    expect(fileId(nobleCrypto, 'a/b', hash, 0)).toBe(ids[0])
    expect(ids.every((id) => id.length === 32)).toBe(true)
  })

  it('[TREE16] never change: other peers derive the same', () => {
    expect([fileId(nobleCrypto, 'a/b', hash, 0), directoryId(nobleCrypto, 'a/b', 0), documentId(nobleCrypto, ID, hash)]).toMatchInlineSnapshot(`
      [
        "00897e59ed581c5ddd0bd004ee091ff8",
        "a9766ca2eccc727f4097f6433d834478",
        "c88926f4b3069ce09d4bdca39ae300be",
      ]
    `)
  })
})
