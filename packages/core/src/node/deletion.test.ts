import { describe, expect, it } from 'vitest'
import type { NodeId } from '../base/ids.js'
import { deliver, TestReplica } from './test-replicas.js'
import type { DocVersion, LocalResult } from './workspace-types.js'

const files = ['d/a.md', 'd/b.md'].map((path) => ({ type: 'create-file' as const, path, text: `text of ${path}\n`, executable: false }))

async function started(): Promise<{ test: TestReplica; results: readonly LocalResult[]; directory: NonNullable<LocalResult['node']> }> {
  const test = await TestReplica.open()
  const { results } = await test.replica.edit(files)
  const directory = test.replica.applier.tree.view.at('d')?.node
  if (directory === undefined) throw new Error('the directory is missing')
  return { test, results, directory }
}

/** What the replica held: the directory and its files as they were created. */
function seenOf(results: readonly LocalResult[], directory: NonNullable<LocalResult['node']>) {
  const held = results.map(({ node, doc, version }) => [node as typeof directory, { doc: doc as never, version: version as DocVersion }] as const)
  return new Map([[directory, undefined], ...held])
}

describe('a deletion by a replica that says what it held', () => {
  it('[REP13] spares a file that was edited meanwhile, and the directory that shows it', async () => {
    const { test, results, directory } = await started()
    const [first] = results
    const edits = [{ at: 0, remove: 0, insert: 'news: ' }]
    await test.replica.edit([{ type: 'edit', doc: first?.doc as never, base: first?.version as DocVersion, edits, machine: false }])
    await test.replica.edit([{ type: 'delete', node: directory, seen: seenOf(results, directory) }])
    expect([...test.replica.applier.tree.view.entries()].map(({ path }) => path)).toEqual(['d', 'd/a.md'])
  })

  it('[REP13] spares a file that it never held', async () => {
    const { test, results, directory } = await started()
    await test.replica.edit([{ type: 'create-file', path: 'd/new.md', text: 'new\n', executable: false }])
    await test.replica.edit([{ type: 'delete', node: directory, seen: seenOf(results, directory) }])
    expect([...test.replica.applier.tree.view.entries()].map(({ path }) => path)).toEqual(['d', 'd/new.md'])
  })

  it('[REP13] takes all that is as it was', async () => {
    const { test, results, directory } = await started()
    await test.replica.edit([{ type: 'delete', node: directory, seen: seenOf(results, directory) }])
    expect([...test.replica.applier.tree.view.entries()]).toEqual([])
  })
})

describe('a directory that outlived its deletion', () => {
  it('[TREE20] is moved without what was deleted with it, and what is deleted stays so', async () => {
    const { test, results, directory } = await started()
    const [first] = results
    const edits = [{ at: 0, remove: 0, insert: 'news: ' }]
    await test.replica.edit([{ type: 'edit', doc: first?.doc as never, base: first?.version as DocVersion, edits, machine: false }])
    await test.replica.edit([{ type: 'delete', node: directory, seen: seenOf(results, directory) }])
    await test.replica.edit([{ type: 'move', node: directory, path: 'e' }])
    expect([...test.replica.applier.tree.view.entries()].map(({ path }) => path)).toEqual(['e', 'e/a.md'])
    await test.replica.edit([{ type: 'move', node: directory, path: 'f' }])
    expect([...test.replica.applier.tree.view.entries()].map(({ path }) => path)).toEqual(['f', 'f/a.md'])
  })

  it('[TREE20] is moved with what is brought back by name', async () => {
    const { test, results, directory } = await started()
    await test.replica.edit([{ type: 'delete', node: directory, seen: seenOf(results, directory) }])
    await test.replica.edit([
      { type: 'move', node: directory, path: 'e' },
      { type: 'move', node: results[1]?.node as never, path: 'e/b.md' }
    ])
    expect([...test.replica.applier.tree.view.entries()].map(({ path }) => path)).toEqual(['e', 'e/b.md'])
  })

  it('[TREE20] brings back nothing that was deleted at the same time elsewhere, and that is moved into it later', async () => {
    const [one, other] = [await TestReplica.open(), await TestReplica.open()]
    const share = async (): Promise<void> => {
      for (const [from, to] of [[one, other], [other, one]] as const) await deliver(to, await from.entries())
    }
    const pathsOf = ({ replica }: TestReplica): readonly string[] => [...replica.applier.tree.view.entries()].map(({ path }) => path)
    await one.replica.edit([...files, ...['x/c.md', 'x/f.md'].map((path) => ({ type: 'create-file' as const, path, text: `text of ${path}\n`, executable: false }))])
    await share()
    const [d, x, f] = ['d', 'x', 'x/f.md'].map((path) => one.replica.applier.tree.view.at(path)?.node as NodeId) as [NodeId, NodeId, NodeId]
    await one.replica.edit([f, d].map((node) => ({ type: 'delete' as const, node })))
    await other.replica.edit([{ type: 'move', node: d, path: 'e' }])
    await share()
    expect(pathsOf(one)).toEqual(['e', 'e/a.md', 'e/b.md', 'x', 'x/c.md'])
    await other.replica.edit([{ type: 'move', node: x, path: 'e/x' }])
    await share()
    for (const test of [one, other]) expect(pathsOf(test)).toEqual(['e', 'e/a.md', 'e/b.md', 'e/x', 'e/x/c.md'])
  })
})
