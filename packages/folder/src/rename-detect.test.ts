import { describe, expect, it } from 'vitest'
import { detectRenames } from './rename-detect.js'
import type { Fresh, Gone, Rename } from './rename-detect.js'
import type { Signature } from './signature.js'

const signature = (ino: number, mtime = ino): Signature => ({ ino: BigInt(ino), size: 5n, mtimeNs: BigInt(mtime), ctimeNs: 0n })
const file = (path: string, ino: number, hash = `hash ${ino}`, mtime = ino): Gone & Fresh => ({ path, type: 'file', signature: signature(ino, mtime), hash })
const directory = (path: string): Gone & Fresh => ({ path, type: 'directory', signature: undefined, hash: undefined })
const detect = (gone: Gone[], fresh: Fresh[], alike = false, grew = false): readonly Rename[] =>
  detectRenames(gone, fresh, { alike: () => alike, grew: () => grew, emptyHash: 'hash of nothing' })

describe('renames', () => {
  it('[REN1] are known by the inode, also where the new content was not read', () => {
    expect(detect([file('a', 1)], [{ ...file('b', 1), hash: undefined }])).toEqual([{ type: 'file', from: 'a', to: 'b' }])
  })

  it('[REN2] with an edit are known by the inode where the texts are alike; an inode that was handed on is none', () => {
    expect(detect([file('a', 1)], [file('b', 1, 'other', 9)], true)).toHaveLength(1)
    expect(detect([file('a', 1)], [file('b', 1, 'other', 9)], false)).toEqual([])
  })

  it('[REN8] are known by the inode also where much was added', () => {
    expect(detect([file('a', 1)], [file('b', 1, 'other', 9)], false, true)).toHaveLength(1)
    expect(detect([file('a', 1)], [file('b', 2, 'other', 9)], false, true)).toEqual([])
  })

  it('[REN3] to another file system are known by the content, the most similar path first', () => {
    const gone = [file('d/a.md', 1, 'same')]
    expect(detect(gone, [file('x/b.md', 7, 'same'), file('x/a.md', 8, 'same')])).toEqual([{ type: 'file', from: 'd/a.md', to: 'x/a.md' }])
    expect(detect([file('e', 1, 'hash of nothing')], [file('f', 2, 'hash of nothing')])).toEqual([])
  })

  it('[REN4] use every new file once', () => {
    const renames = detect([file('a', 1, 'same'), file('b', 2, 'same')], [file('c', 9, 'same')])
    expect(renames).toEqual([{ type: 'file', from: 'a', to: 'c' }])
  })

  it('[REN5] of a directory are one, files that were edited or left behind aside', () => {
    const gone = [directory('d'), file('d/a', 1), file('d/b', 2), file('d/c', 3), directory('d/s'), file('d/s/x', 4)]
    const fresh = [directory('e'), file('e/a', 1), file('e/b', 2), directory('e/s'), file('e/s/x', 4), file('elsewhere', 3)]
    expect(detect(gone, fresh)).toEqual([
      { type: 'directory', from: 'd', to: 'e' },
      { type: 'file', from: 'd/c', to: 'elsewhere' }
    ])
  })

  it('[REN6] of half a directory or less are renames of files', () => {
    const gone = [directory('d'), file('d/a', 1), file('d/b', 2)]
    expect(detect(gone, [directory('e'), file('e/a', 1)])).toEqual([{ type: 'file', from: 'd/a', to: 'e/a' }])
  })

  it('[REN7] of a directory inside a renamed one are found too', () => {
    const gone = [directory('d'), directory('d/s'), file('d/a', 1), file('d/b', 2), file('d/c', 3), file('d/s/x', 4)]
    const fresh = [directory('e'), file('e/a', 1), file('e/b', 2), file('e/c', 3), directory('e/t'), file('e/t/x', 4)]
    expect(detect(gone, fresh)).toEqual([
      { type: 'directory', from: 'd', to: 'e' },
      { type: 'directory', from: 'd/s', to: 'e/t' }
    ])
  })
})
