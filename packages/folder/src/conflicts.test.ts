import { describe, expect, it } from 'vitest'
import { datedConflicts, listConflicts, listLocalEdits, mergeConflict, readConflict, resolveConflict } from './conflicts.js'
import { eventually } from './testing/disk-harness.js'
import { Wire, alike, matches, testPeer } from './testing/workspace-harness.js'
import type { TestPeer } from './testing/workspace-harness.js'

const ANN = 'what Ann wrote\nall by herself\n'
const BEN = 'an entirely different text\nfrom Ben\n'

interface Pair {
  readonly wire: Wire
  readonly peers: readonly [TestPeer, TestPeer]
  /** Path of the conflict copy; its text, and that of the file with the name itself. */
  readonly copy: string
  readonly copyText: string
  readonly frontText: string
}

/** Two who made unlike files of one name while apart. */
async function conflicting(wire: Wire, a: TestPeer, b: TestPeer): Promise<Pair> {
  wire.cut()
  a.write('plan.md', ANN)
  b.write('plan.md', BEN)
  await matches(a, { 'plan.md': ANN })
  await matches(b, { 'plan.md': BEN })
  wire.join()
  await alike(a, b)
  const copy = a.names().find((name) => name !== 'plan.md') ?? ''
  return { wire, peers: [a, b], copy, copyText: a.read(copy) ?? '', frontText: a.read('plan.md') ?? '' }
}

describe('conflicts', () => {
  it('[CONF3] a conflict copy is listed with whose it is, when it was last changed and what it stands beside, the same on all peers', async () => {
    const wire = new Wire()
    await using a = await testPeer({ wire })
    await using b = await testPeer({ wire })
    const { copy } = await conflicting(wire, a, b)
    expect(copy).toMatch(/^plan \(conflict, test [0-9a-f]{8}\)\.md$/)
    for (const { workspace } of [a, b]) expect(listConflicts(workspace)).toEqual([{ path: copy, original: 'plan.md', who: 'test', kind: 'text' }])
    const [dated] = await datedConflicts(a.workspace)
    expect(await datedConflicts(b.workspace)).toEqual([dated])
    const [made] = await b.workspace.history({ path: copy })
    expect(dated?.at).toBe(made?.time)
    await expect(resolveConflict(a.workspace, 'plan.md', 'both')).rejects.toMatchObject({ name: 'NotResolvableError' })
  })

  it.each(['original', 'copy', 'both'] as const)('[CONF4] one is kept, or both under plain names, on every peer: %s', async (keep) => {
    const wire = new Wire()
    await using a = await testPeer({ wire })
    await using b = await testPeer({ wire })
    const { copy, copyText, frontText } = await conflicting(wire, a, b)
    const to = await resolveConflict(b.workspace, copy, keep)
    expect(to).toBe({ original: undefined, copy: 'plan.md', both: 'plan (test).md' }[keep])
    const outcome = { original: { 'plan.md': frontText }, copy: { 'plan.md': copyText }, both: { 'plan (test).md': copyText, 'plan.md': frontText } }[keep]
    for (const peer of [a, b]) await matches(peer, outcome)
    expect(listConflicts(a.workspace)).toEqual([])
  })

  it('[CONF5] merging makes one text of both, with what was written to the original meanwhile', async () => {
    const wire = new Wire()
    await using a = await testPeer({ wire })
    await using b = await testPeer({ wire })
    const { copy, frontText } = await conflicting(wire, a, b)
    const texts = await readConflict(a.workspace, copy)
    for (const line of [...ANN.split('\n'), ...BEN.split('\n')]) expect(texts.merged).toContain(line)
    b.write('plan.md', `${frontText}written meanwhile\n`)
    await matches(a, { 'plan.md': `${frontText}written meanwhile\n`, [copy]: texts.copy })
    await mergeConflict(a.workspace, copy, texts.base, `merged by hand\n${texts.original}`)
    for (const peer of [a, b]) await matches(peer, { 'plan.md': `merged by hand\n${frontText}written meanwhile\n` })
  })

  it('[CONF6] an edit that the link does not allow to send is listed', async () => {
    const wire = new Wire()
    await using a = await testPeer({ wire, files: { 'd/a.md': 'theirs\n' } })
    await using b = await testPeer({ wire, rights: 'read' })
    await alike(a, b)
    b.write('d/a.md', 'mine\n')
    await eventually('it is kept beside', () => listLocalEdits(b.folder.root).length === 1)
    expect(listLocalEdits(b.folder.root)).toEqual(['d/a (local edit).md'])
  })
})
