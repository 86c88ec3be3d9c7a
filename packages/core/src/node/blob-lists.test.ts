import { describe, expect, it } from 'vitest'
import { MAX_MANIFEST_ITEMS } from '../blob/chunk-limits.js'
import { buildManifest } from '../blob/manifest.js'
import type { Item } from '../blob/manifest.js'
import { createMemoryStore } from '../store/memory-store.js'
import { BlobLists } from './blob-lists.js'
import { nodeCrypto as crypto } from './node-crypto.js'

const items = (from: number, count: number): Item[] => Array.from({ length: count }, (_, at) => ({ hash: crypto.sha256(Uint8Array.of(...[0, 8, 16].map((bits) => (from + at) >> bits))), size: 1 + (at % 1000) }))

describe('lists of chunks', () => {
  it('[BLOB19] of a blob that is dropped go, and what another version shares with it stays', async () => {
    const kv = createMemoryStore()
    const common = items(0, MAX_MANIFEST_ITEMS)
    const [before, after] = [1, 2].map((version) => buildManifest(crypto, [...common, ...items(100_000 * version, 10)])) as [ReturnType<typeof buildManifest>, ReturnType<typeof buildManifest>]
    const lists = new BlobLists(kv)
    await lists.keep([...before.nodes, ...after.nodes])
    await lists.drop(before.blob)
    const reopened = new BlobLists(kv)
    expect(await reopened.all()).toEqual([after.blob])
    expect(await reopened.list(before.blob)).toBeUndefined()
    expect((await reopened.list(after.blob))?.count).toBe(MAX_MANIFEST_ITEMS + 10)
    await reopened.drop(after.blob)
    expect(await kv.scan('manifest')).toEqual([])
  })
})
