import { describe, expect, it } from 'vitest'
import * as Y from 'yjs'
import { leaseClient } from '../doc/client-lease.js'
import { appDocumentId } from '../doc/node-id.js'
import { keysFromWriteKey } from '../keys/workspace-keys.js'
import { newAuthor } from '../node/identity.js'
import { nodeCrypto as crypto } from '../node/node-crypto.js'
import { openWorkspace } from '../node/workspace.js'
import type { Workspace } from '../node/workspace-types.js'
import { createMemoryStore } from '../store/memory-store.js'
import { HostedDocument } from './hosted-document.js'
import type { ToTab } from './tab-message.js'

type Told = ToTab extends infer M ? (M extends ToTab ? Omit<M, 'to' | 'host' | 'doc'> : never) : never

const NAME = 'notes'

async function host(): Promise<Workspace> {
  const keys = keysFromWriteKey(crypto, crypto.randomBytes(32))
  const workspace = await openWorkspace({ keys, store: createMemoryStore(), name: 'host', machine: 'browser', crypto })
  await workspace.start()
  return workspace
}

/** What a tab writes under the client id of its Y.Doc, as it goes to the host. */
function typed(tab: Y.Doc, text: string): Uint8Array {
  let update: Uint8Array = new Uint8Array()
  tab.once('update', (bytes: Uint8Array) => (update = bytes))
  tab.getText('t').insert(0, text)
  return update
}

describe('a document of a tab at the host', () => {
  it('[WEB38] does not say that it has what came under the client id of an author that is none any more', async () => {
    const workspace = await host()
    const told: Told[] = []
    const hosted = new HostedDocument((message) => told.push(message))
    const tab = new Y.Doc()
    // Of an earlier host, whose run nobody can vouch for: its author is not continued.
    const lease = leaseClient(crypto, newAuthor(crypto).id, appDocumentId(crypto, NAME))
    tab.clientID = lease.client
    await hosted.open(workspace, { target: { name: NAME }, coalesceMs: 0, state: Y.encodeStateAsUpdate(tab), count: 0, client: tab.clientID, lease })
    // Typed before the tab heard of its new client id.
    hosted.update(typed(tab, 'lost?'), 1)
    await expect(hosted.answer({ ask: 'flush', to: 'disk' })).rejects.toThrow()
    expect(told.filter((message) => message.type === 'failed' && message.isFinal)).toHaveLength(1)
    expect(told.filter((message) => message.type === 'status' && message.status.saved && message.count === 1)).toEqual([])
    await hosted.close()
    await workspace.stop()
  })

  it('[WEB38] takes what comes under the client id that it leased', async () => {
    const workspace = await host()
    const told: Told[] = []
    const hosted = new HostedDocument((message) => told.push(message))
    const tab = new Y.Doc()
    let outlives: boolean | undefined
    const openDoc = workspace.openDoc.bind(workspace)
    workspace.openDoc = async (name, options) => {
      outlives ??= options?.outlives
      return await openDoc(name, options)
    }
    await hosted.open(workspace, { target: { name: NAME }, coalesceMs: 0, state: Y.encodeStateAsUpdate(tab), count: 0, client: tab.clientID, lease: undefined })
    expect(outlives).toBe(true)
    const opened = told.find((message) => message.type === 'opened')
    tab.clientID = opened?.lease?.client ?? 0
    hosted.update(typed(tab, 'kept'), 1)
    await hosted.answer({ ask: 'flush', to: 'disk' })
    const last = told.filter((message) => message.type === 'status').at(-1)
    expect([last?.count, last?.status.saved]).toEqual([1, true])
    const { doc } = await workspace.openDoc(NAME)
    expect(doc.getText('t').toJSON()).toBe('kept')
    await hosted.close()
    await workspace.stop()
  })
})
