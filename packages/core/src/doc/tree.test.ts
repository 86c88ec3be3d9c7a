import { beforeEach, describe, expect, it } from 'vitest'
import { parseAuthorId, parseDocId, parseNodeId, parseOpId, ROOT_NODE, type AuthorId, type DocId, type NodeId, type OpId } from '../base/ids.js'
import { MAX_DEPTH, MAX_PATH_BYTES } from '../base/limits.js'
import type { AbsorbChange, FileContent, TreeChange } from '../log/change.js'
import { MAX_REPLACES } from './tree-check.js'
import { Tree } from './tree.js'

const hex = (n: number, bytes: number): string => n.toString(16).padStart(bytes * 2, '0')
const node = (n: number): NodeId => parseNodeId(hex(n, 16))
const doc = (n: number): DocId => parseDocId(hex(n, 16))
const op = (n: number): OpId => parseOpId(hex(n, 18))
const ANN = parseAuthorId('aa'.repeat(32))
const BOB = parseAuthorId('bb'.repeat(32))
const EVE = parseAuthorId('ee'.repeat(32))
const hash = (n: number): Uint8Array => new Uint8Array(32).fill(n)
const text = (n: number): FileContent => ({ kind: 'text', doc: doc(n) })
const blob = (n: number): FileContent => ({ kind: 'blob', hash: hash(n), size: n })

let tree: Tree
let names: Map<AuthorId, string>
let seqs: Map<AuthorId, number>
let ops: number

beforeEach(() => {
  names = new Map([[ANN, 'Ann'], [BOB, 'Bob']])
  tree = new Tree({ authorName: (author) => names.get(author) })
  seqs = new Map()
  ops = 0
})

/** Applies a change as the author's next entry; operation ids grow unless given. */
function apply(author: AuthorId, change: TreeChange | AbsorbChange, id = op(++ops)): OpId {
  const seq = seqs.get(author) ?? 0
  seqs.set(author, seq + 1)
  expect(tree.apply({ id, author, seq, change })).toBeUndefined()
  return id
}

const directory = (n: number, parent: NodeId, name: string): TreeChange => ({
  kind: 'tree',
  node: node(n),
  create: { type: 'directory', path: name, contentHash: null },
  place: { value: { parent, name }, replaces: [] }
})

const file = (n: number, parent: NodeId, name: string, content = n): TreeChange => ({
  kind: 'tree',
  node: node(n),
  create: { type: 'file', path: name, contentHash: hash(content) },
  place: { value: { parent, name }, replaces: [] },
  content: { value: text(n), replaces: [] }
})

const move = (n: number, parent: NodeId, name: string, replaces = tree.replaces(node(n), 'place')): TreeChange => ({
  kind: 'tree',
  node: node(n),
  place: { value: { parent, name }, replaces }
})

const remove = (n: number, seen = tree.seen(node(n))): TreeChange => ({ kind: 'tree', node: node(n), deleted: { seen } })
const absorb = (winner: number, loser: number): AbsorbChange => ({ kind: 'absorb', winner: node(winner), loser: node(loser) })
const paths = (): readonly string[] => [...tree.view.entries()].map(({ path }) => path)
const pathOf = (n: number): string | undefined => tree.view.get(node(n))?.path

function edit(n: number, author: AuthorId): void {
  const seq = seqs.get(author) ?? 0
  seqs.set(author, seq + 1)
  tree.touch(doc(n), author, seq)
}

describe('deletions of a directory that another moved', () => {
  it('[TREE19] count when any of the deletions of one entry has seen the move, whatever came first', () => {
    const shown = (order: readonly ('move' | 'delete')[]): readonly string[] => {
      tree = new Tree({ authorName: (author) => names.get(author) })
      seqs = new Map()
      apply(ANN, directory(1, ROOT_NODE, 'd'))
      apply(ANN, file(2, node(1), 'a.md'))
      const unseen = [[ANN, 1]] as const
      const moved = { id: op(0xb0b), author: BOB, seq: 0, change: move(1, ROOT_NODE, 'e') }
      for (const each of order) {
        if (each === 'move') expect(tree.apply(moved)).toBeUndefined()
        else {
          for (const seen of [unseen, [...unseen, [BOB, 0] as const]]) for (const n of [1, 2]) expect(tree.apply({ id: op(++ops), author: EVE, seq: 0, change: remove(n, seen) })).toBeUndefined()
        }
      }
      return paths()
    }
    expect(shown(['move', 'delete'])).toEqual([])
    expect(shown(['delete', 'move'])).toEqual([])
  })

  it('[TREE21] cost what comes later nothing, however many there are', () => {
    apply(ANN, directory(1, ROOT_NODE, 'd'))
    const files = Array.from({ length: 100 }, (_, at) => 2 + at)
    for (const n of files) apply(ANN, file(n, node(1), `${n}.md`))
    for (let entry = 0; entry < 400; entry++) for (const n of [...files, 1]) apply(EVE, remove(n, [[ANN, 1000]]), parseOpId(hex(entry, 16) + hex(n, 2)))
    const tookForFifty = (first: number): number => {
      const begun = performance.now()
      for (let n = first; n < first + 50; n++) {
        apply(ANN, file(n, ROOT_NODE, `${n}.md`))
        expect(tree.view.at(`${n}.md`)).toBeDefined()
      }
      return performance.now() - begun
    }
    const before = tookForFifty(1000)
    apply(BOB, move(1, ROOT_NODE, 'e'))
    expect(paths()).toHaveLength(151)
    // Weighed each time it was five thousand times as much.
    expect(tookForFifty(2000)).toBeLessThan(100 * before)
  })
})

describe('operations', () => {
  const base = { kind: 'tree', node: node(1) } as const
  const place = { value: { parent: ROOT_NODE, name: 'a' }, replaces: [] }
  const create = { type: 'file', path: 'a', contentHash: hash(1) } as const
  const content = { value: text(1), replaces: [] }
  const many = Array.from({ length: MAX_REPLACES + 1 }, (_, n) => op(n))
  const cases: readonly (readonly [string, TreeChange | AbsorbChange])[] = [
    ['on the root', { ...base, node: ROOT_NODE, place }],
    ['without a part', base],
    ['with a bad name', { ...base, place: { value: { parent: ROOT_NODE, name: '..' }, replaces: [] } }],
    ['that places a node in itself', { ...base, place: { value: { parent: node(1), name: 'a' }, replaces: [] } }],
    ['that creates at a bad path', { ...base, create: { ...create, path: 'x/../a' }, place, content }],
    ['that creates a file without content', { ...base, create, place }],
    ['that creates a file without a hash', { ...base, create: { ...create, contentHash: null }, place, content }],
    ['that creates without a place', { ...base, create, content }],
    ['that creates a directory with content', { ...base, create: { type: 'directory', path: 'a', contentHash: null }, place, content }],
    ['that deletes and moves', { ...base, place, deleted: { seen: [] } }],
    ['that deletes entries that cannot be', { ...base, deleted: { seen: [[ANN, -1]] } }],
    ['with a blob of no size', { ...base, content: { value: { kind: 'blob', hash: hash(1), size: -1 }, replaces: [] } }],
    ['that replaces too many', { ...base, executable: { value: true, replaces: many } }],
    ['that absorbs a file into itself', absorb(1, 1)],
    ['that absorbs the root', { kind: 'absorb', winner: ROOT_NODE, loser: node(1) }]
  ]

  it.each(cases)('[TREE2] says why an operation %s is void, and does not apply it', (_, change) => {
    expect(tree.apply({ id: op(1), author: ANN, seq: 0, change })).toEqual(expect.any(String))
    expect(tree.takeDirty()).toEqual([])
    expect(tree.view.size).toBe(0)
  })

  it('[TREE3] shows the value with the greatest operation id and keeps the concurrent ones', () => {
    const first = apply(ANN, file(1, ROOT_NODE, 'a'))
    const replaced = { replaces: [first] }
    apply(BOB, { ...base, content: { value: blob(3), ...replaced }, place: { value: { parent: ROOT_NODE, name: 'b' }, ...replaced } }, op(9))
    apply(ANN, { ...base, content: { value: blob(2), ...replaced }, place: { value: { parent: ROOT_NODE, name: 'c' }, ...replaced } }, op(5))
    expect(tree.view.at('b')?.content).toEqual(blob(3))
    expect(tree.conflicts(node(1))).toEqual([blob(2)])
    expect(tree.replaces(node(1), 'place')).toEqual([op(9), op(5)])
    apply(ANN, { ...base, content: { value: text(1), replaces: tree.replaces(node(1), 'content') } }, op(3))
    expect(tree.view.at('b')?.content).toEqual(text(1))
    expect(tree.conflicts(node(1))).toEqual([])
  })

  it('[TREE1] counts an operation that comes again once', () => {
    const change = file(1, ROOT_NODE, 'a')
    const id = apply(ANN, change)
    apply(ANN, move(1, ROOT_NODE, 'b'))
    tree.apply({ id, author: ANN, seq: 0, change })
    expect(paths()).toEqual(['b'])
    expect(tree.begun('a', 'file', hash(1))).toBe(1)
    expect(tree.begun('a', 'file', hash(2))).toBe(0)
  })
})

describe('existence', () => {
  beforeEach(() => {
    apply(ANN, directory(1, ROOT_NODE, 'd'))
    apply(ANN, file(2, node(1), 'f'))
  })

  it('[TREE4] a delete removes what it has seen, once or twice', () => {
    apply(ANN, remove(2))
    apply(BOB, remove(2))
    expect(paths()).toEqual(['d'])
    expect(tree.isAlive(node(2))).toBe(false)
    expect(tree.view.nodeOf(doc(2))).toBe(node(2))
  })

  it('[TREE4] an edit beats a concurrent delete, and a later edit or move brings the file back', () => {
    const before = tree.seen(node(2))
    edit(2, BOB)
    apply(ANN, remove(2, before))
    expect(paths()).toEqual(['d', 'd/f'])
    apply(ANN, remove(2))
    expect(paths()).toEqual(['d'])
    edit(2, BOB)
    expect(paths()).toEqual(['d', 'd/f'])
    apply(ANN, remove(2))
    apply(BOB, move(2, ROOT_NODE, 'g'))
    expect(paths()).toEqual(['d', 'g'])
  })

  it('[TREE5] a deleted directory is shown while something in it is', () => {
    apply(BOB, remove(1))
    expect(paths()).toEqual(['d', 'd/f'])
    apply(BOB, remove(2))
    expect(paths()).toEqual([])
    apply(ANN, file(3, node(1), 'new'))
    expect(paths()).toEqual(['d', 'd/new'])
    expect(tree.isAlive(node(1))).toBe(false)
  })
})

describe('places', () => {
  it('[TREE6] breaks a cycle at the move with the greatest operation id, which falls back to its beginning', () => {
    apply(ANN, directory(1, ROOT_NODE, 'a'))
    apply(ANN, directory(2, ROOT_NODE, 'b'))
    const [placeA, placeB] = [tree.replaces(node(1), 'place'), tree.replaces(node(2), 'place')]
    apply(ANN, move(1, node(2), 'a2', placeA), op(20))
    apply(BOB, move(2, node(1), 'b2', placeB), op(10))
    expect(paths()).toEqual(['a', 'a/b2'])
    // The cycle is gone, so the first move counts again.
    apply(BOB, move(2, ROOT_NODE, 'b3'), op(30))
    expect(paths()).toEqual(['b3', 'b3/a2'])
  })

  it('[TREE7] shows what has no directory above it in the root', () => {
    apply(EVE, file(1, node(77), 'lost'))
    apply(EVE, file(2, node(1), 'in a file'))
    expect(paths()).toEqual(['in a file', 'lost'])
    apply(EVE, directory(77, ROOT_NODE, 'late'))
    expect(paths()).toEqual(['in a file', 'late', 'late/lost'])
  })

  it('[TREE7] shows files that claim to be in one another in the root', () => {
    apply(EVE, file(1, node(2), 'a'))
    apply(EVE, file(2, node(1), 'b'))
    expect(paths()).toEqual(['a', 'b'])
  })

  it('[TREE7] shows what is too deep or at too long a path in the root', () => {
    for (let n = 1; n <= MAX_DEPTH + 1; n++) apply(ANN, directory(n, n === 1 ? ROOT_NODE : node(n - 1), `d${n}`))
    expect(pathOf(MAX_DEPTH)?.split('/')).toHaveLength(MAX_DEPTH)
    expect(pathOf(MAX_DEPTH + 1)).toBe(`d${MAX_DEPTH + 1}`)
    apply(ANN, move(2, ROOT_NODE, 'd2'))
    expect(pathOf(MAX_DEPTH + 1)?.split('/')).toHaveLength(MAX_DEPTH)
    for (let n = 100; n < 106; n++) apply(ANN, directory(n, n === 100 ? ROOT_NODE : node(n - 1), 'x'.repeat(200)))
    expect(pathOf(104)).toHaveLength(5 * 201 - 1)
    expect(pathOf(105)).toBe('x'.repeat(200))
    for (const path of paths()) expect(path.length).toBeLessThanOrEqual(MAX_PATH_BYTES)
  })

  it('[TREE7] survives a chain of directories of any depth', () => {
    const depth = 20_000
    // Without an assertion each: the runner keeps every one.
    for (let n = 1; n <= depth; n++) tree.apply({ id: op(n), author: EVE, seq: n, change: directory(n, n === 1 ? ROOT_NODE : node(n - 1), 'x') })
    expect(pathOf(depth)?.split('/').length).toBeLessThanOrEqual(MAX_DEPTH)
    apply(EVE, move(1, node(depth), 'x'), op(depth * 2))
    expect(tree.isAlive(node(depth))).toBe(true)
    // Every chain is shown from the root, and chains of one name are one.
    expect(tree.view.size).toBe(MAX_DEPTH)
  })
})

describe('one path, several nodes', () => {
  it('[TREE8] directories are shown as one under the smallest id, all the way down', () => {
    apply(ANN, directory(2, ROOT_NODE, 'd'))
    apply(ANN, directory(4, node(2), 'e'))
    apply(ANN, file(5, node(4), 'x'))
    apply(BOB, directory(1, ROOT_NODE, 'd'))
    apply(BOB, directory(3, node(1), 'e'))
    apply(BOB, file(6, node(3), 'y'))
    expect(paths()).toEqual(['d', 'd/e', 'd/e/x', 'd/e/y'])
    expect(tree.view.get(node(2))?.node).toBe(node(1))
    expect(tree.view.at('d/e/x')?.parent).toBe(node(3))
    expect(tree.view.children(node(4)).map(({ name }) => name)).toEqual(['x', 'y'])
    expect(tree.shownWith(node(1))).toEqual([node(2)])
    apply(BOB, move(1, ROOT_NODE, 'other'))
    expect(paths()).toEqual(['d', 'd/e', 'd/e/x', 'other', 'other/e', 'other/e/y'])
  })

  it('[TREE9] a file gives way to a directory', () => {
    apply(ANN, file(1, ROOT_NODE, 'd.x'))
    apply(BOB, directory(2, ROOT_NODE, 'd.x'))
    expect(pathOf(1)).toBe('d (conflict, Ann 00000000).x')
    expect(pathOf(2)).toBe('d.x')
    apply(BOB, remove(2))
    expect(paths()).toEqual(['d.x'])
  })

  it('[TREE10] files are kept apart until judged, in the order of their first contents', () => {
    apply(ANN, file(1, ROOT_NODE, 'f', 8))
    apply(BOB, file(2, ROOT_NODE, 'f', 7))
    expect([pathOf(2), pathOf(1)]).toEqual(['f', 'f (conflict, Ann 00000000)'])
    expect(tree.unjudged()).toEqual([{ a: doc(2), b: doc(1) }])
    tree.judge(doc(1), doc(2), 'separate')
    expect(tree.unjudged()).toEqual([])
    expect(tree.pendingAbsorbs()).toEqual([])
    tree.judge(doc(1), doc(2), 'same')
    expect(pathOf(1)).toBe('f (conflict, Ann 00000000)')
  })

  it('[TREE10] files judged the same or alike are one, before and after the absorb operation', () => {
    apply(ANN, file(1, ROOT_NODE, 'f', 8))
    apply(BOB, file(2, ROOT_NODE, 'f', 7))
    tree.judge(doc(1), doc(2), 'merge')
    expect(paths()).toEqual(['f'])
    expect(tree.view.get(node(1))?.node).toBe(node(2))
    expect(tree.absorbedInto(node(1))).toBeUndefined()
    expect(tree.pendingAbsorbs()).toEqual([{ winner: node(2), loser: node(1) }])
    apply(BOB, absorb(2, 1))
    expect(tree.pendingAbsorbs()).toEqual([])
    expect(tree.absorbedInto(node(1))).toBe(node(2))
    apply(ANN, move(1, ROOT_NODE, 'elsewhere'))
    expect(paths()).toEqual(['f'])
    expect(tree.view.get(node(1))?.path).toBe('f')
  })

  it('[TREE10] a file that became a blob is not merged with another', () => {
    apply(ANN, file(1, ROOT_NODE, 'f', 8))
    apply(BOB, file(2, ROOT_NODE, 'f', 7))
    tree.judge(doc(1), doc(2), 'merge')
    apply(BOB, absorb(2, 1))
    apply(ANN, { kind: 'tree', node: node(1), content: { value: blob(9), replaces: tree.replaces(node(1), 'content') } })
    expect(tree.view.get(node(1))).toMatchObject({ path: 'f (conflict, Ann 00000000)', content: blob(9) })
  })

  it('[TREE10] a file comes back when the one that showed it becomes a blob', () => {
    apply(ANN, file(1, ROOT_NODE, 'a', 7))
    apply(BOB, file(2, ROOT_NODE, 'b', 8))
    apply(BOB, absorb(1, 2))
    expect(paths()).toEqual(['a'])
    apply(ANN, { kind: 'tree', node: node(1), content: { value: blob(9), replaces: tree.replaces(node(1), 'content') } })
    expect(paths()).toEqual(['a', 'b'])
    expect(tree.absorbedInto(node(2))).toBeUndefined()
  })

  it('[TREE11] a file that moves from one conflict into another has a conflict name there', () => {
    for (const [n, parent, name] of [[1, ROOT_NODE, 'x'], [2, ROOT_NODE, 'y'], [3, node(1), 'a'], [4, node(2), 'a']] as const) {
      apply(ANN, directory(n, parent, name))
    }
    apply(ANN, file(5, node(1), 'a'))
    apply(ANN, file(6, node(2), 'a'))
    expect(pathOf(5)).toBe('x/a (conflict, Ann 00000000)')
    apply(ANN, move(6, ROOT_NODE, 'z'))
    apply(ANN, move(5, node(2), 'a'))
    expect([pathOf(4), pathOf(5), pathOf(6)]).toEqual(['y/a', 'y/a (conflict, Ann 00000000)', 'z'])
  })

  it('[TREE11] conflict names are unique, never take a name in use, and follow the display name', () => {
    apply(ANN, file(1, ROOT_NODE, 'f', 1))
    apply(EVE, file(2, ROOT_NODE, 'f', 2))
    apply(EVE, file(3, ROOT_NODE, 'f', 3))
    apply(ANN, file(4, ROOT_NODE, 'f (conflict, someone 00000000)'))
    expect([pathOf(2), pathOf(3)]).toEqual(['f (conflict, someone 00000000 2)', 'f (conflict, someone 00000000 3)'])
    tree.takeDirty()
    names.set(EVE, 'Eve')
    tree.renameAuthor(EVE)
    expect([pathOf(2), pathOf(3)]).toEqual(['f (conflict, Eve 00000000)', 'f (conflict, Eve 00000000 2)'])
    expect(tree.takeDirty()).toEqual(expect.arrayContaining([node(2), node(3)]))
    apply(ANN, remove(1))
    expect([pathOf(2), pathOf(3)]).toEqual(['f', 'f (conflict, Eve 00000000)'])
  })

  it('[TREE12] names that some file systems take for one are all shown, and known', () => {
    apply(ANN, file(1, ROOT_NODE, 'Readme'))
    apply(BOB, file(2, ROOT_NODE, 'README'))
    apply(BOB, directory(3, ROOT_NODE, 'readme'))
    expect(paths()).toEqual(['README', 'Readme', 'readme'])
    expect(tree.clashes(node(1))).toEqual([node(2), node(3)])
    apply(BOB, move(2, ROOT_NODE, 'other'))
    expect(tree.clashes(node(1))).toEqual([node(3)])
    expect(tree.clashes(node(2))).toEqual([])
  })
})

describe('absorbed files', () => {
  beforeEach(() => {
    apply(ANN, file(1, ROOT_NODE, 'a'))
    apply(BOB, file(2, ROOT_NODE, 'b'))
    apply(BOB, file(3, ROOT_NODE, 'c'))
  })

  it('[TREE13] chains end at one winner; an absorption against the order of files does not count', () => {
    apply(BOB, absorb(2, 3))
    apply(BOB, absorb(1, 2))
    expect(tree.absorbedInto(node(3))).toBe(node(1))
    apply(EVE, absorb(3, 1))
    expect(paths()).toEqual(['a'])
    apply(EVE, absorb(1, 3))
    expect(tree.absorbedInto(node(3))).toBe(node(1))
    apply(EVE, absorb(99, 1))
    expect(paths()).toEqual(['a'])
  })

  it('[TREE14] edits of a loser keep the winner alive, deleting the winner covers the losers that it showed', () => {
    apply(ANN, remove(1))
    apply(BOB, absorb(1, 2))
    expect(paths()).toEqual(['a', 'c'])
    apply(ANN, remove(1))
    expect(paths()).toEqual(['c'])
    edit(2, BOB)
    expect(paths()).toEqual(['a', 'c'])
    apply(ANN, remove(2))
    expect(paths()).toEqual(['c'])
  })

  it('[TREE14] deleting a loser does not delete its winner, and absorbing is not an edit', () => {
    apply(ANN, remove(2))
    apply(ANN, absorb(1, 2))
    expect(paths()).toEqual(['a', 'c'])
    apply(ANN, remove(3))
    apply(ANN, remove(1))
    apply(BOB, absorb(1, 3))
    expect(paths()).toEqual([])
  })

  it('[TREE14] deleting a file does not cover one that is about to be absorbed: nobody was shown its text', () => {
    apply(BOB, move(3, ROOT_NODE, 'a'))
    tree.judge(doc(1), doc(3), 'merge')
    apply(ANN, remove(1))
    expect(paths()).toEqual(['a', 'b'])
    apply(BOB, absorb(1, 3))
    expect(paths()).toEqual(['a', 'b'])
  })
})

describe('what changed', () => {
  it('[TREE17] names the node, and everything below a moved directory, and nothing else', () => {
    apply(ANN, directory(1, ROOT_NODE, 'd'))
    apply(ANN, directory(2, node(1), 'e'))
    apply(ANN, file(3, node(2), 'f'))
    apply(ANN, file(4, ROOT_NODE, 'g'))
    expect(new Set(tree.takeDirty())).toEqual(new Set([1, 2, 3, 4].map(node)))
    expect(tree.takeDirty()).toEqual([])
    apply(ANN, move(1, ROOT_NODE, 'moved'))
    expect(new Set(tree.takeDirty())).toEqual(new Set([1, 2, 3].map(node)))
    apply(ANN, { kind: 'tree', node: node(4), executable: { value: true, replaces: [] } })
    expect(tree.takeDirty()).toEqual([node(4)])
    expect(tree.view.get(node(4))?.executable).toBe(true)
    edit(4, BOB)
    expect(tree.takeDirty()).toEqual([])
  })

  it('[TREE17] the root is always there and is never changed', () => {
    expect(tree.view.at('')).toEqual({ node: ROOT_NODE, path: '', name: '', parent: ROOT_NODE, type: 'directory', content: undefined, executable: false })
    expect(tree.view.get(ROOT_NODE)?.path).toBe('')
    expect(tree.view.children(ROOT_NODE)).toEqual([])
    expect([tree.view.at('x'), tree.view.get(node(1)), tree.view.nodeOf(doc(1))]).toEqual([undefined, undefined, undefined])
  })
})
