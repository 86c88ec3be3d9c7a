import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { concat, toHex } from '../base/bytes.js'
import { MalformedError } from '../base/errors.js'
import { parseBlobId } from '../base/ids.js'
import { nobleCrypto } from '../keys/noble-crypto.js'
import { nodeCrypto as crypto } from '../node/node-crypto.js'
import { deriveBlobKeys } from './blob-keys.js'
import { placeOfFiles } from './blob-place.js'
import type { PlainFiles } from './blob-place.js'
import { ChunkList, childrenOf } from './chunk-list.js'
import { MAX_CHUNK_BYTES, MAX_MANIFEST_ITEMS, MEAN_CHUNK_BYTES, MIN_CHUNK_BYTES } from './chunk-limits.js'
import { cutChunk } from './cut-chunk.js'
import { buildManifest, decodeManifest, encodeManifest } from './manifest.js'
import type { Item } from './manifest.js'
import { openChunk, sealChunk } from './seal-chunk.js'

const keys = deriveBlobKeys(crypto, new Uint8Array(32).fill(9))

/** Bytes without a pattern, the same for the same seed. */
function noise(seed: number, length: number): Uint8Array {
  const out = new Uint8Array(length)
  let state = seed * 2654435761 + 1
  for (let at = 0; at < length; at++) {
    state = (Math.imul(state, 1664525) + 1013904223) | 0
    out[at] = state >>> 24
  }
  return out
}

function chunksOf(bytes: Uint8Array, gear = keys.gear): Uint8Array[] {
  const chunks: Uint8Array[] = []
  for (let rest = bytes; rest.length > 0; rest = rest.subarray(chunks.at(-1)?.length)) chunks.push(rest.subarray(0, cutChunk(rest, gear)))
  return chunks
}

const hashesOf = (chunks: readonly Uint8Array[]): Set<string> => new Set(chunks.map((chunk) => toHex(crypto.sha256(chunk))))
const newBytes = (before: readonly Uint8Array[], after: readonly Uint8Array[]): number => {
  const known = hashesOf(before)
  return after.filter((chunk) => !known.has(toHex(crypto.sha256(chunk)))).reduce((sum, { length }) => sum + length, 0)
}

describe('cutting', () => {
  it('[CHUNK1] gives the content back, within the sizes, with a mean near the one aimed at', () => {
    const bytes = noise(1, 24 * 1024 * 1024)
    const chunks = chunksOf(bytes)
    expect(crypto.sha256(concat(...chunks))).toEqual(crypto.sha256(bytes))
    for (const { length } of chunks.slice(0, -1)) expect(length).toBeGreaterThan(MIN_CHUNK_BYTES)
    for (const { length } of chunks) expect(length).toBeLessThanOrEqual(MAX_CHUNK_BYTES)
    const mean = bytes.length / chunks.length
    expect(mean).toBeGreaterThan(MEAN_CHUNK_BYTES * 0.75)
    expect(mean).toBeLessThan(MEAN_CHUNK_BYTES * 1.75)
  })

  it('[CHUNK2] an edit anywhere costs the chunks around it and no others', () => {
    const bytes = noise(2, 8 * 1024 * 1024)
    const before = chunksOf(bytes)
    fc.assert(
      fc.property(fc.nat(bytes.length), fc.uint8Array({ maxLength: 5000 }), fc.nat(5000), (at, added, removed) => {
        const after = chunksOf(concat(bytes.subarray(0, at), added, bytes.subarray(at + removed)))
        expect(newBytes(before, after)).toBeLessThan(4 * MAX_CHUNK_BYTES)
      }),
      { numRuns: 12, seed: 20 }
    )
  })

  it('[CHUNK3] without the key the cuts of a known file are not known', () => {
    const bytes = noise(3, 6 * 1024 * 1024)
    const lengths = (gear: Uint32Array): number[] => chunksOf(bytes, gear).map(({ length }) => length)
    const other = deriveBlobKeys(crypto, new Uint8Array(32).fill(8))
    expect(lengths(keys.gear)).toEqual(lengths(deriveBlobKeys(nobleCrypto, new Uint8Array(32).fill(9)).gear))
    expect(lengths(other.gear).filter((length) => lengths(keys.gear).includes(length))).toEqual([])
  })
})

describe('sealing', () => {
  it('[CHUNK4] the same bytes give the same chunk in one workspace, with either library, and another one elsewhere', () => {
    const other = deriveBlobKeys(crypto, new Uint8Array(32).fill(8))
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 3000 }), (plain) => {
        const sealed = sealChunk(crypto, keys, plain)
        expect(sealChunk(nobleCrypto, keys, plain)).toEqual(sealed)
        expect(sealChunk(crypto, other, plain)).not.toEqual(sealed)
        expect(openChunk(crypto, keys, sealed)).toEqual(plain)
        expect(openChunk(crypto, other, sealed)).toBeUndefined()
      }),
      { numRuns: 50 }
    )
  })

  it('[CHUNK5] a chunk with one bit changed or cut does not open', () => {
    const plain = noise(4, 1000)
    const sealed = sealChunk(crypto, keys, plain)
    for (let at = 0; at < sealed.length; at += 7) {
      const spoilt = Uint8Array.from(sealed)
      spoilt[at] = (spoilt[at] ?? 0) ^ 1
      expect(openChunk(crypto, keys, spoilt)).toBeUndefined()
    }
    for (const length of [0, 32, 48, sealed.length - 1]) expect(openChunk(crypto, keys, sealed.subarray(0, length))).toBeUndefined()
  })

  it('[CHUNK10] a chunk that its content would not give again is the same content for everybody, and is served by nobody who has only that', async () => {
    const plain = noise(4, 1000)
    const tag = new Uint8Array(32).fill(3)
    const forged = concat(tag, crypto.seal(crypto.hmac(keys.sealKey, tag), new Uint8Array(12), new Uint8Array(0), plain))
    const { blob, nodes } = buildManifest(crypto, [{ hash: crypto.sha256(forged), size: plain.length }])
    const list = ChunkList.of(blob, nodes.map(({ bytes }) => bytes))
    const written: Uint8Array[] = []
    const files = { read: () => Promise.resolve(written[0]), write: (_: ChunkList, __: number, bytes: Uint8Array) => Promise.resolve(void written.push(bytes)) }
    const place = placeOfFiles(crypto, keys, files as unknown as PlainFiles)
    expect(await place.write(list, 0, forged)).toBe('kept')
    expect(written).toEqual([plain])
    expect(await place.read(list, 0)).toBeUndefined()
  })
})

describe('manifests', () => {
  const items = (count: number): Item[] => Array.from({ length: count }, (_, at) => ({ hash: crypto.sha256(Uint8Array.of(at, at >> 8)), size: 1 + (at % 1000) }))

  it.each([0, 1, 3, MAX_MANIFEST_ITEMS, MAX_MANIFEST_ITEMS + 1, 3 * MAX_MANIFEST_ITEMS])('[CHUNK6] a list of %i chunks comes back from its manifests', (count) => {
    const chunks = items(count)
    const built = buildManifest(crypto, chunks)
    const byHash = new Map(built.nodes.map(({ hash, bytes }) => [hash, bytes]))
    const root = byHash.get(built.blob) ?? new Uint8Array()
    const list = ChunkList.of(built.blob, [root, ...childrenOf(root).map((hash) => byHash.get(hash) ?? new Uint8Array())])
    expect(list.count).toBe(count)
    expect(list.size).toBe(built.size)
    for (const at of [0, count >> 1, count - 1].filter((index) => index >= 0 && index < count)) {
      expect(list.names(at, chunks[at]?.hash ?? new Uint8Array())).toBe(true)
      expect(list.sizeOf(at)).toBe(chunks[at]?.size)
    }
  })

  it('[CHUNK7] a manifest that could be written otherwise, or lies about what is below it, is refused', () => {
    const [a, b] = items(2) as [Item, Item]
    const blob = parseBlobId('11'.repeat(32))
    const leaf = encodeManifest({ level: 0, items: [a, b] })
    const wrong = [
      encodeManifest({ level: 2, items: [a, b] }),
      encodeManifest({ level: 0, items: [{ ...a, size: 0 }] }),
      encodeManifest({ level: 0, items: [{ ...a, size: MAX_CHUNK_BYTES + 1 }] }),
      encodeManifest({ level: 1, items: [{ hash: crypto.sha256(leaf), size: 3 }] }),
      encodeManifest({ level: 0, items: items(MAX_MANIFEST_ITEMS + 1) }),
      concat(leaf, Uint8Array.of(0))
    ]
    for (const bytes of wrong) expect(() => decodeManifest(bytes)).toThrow(MalformedError)
    const above = (size: number): Uint8Array => encodeManifest({ level: 1, items: [{ hash: crypto.sha256(leaf), size }, { ...b, size: 3 }] })
    expect(() => ChunkList.of(blob, [above(3), leaf, leaf])).toThrow(/room left/)
    expect(() => ChunkList.of(blob, [above(9), leaf, leaf])).toThrow(/other than was said/)
    expect(() => ChunkList.of(blob, [above(3), leaf])).toThrow(/not all there/)
    expect(() => ChunkList.of(blob, [])).toThrow(MalformedError)
  })

  it('[CHUNK8] arbitrary bytes are read as a manifest or refused, never anything else', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        try {
          expect(encodeManifest(decodeManifest(bytes))).toEqual(bytes)
        } catch (error) {
          expect(error).toBeInstanceOf(MalformedError)
        }
      }),
      { numRuns: 500 }
    )
  })
})
