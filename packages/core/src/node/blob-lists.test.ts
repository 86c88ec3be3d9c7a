import { describe, expect, it } from 'vitest'
import type { BlobId } from '../base/ids.js'
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
    await lists.drop(before.blob, () => false)
    const reopened = new BlobLists(kv)
    expect(await reopened.all()).toEqual([after.blob])
    expect(await reopened.list(before.blob)).toBeUndefined()
    expect((await reopened.list(after.blob))?.count).toBe(MAX_MANIFEST_ITEMS + 10)
    await reopened.drop(after.blob, () => false)
    expect(await kv.scan('manifest')).toEqual([])
  })

  it('[BLOB65] that are a blob and part of another one stay for the one when the other is dropped', async () => {
    const all = items(0, MAX_MANIFEST_ITEMS + 10)
    const { nodes, blob: large } = buildManifest(crypto, all)
    const [first, second] = [all.slice(0, MAX_MANIFEST_ITEMS), all.slice(MAX_MANIFEST_ITEMS)].map((part) => buildManifest(crypto, part).blob) as [BlobId, BlobId]
    const lists = new BlobLists(createMemoryStore())
    await lists.keep(nodes)
    await lists.drop(first, () => false)
    expect((await lists.list(large))?.count).toBe(MAX_MANIFEST_ITEMS + 10)
    await lists.drop(large, (blob) => blob === second)
    expect((await lists.list(second))?.count).toBe(10)
    expect(await lists.all()).toEqual([second])
  })
})
