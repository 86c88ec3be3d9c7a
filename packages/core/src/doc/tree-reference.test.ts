import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { compareBytes, utf8 } from '../base/bytes.js'
import { parseAuthorId, parseDocId, parseNodeId, parseOpId, ROOT_NODE, type AuthorId, type DocId, type NodeId, type OpId } from '../base/ids.js'
import { MAX_DEPTH, MAX_PATH_BYTES } from '../base/limits.js'
import type { TreeChange } from '../log/change.js'
import { conflictName } from './conflict-name.js'
import { checkTreeChange } from './tree-check.js'
import type { Verdict } from './tree-names.js'
import type { TreeOp } from './tree-state.js'
import type { TreeEntry } from './tree-view.js'
import { Tree } from './tree.js'

// The rules once more, written for clearness: everything from all operations, each time. The incremental tree
// must agree with it after every step.

interface Touch {
  readonly doc: DocId
  readonly author: AuthorId
  readonly seq: number
}
type Event = { readonly op: TreeOp } | { readonly touch: Touch }
type Judge = (a: DocId, b: DocId) => Verdict | undefined

const nameOfAuthor = (author: AuthorId): string => `Author ${author.slice(0, 2)}`

class Reference {
  readonly entries = new Map<string, TreeEntry>()
  readonly shownBy = new Map<NodeId, TreeEntry>()
  readonly alive = new Set<NodeId>()
  readonly #ops: readonly TreeOp[]
  readonly #touches: readonly Touch[]
  readonly #judge: Judge
  readonly #nodes: readonly NodeId[]
  readonly #spots = new Map<NodeId, { parent: NodeId; name: string }>()
  readonly #choice = new Map<NodeId, number>()

  constructor(events: readonly Event[], judge: Judge) {
    const ops = new Map<OpId, TreeOp>()
    for (const event of events) if ('op' in event && checkTreeChange(event.op.change) === undefined) ops.set(event.op.id, event.op)
    this.#ops = [...ops.values()]
    this.#touches = events.flatMap((event) => ('touch' in event ? [event.touch] : []))
    this.#judge = judge
    this.#nodes = [...new Set(this.#changes().map(({ change }) => change.node))].filter((node) => this.#creation(node) !== undefined)
    this.#breakCycles()
    for (const node of this.#nodes) {
      if (this.#into(node) === undefined && this.#groupAlive(node)) this.alive.add(node)
      const spot = this.#into(node) === undefined ? this.#spot(node) : undefined
      if (spot !== undefined) this.#spots.set(node, spot)
    }
    this.#show([ROOT_NODE], '')
    for (const node of this.#nodes) {
      const entry = this.shownBy.get(this.#group(node))
      if (entry !== undefined) this.shownBy.set(node, entry)
    }
  }

  #changes(): readonly { id: OpId; author: AuthorId; seq: number; change: TreeChange }[] {
    return this.#ops.flatMap(({ id, author, seq, change }) => (change.kind === 'tree' ? [{ id, author, seq, change }] : []))
  }

  #creation(node: NodeId) {
    const creations = this.#changes().filter(({ change }) => change.node === node && change.create !== undefined)
    return creations.sort((a, b) => (a.id < b.id ? -1 : 1))[0]
  }

  #values<Name extends 'place' | 'content' | 'executable'>(node: NodeId, name: Name) {
    const assigned = this.#changes().filter(({ change }) => change.node === node && change[name] !== undefined)
    const replaced = new Set(assigned.flatMap(({ change }) => change[name]?.replaces ?? []))
    return assigned
      .filter(({ id }) => !replaced.has(id))
      .sort((a, b) => (a.id < b.id ? 1 : -1))
      .map(({ id, change }) => ({ op: id, value: change[name]?.value as NonNullable<TreeChange[Name]>['value'] }))
  }

  #isDirectory = (node: NodeId): boolean => node === ROOT_NODE || this.#creation(node)?.change.create?.type === 'directory'

  #firstDoc(node: NodeId): DocId | undefined {
    const content = this.#creation(node)?.change.content?.value
    const shown = this.#values(node, 'content')[0]?.value
    if (content?.kind !== 'text' || shown?.kind !== 'text') return undefined
    return content.doc === shown.doc ? content.doc : undefined
  }

  #order = (a: NodeId, b: NodeId): number => {
    const hash = (node: NodeId): Uint8Array => this.#creation(node)?.change.create?.contentHash ?? new Uint8Array()
    return compareBytes(hash(a), hash(b)) || (a < b ? -1 : a > b ? 1 : 0)
  }

  #into(loser: NodeId): NodeId | undefined {
    if (this.#firstDoc(loser) === undefined) return undefined
    const winners = this.#ops.flatMap(({ change }) => (change.kind === 'absorb' && change.loser === loser ? [change.winner] : []))
    return winners.filter((winner) => this.#firstDoc(winner) !== undefined && this.#order(winner, loser) < 0).sort(this.#order)[0]
  }

  #group(node: NodeId): NodeId {
    const into = this.#into(node)
    return into === undefined ? node : this.#group(into)
  }

  #groupAlive(winner: NodeId): boolean {
    return this.#nodes.some((node) => this.#group(node) === winner && this.#uncovered(node))
  }

  #uncovered(node: NodeId): boolean {
    const chain = [node]
    for (let into = this.#into(node); into !== undefined; into = this.#into(into)) chain.push(into)
    const place = [this.#group(node)]
    for (let at = place[0]; at !== undefined && at !== ROOT_NODE; at = this.#spot(at).parent) place.push(this.#spot(at).parent)
    const deletes = this.#changes().filter(({ id, change }) => change.deleted !== undefined && chain.includes(change.node) && !place.some((at) => this.#wasMoved(at, id)))
    if (deletes.length === 0) return true
    const own = this.#changes().filter(({ change }) => change.node === node)
    const docs = new Set(own.flatMap(({ change }) => (change.content?.value.kind === 'text' ? [change.content.value.doc] : [])))
    const touches = [...own.filter(({ change }) => change.deleted === undefined), ...this.#touches.filter(({ doc }) => docs.has(doc))]
    // A chain's coverage adds up: as if all its deletions had been made on this node.
    return touches.some(
      ({ author, seq }) => !deletes.some(({ change }) => change.deleted?.seen.some(([of, newest]) => of === author && newest >= seq))
    )
  }

  /** Whether the entry of `deletion` deleted `node`, and somebody had moved it without its having seen that. */
  #wasMoved(node: NodeId, deletion: OpId): boolean {
    const own = this.#changes().filter(({ change }) => change.node === node)
    const seen = own.filter(({ id, change }) => change.deleted !== undefined && id.slice(0, 32) === deletion.slice(0, 32)).flatMap(({ change }) => change.deleted?.seen ?? [])
    const isDeleted = own.some(({ id, change }) => change.deleted !== undefined && id.slice(0, 32) === deletion.slice(0, 32))
    const moves = own.filter(({ change }) => change.place !== undefined && change.create === undefined)
    return isDeleted && moves.some(({ author, seq }) => !seen.some(([of, newest]) => of === author && newest >= seq))
  }

  #choices(node: NodeId): readonly { parent: NodeId; name: string; op: OpId }[] {
    const creation = this.#creation(node)
    const first = creation?.change.place?.value
    if (creation === undefined || first === undefined) return []
    const choices = this.#values(node, 'place').map(({ op, value }) => ({ ...value, op }))
    choices.push({ ...first, op: creation.id })
    return [...choices, { parent: ROOT_NODE, name: choices[0]?.name ?? first.name, op: creation.id }]
  }

  #chosen(node: NodeId): { parent: NodeId; name: string; op: OpId } | undefined {
    return this.#choices(node)[this.#choice.get(node) ?? 0]
  }

  #breakCycles(): void {
    const directories = this.#nodes.filter(this.#isDirectory)
    for (;;) {
      const cycle = directories.map((node) => this.#cycle(node)).find((found) => found.length > 0)
      if (cycle === undefined) return
      const key = (node: NodeId): string => `${this.#chosen(node)?.op} ${node}`
      const last = cycle.reduce((a, b) => (key(a) > key(b) ? a : b))
      this.#choice.set(last, (this.#choice.get(last) ?? 0) + 1)
    }
  }

  /** The cycle that `start` is on, or nothing. */
  #cycle(start: NodeId): readonly NodeId[] {
    const way: NodeId[] = []
    let at: NodeId | undefined = start
    while (at !== undefined && at !== ROOT_NODE && this.#isDirectory(at) && way.length <= this.#nodes.length) {
      way.push(at)
      at = this.#chosen(at)?.parent
      if (at === start) return way
    }
    return []
  }

  #spot(node: NodeId): { parent: NodeId; name: string; depth: number; bytes: number } {
    const { parent, name } = this.#chosen(node) ?? { parent: ROOT_NODE, name: '' }
    const length = utf8(name).length
    if (parent !== ROOT_NODE && this.#isDirectory(parent)) {
      const above = this.#spot(parent)
      const bytes = above.bytes + 1 + length
      const directories = above.depth + (this.#isDirectory(node) ? 1 : 0)
      if (directories <= MAX_DEPTH && bytes <= MAX_PATH_BYTES) return { parent, name, depth: above.depth + 1, bytes }
    }
    return { parent: ROOT_NODE, name, depth: 1, bytes: length }
  }

  #isShown(node: NodeId): boolean {
    return this.alive.has(node) || [...this.#spots].some(([kid, spot]) => spot.parent === node && this.#isShown(kid))
  }

  /** Shows what is below the directories `members`, which are one. */
  #show(members: readonly NodeId[], path: string): void {
    const kids = [...this.#spots].filter(([kid, spot]) => members.includes(spot.parent) && this.#isShown(kid))
    const names = [...new Set(kids.map(([, spot]) => spot.name))].sort()
    const taken = new Set(names)
    const renamed: (readonly [NodeId, string, readonly NodeId[]])[] = []
    const parent = [...members].sort()[0] ?? ROOT_NODE
    for (const name of names) {
      const claims = kids.flatMap(([kid, spot]) => (spot.name === name ? [kid] : []))
      const directories = claims.filter(this.#isDirectory).sort()
      const [winner, ...others] = claims.filter((kid) => !this.#isDirectory(kid)).sort(this.#order)
      if (directories[0] !== undefined) {
        this.#add({ node: directories[0], path, name, parent, type: 'directory', content: undefined, executable: false }, directories)
        this.#show(directories, path === '' ? name : `${path}/${name}`)
      }
      if (winner === undefined) continue
      const merged = others.filter((other) => this.#isMerged(winner, other))
      if (directories.length === 0) this.#addFile(winner, path, name, parent, merged)
      else renamed.push([winner, name, merged])
      for (const other of others) if (!merged.includes(other)) renamed.push([other, name, []])
    }
    for (const [node, name, merged] of renamed) {
      const author = this.#creation(node)?.author
      let attempt = 1
      let alias = ''
      do alias = conflictName(name, author === undefined ? undefined : nameOfAuthor(author), node, attempt++)
      while (taken.has(alias))
      taken.add(alias)
      this.#addFile(node, path, alias, parent, merged)
    }
  }

  #isMerged(winner: NodeId, other: NodeId): boolean {
    const a = this.#firstDoc(winner)
    const b = this.#firstDoc(other)
    if (a === undefined || b === undefined) return false
    return a === b || ['same', 'merge'].includes(this.#judge(a, b) ?? 'separate')
  }

  #addFile(node: NodeId, path: string, name: string, parent: NodeId, merged: readonly NodeId[]): void {
    const content = this.#values(node, 'content')[0]?.value
    const executable = this.#values(node, 'executable')[0]?.value ?? false
    this.#add({ node, path, name, parent, type: 'file', content, executable }, [node, ...merged])
  }

  #add(entry: TreeEntry, members: readonly NodeId[]): void {
    const path = entry.path === '' ? entry.name : `${entry.path}/${entry.name}`
    if (this.entries.has(path)) throw new Error(`two entries at ${path}`)
    this.entries.set(path, { ...entry, path })
    for (const member of members) this.shownBy.set(member, { ...entry, path })
  }
}

// A small world to draw from.

const AUTHORS = ['a1', 'b2', 'c3'].map((byte) => parseAuthorId(byte.repeat(32)))
const author = (n: number): AuthorId => AUTHORS[n % AUTHORS.length] as AuthorId
const node = (n: number): NodeId => parseNodeId((n + 1).toString(16).padStart(2, '0').repeat(16))
const doc = (n: number): DocId => parseDocId((n + 1).toString(16).padStart(2, '0').repeat(16))
/** Operation ids come in another order than the operations: what is shown must not follow the time of writing. */
const opIdOf = (by: number, seq: number, at = 0): OpId => parseOpId(((seq * 37 + by * 101 + 11) % 251).toString(16).padStart(2, '0').repeat(17) + (by + 16 * at).toString(16).padStart(2, '0'))

/** One author's intent; what it replaces and has seen comes from that author's own tree. */
type Step =
  | { readonly do: 'directory' | 'file'; readonly node: number; readonly parent: number; readonly name: string }
  | { readonly do: 'move'; readonly node: number; readonly parent: number; readonly name: string }
  | { readonly do: 'remove'; readonly node: number }
  | { readonly do: 'delete' | 'edit' | 'content' | 'executable'; readonly node: number }
  | { readonly do: 'absorb'; readonly node: number; readonly winner: number }

const parentOf = (n: number): NodeId => (n === 0 ? ROOT_NODE : node(n - 1))
const hashOf = (n: number): Uint8Array => new Uint8Array(32).fill((n * 7) % 3)

/** A directory with all that is shown in it, by one entry. */
function remove(tree: Tree, top: NodeId, by: number, seq: number): readonly Event[] {
  const ids = [top]
  for (const id of ids) ids.push(...tree.view.children(id).map((child) => child.node))
  return ids.slice(0, 15).map((id, at) => ({ op: { id: opIdOf(by, seq, at), author: author(by), seq, change: { kind: 'tree', node: id, deleted: { seen: tree.seen(id) } } } }))
}

function draft(tree: Tree, step: Exclude<Step, { do: 'remove' }>, by: number, seq: number): Event {
  const of = node(step.node)
  const change = (parts: Omit<TreeChange, 'kind' | 'node'>): Event => ({ op: { id: opIdOf(by, seq), author: author(by), seq, change: { kind: 'tree', node: of, ...parts } } })
  switch (step.do) {
    case 'directory':
    case 'file': {
      const place = { value: { parent: parentOf(step.parent), name: step.name }, replaces: tree.replaces(of, 'place') }
      if (step.do === 'directory') return change({ create: { type: 'directory', path: step.name, contentHash: null }, place })
      const content = { value: { kind: 'text' as const, doc: doc(step.node) }, replaces: tree.replaces(of, 'content') }
      return change({ create: { type: 'file', path: step.name, contentHash: hashOf(step.node) }, place, content })
    }
    case 'move':
      return change({ place: { value: { parent: parentOf(step.parent), name: step.name }, replaces: tree.replaces(of, 'place') } })
    case 'delete':
      return change({ deleted: { seen: tree.seen(of) } })
    case 'edit':
      return { touch: { doc: doc(step.node), author: author(by), seq } }
    case 'content':
      return change({ content: { value: { kind: 'blob', hash: hashOf(step.node), size: 1 }, replaces: tree.replaces(of, 'content') } })
    case 'executable':
      return change({ executable: { value: seq % 2 === 0, replaces: tree.replaces(of, 'executable') } })
    case 'absorb':
      return { op: { id: opIdOf(by, seq), author: author(by), seq, change: { kind: 'absorb', winner: node(step.winner), loser: of } } }
  }
}

const deliver = (tree: Tree, event: Event): void => {
  if ('op' in event) tree.apply(event.op)
  else tree.touch(event.touch.doc, event.touch.author, event.touch.seq)
}

const verdictOf: Judge = (a, b) => (['same', 'merge', 'separate'] as const)[(Number.parseInt(a.slice(0, 2), 16) + Number.parseInt(b.slice(0, 2), 16)) % 3]
const newTree = (): Tree => new Tree({ authorName: nameOfAuthor })

function judgeAll(tree: Tree): void {
  for (let pairs = tree.unjudged(); pairs.length > 0; pairs = tree.unjudged()) {
    for (const { a, b } of pairs) tree.judge(a, b, verdictOf(a, b) ?? 'separate')
  }
}

const snapshot = (tree: Tree): Record<string, TreeEntry> => Object.fromEntries([...tree.view.entries()].map((entry) => [entry.path, entry]))

function expectTree(tree: Tree): void {
  const entries = [...tree.view.entries()]
  expect(new Set(entries.map(({ path }) => path)).size).toBe(entries.length)
  expect(new Set(entries.map(({ node: id }) => id)).size).toBe(entries.length)
  expect(tree.view.size).toBe(entries.length)
  expect(tree.view.files).toBe(entries.filter(({ type }) => type === 'file').length)
  const before = new Set<string>([ROOT_NODE])
  for (const entry of entries) {
    expect(before.has(entry.parent)).toBe(true)
    expect(tree.view.at(entry.path)).toEqual(entry)
    expect(tree.view.get(entry.node)).toEqual(entry)
    expect(tree.view.children(entry.parent)).toContainEqual(entry)
    before.add(entry.node)
  }
}

function expectAgrees(tree: Tree, reference: Reference, nodes: number): void {
  expect(snapshot(tree)).toEqual(Object.fromEntries(reference.entries))
  for (let n = 0; n < nodes; n++) expect(tree.view.get(node(n))).toEqual(reference.shownBy.get(node(n)))
  for (const id of reference.alive) expect(tree.view.get(id)).toBeDefined()
}

/** What a history of steps becomes when each author has seen what it says it has. */
interface Scripted {
  readonly event: Event
  readonly after: readonly number[]
}

interface Act {
  readonly by: number
  readonly step: Step
  /** Authors whose events so far this one catches up with first. */
  readonly sees: readonly number[]
}

function script(acts: readonly Act[]): readonly Scripted[] {
  const known = AUTHORS.map(() => new Set<number>())
  const trees = AUTHORS.map(newTree)
  const scripted: Scripted[] = []
  for (const { by, step, sees } of acts) {
    const mine = known[by] as Set<number>
    const tree = trees[by] as Tree
    for (const other of sees) {
      for (const index of [...(known[other] as Set<number>)].sort((a, b) => a - b)) {
        if (mine.has(index)) continue
        mine.add(index)
        deliver(tree, (scripted[index] as Scripted).event)
      }
    }
    judgeAll(tree)
    const events = step.do === 'remove' ? remove(tree, node(step.node), by, scripted.length) : [draft(tree, step, by, scripted.length)]
    for (const event of events) {
      scripted.push({ event, after: [...mine] })
      mine.add(scripted.length - 1)
      deliver(tree, event)
    }
  }
  return scripted
}

/** Every order of `count` events in which causes come first. */
function* causalOrders(scripted: readonly Scripted[], prefix: readonly number[] = []): Generator<readonly number[]> {
  if (prefix.length === scripted.length) yield prefix
  for (let next = 0; next < scripted.length; next++) {
    if (prefix.includes(next) || scripted[next]?.after.some((cause) => !prefix.includes(cause))) continue
    yield* causalOrders(scripted, [...prefix, next])
  }
}

/** One causal order, drawn by `picks`, with some events coming again. */
function someOrder(scripted: readonly Scripted[], picks: readonly number[]): readonly number[] {
  const order: number[] = []
  const left = new Set(scripted.keys())
  for (let turn = 0; left.size > 0; turn++) {
    const ready = [...left].filter((next) => scripted[next]?.after.every((cause) => !left.has(cause)))
    const pick = picks[turn % picks.length] ?? 0
    const next = ready[pick % ready.length] as number
    left.delete(next)
    order.push(next)
    if (pick % 4 === 0) order.push(order[pick % order.length] as number)
  }
  return order
}

const NODES = 7
const steps: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constantFrom('directory' as const, 'file' as const), node: fc.nat(NODES - 1), parent: fc.nat(NODES), name: fc.constantFrom('a', 'b', 'B', 'c.md') }) },
  { weight: 5, arbitrary: fc.record({ do: fc.constant('move' as const), node: fc.nat(NODES - 1), parent: fc.nat(NODES), name: fc.constantFrom('a', 'b', 'c.md') }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constantFrom('delete' as const, 'remove' as const, 'edit' as const), node: fc.nat(NODES - 1) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom('content' as const, 'executable' as const), node: fc.nat(NODES - 1) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('absorb' as const), node: fc.nat(NODES - 1), winner: fc.nat(NODES - 1) }) }
)
const acts = fc.array(fc.record({ by: fc.nat(2), step: steps, sees: fc.subarray([0, 1, 2]) }), { minLength: 1, maxLength: 30 })
/** A start that everyone has: nested directories and files in them. */
const START: readonly Act[] = [0, 1, 2, 3, 4, 5, 6].map((n) => ({
  by: 0,
  sees: [],
  step: { do: n < 4 ? 'directory' : 'file', node: n, parent: n < 4 ? n : n - 3, name: n < 4 ? 'a' : 'c.md' }
}))

describe('the tree against a full recomputation', () => {
  it('[TREE1] [TREE18] is the same as the reference after every step, in any causal order, with repeats', () => {
    fc.assert(
      fc.property(fc.boolean(), acts, fc.array(fc.nat(1000), { minLength: 5, maxLength: 40 }), (started, drawn, picks) => {
        const scripted = script(started ? [...START, ...drawn] : drawn)
        const tree = newTree()
        const sofar: Event[] = []
        for (const index of someOrder(scripted, picks)) {
          const { event } = scripted[index] as Scripted
          const before = Array.from({ length: NODES }, (_, n) => tree.view.get(node(n)))
          tree.takeDirty()
          deliver(tree, event)
          judgeAll(tree)
          sofar.push(event)
          expectAgrees(tree, new Reference(sofar, verdictOf), NODES)
          expectTree(tree)
          const dirty = new Set(tree.takeDirty())
          before.forEach((entry, n) => dirty.has(node(n)) || expect(tree.view.get(node(n))).toEqual(entry))
        }
      }),
      { numRuns: 400 }
    )
  })

  it('[TREE1] is the same whether it is looked at after each operation or once at the end', () => {
    fc.assert(
      fc.property(acts, fc.array(fc.nat(1000), { minLength: 5, maxLength: 40 }), (drawn, picks) => {
        const scripted = script([...START, ...drawn])
        const tree = newTree()
        for (const index of someOrder(scripted, picks)) deliver(tree, (scripted[index] as Scripted).event)
        judgeAll(tree)
        expectAgrees(tree, new Reference(scripted.map(({ event }) => event), verdictOf), NODES)
      }),
      { numRuns: 400 }
    )
  })

  it('[TREE1] agrees on hostile input: any order at all, wrong parents, wrong types, wrong replacements', () => {
    fc.assert(
      fc.property(acts, fc.array(fc.nat(), { minLength: 40, maxLength: 40 }), (drawn, keys) => {
        const scripted = script(drawn)
        const shuffled = scripted.map(({ event }, n) => ({ event, key: keys[n] ?? 0 })).sort((a, b) => a.key - b.key)
        const tree = newTree()
        for (const { event } of shuffled) {
          deliver(tree, event)
          expectTree(tree)
        }
        judgeAll(tree)
        expectAgrees(tree, new Reference(scripted.map(({ event }) => event), verdictOf), NODES)
      }),
      { numRuns: 300 }
    )
  })
})

describe('the tree in small scope', () => {
  /** Directories d0, d1 and a file f in d0, known to all; then every combination of concurrent steps. */
  const begin: readonly Act[] = [
    { by: 0, sees: [], step: { do: 'directory', node: 0, parent: 0, name: 'x' } },
    { by: 0, sees: [], step: { do: 'directory', node: 1, parent: 0, name: 'y' } },
    { by: 0, sees: [], step: { do: 'file', node: 2, parent: 1, name: 'f' } }
  ]
  const options: readonly Step[] = [
    { do: 'move', node: 0, parent: 2, name: 'x' },
    { do: 'move', node: 1, parent: 1, name: 'y' },
    { do: 'move', node: 2, parent: 2, name: 'f' },
    { do: 'move', node: 1, parent: 0, name: 'x' },
    { do: 'move', node: 2, parent: 0, name: 'y' },
    { do: 'delete', node: 0 },
    { do: 'delete', node: 2 },
    { do: 'edit', node: 2 }
  ]

  function check(acts: readonly Act[]): number {
    const scripted = script([...begin, ...acts])
    const expected = Object.fromEntries(new Reference(scripted.map(({ event }) => event), verdictOf).entries)
    let orders = 0
    for (const order of causalOrders(scripted)) {
      const tree = newTree()
      for (const index of order) {
        deliver(tree, (scripted[index] as Scripted).event)
        judgeAll(tree)
      }
      expect(snapshot(tree)).toEqual(expected)
      orders++
    }
    return orders
  }

  it('[TREE1] gives one view for every three concurrent operations in every causal order', () => {
    let orders = 0
    for (const a of options) {
      for (const b of options) {
        for (const c of options) {
          // Author 0 acts last, so that seeing it means seeing the beginning only.
          for (const sees of [[0], [0, 1]]) orders += check([{ by: 1, step: a, sees: [0] }, { by: 2, step: b, sees }, { by: 0, step: c, sees: [] }])
        }
      }
    }
    expect(orders).toBe(options.length ** 3 * (6 + 3))
  })

  it('[TREE1] [REG12] gives one view for every two pairs of operations of two authors in every causal order', () => {
    let orders = 0
    for (const a of options) {
      for (const b of options) {
        for (const c of options) {
          for (const d of options) {
            const [theirs, ours] = [{ by: 1, sees: [] }, { by: 0, sees: [] }]
            orders += check([{ ...theirs, step: a, sees: [0] }, { ...theirs, step: b }, { ...ours, step: c }, { ...ours, step: d }])
          }
        }
      }
    }
    expect(orders).toBe(options.length ** 4 * 6)
  })

  it('[TREE19] what was deleted with a directory stays where another moved the directory at the same time, what was deleted alone does not', () => {
    const begin: readonly Act[] = [
      { by: 0, sees: [], step: { do: 'directory', node: 0, parent: 0, name: 'd' } },
      { by: 0, sees: [], step: { do: 'file', node: 1, parent: 1, name: 'a.md' } },
      { by: 0, sees: [], step: { do: 'file', node: 2, parent: 1, name: 'b.md' } },
      { by: 1, sees: [0], step: { do: 'move', node: 0, parent: 0, name: 'e' } }
    ]
    const paths = (acts: readonly Act[]): readonly string[] => {
      const tree = newTree()
      for (const { event } of script([...begin, ...acts])) deliver(tree, event)
      judgeAll(tree)
      return [...tree.view.entries()].map(({ path }) => path)
    }
    expect(paths([{ by: 2, sees: [0], step: { do: 'remove', node: 0 } }])).toEqual(['e', 'e/a.md', 'e/b.md'])
    expect(paths([{ by: 2, sees: [0], step: { do: 'delete', node: 1 } }, { by: 2, sees: [], step: { do: 'remove', node: 0 } }])).toEqual(['e', 'e/b.md'])
    expect(paths([{ by: 2, sees: [0, 1], step: { do: 'remove', node: 0 } }])).toEqual([])
  })

  it('[TREE18] the drawn histories do reach cycles, conflict names, merges and revivals', () => {
    const seen = new Set<string>()
    fc.assert(
      fc.property(acts, (drawn) => {
        const tree = newTree()
        for (const { event } of script([...START, ...drawn])) deliver(tree, event)
        judgeAll(tree)
        for (const { path } of tree.view.entries()) if (path.includes('(conflict')) seen.add('conflict name')
        if (tree.pendingAbsorbs().length > 0) seen.add('merge')
        for (let n = 0; n < NODES; n++) {
          if (tree.absorbedInto(node(n)) !== undefined) seen.add('absorbed')
          if (tree.shownWith(node(n)).length > 0) seen.add('shown as one')
          if (tree.view.get(node(n)) !== undefined && !tree.isAlive(node(n))) seen.add('dead directory shown')
        }
      }),
      { numRuns: 300 }
    )
    expect([...seen].sort()).toEqual(['absorbed', 'conflict name', 'dead directory shown', 'merge', 'shown as one'])
  })
})
