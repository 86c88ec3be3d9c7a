import { CollabError, createMemoryStore } from '@collab/core'
import { expect, it } from 'vitest'
import { BASE_TABLE } from './base-index.js'
import { decodeRow } from './base-row.js'
import { HELD_TABLE } from './held-bases.js'
import { pinnedVersions } from './pins.js'
import { eventually } from './testing/disk-harness.js'
import { alike, matches, testPeer, Wire } from './testing/workspace-harness.js'
import { hashText } from './text-content.js'

const PACE = { snapshotSteps: 4, pageSteps: 5, segmentEntries: 2 }
const SAVES = 30

it('[PRUNE6] every text that an editor may still have in hand can be read without any peer, and what it saves is merged', async () => {
  const wire = new Wire()
  const store = createMemoryStore()
  const first = await testPeer({ wire, store, pace: PACE, pruneAfterMs: -60_000 })
  await using full = await testPeer({ wire, files: { 'a.md': 'begun\n' } })
  await alike(first, full)
  for (let save = 0; save < SAVES; save++) {
    full.write('a.md', `${full.read('a.md') ?? ''}save ${save}\n`)
    await eventually('it arrived', () => first.read('a.md') === full.read('a.md'))
  }
  // What lies in the trash is pinned too; here it was emptied.
  const trash = new Set((await store.scan(HELD_TABLE)).map(([id]) => id))
  expect([...(await pinnedVersions(first.workspace.rows, trash)).values()]).toEqual([1])
  await using thin = await first.restart()
  await store.commit((await store.scan(HELD_TABLE)).map(([key]) => ({ table: HELD_TABLE, key })))
  await thin.workspace.whenSynced()
  expect(await thin.workspace.prune()).toBeGreaterThan(4)
  wire.cut()
  const [row] = (await store.scan(BASE_TABLE)).map(([key, value]) => decodeRow(key, value)).filter(({ path }) => path === 'a.md')
  if (row?.type !== 'file' || row.agreed === undefined) return expect.fail('the file has no base')
  expect(row.ring.length).toBeGreaterThan(10)
  for (const { version, hash } of [row.agreed, ...row.ring]) expect(hashText(await thin.workspace.readTextAt(row.doc, version))).toBe(hash)
  expect((await pinnedVersions(thin.workspace.rows, new Set())).get(row.doc)).toBe(Math.min(...row.ring.map(({ version }) => version.upTo)))
  await expect(thin.workspace.readTextAt(row.doc, { upTo: 2, plus: [] })).rejects.toMatchObject({ name: 'PrunedHistoryError' })
  thin.write('a.md', `offline\n${thin.read('a.md') ?? ''}`)
  await thin.sync.settled()
  wire.join()
  await matches(full, { 'a.md': `offline\nbegun\n${Array.from({ length: SAVES }, (_, save) => `save ${save}\n`).join('')}` })
})

it('[PRUNE14] a file whose text cannot be made stays as it is on the disk, is listed, and takes part again as soon as it can be', async () => {
  const wire = new Wire()
  await using here = await testPeer({ wire, files: { 'a.md': 'one\ntwo\nthree\n', 'b.md': 'other\n' } })
  await using there = await testPeer({ wire })
  await alike(here, there)
  const readText = here.workspace.readText.bind(here.workspace)
  const doc = here.workspace.tree.at('a.md')?.content
  let isGone = true
  here.workspace.readText = async (id) => {
    if (isGone && doc?.kind === 'text' && id === doc.doc) throw new CollabError('PrunedHistoryError', 'gone')
    return await readText(id)
  }
  there.write('a.md', 'one\ntwo\nthree\nfrom there\n')
  await eventually('it is listed', () => here.sync.status().skipped.some(({ path }) => path === 'a.md'))
  here.write('a.md', 'from here\none\ntwo\nthree\n')
  here.write('b.md', 'other\nmore\n')
  await eventually('all else goes on', () => there.read('b.md') === 'other\nmore\n')
  expect([here.read('a.md'), there.read('a.md')]).toEqual(['from here\none\ntwo\nthree\n', 'one\ntwo\nthree\nfrom there\n'])
  isGone = false
  await here.sync.rescan()
  await eventually('both have both', () => [here, there].every((peer) => peer.read('a.md') === 'from here\none\ntwo\nthree\nfrom there\n'))
  await eventually('it is no longer listed', () => here.sync.status().skipped.length === 0)
})
