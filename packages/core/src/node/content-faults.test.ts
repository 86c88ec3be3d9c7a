import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { compareBytes, concat } from '../base/bytes.js'
import { encodeCbor } from '../base/cbor.js'
import { idBytes, parseDocId, parseEntryHash, parseNodeId, parseOpId, ROOT_NODE } from '../base/ids.js'
import type { EntryHash } from '../base/ids.js'
import { authorClient, lowerMergeClient, mergeClient, seedClient } from '../doc/client-id.js'
import { TextDocument } from '../doc/text-document.js'
import { encodeUpdate } from '../doc/update-codec.js'
import type { Struct } from '../doc/update-codec.js'
import { encodeChanges } from '../log/change.js'
import type { Change, TreeChange } from '../log/change.js'
import type { Entry } from '../log/entry.js'
import { Batch } from './batch.js'
import { crypto, deliver, LooseAuthor, newFile, TestReplica } from './test-replicas.js'
import type { NewFile } from './test-replicas.js'

const TEXT = 'first line\nsecond line\n'
const FILE = newFile('a.md', TEXT)
const OTHER = newFile('b.md', 'something else\n')
const SEED = seedClient(crypto, FILE.doc, TEXT)
const NODE = parseNodeId('ab'.repeat(16))
const OP = parseOpId('cd'.repeat(18))

/** What an author with a valid key may put into a body, by name; the entries and how many of their changes are void. */
interface Fault {
  readonly what: string
  readonly voids: number
  readonly sign: (evil: LooseAuthor, victim: LooseAuthor) => void
}

const change = (what: string, make: (evil: LooseAuthor, victim: LooseAuthor) => Change): Fault => ({
  what,
  voids: 1,
  sign: (evil, victim) => void evil.sign([make(evil, victim)])
})
const bytes = (what: string, plain: Uint8Array, voids = 1): Fault => ({ what, voids, sign: (evil) => void evil.signBytes(plain) })

const update = (author: LooseAuthor, structs: readonly Struct[], deletes: readonly { client: number; from: number; length: number }[] = []): Change => ({
  kind: 'update',
  doc: FILE.doc,
  nonce: 0,
  update: encodeUpdate({ structs, deletes })
})
const own = (author: LooseAuthor): number => authorClient(crypto, author.id, FILE.doc, 0)
const place = (parent = ROOT_NODE, name = 'x') => ({ value: { parent, name }, replaces: [] })
const tree = (parts: Partial<TreeChange>): TreeChange => ({ kind: 'tree', node: NODE, ...parts })
/** [code, target, payload] as the body has it, whatever it says. */
const raw = (...parts: readonly (readonly [number, Uint8Array, Uint8Array])[]): Uint8Array => encodeCbor(parts)

interface TextFile extends NewFile {
  readonly text: string
}

/** Of two files that share lines the first absorbs the second, and in the first something is put behind a unit that is not there. */
function absorbed(what: string, clientOf: (winner: TextFile, loser: TextFile) => number): Fault {
  return {
    what,
    voids: 1,
    sign: (evil) => {
      const hash = (text: string): Uint8Array => crypto.sha256(new TextEncoder().encode(text))
      const texts = ['one\ntwo\nx\n', 'one\ntwo\ny\n'].sort((a, b) => compareBytes(hash(a), hash(b)))
      const [winner, loser] = texts.map((text) => ({ ...newFile('m.md', text), text })) as [TextFile, TextFile]
      evil.sign([...winner.changes, ...loser.changes])
      evil.sign([{ kind: 'absorb', winner: winner.node, loser: loser.node }])
      const struct: Struct = { client: authorClient(crypto, evil.id, winner.doc, 0), clock: 0, kind: 'string', length: 2, text: 'no', origin: { client: clientOf(winner, loser), clock: 1 } }
      evil.sign([{ kind: 'update', doc: winner.doc, nonce: 0, update: encodeUpdate({ structs: [struct], deletes: [] }) }])
    }
  }
}

const FAULTS: readonly Fault[] = [
  change('an update that is no update', () => ({ kind: 'update', doc: FILE.doc, nonce: 0, update: new Uint8Array([1, 2, 3, 255, 255]) })),
  change('an update that is cut off', (evil) => {
    const whole = encodeUpdate({ structs: [{ client: own(evil), clock: 0, kind: 'string', length: 5, text: 'hello' }], deletes: [] })
    return { kind: 'update', doc: FILE.doc, nonce: 0, update: whole.slice(0, -2) }
  }),
  change("text under another author's id", (evil, victim) => update(evil, [{ client: own(victim), clock: 0, kind: 'string', length: 2, text: 'no' }])),
  change("a hole under another author's id, so that its text would be dropped", (evil, victim) =>
    update(evil, [{ client: own(victim), clock: 0, kind: 'gc', length: 1_000_000 }])
  ),
  change('a hole under the own id', (evil) => update(evil, [{ client: own(evil), clock: 0, kind: 'gc', length: 3 }])),
  change('text that begins after a gap', (evil) => update(evil, [{ client: own(evil), clock: 7, kind: 'string', length: 2, text: 'no' }])),
  change('text put after text that is not there', (evil) =>
    update(evil, [{ client: own(evil), clock: 0, kind: 'string', length: 2, text: 'no', origin: { client: 5_000_000_000, clock: 3 } }])
  ),
  change('a deletion of text to come', (evil) => update(evil, [], [{ client: SEED, from: 0, length: 1_000_000_000 }])),
  change("a deletion of another author's text that it has not seen", (evil, victim) => update(evil, [], [{ client: own(victim), from: 0, length: 1 }])),
  change('a machine change whose id is not its own', () => ({
    kind: 'derived',
    doc: FILE.doc,
    base: new Uint8Array(32),
    update: encodeUpdate({ structs: [{ client: 2 ** 52 + 12, clock: 0, kind: 'string', length: 2, text: 'no' }], deletes: [] })
  })),
  change('an imported history under ids of authors', (evil) => ({
    kind: 'import',
    doc: FILE.doc,
    update: encodeUpdate({ structs: [{ client: own(evil), clock: 0, kind: 'string', length: 2, text: 'no' }], deletes: [] })
  })),
  change('a first text of a document that is not its own', () => ({ kind: 'seed', doc: FILE.doc, text: 'another beginning\n' })),
  change('a first text of a document that nothing announces', () => ({ kind: 'seed', doc: parseDocId('ef'.repeat(16)), text: 'x' })),
  change('a first text that is right, without the file', () => FILE.changes[1]),
  change('a new file without its first text', () => newFile('c.md', 'x').changes[0]),
  change('the root moved', () => tree({ node: ROOT_NODE, place: place() })),
  change('the root deleted', () => tree({ node: ROOT_NODE, deleted: { seen: [] } })),
  change('a node placed in itself', () => tree({ place: place(NODE) })),
  change('a name with a slash', () => tree({ place: place(ROOT_NODE, '../../etc/passwd') })),
  change('a name that is a way up', () => tree({ place: place(ROOT_NODE, '..') })),
  change('the folder of the tool itself', () => tree({ place: place(ROOT_NODE, '.collab') })),
  change('a name with a zero byte', () => tree({ place: place(ROOT_NODE, 'a\0b') })),
  change('a path upwards', () => tree({ create: { type: 'directory', path: '../x', contentHash: null }, place: place() })),
  change('an operation without a part', () => tree({})),
  change('a deletion of what its author has not seen', (evil, victim) => tree({ node: FILE.node, deleted: { seen: [[victim.id, 1_000_000]] } })),
  change('more replaced values than there can be', () =>
    tree({ node: FILE.node, place: { value: { parent: ROOT_NODE, name: 'x' }, replaces: Array.from({ length: 2000 }, () => OP) } })
  ),
  change('a merge of a file with itself', () => ({ kind: 'absorb', winner: FILE.node, loser: FILE.node })),
  change('a merge of files that nobody made', () => ({ kind: 'absorb', winner: NODE, loser: FILE.node })),
  change('a member record for somebody else', (_evil, victim) => ({
    kind: 'member',
    author: victim.id,
    exchangeKey: new Uint8Array(32),
    role: 'writer',
    name: 'not me'
  })),
  bytes('a body that is no list', new TextEncoder().encode('garbage, and not even CBOR')),
  bytes('an empty body', new Uint8Array(0)),
  bytes('a change of a known kind with a garbage payload', raw([1, idBytes(FILE.node), new Uint8Array([255, 0, 1])])),
  bytes('a known kind with a target of a wrong size', raw([4, new Uint8Array(3), new Uint8Array([128])])),
  bytes('a body of lists in lists', concat(new Uint8Array(2000).fill(0x81), new Uint8Array([0x80]))),
  bytes('a change of a kind to come', encodeChanges([{ kind: 'unknown', code: 99, bytes: new Uint8Array([1, 2, 3]) }]), 0),
  { what: 'a body under another key', voids: 1, sign: (evil) => void evil.sign([...OTHER.changes], { key: new Uint8Array(32).fill(1) }) },
  { what: 'an epoch to come', voids: 0, sign: (evil) => void evil.sign([...OTHER.changes], { epoch: 7 }) },
  {
    what: 'a merge with the order turned around, and the right one',
    voids: 1,
    sign: (evil) => {
      const [first, second] = [newFile('m.md', 'one\ntwo\nx\n'), newFile('m.md', 'one\ntwo\ny\n')]
      evil.sign([...first.changes, ...second.changes])
      evil.sign([{ kind: 'absorb', winner: first.node, loser: second.node }])
      evil.sign([{ kind: 'absorb', winner: second.node, loser: first.node }])
    }
  },
  absorbed('text put behind the first text of an absorbed file, of which only the merge is there', (_, loser) => seedClient(crypto, loser.doc, loser.text)),
  absorbed('text put behind a merge as it is in a document one further out', (winner, loser) =>
    lowerMergeClient(mergeClient(crypto, winner.doc, loser.doc, winner.text, loser.text))
  ),
  {
    what: 'a file created twice with another text and document',
    voids: 1,
    sign: (evil) => {
      const [file, other] = [newFile('m.md', 'one\n'), newFile('m.md', 'two\n')]
      evil.sign([...file.changes])
      evil.sign([{ ...file.changes[0], content: { value: { kind: 'text', doc: other.doc }, replaces: [] } }])
    }
  }
]

interface Story {
  readonly entries: readonly Entry[]
  readonly honest: EntryHash
}

/** The victim makes a file; the evil author does its worst, then edits well; the victim builds on that. */
function tell(fault: Fault): Story {
  const [victim, evil] = [new LooseAuthor(), new LooseAuthor()]
  const made = victim.sign([...FILE.changes])
  evil.sign([member(evil)], { deps: [made.hash] })
  fault.sign(evil, victim)
  const text = new TextDocument({ crypto, doc: FILE.doc, seeds: () => TEXT })
  text.apply([{ author: victim.id, via: [], change: FILE.changes[1] }])
  const good = evil.sign([text.edit([{ at: 0, remove: 0, insert: 'good: ' }], evil.id, 1)])
  const answer = victim.sign([text.edit([{ at: 0, remove: 0, insert: 'answer: ' }], victim.id, 0)], { deps: [good.hash] })
  return { entries: [...victim.entries, ...evil.entries], honest: answer.hash }
}

function member({ id }: LooseAuthor): Change {
  return { kind: 'member', author: id, exchangeKey: new Uint8Array(32), role: 'writer', name: 'somebody' }
}

/** What a replica shows after `entries` came in this order, opened anew before and after the last of them. */
async function outcome(entries: readonly Entry[]): Promise<{ shown: readonly string[]; test: TestReplica }> {
  const test = await TestReplica.open()
  await deliver(test, entries.slice(0, -1)).catch(() => undefined)
  await test.reopen()
  await deliver(test, entries)
  const shown = await test.show()
  await test.reopen()
  expect(await test.show()).toEqual(shown)
  return { shown, test }
}

async function expectSameInAnyOrder(entries: readonly Entry[], seed: number): Promise<{ shown: readonly string[]; test: TestReplica }> {
  const first = await outcome(entries)
  const orders = [entries.toReversed(), ...fc.sample(fc.shuffledSubarray([...entries], { minLength: entries.length }), { numRuns: 4, seed })]
  for (const order of orders) expect((await outcome(order)).shown).toEqual(first.shown)
  const atOnce = await TestReplica.open()
  await atOnce.replica.receive(entries)
  expect(await atOnce.show()).toEqual(first.shown)
  return first
}

describe('what a valid author can put into a body', () => {
  for (const fault of FAULTS) {
    it(`[REP1] harms nobody in any order of delivery: ${fault.what}`, async () => {
      const { entries, honest } = tell(fault)
      const { shown, test } = await expectSameInAnyOrder(entries, 1)
      expect(shown).toContain(`file a.md: answer: good: ${TEXT}`)
      expect(test.replica.applier.voids).toBe(fault.voids)
      expect(test.log.count).toBe(entries.length)
      expect(await test.log.get(honest)).toBeDefined()
      expect(await isPending(test)).toBe(false)
    })
  }

  it('[REP2] an entry that waits for one that never comes strands only its author', async () => {
    const [victim, evil] = [new LooseAuthor(), new LooseAuthor()]
    victim.sign([...FILE.changes])
    evil.sign([...OTHER.changes], { deps: [parseEntryHash('77'.repeat(32))] })
    evil.sign([member(evil)])
    const { shown, test } = await expectSameInAnyOrder([...victim.entries, ...evil.entries], 1)
    expect(shown).toEqual([`file a.md: ${TEXT}`])
    expect(test.log.count).toBe(3)
    await test.replica.edit([{ type: 'create-file', path: 'c.md', text: 'c\n', executable: false }])
    expect((await test.show()).length).toBe(2)
  })

  it('[REG7] what waits for another author still does after the store was closed and opened', async () => {
    const [early, late] = [new LooseAuthor(), new LooseAuthor()]
    const needed = early.sign([...FILE.changes])
    late.sign([...OTHER.changes], { deps: [needed.hash] })
    const test = await TestReplica.open()
    await deliver(test, late.entries)
    expect(await test.show()).toEqual([])
    await test.reopen()
    expect(await test.show()).toEqual([])
    await deliver(test, early.entries)
    expect((await test.show()).length).toBe(2)
  })

  it('[REP3] what one branch of a forked log says is judged without the other branch', async () => {
    const evil = new LooseAuthor()
    const start = evil.sign([...FILE.changes])
    const client = own(evil)
    const long: Struct = { client, clock: 0, kind: 'string', length: 9, text: 'long text' }
    evil.sign([update(evil, [long])], { after: start })
    const short = evil.sign([update(evil, [{ ...long, length: 2, text: 'no' }])], { after: start })
    evil.sign([update(evil, [], [{ client, from: 8, length: 1 }])], { after: short })
    const shown = new Set<string>()
    for (const order of orders(evil.entries)) {
      const test = await TestReplica.open()
      await deliver(test, order)
      shown.add((await test.show()).join('\n'))
      expect(test.log.forks).toEqual([evil.id])
      expect(test.replica.applier.voids).toBe(1)
    }
    expect(shown.size).toBe(1)
  })

  it('[REP4] a merge of a file that its author has not seen is void, whoever has seen the file', async () => {
    const [victim, evil] = [new LooseAuthor(), new LooseAuthor()]
    const [a, b] = [newFile('m.md', 'one\ntwo\nx\n'), newFile('m.md', 'one\ntwo\ny\n')]
    victim.sign([...a.changes, ...b.changes])
    evil.sign([
      { kind: 'absorb', winner: a.node, loser: b.node },
      { kind: 'absorb', winner: b.node, loser: a.node }
    ])
    const { test } = await expectSameInAnyOrder([...victim.entries, ...evil.entries], 2)
    expect(test.replica.applier.voids).toBe(2)
  })

  it('[REP6] text of a file that was merged into a merged file can be edited', async () => {
    const [c, b, a] = ['x', 'y', 'z'].map((end) => newFile('m.md', `one\ntwo\n${end}\n`)).sort((f, g) => byContent(g, f)) as [NewFile, NewFile, NewFile]
    const victim = new LooseAuthor()
    victim.sign([...c.changes, ...b.changes])
    victim.sign([{ kind: 'absorb', winner: b.node, loser: c.node }])
    victim.sign([...a.changes])
    victim.sign([{ kind: 'absorb', winner: a.node, loser: b.node }])
    const test = await TestReplica.open()
    await deliver(test, victim.entries)
    for (const end of ['x\n', 'y\n', 'z\n']) {
      const { text, version } = await test.replica.readText(a.doc)
      const change = { type: 'edit' as const, doc: a.doc, base: version, edits: [{ at: text.indexOf(end), remove: 1, insert: `really ${end[0]}` }] }
      const { outcome } = await test.replica.edit([{ ...change, machine: false }])
      expect(outcome.voids).toEqual([])
      expect((await test.replica.readText(a.doc)).text).toContain(`really ${end}`)
    }
    const fresh = await TestReplica.open()
    await deliver(fresh, (await test.entries()).toReversed())
    expect(await fresh.show()).toEqual(await test.show())
  })

  it('[REP5] random bytes in place of any part of a body never stop a replica', async () => {
    const victim = new LooseAuthor()
    const made = victim.sign([...FILE.changes])
    const parts = fc.array(fc.tuple(fc.nat({ max: 9 }), fc.uint8Array({ maxLength: 34 }), fc.uint8Array({ maxLength: 80 })), { maxLength: 4 })
    const body = fc.oneof(fc.uint8Array({ maxLength: 200 }), parts.map((list) => raw(...list)))
    await fc.assert(
      fc.asyncProperty(fc.array(body, { minLength: 1, maxLength: 5 }), async (bodies) => {
        const evil = new LooseAuthor()
        evil.sign([member(evil)], { deps: [made.hash] })
        for (const plain of bodies) evil.signBytes(plain)
        const test = await TestReplica.open()
        await deliver(test, [...victim.entries, ...evil.entries])
        expect(await test.replica.readText(FILE.doc)).toMatchObject({ text: TEXT })
        expect(test.log.count).toBe(bodies.length + 2)
      }),
      { numRuns: 40 }
    )
  })
})

function byContent(f: NewFile, g: NewFile): number {
  return compareBytes(f.changes[0].create?.contentHash ?? new Uint8Array(), g.changes[0].create?.contentHash ?? new Uint8Array())
}

/** All orders of a few entries. */
function orders(entries: readonly Entry[]): readonly (readonly Entry[])[] {
  if (entries.length <= 1) return [entries]
  return entries.flatMap((entry, at) => orders(entries.toSpliced(at, 1)).map((rest) => [entry, ...rest]))
}

/** Whether the file waits for something that was not applied. */
async function isPending(test: TestReplica): Promise<boolean> {
  return (await test.replica.applier.documents.document(new Batch(test.kv), FILE.doc)).pending
}
