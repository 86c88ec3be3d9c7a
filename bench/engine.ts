import { createMemoryStore, keysFromWriteKey, nodeCrypto, openWorkspace } from '@collab/core'
import type { Transport, TransportHandlers, Workspace } from '@collab/core'
import { makeLink } from './loop-transport.js'
import type { Row } from './table.js'

const ENTRIES = 2000

/** Small entries appended on one workspace, then verified and applied by another, without network or disk. */
export async function measureEngine(): Promise<readonly Row[]> {
  const link = makeLink()
  const [a, b] = [await open('a', link.transport), await open('b', link.transport)]
  const [result] = await a.edit([{ type: 'create-file', path: 'note.md', text: 'start\n', executable: false }])
  const doc = result?.doc
  if (doc === undefined) throw new Error('no document')
  let start = performance.now()
  for (let entry = 0; entry < ENTRIES; entry++) {
    const { version } = await a.readText(doc)
    await a.edit([{ type: 'edit', doc, base: version, edits: [{ at: 0, remove: 0, insert: `line ${entry}\n` }], machine: false }])
  }
  const appended = rate(ENTRIES, performance.now() - start)
  start = performance.now()
  link.connect('a', 'b')
  await Promise.all([a.whenSynced(), b.whenSynced()])
  const received = rate(ENTRIES, performance.now() - start)
  await a.stop()
  await b.stop()
  return [
    { what: 'entries appended, one edit each', value: appended, beside: 'memory store' },
    { what: 'entries received, verified and applied', value: received, beside: 'memory store' }
  ]
}

async function open(name: string, transport: (peer: string, handlers: TransportHandlers) => Transport): Promise<Workspace> {
  const keys = keysFromWriteKey(nodeCrypto, new Uint8Array(32).fill(1))
  const workspace = await openWorkspace({ keys, store: createMemoryStore(), name, machine: 'bench', transport: (_seed, handlers) => transport(name, handlers) })
  await workspace.start()
  return workspace
}

function rate(count: number, ms: number): string {
  return `${((count / ms) * 1000).toFixed(0)} /s`
}
