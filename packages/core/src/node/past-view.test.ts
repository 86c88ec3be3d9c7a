import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { systemClock } from '../base/clock.js'
import type { EntryHash } from '../base/ids.js'
import { diffText } from '../base/text-diff.js'
import { readDeleted, readPast, readVoids } from './past-view.js'
import { deliver, LooseAuthor, TestReplica } from './test-replicas.js'
import type { LocalChange, PastPoint } from './workspace-types.js'

/** A replica whose entries claim the times that it is told. */
async function timedReplica(): Promise<TestReplica & { time: number }> {
  const clock = { ...systemClock, now: () => replica.time }
  const replica = Object.assign(await TestReplica.open(clock), { time: 0 })
  return replica
}

async function pastOf({ kv, log, replica }: TestReplica, point: PastPoint): Promise<Readonly<Record<string, string>>> {
  const files = await replica.look(async (batch) => await readPast({ kv, log, applier: replica.applier }, batch, point))
  const texts: Record<string, string> = {}
  for (const { path, content, version } of files) {
    if (content?.kind === 'text' && version !== undefined) texts[path] = await replica.readTextAt(content.doc, version)
  }
  return texts
}

async function nowOf({ replica }: TestReplica): Promise<Readonly<Record<string, string>>> {
  const texts: Record<string, string> = {}
  for (const { path, content } of replica.applier.tree.view.entries()) {
    if (content?.kind === 'text') texts[path] = (await replica.readText(content.doc)).text
  }
  return texts
}

async function editText({ replica }: TestReplica, path: string, text: string): Promise<void> {
  const content = replica.applier.tree.view.at(path)?.content
  if (content?.kind !== 'text') throw new Error(`no text at ${path}`)
  const { text: before, version } = await replica.readText(content.doc)
  await replica.edit([{ type: 'edit', doc: content.doc, base: version, edits: diffText(before, text), machine: false }])
}

const create = (path: string, text: string): LocalChange => ({ type: 'create-file', path, text, executable: false })

interface Step {
  readonly by: 0 | 1
  readonly what: 'create' | 'edit' | 'delete' | 'move' | 'exchange'
  readonly pick: number
  readonly word: string
}

const steps = fc.array(
  fc.record<Step>({
    by: fc.constantFrom<0 | 1>(0, 1),
    what: fc.constantFrom<Step['what']>('create', 'create', 'edit', 'edit', 'edit', 'delete', 'move', 'exchange', 'exchange'),
    pick: fc.nat(9),
    word: fc.constantFrom('lorem', 'ipsum', 'dolor', 'sit', 'amet')
  }),
  { maxLength: 25 }
)

/** One step of one replica; nothing where there is no file to take. */
async function take(test: TestReplica, { what, pick, word }: Step, n: number): Promise<void> {
  const files = [...test.replica.applier.tree.view.entries()].filter(({ type }) => type === 'file')
  const file = files[pick % Math.max(1, files.length)]
  if (what === 'create') await test.replica.edit([create(`d${pick % 3}/${word}-${n}.md`, `${word}\nbegun ${n}\n`)])
  else if (file === undefined) return
  else if (what === 'edit') await editText(test, file.path, `${word} ${n}\n${(await nowOf(test))[file.path] ?? ''}`)
  else if (what === 'delete') await test.replica.edit([{ type: 'delete', node: file.node }])
  else if (what === 'move') await test.replica.edit([{ type: 'move', node: file.node, path: `d${pick % 3}/moved-${n}.md` }])
}

describe('the past', () => {
  it('[RST1] a version is what its author had when making it, the same on every peer', async () => {
    await fc.assert(
      fc.asyncProperty(steps, async (all) => {
        const replicas = [await TestReplica.open(), await TestReplica.open()] as const
        const seen = new Map<EntryHash, Readonly<Record<string, string>>>()
        for (const [n, step] of all.entries()) {
          const test = replicas[step.by]
          if (step.what === 'exchange') await deliver(test, await replicas[step.by === 0 ? 1 : 0].entries())
          else await take(test, step, n)
          const head = test.log.vector.get(test.author)?.[0]
          if (head !== undefined && !seen.has(head.hash)) seen.set(head.hash, await nowOf(test))
        }
        for (const [at, test] of replicas.entries()) await deliver(test, await (replicas[1 - at] ?? test).entries())
        for (const [version, files] of seen) for (const test of replicas) expect(await pastOf(test, { version })).toEqual(files)
      }),
      { numRuns: 25 }
    )
  })

  it('[RST2] at a time there is what claims to be no later and stands on nothing later', async () => {
    const [ann, ben] = [await timedReplica(), await timedReplica()]
    ann.time = 100
    await ann.replica.edit([create('a.md', 'one\n')])
    ann.time = 200
    await editText(ann, 'a.md', 'one\ntwo\n')
    await deliver(ben, await ann.entries())
    // Ben's clock is slow: his edit claims to be older than what it stands on.
    ben.time = 150
    await editText(ben, 'a.md', 'one\ntwo\nthree\n')
    ben.time = 300
    await ben.replica.edit([{ type: 'delete', node: ben.replica.applier.tree.view.at('a.md')?.node as never }])
    await deliver(ann, await ben.entries())
    for (const test of [ann, ben]) {
      expect(await pastOf(test, { time: 99 })).toEqual({})
      expect(await pastOf(test, { time: 199 })).toEqual({ 'a.md': 'one\n' })
      expect(await pastOf(test, { time: 299 })).toEqual({ 'a.md': 'one\ntwo\nthree\n' })
      expect(await pastOf(test, { time: 300 })).toEqual({})
    }
  })

  it('[RST3] a version that is not there, or stands for several, is refused', async () => {
    const test = await TestReplica.open()
    await test.replica.edit([create('a.md', 'one\n')])
    for (const version of ['', 'abc', '0123456789abcdef']) {
      await expect(pastOf(test, { version })).rejects.toMatchObject({ name: 'UnknownVersionError' })
    }
    const head = test.log.vector.get(test.author)?.[0]?.hash ?? ''
    expect(await pastOf(test, { version: head.slice(0, 10) })).toEqual({ 'a.md': 'one\n' })
  })

  it('[RST4] what was deleted is named with its last path and who deleted it, until it is back', async () => {
    const test = await TestReplica.open()
    await test.replica.edit([create('d/a.md', 'one\n'), create('b.md', 'two\n')])
    const node = test.replica.applier.tree.view.at('d/a.md')?.node as never
    await test.replica.edit([{ type: 'move', node, path: 'e/a2.md' }])
    await test.replica.edit([{ type: 'delete', node }])
    const deleted = async () => await readDeleted({ kv: test.kv, log: test.log, applier: test.replica.applier })
    expect(await deleted()).toMatchObject([{ path: 'e/a2.md', node, name: 'test', content: { kind: 'text' } }])
    await test.replica.edit([{ type: 'move', node, path: 'e/a2.md' }])
    expect(await deleted()).toEqual([])
    expect(await nowOf(test)).toEqual({ 'b.md': 'two\n', 'e/a2.md': 'one\n' })
  })

  it('[DOCT4] void changes are named with whose they are', async () => {
    const test = await TestReplica.open()
    const loose = new LooseAuthor()
    await test.replica.receive([loose.sign([{ kind: 'member', author: test.author, exchangeKey: new Uint8Array(32), role: 'writer', name: 'somebody else' }])])
    const voids = await readVoids({ kv: test.kv, log: test.log, applier: test.replica.applier })
    expect(voids).toMatchObject([{ author: loose.id, name: undefined, reason: 'a member record for somebody else' }])
  })
})
