import { createMemoryStore, encodeLink, joinWorkspace, keysFromWriteKey, nodeCrypto } from '@collab/core'
import { registerStoreConformance } from '@collab/core/conformance'
import { describe, expect, it } from 'vitest'
import { encryptedStore } from './encrypted-store.js'

const key = nodeCrypto.randomBytes(32)

registerStoreConformance({ describe, it }, 'the example of an encrypted store', async () => ({ store: encryptedStore(createMemoryStore(), key) }))

it('[EX4] the example of an encrypted store keeps a workspace, and no row can be read without its key', async () => {
  const inner = createMemoryStore()
  const link = encodeLink(nodeCrypto, keysFromWriteKey(nodeCrypto, nodeCrypto.randomBytes(32)))
  const workspace = await joinWorkspace(link, { mdns: false, listen: ['/ip4/127.0.0.1/tcp/0'], store: encryptedStore(inner, key) })
  const diary = await workspace.openDoc('diary')
  diary.doc.getText('t').insert(0, 'Dear diary')
  await diary.flush()
  const rows = await inner.scan('app')
  expect([rows.length, await workspace.documents()]).toEqual([1, ['diary']])
  expect(Buffer.from(rows[0]?.[1] ?? []).toString('latin1')).not.toContain('diary')
  await expect(encryptedStore(inner, nodeCrypto.randomBytes(32)).scan('app')).rejects.toThrow('another key')
  await workspace.stop()
})
