import { describe, expect, it } from 'vitest'
import type { Crypto } from '../base/crypto.js'
import { parseAuthorId, parseWorkspaceId } from '../base/ids.js'
import type { KvStore } from '../base/kv.js'
import { issueCertificate } from '../keys/certificate.js'
import { nobleCrypto } from '../keys/noble-crypto.js'
import { createMemoryStore } from '../store/memory-store.js'
import { type Entry, sealEntry } from './entry.js'
import { Log, type PackedRuns } from './log.js'

/** Signatures are the business of other tests. */
const crypto: Crypto = { ...nobleCrypto, verify: () => true }
const workspaceKey = nobleCrypto.signer(new Uint8Array(32).fill(1))
const workspace = parseWorkspaceId(workspaceKey.publicKey)
const packing = { segmentEntries: 3 }

function seal(by: number, previous: Entry | undefined, time = 1): Entry {
  const signer = nobleCrypto.signer(new Uint8Array(32).fill(by))
  return sealEntry({
    crypto,
    signer,
    epochKey: new Uint8Array(32),
    workspace,
    epoch: 0,
    seq: previous === undefined ? 0 : previous.header.seq + 1,
    prev: previous?.hash ?? null,
    deps: [],
    time,
    admission: previous === undefined ? [issueCertificate(workspaceKey, parseAuthorId(signer.publicKey), 'writer')] : null,
    plain: new Uint8Array(9)
  })
}

function run(by: number, length: number): Entry[] {
  const entries: Entry[] = []
  for (let seq = 0; seq < length; seq++) entries.push(seal(by, entries.at(-1), seq))
  return entries
}

async function add(kv: KvStore, log: Log, entries: readonly Entry[]): Promise<void> {
  const staged = await log.stage(entries)
  expect(staged.faults).toEqual([])
  await kv.commit(staged.ops)
  log.adopt(staged)
}

async function move(kv: KvStore, { ops, settle }: PackedRuns): Promise<void> {
  await kv.commit(ops)
  settle(true)
}

async function packed(entries: readonly Entry[]): Promise<{ kv: KvStore; log: Log }> {
  const kv = createMemoryStore()
  const log = await Log.open({ kv, crypto, workspace, packing })
  await add(kv, log, entries)
  for (let runs = await log.pack(); runs.ops.length > 0; runs = await log.pack()) await move(kv, runs)
  return { kv, log }
}

/** What a log says of entries without giving them. */
async function placesOf(log: Log, entries: readonly Entry[]): Promise<readonly unknown[]> {
  const places: unknown[] = [log.digest, log.count, [...log.vector].sort(([one], [other]) => (one < other ? -1 : 1))]
  for (const { hash, header } of entries) places.push([await log.has(hash), await log.link(hash).then((link) => link && [link.author, link.seq, link.prev]), await log.position(hash), await log.at(header.author, header.seq)])
  return places
}

describe('entries that were left to others', () => {
  const ours = run(2, 40)
  const theirs = run(3, 30)
  const [a, b] = [ours[0]!.header.author, theirs[0]!.header.author]
  const strange = run(4, 1)[0]!

  async function pruned(): Promise<{ kv: KvStore; log: Log; before: readonly unknown[] }> {
    const { kv, log } = await packed([...ours, ...theirs])
    const before = await placesOf(log, [...ours, ...theirs])
    await move(kv, await log.prune(await log.packed(a, 3, 4)))
    await move(kv, await log.prune(await log.packed(a, 20, 3)))
    await move(kv, await log.prune(await log.packed(b, 0, 5)))
    expect(log.pruned.count).toBe(12 + 9 + 15)
    return { kv, log, before }
  }

  it('[PRUNE12] are known as if they were here, each in its place, over a restart', async () => {
    const { kv, log, before } = await pruned()
    const again = await Log.open({ kv, crypto, workspace, packing })
    for (const each of [log, again]) {
      expect(await placesOf(each, [...ours, ...theirs])).toEqual(before)
      expect([await each.has(strange.hash), await each.link(strange.hash), await each.get(strange.hash)]).toEqual([false, undefined, undefined])
      expect((await each.stage([...ours, ...theirs])).duplicates).toBe(70)
      await expect(each.get(ours[5]!.hash)).rejects.toMatchObject({ name: 'PrunedHistoryError', runs: [{ author: a, first: 4, last: 15 }] })
      await expect(each.header(theirs[15]!.hash)).rejects.toMatchObject({ runs: [{ author: b, first: 1, last: 15 }] })
      await expect(each.headers(ours[23]!.hash.slice(0, 9))).rejects.toMatchObject({ runs: [{ first: 19, last: 27 }] })
      await expect(each.headers()).rejects.toMatchObject({ runs: { length: 3 } })
      expect([...(await each.headers(ours[30]!.hash.slice(0, 9))).keys()]).toEqual([ours[30]!.hash])
      expect(await each.get(ours[16]!.hash)).toEqual(ours[16])
    }
  })

  it('[PRUNE10] are not read: what comes before them is', async () => {
    const { log } = await pruned()
    const read = async (from: number, to: number) => (await log.read({ author: a, head: ours[39]!.hash, from, to, maxBytes: Infinity })).map(({ header }) => header.seq)
    expect(await read(0, 39)).toEqual([0, 1, 2, 3])
    expect(await read(4, 39)).toEqual([])
    expect(await read(16, 39)).toEqual([16, 17, 18])
    expect((await log.read({ author: a, head: ours[10]!.hash, from: 0, to: 10, maxBytes: Infinity })).length).toBe(4)
  })

  it('[PRUNE12] are where a log may fork later', async () => {
    const { kv, log } = await pruned()
    const [fork, next] = [seal(2, ours[8], 99), seal(2, ours[39], 99)]
    await add(kv, log, [fork, next, seal(2, fork, 100)])
    expect(log.forks).toEqual([a])
    expect(await log.at(a, 9)).toEqual([ours[9]!.hash, fork.hash].sort())
    expect(await log.get(fork.hash)).toEqual(fork)
    const branch = await log.read({ author: a, head: log.vector.get(a)!.find(({ seq }) => seq === 10)!.hash, from: 9, to: 10, maxBytes: Infinity })
    expect(branch.map(({ header }) => header.seq)).toEqual([9, 10])
  })

  it('[PRUNE8] come back byte for byte, and nothing else is taken for them', async () => {
    const { kv, log, before } = await pruned()
    for (const each of log.pruned.all()) {
      const whole = each.author === a ? ours : theirs
      const entries = whole.slice(each.first, each.last + 1)
      const spoilt = { ...entries[1]!, body: entries[1]!.body.map((byte) => byte ^ 1) }
      for (const wrong of [entries.slice(1), [...entries].reverse(), [entries[0]!, spoilt, ...entries.slice(2)], [...entries, whole[each.last + 1]!]]) {
        await expect(log.restore(each, wrong)).rejects.toMatchObject({ name: 'MalformedError' })
      }
      const back = await log.restore(each, entries)
      back.settle(false)
      expect(log.pruned.at(each.author, each.first)).toBe(each)
      await move(kv, await log.restore(each, entries))
    }
    expect(log.pruned.isEmpty).toBe(true)
    const again = await Log.open({ kv, crypto, workspace, packing })
    for (const each of [log, again]) {
      expect(await placesOf(each, [...ours, ...theirs])).toEqual(before)
      expect(await each.read({ author: a, head: ours[39]!.hash, from: 0, to: 39, maxBytes: Infinity })).toEqual(ours)
      expect(await each.get(theirs[7]!.hash)).toEqual(theirs[7])
    }
    expect((await kv.scan('pruned')).length + (await kv.scan('pruned_hash')).length).toBe(0)
  })

  it('[PRUNE5] are still here when they could not be put away', async () => {
    const { log } = await packed(ours)
    const { settle } = await log.prune(await log.packed(a, 0, 2))
    // While it is stored, who finds no row looks for it among the pruned ones.
    expect(log.pruned.count).toBe(6)
    expect(await log.get(ours[4]!.hash)).toEqual(ours[4])
    settle(false)
    expect([log.pruned.count, await log.get(ours[4]!.hash)]).toEqual([0, ours[4]])
  })

  it('[PRUNE12] do not keep newer entries from being packed', async () => {
    const { kv, log } = await packed(ours)
    await move(kv, await log.prune(await log.packed(a, 0, 99)))
    const again = await Log.open({ kv, crypto, workspace, packing })
    const more: Entry[] = []
    for (let n = 0; n < 12; n++) more.push(seal(2, more.at(-1) ?? ours[39], 50))
    await add(kv, again, more)
    for (let runs = await again.pack(); runs.ops.length > 0; runs = await again.pack()) await move(kv, runs)
    expect((await again.packed(a, 0, 99)).length).toBe(4)
    expect(await again.get(more[3]!.hash)).toEqual(more[3])
  })
})
