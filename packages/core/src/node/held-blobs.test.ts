import { describe, expect, it } from 'vitest'
import type { BlobId } from '../base/ids.js'
import type { Clock } from '../base/clock.js'
import { ChunkList } from '../blob/chunk-list.js'
import { SEAL_BYTES } from '../blob/chunk-limits.js'
import { buildManifest } from '../blob/manifest.js'
import { createMemoryStore } from '../store/memory-store.js'
import { HeldBlobs } from './held-blobs.js'
import type { HoldInit } from './held-blobs.js'
import { nodeCrypto as crypto } from './node-crypto.js'

const DAY_MS = 24 * 60 * 60 * 1000
/** What a chunk of the tests takes. */
const CHUNK = 1000

/** Time that passes when the test says so. */
class ManualClock implements Pick<Clock, 'now' | 'after'> {
  #time = 1_700_000_000_000
  readonly #timers = new Set<{ readonly at: number; readonly run: () => void }>()

  now(): number {
    return this.#time
  }

  after(ms: number, run: () => void): () => void {
    const timer = { at: this.#time + ms, run }
    this.#timers.add(timer)
    return () => void this.#timers.delete(timer)
  }

  advance(ms: number): void {
    this.#time += ms
    for (const timer of this.#timers) {
      if (timer.at > this.#time) continue
      this.#timers.delete(timer)
      timer.run()
    }
  }
}

/** One that cannot read, and peers that have every blob it asks for. */
class Holder {
  readonly kv = createMemoryStore()
  readonly clock = new ManualClock()
  readonly offered = new Map<BlobId, ChunkList>()
  readonly lists = new Map<BlobId, ChunkList>()
  readonly chunks = new Set<string>()
  /** Blobs whose list is part of another one's. */
  readonly parts = new Set<BlobId>()
  readonly told: string[] = []
  held: HeldBlobs = this.open({})

  /** A blob of chunks with these names. */
  blob(...names: readonly number[]): BlobId {
    const { blob, nodes } = buildManifest(crypto, names.map((name) => ({ hash: crypto.sha256(Uint8Array.of(name)), size: CHUNK - SEAL_BYTES })))
    this.offered.set(blob, ChunkList.of(blob, nodes.map(({ bytes }) => bytes)))
    return blob
  }

  open(limits: Omit<HoldInit, 'chunks'>): HeldBlobs {
    const place = {
      remove: (key: string) => Promise.resolve(void this.chunks.delete(key)),
      sweep: (isWanted: (key: string) => boolean) => Promise.resolve([...this.chunks].forEach((key) => isWanted(key) || this.chunks.delete(key)))
    }
    this.held = new HeldBlobs({
      kv: this.kv,
      clock: this.clock,
      hold: { chunks: place as unknown as HoldInit['chunks'], ...limits },
      onFull: (message) => this.told.push(message),
      blobs: {
        want: (blob) => void this.#fetch(blob),
        forget: (blob) => Promise.resolve(void this.lists.delete(blob)),
        known: () => Promise.resolve([...this.lists.keys()].filter((blob) => !this.parts.has(blob))),
        list: (blob) => Promise.resolve(this.lists.get(blob))
      }
    })
    return this.held
  }

  /** An entry names it. */
  async names(...blobs: readonly BlobId[]): Promise<void> {
    await this.held.named(blobs)
    await this.settled()
  }

  async passes(days: number): Promise<void> {
    this.clock.advance(days * DAY_MS)
    await this.settled()
  }

  /** All steps that wait for nothing from outside are done. */
  async settled(): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve))
  }

  has(blob: BlobId): boolean {
    const list = this.lists.get(blob)
    return list !== undefined && Array.from({ length: list.count }, (_, at) => this.chunks.has(list.keyOf(at))).every(Boolean)
  }

  async #fetch(blob: BlobId): Promise<void> {
    const list = this.offered.get(blob)
    if (list === undefined || !(await this.held.admit(list))) return
    this.lists.set(blob, list)
    for (let at = 0; at < list.count; at++) this.chunks.add(list.keyOf(at))
  }
}

describe('what one that cannot read holds', () => {
  it('[BLOB60] is everything that an entry ever named, unless it is told how much', async () => {
    const holder = new Holder()
    const all = [holder.blob(1, 2), holder.blob(3), holder.blob(4)]
    for (const blob of all) await holder.names(blob)
    await holder.passes(10_000)
    await holder.open({}).start(all)
    await holder.settled()
    expect(all.map((blob) => holder.has(blob))).toEqual([true, true, true])
    expect(holder.told).toEqual([])
  })

  it('[BLOB61] gives way to what came later, what was named longest ago first, and what others share stays', async () => {
    const holder = new Holder()
    const [a, b, c, d] = [holder.blob(1, 2), holder.blob(2, 3), holder.blob(4), holder.blob(5)]
    await holder.open({ maxBytes: 4 * CHUNK }).start([])
    for (const blob of [a, b, c]) await holder.names(blob)
    await holder.passes(31)
    await holder.names(d)
    expect([a, b, c, d].map((blob) => holder.has(blob))).toEqual([false, true, true, true])
    expect(holder.lists.has(a)).toBe(false)
    expect(holder.chunks.size).toBe(4)
    expect(holder.told).toEqual([])
  })

  it('[BLOB62] never gives way where it was named lately: then the newest is not held, that is said, and it comes once there is room', async () => {
    const holder = new Holder()
    const [a, b, c] = [holder.blob(1, 2), holder.blob(3), holder.blob(4)]
    await holder.open({ maxBytes: 3 * CHUNK }).start([])
    await holder.names(a)
    await holder.names(b)
    await holder.passes(29)
    await holder.names(c)
    expect([a, b, c].map((blob) => holder.has(blob))).toEqual([true, true, false])
    expect(holder.told).toHaveLength(1)
    await holder.passes(2)
    expect([a, b, c].map((blob) => holder.has(blob))).toEqual([false, true, true])
  })

  it('[BLOB62] drops nothing for what would not fit all the same, and nothing for what gave way before', async () => {
    const holder = new Holder()
    const [a, b, large] = [holder.blob(1), holder.blob(2), holder.blob(10, 11, 12, 13)]
    await holder.open({ maxBytes: 3 * CHUNK }).start([])
    await holder.names(a, b)
    await holder.passes(60)
    await holder.names(large)
    expect([a, b, large].map((blob) => holder.has(blob))).toEqual([true, true, false])
    const [c, d] = [holder.blob(20, 21), holder.blob(22)]
    await holder.names(c)
    await holder.open({ maxBytes: 3 * CHUNK }).start([a, b, c, d])
    await holder.settled()
    expect([a, b, c, d].map((blob) => holder.has(blob))).toEqual([false, false, true, true])
    holder.told.length = 0
    await holder.open({ maxBytes: 3 * CHUNK }).start([a, b, c, d])
    await holder.settled()
    expect([a, b, c, d].map((blob) => holder.has(blob))).toEqual([false, false, true, true])
    expect(holder.told).toEqual([])
  })

  it('[BLOB63] counts anew when an entry names it again', async () => {
    const holder = new Holder()
    const [a, b, c] = [holder.blob(1), holder.blob(2), holder.blob(3)]
    await holder.open({ maxBytes: 2 * CHUNK }).start([])
    await holder.names(a, b)
    await holder.passes(20)
    await holder.names(a)
    await holder.passes(20)
    await holder.names(c)
    expect([a, b, c].map((blob) => holder.has(blob))).toEqual([true, false, true])
  })

  it('[BLOB64] is within a limit that was lowered, after the next start, with nothing left of what was dropped', async () => {
    const holder = new Holder()
    const all = [holder.blob(1, 2), holder.blob(3), holder.blob(4)]
    for (const blob of all) await holder.names(blob)
    holder.chunks.add('left behind by a crash')
    await holder.passes(31)
    await holder.open({ maxBytes: 2 * CHUNK, keepMs: 30 * DAY_MS }).start(all)
    await holder.settled()
    expect(all.map((blob) => holder.has(blob))).toEqual([false, true, true])
    expect(holder.chunks.size).toBe(2)
  })

  it('[BLOB65] that was named lately stays whole at a start, where a larger one of which it is a part gives way', async () => {
    const holder = new Holder()
    const [large, part] = [holder.blob(1, 2, 3), holder.blob(2, 3)]
    await holder.open({}).start([])
    await holder.names(large)
    await holder.passes(31)
    await holder.names(part)
    holder.parts.add(part)
    holder.offered.clear()
    await holder.open({ maxBytes: 2 * CHUNK }).start([large, part])
    await holder.settled()
    expect([large, part].map((blob) => holder.has(blob))).toEqual([false, true])
    expect(holder.held.holds(part)).toBe(true)
  })
})
