import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync, writeSync } from 'node:fs'
import { randomBytes } from 'node:crypto'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it, vi } from 'vitest'
// The thread's file is found beside the built one.
import { ChunkThread } from '@collab/core'
import { deriveBlobKeys } from '../blob/blob-keys.js'
import { ChunkList } from '../blob/chunk-list.js'
import { buildManifest } from '../blob/manifest.js'
import { sealChunk, tagOf } from '../blob/seal-chunk.js'
import { nodeCrypto as crypto } from './node-crypto.js'

const keys = deriveBlobKeys(crypto, new Uint8Array(32).fill(3))
const directory = mkdtempSync(join(tmpdir(), 'collab-thread-'))
const thread = new ChunkThread(keys)
afterAll(async () => {
  await thread.stop()
  rmSync(directory, { recursive: true })
})

/** A file on the disk, and its list of chunks. */
async function cutFile(name: string, content: Uint8Array) {
  const path = join(directory, name)
  writeFileSync(path, content)
  const fd = openSync(path, 'r+')
  const { items, tags } = await thread.cut(fd, content.length)
  const { blob, nodes } = buildManifest(crypto, items)
  const list = ChunkList.of(blob, nodes.toReversed().map(({ bytes }) => bytes))
  return { path, fd, list, tags }
}

describe('the thread for chunks', () => {
  it('[BLOB52] seals what lies there, with its tag known or not, and nothing that was changed', async () => {
    const content = randomBytes(900_000)
    const { fd, list, tags } = await cutFile('a', content)
    for (let at = 0; at < list.count; at++) {
      const expected = sealChunk(crypto, keys, content.subarray(list.startOf(at), list.startOf(at + 1)))
      const tag = tags.slice(at * 32, at * 32 + 32)
      expect(tagOf(expected)).toEqual(new Uint8Array(tag))
      expect(await thread.seal(fd, list, at)).toEqual(expected)
      expect(await thread.seal(fd, list, at, tag)).toEqual(expected)
    }
    writeSync(fd, Uint8Array.of((content[10] ?? 0) ^ 1), 0, 1, 10)
    expect(await thread.seal(fd, list, 0)).toBeUndefined()
    expect(await thread.seal(fd, list, 0, tags.slice(0, 32))).toBeUndefined()
    closeSync(fd)
  })

  it('[BLOB52] writes what it is given when it is the chunk, says whose doing it is when not, and copies what is there', async () => {
    const content = randomBytes(900_000)
    const { fd, list } = await cutFile('b', content)
    const path = join(directory, 'c')
    writeFileSync(path, '')
    const to = openSync(path, 'r+')
    const last = list.count - 1
    for (let at = 1; at < list.count; at++) expect(await thread.open(to, list, at, (await thread.seal(fd, list, at)) ?? new Uint8Array(1))).toBe('kept')
    expect(await thread.open(to, list, 0, randomBytes(list.sizeOf(0) + 48))).toBe('false-hash')
    expect(await thread.open(to, list, 0, new Uint8Array(new ArrayBuffer(list.sizeOf(0) + 48)))).toBe('false-hash')
    expect(await thread.copy(fd, list, 0, to, [list.startOf(0), content.length])).toBe(true)
    expect(readFileSync(path).equals(Buffer.concat([content, content.subarray(0, list.sizeOf(0))]))).toBe(true)
    expect((await thread.match(to, list)).isWhole).toBe(true)
    writeSync(fd, Uint8Array.of((content.at(-1) ?? 0) ^ 1), 0, 1, content.length - 1)
    expect(await thread.copy(fd, list, last, to, [0])).toBe(false)
    closeSync(to)
    await expect(thread.open(to, list, 0, sealChunk(crypto, keys, content.subarray(0, list.sizeOf(0))))).rejects.toThrow()
    closeSync(fd)
  })

  it('[BLOB52] of a chunk that does not open it writes nothing', async () => {
    const path = join(directory, 'd')
    writeFileSync(path, '')
    const fd = openSync(path, 'r+')
    const spoilt = sealChunk(crypto, keys, randomBytes(100_000))
    spoilt[40] = (spoilt[40] ?? 0) ^ 1
    const { blob, nodes } = buildManifest(crypto, [{ hash: crypto.sha256(spoilt), size: 100_000 }])
    const list = ChunkList.of(blob, nodes.map(({ bytes }) => bytes))
    expect(await thread.open(fd, list, 0, spoilt)).toBe('does-not-open')
    expect(readFileSync(path)).toHaveLength(0)
    closeSync(fd)
  })

  it('[BLOB55] ends when it is idle, and what is asked at that very moment is answered by the next one', async () => {
    const path = join(directory, 'e')
    const content = randomBytes(200_000)
    writeFileSync(path, content)
    const fd = openSync(path, 'r')
    const fresh = new ChunkThread(keys)
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    try {
      const { items } = await fresh.cut(fd, content.length)
      vi.advanceTimersByTime(60_000)
      expect((await fresh.cut(fd, content.length)).items).toEqual(items)
      vi.advanceTimersByTime(60_000)
      fresh.warm()
      expect(vi.getTimerCount()).toBe(1)
      vi.advanceTimersByTime(60_000)
      expect((await fresh.cut(fd, content.length)).items).toEqual(items)
    } finally {
      vi.useRealTimers()
      await fresh.stop()
      closeSync(fd)
    }
  })
})
