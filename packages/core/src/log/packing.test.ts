import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Cbor, CborFields, decodeCbor, encodeCbor } from '../base/cbor.js'
import type { Crypto } from '../base/crypto.js'
import { parseAuthorId, parseBlobId, parseEntryHash, parseWorkspaceId } from '../base/ids.js'
import type { KvStore } from '../base/kv.js'
import { issueCertificate } from '../keys/certificate.js'
import { nobleCrypto } from '../keys/noble-crypto.js'
import { createMemoryStore } from '../store/memory-store.js'
import { type Entry, sealEntry } from './entry.js'
import { Log } from './log.js'
import { decodeRun, decodeSegment, encodeSegment } from './segment.js'

/** Signatures are the business of other tests. */
const crypto: Crypto = { ...nobleCrypto, verify: () => true }
const workspaceKey = nobleCrypto.signer(new Uint8Array(32).fill(1))
const workspace = parseWorkspaceId(workspaceKey.publicKey)
const signers = [2, 3].map(byte => nobleCrypto.signer(new Uint8Array(32).fill(byte)))
const LENGTH = 3
const isMalformed = expect.objectContaining({ name: 'MalformedError' })

type Changed = Partial<Parameters<typeof sealEntry>[0]>

function seal(previous: Entry | undefined, changed: Changed = {}, by = 0, using = crypto): Entry {
  const signer = signers[by] ?? expect.fail('no such author')
  return sealEntry({
    crypto: using,
    signer,
    epochKey: new Uint8Array(32),
    workspace,
    epoch: 0,
    seq: previous === undefined ? 0 : previous.header.seq + 1,
    prev: previous?.hash ?? null,
    deps: [],
    time: 1_700_000_000_000,
    admission: previous === undefined ? [issueCertificate(workspaceKey, parseAuthorId(signer.publicKey), 'writer')] : null,
    plain: new Uint8Array(9),
    ...changed
  })
}

function run(length: number, changed: (index: number) => Changed = () => ({}), by = 0, after?: Entry, using = crypto): Entry[] {
  const entries: Entry[] = []
  for (let i = 0; i < length; i++) entries.push(seal(entries.at(-1) ?? after, changed(i), by, using))
  return entries
}

class Packer {
  readonly kv: KvStore
  readonly log: Log

  private constructor(kv: KvStore, log: Log) {
    this.kv = kv
    this.log = log
  }

  static async open(kv = createMemoryStore(), segmentEntries = LENGTH, using = crypto): Promise<Packer> {
    return new Packer(kv, await Log.open({ kv, crypto: using, workspace, packing: { segmentEntries } }))
  }

  async add(entries: readonly Entry[]): Promise<void> {
    const staged = await this.log.stage(entries)
    expect(staged.faults).toEqual([])
    await this.kv.commit(staged.ops)
    this.log.adopt(staged)
  }

  async pack(): Promise<void> {
    for (;;) {
      const { ops, settle } = await this.log.pack()
      await this.kv.commit(ops)
      settle(true)
      if (ops.length === 0) return
    }
  }

  async count(table: string): Promise<number> {
    return (await this.kv.scan(table)).length
  }
}

/** Everything that can be asked of a log about `entries`. */
async function answers(log: Log, entries: readonly Entry[]): Promise<unknown> {
  const beginningWith = async (prefix: string): Promise<unknown> => [...(await log.headers(prefix))].sort(([a], [b]) => (a < b ? -1 : 1))
  const answered: unknown[] = [await beginningWith('')]
  for (const { hash, header } of entries) {
    answered.push([await log.get(hash), await log.has(hash), await log.header(hash), await log.position(hash), await log.at(header.author, header.seq)])
    for (const length of [7, 16, 20, 64]) answered.push(await beginningWith(hash.slice(0, length)))
  }
  for (const [author, heads] of log.vector) {
    for (const { hash, seq } of heads) {
      answered.push(await log.read({ author, head: hash, from: 0, to: seq, maxBytes: Infinity }))
      answered.push(await log.read({ author, head: hash, from: 2, to: seq - 2, maxBytes: 600 }))
    }
  }
  return answered
}

const changed: fc.Arbitrary<Changed> = fc.record({
  time: fc.oneof({ weight: 8, arbitrary: fc.nat(2 ** 31) }, { weight: 1, arbitrary: fc.maxSafeNat() }),
  epoch: fc.constantFrom(0, 0, 0, 7),
  deps: fc.array(fc.uint8Array({ minLength: 32, maxLength: 32 }).map(parseEntryHash), { maxLength: 2 }),
  blobs: fc.array(fc.uint8Array({ minLength: 32, maxLength: 32 }).map(parseBlobId), { maxLength: 2 }),
  plain: fc.uint8Array({ maxLength: 40 })
})

describe('packed entries', () => {
  it('[CKPT10] are given back byte for byte, whatever is asked for, also after a restart and where the log forks later', async () => {
    let packed = 0
    await fc.assert(
      fc.asyncProperty(fc.array(changed, { minLength: 1, maxLength: 20 }), fc.nat(), fc.nat(4), async (list, forkAt, more) => {
        const [first, second] = [run(list.length + 6, i => list[i] ?? {}), run(list.length + 6, i => list[list.length - i] ?? {}, 1)]
        const fork = run(more, () => ({ time: 5 }), 0, first[forkAt % first.length])
        const all = [...first, ...second, ...fork]
        const [test, plain] = [await Packer.open(), await Packer.open(createMemoryStore(), Infinity)]
        for (const part of [first, second, fork]) {
          await plain.add(part)
          await test.add(part)
          await test.pack()
        }
        packed += await test.count('place')
        expect(await answers(test.log, all)).toEqual(await answers(plain.log, all))
        const again = await Packer.open(test.kv)
        expect(await answers(again.log, all)).toEqual(await answers(plain.log, all))
      }),
      { numRuns: 40 }
    )
    expect(packed).toBeGreaterThan(200)
  })

  it('[CKPT10] are found although the hashes of many begin alike', async () => {
    const alike: Crypto = { ...crypto, sha256: (...parts) => nobleCrypto.sha256(...parts).fill(7, 0, 12) }
    const [test, plain] = [await Packer.open(createMemoryStore(), LENGTH, alike), await Packer.open(createMemoryStore(), Infinity, alike)]
    const all = [...run(12, () => ({}), 0, undefined, alike), ...run(12, () => ({}), 1, undefined, alike)]
    for (const { add } of [test, plain].map(packer => ({ add: packer.add.bind(packer) }))) await add(all)
    await test.pack()
    expect([await test.count('place'), await test.count('segment')]).toEqual([1, 4])
    expect(await answers(test.log, all)).toEqual(await answers(plain.log, all))
  })

  it('[CKPT11] leave the first entry, the newest, large ones and those of forked logs in rows of their own', async () => {
    const test = await Packer.open()
    const entries = run(20)
    await test.add(entries)
    await test.pack()
    // 1 + 5 * 3, the newest three and more are left.
    expect([await test.count('header'), await test.count('body'), await test.count('chain'), await test.count('segment')]).toEqual([5, 5, 5, 5])
    expect(await test.kv.get('header', entries[0]?.hash ?? '')).toBeDefined()
    const large = await Packer.open()
    await large.add(run(20, () => ({ plain: new Uint8Array(2000) })))
    await large.pack()
    expect([await large.count('header'), await large.count('segment')]).toEqual([20, 0])
    const forked = await Packer.open()
    await forked.add([...entries, ...run(2, () => ({ time: 5 }), 0, entries[1])])
    await forked.pack()
    expect([await forked.count('header'), await forked.count('segment')]).toEqual([22, 0])
  })

  it('[CKPT12] are there for a reader at every moment while they move', async () => {
    const entries = run(30)
    const hashes = entries.map(({ hash }) => hash)
    for (let moment = 0; moment < 60; moment++) {
      const kv = createMemoryStore()
      const writer = await Packer.open(kv)
      await writer.add(entries)
      let reads = 0
      const packing = async (): Promise<void> => {
        if (++reads === moment) await writer.pack()
      }
      const slow: KvStore = {
        ...kv,
        get: async (table, key) => {
          const row = await kv.get(table, key)
          await packing()
          return row
        },
        scan: async (table, range) => {
          const rows = await kv.scan(table, range)
          await packing()
          return rows
        }
      }
      const { log } = await Packer.open(slow)
      const [[author, heads] = expect.fail('no author')] = log.vector
      const read = await log.read({ author, head: heads[0]?.hash ?? expect.fail('no head'), from: 0, to: 29, maxBytes: Infinity })
      expect(read.map(({ hash }) => hash)).toEqual(hashes)
      expect([...(await log.headers()).keys()].toSorted()).toEqual(hashes.toSorted())
    }
  })

  it('[CKPT13] stay in their rows when they cannot be stored elsewhere, and move later', async () => {
    const test = await Packer.open()
    const entries = run(20)
    await test.add(entries)
    const { ops, settle } = await test.log.pack()
    expect(ops.length).toBeGreaterThan(0)
    settle(false)
    expect([await test.count('header'), await test.count('segment')]).toEqual([20, 0])
    await test.add([seal(entries.at(-1))])
    await test.pack()
    expect([await test.count('header'), await test.count('segment')]).toEqual([6, 5])
    expect((await answers(test.log, entries)) as unknown[]).not.toContain(undefined)
  })

  it('[CKPT14] are refused when a byte of them changed', () => {
    const row = encodeSegment(run(5).slice(1)) ?? expect.fail('not packed')
    expect(decodeSegment(crypto, row).length).toBe(4)
    fc.assert(
      fc.property(fc.nat(row.length - 1), fc.integer({ min: 1, max: 255 }), (at, flip) => {
        expect(() => decodeSegment(crypto, row.with(at, (row[at] ?? 0) ^ flip))).toThrow()
      })
    )
  })
})

describe('runs from a peer', () => {
  it('[CKPT17] give back the entries byte for byte', () => {
    fc.assert(
      fc.property(fc.array(changed, { minLength: 2, maxLength: 12 }), list => {
        const entries = run(list.length, i => list[i] ?? {}).slice(1)
        const bytes = encodeSegment(entries)
        if (bytes !== undefined) expect(decodeRun(crypto, bytes, entries.length)).toEqual(entries)
        if (bytes !== undefined && entries.length > 1) expect(() => decodeRun(crypto, bytes, entries.length - 1)).toThrow(isMalformed)
      })
    )
  })

  it('[CKPT17] are refused as malformed, and as nothing else, when they are anything else', () => {
    const good = encodeSegment(run(6, () => ({ deps: [parseEntryHash('ab'.repeat(32))] })).slice(1)) ?? expect.fail('not packed')
    const spoilt = fc.tuple(fc.nat(good.length - 1), fc.integer({ min: 1, max: 255 })).map(([at, flip]) => good.with(at, (good[at] ?? 0) ^ flip))
    const cut = fc.nat(good.length - 1).map(length => good.slice(0, length))
    fc.assert(
      fc.property(fc.oneof(spoilt, cut, fc.uint8Array({ maxLength: 300 })), bytes => {
        expect(() => decodeRun(crypto, bytes, 1024)).toThrow(isMalformed)
      }),
      { numRuns: 500 }
    )
  })

  it('[CKPT17] are held to the rules of single entries', () => {
    const fields = new CborFields(decodeCbor(encodeSegment(run(3).slice(1)) ?? expect.fail('not packed')))
    const [workspaceId, author, seq, before, , time] = Array.from({ length: 7 }, () => fields.any())
    const item = (parts: { epoch?: Cbor; deps?: Cbor; passed?: Cbor; salt?: Cbor; blobs?: Cbor }): Cbor => [
      parts.epoch ?? 0,
      parts.deps ?? [],
      parts.passed ?? 0,
      parts.salt ?? new Uint8Array(32),
      parts.blobs ?? [],
      new Uint8Array(64),
      new Uint8Array(9)
    ]
    const [low, high] = [new Uint8Array(32).fill(1), new Uint8Array(32).fill(2)]
    const bad = [
      { epoch: 2 ** 32 },
      { deps: [high, low] },
      { deps: [low, low] },
      { deps: [new Uint8Array(31)] },
      { deps: [7] },
      { passed: 2 ** 53 - 1 },
      { salt: new Uint8Array(31) },
      { blobs: [high, low] },
      { blobs: Array.from({ length: 513 }, () => low) }
    ]
    for (const parts of bad) {
      // The hash of the last is right, so that only the entry itself is at fault.
      const bytes = (last: Uint8Array): Uint8Array => encodeCbor([workspaceId, author, seq, before, last, time, [item(parts)]] as Cbor)
      expect(() => decodeRun(crypto, bytes(hashOfOnly(bytes(low))), 1024)).toThrow(isMalformed)
    }
    const sound = (last: Uint8Array): Uint8Array => encodeCbor([workspaceId, author, seq, before, last, time, [item({})]] as Cbor)
    expect(decodeRun(crypto, sound(hashOfOnly(sound(low))), 1024).length).toBe(1)
  })
})

/** The hash that the entry of a run comes to, seen by what is hashed last; any bytes where it is never hashed. */
function hashOfOnly(bytes: Uint8Array): Uint8Array {
  let last: Uint8Array = new Uint8Array(32)
  const spy: Crypto = { ...crypto, sha256: (...parts) => (last = crypto.sha256(...parts)) }
  try {
    decodeSegment(spy, bytes)
  } catch {
    // Its last hash is wrong, that is why it is asked for.
  }
  return last
}
