import { mkdtempSync, readFileSync, readdirSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { concat, equalBytes } from '../base/bytes.js'
import { systemClock } from '../base/clock.js'
import type { BlobId } from '../base/ids.js'
import { silentLogger } from '../base/log.js'
import { Bitfield } from '../blob/bitfield.js'
import { deriveBlobKeys } from '../blob/blob-keys.js'
import { placeOfFiles } from '../blob/blob-place.js'
import type { PlainFiles } from '../blob/blob-place.js'
import type { ChunkList } from '../blob/chunk-list.js'
import { cutChunk } from '../blob/cut-chunk.js'
import { sealChunk } from '../blob/seal-chunk.js'
import { seeded } from '../blob/test-swarm.js'
import { createTransport } from '../net/node-transport.js'
import type { Transport } from '../net/transport.js'
import { createMemoryStore } from '../store/memory-store.js'
import { BlobDriver } from './blob-driver.js'
import type { BlobLimits } from './blob-types.js'
import { NodeChunkFiles } from './node-chunk-files.js'
import { nodeCrypto as crypto } from './node-crypto.js'

const READ_KEY = new Uint8Array(32).fill(4)
const keys = deriveBlobKeys(crypto, READ_KEY)
const DISCOVERY_KEY = new Uint8Array(32).fill(5)

/** Content in memory instead of on a disk. */
class MemoryFiles implements PlainFiles {
  readonly contents = new Map<BlobId, { readonly bytes: Uint8Array; readonly field: Bitfield }>()
  writes = 0

  held(list: ChunkList): Promise<Bitfield | undefined> {
    return Promise.resolve(this.contents.get(list.blob)?.field)
  }

  prepare(list: ChunkList): Promise<Bitfield> {
    const made = this.contents.get(list.blob) ?? { bytes: new Uint8Array(list.size), field: new Bitfield(list.count) }
    this.contents.set(list.blob, made)
    return Promise.resolve(made.field)
  }

  read(list: ChunkList, at: number, size: number): Promise<Uint8Array | undefined> {
    return Promise.resolve(this.contents.get(list.blob)?.bytes.slice(at, at + size))
  }

  write(list: ChunkList, index: number, plain: Uint8Array): Promise<void> {
    this.writes++
    this.contents.get(list.blob)?.bytes.set(plain, list.startOf(index))
    this.contents.get(list.blob)?.field.set(index)
    return Promise.resolve()
  }

  finish(): Promise<void> {
    return Promise.resolve()
  }

  drop(): Promise<void> {
    return Promise.resolve()
  }
}

class Peer {
  readonly files = new MemoryFiles()
  readonly driver: BlobDriver
  readonly transport: Transport
  readonly refused: string[] = []

  constructor(peers: readonly string[], init: { blind?: string; limits?: BlobLimits } = {}) {
    this.driver = new BlobDriver({
      crypto,
      kv: createMemoryStore(),
      clock: systemClock,
      random: seeded(1),
      logger: silentLogger,
      keys: init.blind === undefined ? keys : undefined,
      limits: init.limits ?? {},
      onBytes: () => undefined,
      onRefused: (_, reason) => this.refused.push(reason),
      onTrouble: (message) => this.refused.push(message)
    })
    this.driver.use(init.blind === undefined ? placeOfFiles(crypto, keys, this.files) : new NodeChunkFiles(init.blind))
    const handlers = {
      joined: () => undefined,
      left: () => undefined,
      frame: () => Promise.resolve(),
      gossip: () => Promise.resolve('ignore' as const),
      listening: () => undefined,
      trouble: () => undefined,
      blobs: this.driver
    }
    const net = { listen: ['/ip4/127.0.0.1/tcp/0'], peers, mdns: false, handlers }
    this.transport = createTransport({ ...net, privateKey: crypto.randomBytes(32), crypto, discoveryKey: DISCOVERY_KEY })
    this.driver.start(this.transport)
  }

  async add(bytes: Uint8Array, has: (index: number) => boolean = () => true): Promise<{ blob: BlobId; size: number }> {
    const items = []
    for (let at = 0; at < bytes.length; ) {
      const plain = bytes.subarray(at, at + cutChunk(bytes.subarray(at), keys.gear))
      items.push({ hash: crypto.sha256(sealChunk(crypto, keys, plain)), size: plain.length })
      at += plain.length
    }
    const named = await this.driver.describe(items)
    const field = new Bitfield(items.length)
    for (let at = 0; at < items.length; at++) if (has(at)) field.set(at)
    this.files.contents.set(named.blob, { bytes, field })
    this.driver.changed(named.blob)
    return named
  }

  /** Wants a blob and resolves when it is whole. */
  async fetch({ blob, size }: { blob: BlobId; size: number }): Promise<Uint8Array | undefined> {
    const { promise, resolve } = Promise.withResolvers<void>()
    const undo = this.driver.onWhole((whole) => whole === blob && resolve())
    this.driver.want(blob, size)
    await promise
    undo()
    return this.files.contents.get(blob)?.bytes
  }
}

const running: Peer[] = []
const directories: string[] = []

async function start(peers: readonly Peer[] = [], init: { blind?: string; limits?: BlobLimits } = {}): Promise<Peer> {
  const peer = new Peer(peers.flatMap(({ transport }) => transport.addresses()), init)
  running.push(peer)
  await peer.transport.start()
  return peer
}

function directory(): string {
  const path = mkdtempSync(join(tmpdir(), 'collab-chunks-'))
  directories.push(path)
  return path
}

afterEach(async () => {
  for (const { driver, transport } of running.splice(0)) {
    driver.stop()
    await transport.stop()
  }
  for (const path of directories.splice(0)) rmSync(path, { recursive: true })
})

const content = (seed: number, length: number): Uint8Array => {
  const random = seeded(seed)
  return Uint8Array.from({ length }, () => random.next() * 256)
}
const chunkFiles = (path: string): readonly string[] => readdirSync(path, { recursive: true, encoding: 'utf8' }).filter((name) => name.length > 60)

describe('blobs over real connections', () => {
  it('[BLOB1] come from several sources at once, each with a part, and small ones too', async () => {
    const bytes = content(1, 5_000_000)
    const a = await start()
    const named = await a.add(bytes, (at) => at % 2 === 0)
    const b = await start([a])
    await b.add(bytes, (at) => at % 2 === 1)
    const c = await start([a, b])
    const small = await a.add(content(2, 700))
    expect(equalBytes((await c.fetch(named)) ?? new Uint8Array(), bytes)).toBe(true)
    expect(await c.fetch(small)).toEqual(content(2, 700))
    expect(a.driver.status().sentBytes).toBeLessThan(bytes.length * 0.75)
    expect(c.driver.status().active).toEqual([])
    expect([...a.refused, ...b.refused, ...c.refused]).toEqual([])
  })

  it('[BLOB56] come from the others when one source lies, one falls silent and one vanishes in the middle', async () => {
    const bytes = content(20, 6_000_000)
    const natures: Readonly<Record<string, (peer: Peer, list: ChunkList, index: number) => Promise<Uint8Array | undefined>>> = {
      liar: (_, list, index) => Promise.resolve(crypto.randomBytes(list.sizeOf(index) + 48)),
      silent: () => new Promise(() => undefined),
      vanishing: (peer) => peer.transport.stop().then(() => undefined)
    }
    const honest = await start([], { limits: { upBytesPerSecond: 2_000_000 } })
    const named = await honest.add(bytes)
    const asked = new Set<string>()
    const sources = [honest]
    for (const [name, read] of Object.entries(natures)) {
      const peer = await start()
      peer.driver.use({ ...placeOfFiles(crypto, keys, peer.files), read: (list, index) => (asked.add(name), read(peer, list, index)) })
      await peer.add(bytes)
      sources.push(peer)
    }
    const c = await start(sources)
    expect(equalBytes((await c.fetch(named)) ?? new Uint8Array(), bytes)).toBe(true)
    expect([...asked].sort()).toEqual(['liar', 'silent', 'vanishing'])
    expect([...new Set(c.refused)]).toEqual(['the peer sent a chunk that is not the one asked for'])
  })

  it('[BLOB66] are fetched again when the disk did not keep them', async () => {
    const bytes = content(21, 1_500_000)
    const a = await start()
    const named = await a.add(bytes)
    const c = await start([a])
    let failures = 0
    c.files.finish = async (blob?: BlobId) => {
      if (failures++ > 0 || blob === undefined) return
      c.files.contents.delete(blob)
      throw new Error('EIO')
    }
    expect(equalBytes((await c.fetch(named)) ?? new Uint8Array(), bytes)).toBe(true)
    expect([failures, c.refused]).toEqual([2, ['the disk did not keep a file that came, which is fetched again: EIO']])
    expect(a.driver.status().sentBytes).toBeGreaterThan(2 * bytes.length)
  })

  it('[BLOB68] are whole also where they were given up, and wanted again before what was fetched of them was', async () => {
    const bytes = content(22, 1_500_000)
    const a = await start()
    const named = await a.add(bytes)
    for (const step of ['prepare', 'write', 'finish'] as const) {
      const c = await start([a])
      const { files } = c
      const begun = Promise.withResolvers<void>()
      const [end, next] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
      /** The first time it goes on late; what it did then was to what is gone by now. */
      const late = async <T>(at: typeof step, then: () => Promise<T>, gone: T): Promise<T> => {
        if (at !== step || at === waited) return await then()
        waited = at
        begun.resolve()
        await end.promise
        return gone
      }
      let waited = ''
      const [prepare, write] = [files.prepare.bind(files), files.write.bind(files)]
      files.drop = (blob?: BlobId) => Promise.resolve(void (blob !== undefined && files.contents.delete(blob)))
      files.prepare = (list) =>
        late('prepare', async () => {
          if (waited !== '' && step !== 'write') await next.promise
          return await prepare(list)
        }, Bitfield.whole(list.count))
      files.write = (list, index, plain) => late('write', () => write(list, index, plain), undefined)
      files.finish = () => late('finish', () => Promise.resolve(), undefined)
      c.driver.want(named.blob, named.size)
      await begun.promise
      c.driver.unwant(named.blob)
      const fetched = c.fetch(named)
      await untilTrue(() => step !== 'write' || files.contents.has(named.blob))
      end.resolve()
      await new Promise((resolve) => setTimeout(resolve, 20))
      next.resolve()
      expect([step, equalBytes((await fetched) ?? new Uint8Array(), bytes), c.refused]).toEqual([step, true, []])
    }
  })

  it('[BLOB2] are held by one that cannot read, and come from there when the author is gone', async () => {
    const bytes = content(3, 2_000_000)
    const path = directory()
    const a = await start()
    const named = await a.add(bytes)
    const blind = await start([a], { blind: path })
    await blind.fetch(named)
    running.splice(running.indexOf(a), 1)
    a.driver.stop()
    await a.transport.stop()
    for (const name of chunkFiles(path)) expect(readFileSync(join(path, name)).includes(Buffer.from(bytes.subarray(1000, 1032)))).toBe(false)
    const c = await start([blind])
    expect(equalBytes((await c.fetch(named)) ?? new Uint8Array(), bytes)).toBe(true)
  })

  it('[BLOB61] [BLOB64] that were given up, or belong to nothing, are gone from the disk of one that cannot read, and no other', async () => {
    const path = directory()
    const a = await start()
    const named = await a.add(content(8, 2_000_000))
    const blind = await start([a], { blind: path })
    await blind.fetch(named)
    const keys = chunkFiles(path).map((name) => name.slice(-64))
    const [first = '', second = ''] = keys
    const store = new NodeChunkFiles(path)
    await store.remove(first)
    await store.remove(first)
    await store.sweep((key) => key !== second)
    expect(chunkFiles(path).map((name) => name.slice(-64)).sort()).toEqual(keys.filter((key) => key !== first && key !== second).sort())
    expect(keys.length).toBeGreaterThan(3)
  })

  it('[BLOB3] that were spoilt where they lie are not served, and come from elsewhere', async () => {
    const bytes = content(4, 1_500_000)
    const path = directory()
    const a = await start()
    const named = await a.add(bytes)
    const blind = await start([a], { blind: path })
    await blind.fetch(named)
    const [first, second] = chunkFiles(path)
    truncateSync(join(path, first ?? ''), 10)
    const whole = readFileSync(join(path, second ?? ''))
    whole[100] = (whole[100] ?? 0) ^ 1
    writeFileSync(join(path, second ?? ''), whole)
    const c = await start([blind, a])
    expect(equalBytes((await c.fetch(named)) ?? new Uint8Array(), bytes)).toBe(true)
    expect(c.refused).toEqual([])
  })

  it('[BLOB4] a file on the disk that is not what it was any more is not served as if it were', async () => {
    const bytes = content(5, 900_000)
    const a = await start()
    const named = await a.add(bytes)
    const changed = concat(bytes.subarray(0, 10), Uint8Array.of(1, 2, 3), bytes.subarray(13))
    a.files.contents.set(named.blob, { bytes: changed, field: Bitfield.whole((await a.driver.list(named.blob))?.count ?? 0) })
    const b = await start()
    await b.add(bytes)
    const c = await start([a, b])
    expect(equalBytes((await c.fetch(named)) ?? new Uint8Array(), bytes)).toBe(true)
    expect(c.refused).toEqual([])
  })

  it('[BLOB5] keep to the bandwidth that they are given', async () => {
    const bytes = content(6, 1_500_000)
    const a = await start([], { limits: { upBytesPerSecond: 1_000_000 } })
    const named = await a.add(bytes)
    const b = await start([a])
    const begun = performance.now()
    await b.fetch(named)
    expect(performance.now() - begun).toBeGreaterThan(1100)
    const c = await start([b], { limits: { downBytesPerSecond: 1_000_000 } })
    const second = performance.now()
    await c.fetch(named)
    expect(performance.now() - second).toBeGreaterThan(500)
  })

  it('[BLOB6] that could not be read for a while are offered again, and the fetch goes on', async () => {
    const bytes = content(7, 1_200_000)
    const a = await start()
    const named = await a.add(bytes)
    const { field } = a.files.contents.get(named.blob) ?? { field: new Bitfield(0) }
    a.files.contents.set(named.blob, { bytes: new Uint8Array(bytes.length), field })
    const c = await start([a])
    const fetched = c.fetch(named)
    await untilTrue(() => a.driver.status().sentBytes > 200 && c.driver.status().active[0]?.sources === 0)
    a.files.contents.set(named.blob, { bytes, field })
    expect(equalBytes((await fetched) ?? new Uint8Array(), bytes)).toBe(true)
  })
})

async function untilTrue(check: () => boolean): Promise<void> {
  while (!check()) await new Promise((resolve) => setTimeout(resolve, 10))
}
