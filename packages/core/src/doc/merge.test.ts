import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseAuthorId, parseDocId, type DocId } from '../base/ids.js'
import type { TextEdit } from '../base/text-diff.js'
import { nobleCrypto } from '../keys/noble-crypto.js'
import { checkUpdate } from './gate.js'
import { stepUpdate, TextDocument, type DocStep } from './text-document.js'
import { decodeUpdate } from './update-codec.js'

const docId = (n: number) => parseDocId(n.toString(16).padStart(2, '0').repeat(16))
const authorId = (n: number) => parseAuthorId(n.toString(16).padStart(2, '0').repeat(32))

/** A document with its first text, and the one that absorbed it. */
interface Branch {
  readonly doc: DocId
  readonly seed: string
  readonly into: DocId | undefined
}

/** One edit of a plan: who makes it, to which document, where, and how. */
interface PlannedEdit {
  readonly author: number
  readonly branch: number
  readonly at: number
  readonly remove: number
  readonly insert: boolean
  readonly machine: boolean
  /** Made without knowing that the document absorbed others, where nothing seen before rules that out. */
  readonly alone: boolean
  /** Of the changes made so far, which the author has not seen: one bit each, counted from the newest. */
  readonly unseen: number
}

interface Made {
  readonly step: DocStep
  /** Positions in the list of all changes that this one was made after. */
  readonly after: ReadonlySet<number>
  readonly alone: boolean
}

const line = fc.constantFrom('a', 'b', 'c', 'd', 'e', '', 'f')
/** Few places, so that edits compete for them. */
const place = fc.oneof(fc.nat(40), fc.constantFrom(0, 2, 4, 6))
const seedText = fc.tuple(fc.array(line, { maxLength: 5 }), fc.boolean()).map(([lines, ends]) => lines.join('\n') + (ends ? '\n' : ''))
const plannedEdit = (authors: number, branches: number): fc.Arbitrary<PlannedEdit> =>
  fc.record({
    author: fc.nat(authors - 1),
    branch: fc.nat(branches - 1),
    at: place,
    remove: fc.constantFrom(0, 0, 0, 0, 0, 1, 2, 5),
    insert: fc.constantFrom(true, true, true, true, false),
    machine: fc.boolean(),
    alone: fc.boolean(),
    unseen: fc.nat(0xffff)
  })

function chainOf(branches: readonly Branch[], doc: DocId, to: DocId): readonly DocId[] | undefined {
  if (doc === to) return []
  const into = branches.find((branch) => branch.doc === doc)?.into
  const rest = into === undefined ? undefined : chainOf(branches, into, to)
  return rest === undefined ? undefined : [doc, ...rest]
}

/** Everything that the document `to` is made of, from changes of several documents. */
function stepsOf(branches: readonly Branch[], to: DocId, changes: readonly Made[]): readonly DocStep[] {
  const author = authorId(0)
  const base: DocStep[] = []
  for (const branch of branches) {
    const via = chainOf(branches, branch.doc, to)
    if (via === undefined) continue
    base.push({ author, via, change: { kind: 'seed', doc: branch.doc, text: branch.seed } })
    if (via.length > 0) base.push({ author, via: via.slice(1), change: { kind: 'absorbed', loser: branch.doc } })
  }
  return [...base, ...changes.flatMap(({ step }) => moved(branches, step, to) ?? [])]
}

function docOf({ step }: Made): DocId {
  if (step.change.kind === 'absorbed') throw new Error('not made by an author')
  return step.change.doc
}

function moved(branches: readonly Branch[], step: DocStep, to: DocId): DocStep | undefined {
  if (step.change.kind === 'absorbed') throw new Error('not made by an author')
  const via = chainOf(branches, step.change.doc, to)
  return via && { ...step, via }
}

class World {
  readonly changes: Made[] = []
  readonly nonces = new Map<string, number>()

  constructor(readonly branches: readonly Branch[]) {}

  seeds = (doc: DocId) => this.branches.find((branch) => branch.doc === doc)?.seed ?? ''

  /** Makes the edit on what its author has seen, with everything before that closed under `after`. */
  make(plan: PlannedEdit): void {
    const target = this.branches[plan.branch]
    if (target === undefined) return
    const seen = this.#seen(plan)
    const document = new TextDocument({ crypto: nobleCrypto, doc: target.doc, seeds: this.seeds })
    const changes = [...seen].sort((a, b) => a - b).flatMap((i) => this.changes[i] ?? [])
    const alone = plan.alone && changes.every((made) => made.alone || chainOf(this.branches, docOf(made), target.doc) === undefined)
    const steps = stepsOf(this.branches, target.doc, changes)
    document.apply(alone ? steps.filter(({ via, change }) => via.length === 0 && change.kind !== 'absorbed') : steps)
    expect(document.pending).toBe(false)
    const edits = [this.#edit(plan, document.text)]
    const author = authorId(plan.author)
    const knowledge = TextDocument.load({ crypto: nobleCrypto, doc: target.doc, seeds: this.seeds }, document.encode())
    // One nonce for every document: an author may lease one for all of them.
    const change = plan.machine ? document.editDerived(edits) : document.edit(edits, author, plan.author)
    expect(checkUpdate(nobleCrypto, target.doc, author, change, knowledge)).toMatchObject({ ok: true })
    this.changes.push({ step: { author, via: [], change }, after: seen, alone })
  }

  #seen(plan: PlannedEdit): ReadonlySet<number> {
    const seen = new Set<number>()
    for (let i = this.changes.length - 1; i >= 0; i--) {
      const made = this.changes[i]
      const own = made?.step.author === authorId(plan.author)
      const hidden = ((plan.unseen >> (this.changes.length - 1 - i)) & 1) === 1
      if (made === undefined || (hidden && !own && !seen.has(i))) continue
      seen.add(i)
      for (const earlier of made.after) seen.add(earlier)
    }
    return seen
  }

  #edit(plan: PlannedEdit, text: string): TextEdit {
    const at = Math.min(plan.at, text.length)
    const insert = plan.insert ? `<${this.changes.length}>` : ''
    return { at, remove: Math.min(plan.remove, text.length - at), insert }
  }
}

/** Any order of delivery that puts a change after those it was made on. */
function deliver(changes: readonly Made[], picks: readonly number[]): readonly Made[] {
  const left = new Set(changes.keys())
  const order: Made[] = []
  for (let round = 0; left.size > 0; round++) {
    const ready = [...left].filter((i) => [...(changes[i]?.after ?? [])].every((j) => !left.has(j)))
    const i = ready[(picks[round % picks.length] ?? 0) % ready.length] ?? -1
    left.delete(i)
    const made = changes[i]
    if (made !== undefined) order.push(made)
  }
  return order
}

/** The seed first, then what was absorbed, in any order in which nothing comes before what it goes into. */
function shuffleMerges(steps: readonly DocStep[], picks: readonly number[]): readonly DocStep[] {
  const merges = steps.filter(({ change }) => change.kind === 'absorbed')
  const rest = steps.filter(({ change }) => change.kind !== 'absorbed')
  const key = (step: DocStep) => [...(step.change.kind === 'absorbed' ? [step.change.loser] : []), ...step.via].join()
  const left = new Map(merges.map((step) => [key(step), step]))
  const order: DocStep[] = []
  for (let round = 0; left.size > 0; round++) {
    const ready = [...left].filter(([, step]) => !left.has(step.via.join()))
    const chosen = ready[(picks[round % picks.length] ?? 0) % ready.length]
    if (chosen === undefined) throw new Error('merges in a circle')
    left.delete(chosen[0])
    order.push(chosen[1])
  }
  const seeds = rest.filter(({ change }) => change.kind === 'seed')
  return [...seeds, ...order, ...rest.filter(({ change }) => change.kind !== 'seed')]
}

function build(world: World, doc: DocId, changes: readonly Made[], oneByOne: boolean, picks: readonly number[] = [0]): TextDocument {
  const document = new TextDocument({ crypto: nobleCrypto, doc, seeds: world.seeds })
  const steps = shuffleMerges(stepsOf(world.branches, doc, changes), picks)
  if (oneByOne) for (const step of steps) document.apply([step])
  else document.apply(steps)
  return document
}

function expectSameEverywhere(world: World, doc: DocId, orders: readonly (readonly number[])[]): string {
  const first = build(world, doc, world.changes, false)
  expect(first.pending).toBe(false)
  for (const [i, picks] of orders.entries()) {
    const other = build(world, doc, deliver(world.changes, picks), i % 2 === 0, picks)
    expect(other.pending).toBe(false)
    expect(other.text).toBe(first.text)
    expect(other.digest()).toEqual(first.digest())
  }
  return first.text
}

const markers = (text: string) => text.match(/<\d+>/g) ?? []
const count = (text: string, part: string) => text.split(part).length - 1
const reaches = (world: World, doc: DocId, to: DocId) => chainOf(world.branches, doc, to) !== undefined

/** Where nothing was deleted, every letter of every first text and every insertion is there. */
function expectNothingLost(world: World, doc: DocId, text: string): void {
  const changes = world.changes.filter((made) => reaches(world, docOf(made), doc))
  if (changes.some(({ step }) => hasDeletes(step))) return
  const typed = text.replace(/[<>\d]/g, '')
  for (const branch of world.branches.filter((branch) => reaches(world, branch.doc, doc))) {
    const letters = [...new Set(branch.seed)].filter((letter) => letter !== '\n')
    for (const letter of letters) expect(count(typed, letter)).toBeGreaterThanOrEqual(count(branch.seed, letter))
  }
  const inserted = changes.filter(({ step }) => hasInserts(step)).length
  for (const bracket of '<>') expect(count(text, bracket)).toBe(inserted)
}

const updateOf = (step: DocStep) => decodeUpdate('update' in step.change ? step.change.update : Uint8Array.of(0, 0))
const hasDeletes = (step: DocStep) => updateOf(step).deletes.length > 0
const hasInserts = (step: DocStep) => updateOf(step).structs.length > 0

const nestedBranches = fc.array(fc.record({ seed: seedText, pick: fc.nat(3) }), { minLength: 2, maxLength: 5 })
const orders = fc.array(fc.array(fc.nat(1000), { minLength: 1, maxLength: 8 }), { minLength: 4, maxLength: 4 })
/** Two machine changes at one place, one of them where the other side's line begins: needs the order of the id ranges. */
const competing = [
  '\n',
  'a',
  [
    { author: 1, branch: 0, at: 1, remove: 0, insert: true, machine: true, alone: true, unseen: 0 },
    { author: 0, branch: 1, at: 0, remove: 0, insert: true, machine: true, alone: false, unseen: 2679 }
  ],
  [[0], [0], [3], [0]]
] satisfies [string, string, PlannedEdit[], number[][]]
const RUNS = Number(process.env.MERGE_RUNS ?? 150)

describe('documents that absorb others', () => {
  it('[DOC1] two lineages, edited on both sides before and after they meet, end as one text in any order of delivery', () => {
    fc.assert(
      fc.property(seedText, seedText, fc.array(plannedEdit(3, 2), { maxLength: 9 }), orders, (w, l, plans, picks) => {
        const world = new World([
          { doc: docId(1), seed: w, into: undefined },
          { doc: docId(2), seed: l, into: docId(1) }
        ])
        for (const plan of plans) world.make(plan)
        expectNothingLost(world, docId(1), expectSameEverywhere(world, docId(1), picks))
      }),
      { numRuns: RUNS, examples: [[...competing]] }
    )
  })

  it('[DOC2] three lineages, side by side, end as one text in any order of delivery', () => {
    fc.assert(
      fc.property(seedText, seedText, seedText, fc.array(plannedEdit(3, 3), { maxLength: 9 }), orders, (w, l, m, plans, picks) => {
        const world = new World([
          { doc: docId(1), seed: w, into: undefined },
          { doc: docId(2), seed: l, into: docId(1) },
          { doc: docId(3), seed: m, into: docId(1) }
        ])
        for (const plan of plans) world.make(plan)
        expectNothingLost(world, docId(1), expectSameEverywhere(world, docId(1), picks))
      }),
      { numRuns: RUNS }
    )
  })

  it('[DOC3] a document that had absorbed others is absorbed with them', () => {
    fc.assert(
      fc.property(nestedBranches, fc.array(plannedEdit(3, 5), { maxLength: 8 }), orders, (nested, plans, picks) => {
        const into = (i: number, pick: number) => (i === 0 ? undefined : docId((pick % i) + 1))
        const world = new World(nested.map(({ seed, pick }, i) => ({ doc: docId(i + 1), seed, into: into(i, pick) })))
        for (const plan of plans) world.make(plan)
        for (const target of [1, 2]) expectNothingLost(world, docId(target), expectSameEverywhere(world, docId(target), picks))
      }),
      { numRuns: RUNS }
    )
  })

  it('[DOC41] merges that compete for one place, some of them absorbed through several documents, keep one order', () => {
    for (let i = 0; i < 60; i++) {
      const [a, b, c, d, e] = [1, 2, 3, 4, 5].map((n) => docId(n * 50 - (i % 50) + (i > 49 ? 1 : 0))) as [DocId, DocId, DocId, DocId, DocId]
      const world = new World([
        { doc: a, seed: 'a\nc\n', into: undefined },
        { doc: b, seed: 'a\nb\nc\n', into: a },
        { doc: c, seed: 'a\nd\nc\n', into: b },
        { doc: d, seed: 'a\ne\nd\nc\n', into: c },
        { doc: e, seed: 'a\nx\nc\n', into: b }
      ])
      expectSameEverywhere(world, a, [[0], [1, 1, 0, 0], [0, 1, 0, 1], [0, 0, 1, 0], [0, 1, 1]])
    }
  })

  it('[DOC4] the merge update is the same whoever derives it and applying it again changes nothing', () => {
    const world = new World([
      { doc: docId(1), seed: 'a\nb\n', into: undefined },
      { doc: docId(2), seed: 'a\nc\n', into: docId(1) }
    ])
    const step: DocStep = { author: authorId(1), via: [], change: { kind: 'absorbed', loser: docId(2) } }
    const update = stepUpdate(nobleCrypto, docId(1), step, world.seeds)
    expect(update).toEqual(stepUpdate(nobleCrypto, docId(1), { ...step, author: authorId(2) }, world.seeds))
    const document = build(world, docId(1), [], true)
    document.apply([step, step])
    expect(document.text).toBe('a\nb\nc\n')
  })

  it('[DOC5] a line that both began with is deleted in the winner when it is deleted in the loser', () => {
    const world = new World([
      { doc: docId(1), seed: 'a\nb\nc\n', into: undefined },
      { doc: docId(2), seed: 'a\nx\nc\n', into: docId(1) }
    ])
    world.make({ author: 1, branch: 1, at: 4, remove: 2, insert: false, machine: false, alone: false, unseen: 0 })
    expect(build(world, docId(1), world.changes, false).text).toBe('a\nb\nx\n')
  })

  it("[DOC6] one author's edits to both documents under one nonce are both kept", () => {
    const world = new World([
      { doc: docId(1), seed: 'a\nb\n', into: undefined },
      { doc: docId(2), seed: 'a\nc\n', into: docId(1) }
    ])
    world.make({ author: 1, branch: 0, at: 0, remove: 0, insert: true, machine: false, alone: false, unseen: 0xffff })
    world.make({ author: 1, branch: 1, at: 4, remove: 0, insert: true, machine: false, alone: false, unseen: 0xffff })
    expect(markers(build(world, docId(1), world.changes, false).text).sort()).toEqual(['<0>', '<1>'])
  })
})
