import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { toHex } from '../base/bytes.js'
import { parseAuthorId, parseEntryHash, parseWorkspaceId, type EntryHash } from '../base/ids.js'
import type { KvStore } from '../base/kv.js'
import { MAX_BRANCHES } from '../base/limits.js'
import { issueCertificate } from '../keys/certificate.js'
import { nobleCrypto } from '../keys/noble-crypto.js'
import { createMemoryStore } from '../store/memory-store.js'
import { decodeEntry, encodeHeader, type Entry, sealEntry } from './entry.js'
import { Log, type Staged } from './log.js'

const verdicts = new Map<string, boolean>()
/** Counts its verifications, and knows those that it made before: the same entries come up in every run. */
const crypto = {
  ...nobleCrypto,
  verifications: 0,
  verify(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
    crypto.verifications++
    const question = [publicKey, message, signature].map(toHex).join()
    const verdict = verdicts.get(question) ?? nobleCrypto.verify(publicKey, message, signature)
    verdicts.set(question, verdict)
    return verdict
  }
}
const workspaceKey = nobleCrypto.signer(new Uint8Array(32).fill(1))
const workspace = parseWorkspaceId(workspaceKey.publicKey)
const epochKey = new Uint8Array(32).fill(9)

/** One author that seals entries after any entry of its own. */
class TestAuthor {
  readonly signer
  readonly id
  readonly #workspaceKey

  constructor(seed: number, workspaceKeyOf = workspaceKey) {
    this.signer = nobleCrypto.signer(new Uint8Array(32).fill(100 + seed))
    this.id = parseAuthorId(this.signer.publicKey)
    this.#workspaceKey = workspaceKeyOf
  }

  seal(previous?: Entry, changed: Partial<Parameters<typeof sealEntry>[0]> = {}): Entry {
    return sealEntry({
      crypto,
      signer: this.signer,
      epochKey,
      workspace,
      epoch: 0,
      seq: previous === undefined ? 0 : previous.header.seq + 1,
      prev: previous?.hash ?? null,
      deps: [],
      time: 1,
      admission: previous === undefined ? [issueCertificate(this.#workspaceKey, this.id, 'writer')] : null,
      plain: new Uint8Array(20),
      ...changed
    })
  }

  run(length: number, after?: Entry): Entry[] {
    const entries: Entry[] = []
    for (let i = 0; i < length; i++) entries.push(this.seal(entries.at(-1) ?? after))
    return entries
  }
}

const alice = new TestAuthor(1)
const bob = new TestAuthor(2)
const ALICE = alice.run(8)
const BOB = bob.run(5)
const at = (entries: readonly Entry[], index: number): Entry => entries[index] ?? expect.fail('no such entry')
const hashesOf = (entries: readonly Entry[]) => entries.map(entry => entry.hash)
const reasonsOf = (staged: Staged) => staged.faults.map(fault => fault.reason)

async function openLog(kv: KvStore = createMemoryStore()): Promise<{ log: Log; kv: KvStore; add: (entries: readonly Entry[]) => Promise<Staged> }> {
  const log = await Log.open({ kv, crypto, workspace, packing: { segmentEntries: 2 } })
  // Most entries are packed soon, and nothing that is checked here tells the difference.
  const add = async (entries: readonly Entry[]) => {
    const staged = await log.stage(entries)
    await kv.commit(staged.ops)
    log.adopt(staged)
    const packed = await log.pack()
    await kv.commit(packed.ops)
    packed.settle(true)
    return staged
  }
  return { log, kv, add }
}

function remade(entry: Entry, parts: Partial<Entry>): Entry {
  return decodeEntry(crypto, { ...entry, ...parts })
}

const flipped = (bytes: Uint8Array) => bytes.with(0, (bytes[0] ?? 0) ^ 1)

/** Delivers until nothing new is accepted, as sync does after filling gaps. */
async function deliver(add: (entries: readonly Entry[]) => Promise<Staged>, batches: readonly (readonly Entry[])[]): Promise<void> {
  for (let accepted = 1; accepted > 0; ) {
    accepted = 0
    for (const batch of batches) accepted += (await add(batch)).accepted.length
  }
}

describe('a log', () => {
  const fork = alice.run(2, at(ALICE, 3))
  const everything = [...ALICE, ...BOB, ...fork, ...new TestAuthor(3).run(3)]

  it('[LOG11] comes to the same vector and digest whatever the order, split and repetition of the delivery', async () => {
    const reference = await openLog()
    await reference.add(everything)
    expect(reference.log.count).toBe(everything.length)
    const shuffled = fc.shuffledSubarray(everything, { minLength: everything.length })
    const cuts = fc.array(fc.nat(everything.length), { maxLength: 6 })
    await fc.assert(
      fc.asyncProperty(shuffled, cuts, fc.shuffledSubarray(everything), async (order, cuts, again) => {
        const { log, kv, add } = await openLog()
        const bounds = [0, ...cuts.toSorted((a, b) => a - b), order.length]
        const batches = bounds.slice(1).map((end, i) => order.slice(bounds[i], end))
        await deliver(add, [...batches, again])
        expect(log.vector).toEqual(reference.log.vector)
        expect(log.digest).toBe(reference.log.digest)
        const reopened = await openLog(kv)
        expect(reopened.log.vector).toEqual(log.vector)
        expect(reopened.log.count).toBe(log.count)
      }),
      { numRuns: 25 }
    )
  })

  it('[LOG11] tells different contents apart by digest', async () => {
    const digests = new Set<string>()
    for (const entries of [[], ALICE, BOB, ALICE.slice(0, 7), [...ALICE, ...BOB], [...ALICE, ...fork]]) {
      const { log, add } = await openLog()
      await add(entries)
      digests.add(log.digest)
    }
    expect(digests.size).toBe(6)
  })

  it('[LOG12] accepts parents before children, and counts what it holds already', async () => {
    const { log, add } = await openLog()
    const staged = await add([...ALICE.toReversed(), at(ALICE, 2)])
    expect(hashesOf(staged.accepted)).toEqual(hashesOf(ALICE))
    expect(staged.duplicates).toBe(1)
    const again = await add([...ALICE, ...BOB])
    expect(again.duplicates).toBe(ALICE.length)
    expect(hashesOf(again.accepted)).toEqual(hashesOf(BOB))
    expect(log.count).toBe(ALICE.length + BOB.length)
  })

  it('[LOG13] checks one signature for a whole run', async () => {
    const { log } = await openLog()
    crypto.verifications = 0
    expect((await log.stage(ALICE)).accepted).toHaveLength(ALICE.length)
    expect(crypto.verifications).toBe(2) // the admission and the last entry
    crypto.verifications = 0
    await log.stage(ALICE, { trusted: true })
    expect(crypto.verifications).toBe(0)
  })

  it('[LOG14] does not change before a batch is adopted, and refuses one staged on an older state', async () => {
    const { log, kv } = await openLog()
    const first = await log.stage(ALICE.slice(0, 2))
    const second = await log.stage(ALICE.slice(0, 3))
    expect(log.count).toBe(0)
    expect(await log.has(at(ALICE, 0).hash)).toBe(false)
    await kv.commit(first.ops)
    log.adopt(first)
    expect(log.count).toBe(2)
    expect(() => log.adopt(second)).toThrow(TypeError)
    expect(() => log.adopt(first)).toThrow(TypeError)
  })

  it('[LOG28] gives nothing of a batch that is not adopted, though its rows are there', async () => {
    const { log, kv } = await openLog()
    const read = async () => hashesOf(await log.read({ author: alice.id, head: at(ALICE, 1).hash, from: 0, to: 1, maxBytes: 1e9 }))
    const staged = await log.stage(ALICE.slice(0, 2))
    await kv.commit(staged.ops)
    expect(await log.has(at(ALICE, 1).hash)).toBe(true)
    expect(await read()).toEqual([])
    log.adopt(staged)
    expect(await read()).toEqual(hashesOf(ALICE.slice(0, 2)))
  })

  it('[LOG15] names the run that is missing before an entry', async () => {
    const { add } = await openLog()
    const ahead = await add(ALICE.slice(5))
    expect(ahead.accepted).toEqual([])
    expect(ahead.gaps).toEqual([{ author: alice.id, head: at(ALICE, 4).hash, from: 0, to: 4 }])
    await add(ALICE.slice(0, 2))
    expect((await add([at(ALICE, 7), at(ALICE, 4)])).gaps).toEqual([
      { author: alice.id, head: at(ALICE, 3).hash, from: 2, to: 3 },
      { author: alice.id, head: at(ALICE, 6).hash, from: 2, to: 6 }
    ])
  })
})

describe('a bad entry', () => {
  const last = at(ALICE, 7)
  const foreign = new TestAuthor(4, nobleCrypto.signer(new Uint8Array(32).fill(77)))
  const otherWorkspace = parseWorkspaceId(bob.signer.publicKey)
  const cases: readonly (readonly [string, string, Entry])[] = [
    ['signature that was changed', 'signature', remade(last, { signature: flipped(last.signature) })],
    ['signature of somebody else', 'signature', remade(last, { signature: bob.signer.sign(last.headerBytes) })],
    ['body that was changed', 'body', { ...last, body: flipped(last.body) }],
    ['body that was cut', 'body', { ...last, body: last.body.subarray(1) }],
    ['header that was changed', 'signature', remade(last, { headerBytes: encodeHeader({ ...last.header, time: 2 }) })],
    ['workspace that is another', 'workspace', alice.seal(at(ALICE, 6), { workspace: otherWorkspace })],
    ['admission by another key', 'admission', foreign.seal()],
    ['admission of somebody else', 'admission', foreign.seal(undefined, { admission: at(ALICE, 0).header.admission })],
    ["prev that is another author's", 'prev', alice.seal(at(BOB, 3), {})],
    ['seq that skips one', 'seq', alice.seal(at(ALICE, 6), { seq: 9 })],
    ['seq that is its own prev', 'seq', alice.seal(at(ALICE, 6), { seq: 6 })]
  ]

  it.each(cases)('[LOG16] with a %s is refused, and nothing else with it', async (_, reason, bad) => {
    const inLog = await openLog()
    await inLog.add([...ALICE.slice(0, 7), ...BOB])
    expect(reasonsOf(await inLog.log.stage([bad]))).toEqual([reason])
    const inBatch = await openLog()
    const staged = await inBatch.add([bad, ...ALICE.slice(0, 7), ...BOB])
    expect(reasonsOf(staged)).toEqual([reason])
    expect(staged.faults[0]?.hash).toBe(bad.hash)
    expect(staged.gaps).toEqual([])
    expect(inBatch.log.vector).toEqual(inLog.log.vector)
    expect((await inBatch.add([last])).accepted).toEqual([last])
  })

  it('[LOG16] with a bad body may come again with its good one, in one batch even', async () => {
    const { log, add } = await openLog()
    const bad = { ...at(ALICE, 3), body: flipped(at(ALICE, 3).body) }
    const staged = await add([...ALICE.slice(0, 3), bad, ...ALICE.slice(4)])
    expect(reasonsOf(staged)).toEqual(['body'])
    expect(staged.gaps).toEqual([{ author: alice.id, head: bad.hash, from: 3, to: 3 }])
    expect((await add([bad, ...ALICE.slice(3)])).accepted).toHaveLength(5)
    expect(log.count).toBe(ALICE.length)
  })

  it('[LOG17] in the middle of a run leaves what comes before it', async () => {
    for (let length = 1; length <= 8; length++) {
      for (let good = 0; good < length; good++) {
        const forged: Entry[] = []
        for (let i = good; i < length; i++) {
          const entry = alice.seal(forged.at(-1) ?? ALICE[good - 1])
          forged.push(remade(entry, { signature: flipped(entry.signature) }))
        }
        const { log, add } = await openLog()
        const staged = await add([...ALICE.slice(0, good), ...forged])
        expect(hashesOf(staged.accepted)).toEqual(hashesOf(ALICE.slice(0, good)))
        expect(staged.faults).toHaveLength(length - good)
        expect(log.count).toBe(good)
      }
    }
  })

  it('[LOG17] takes those with it that build on it', async () => {
    const { add } = await openLog()
    const wrong = alice.seal(undefined, { workspace: otherWorkspace })
    const staged = await add([wrong, ...alice.run(2, wrong), ...BOB])
    expect(reasonsOf(staged)).toEqual(['workspace', 'prev', 'prev'])
    expect(staged.gaps).toEqual([])
    expect(hashesOf(staged.accepted)).toEqual(hashesOf(BOB))
  })

  it('[LOG18] is no reason to ask for what comes before it', async () => {
    const { log } = await openLog()
    const unsigned = remade(at(ALICE, 5), { signature: flipped(at(ALICE, 5).signature) })
    const staged = await log.stage([unsigned])
    expect(reasonsOf(staged)).toEqual(['signature'])
    expect(staged.gaps).toEqual([])
  })
})

describe('a forked log', () => {
  const left = alice.run(3, at(ALICE, 3))
  const right = alice.run(6, at(ALICE, 3))
  const readAll = async (log: Log, head: EntryHash, from = 0, to = 99, maxBytes = 1e9) =>
    hashesOf(await log.read({ author: alice.id, head, from, to, maxBytes }))

  it('[LOG19] keeps every branch, with the proof, over a restart', async () => {
    const { log, kv, add } = await openLog()
    expect((await add(ALICE)).forked).toEqual([])
    expect((await add(left)).forked).toEqual([{ author: alice.id, a: at(ALICE, 4).hash, b: at(left, 0).hash }])
    const heads = [at(ALICE, 7), at(left, 2)].map(({ hash, header }) => ({ floor: 0, seq: header.seq, hash }))
    expect(log.vector.get(alice.id)).toEqual(heads.sort((a, b) => (a.hash < b.hash ? -1 : 1)))
    expect(log.forks).toEqual([alice.id])
    expect(log.count).toBe(11)
    expect(await log.at(alice.id, 4)).toEqual([at(ALICE, 4).hash, at(left, 0).hash].sort())
    const reopened = await openLog(kv)
    expect(reopened.log.forks).toEqual([alice.id])
    expect(await reopened.log.at(alice.id, 4)).toEqual(await log.at(alice.id, 4))
  })

  it('[LOG19] is one at its very first entry too', async () => {
    const { log, add } = await openLog()
    const second = alice.seal(undefined, { time: 2 })
    const staged = await add([at(ALICE, 0), second])
    expect(staged.accepted).toHaveLength(2)
    expect(staged.forked).toHaveLength(1)
    expect(log.forks).toEqual([alice.id])
  })

  it('[LOG20] gives each branch whole, from any of its entries, in any pages', async () => {
    const { log, add } = await openLog()
    await add([...ALICE, ...left, ...right])
    const trunk = ALICE.slice(0, 4)
    for (const branch of [ALICE, [...trunk, ...left], [...trunk, ...right]]) {
      for (const [index, end] of branch.entries()) {
        expect(await readAll(log, end.hash)).toEqual(hashesOf(branch.slice(0, index + 1)))
        expect(await readAll(log, end.hash, 2, 5)).toEqual(hashesOf(branch.slice(2, Math.min(6, index + 1))))
        expect(await readAll(log, end.hash, 3, 99, 1)).toEqual(hashesOf(branch.slice(3, Math.min(4, index + 1))))
      }
    }
    expect(await readAll(log, at(BOB, 0).hash)).toEqual([])
    expect(await log.read({ author: bob.id, head: at(ALICE, 3).hash, from: 0, to: 3, maxBytes: 1e9 })).toEqual([])
  })

  it('[LOG21] has no more than MAX_BRANCHES branches, and the sender is not to blame for another', async () => {
    const { log, add } = await openLog()
    await add(ALICE)
    for (let i = 0; i < MAX_BRANCHES + 2; i++) await add([alice.seal(at(ALICE, 3), { time: i })])
    expect(log.vector.get(alice.id)).toHaveLength(MAX_BRANCHES)
    expect(reasonsOf(await add(alice.run(2, at(ALICE, 1))))).toEqual(['branches', 'branches'])
    expect((await add([alice.seal(at(ALICE, 7))])).accepted).toHaveLength(1)
  })
})

describe('reading a log', () => {
  it('[LOG22] gives back exactly the entries that were added', async () => {
    const { log, add } = await openLog()
    await add([...ALICE, ...BOB])
    const read = await log.read({ author: alice.id, head: at(ALICE, 7).hash, from: 2, to: 6, maxBytes: 1e9 })
    expect(read).toEqual(ALICE.slice(2, 7))
    expect(await log.get(at(BOB, 1).hash)).toEqual(at(BOB, 1))
    expect(await log.header(at(BOB, 1).hash)).toEqual(at(BOB, 1).header)
    expect(await log.position(at(BOB, 1).hash)).toEqual({ author: bob.id, seq: 1 })
    const none = parseEntryHash('00'.repeat(32))
    expect([await log.get(none), await log.header(none), await log.position(none)]).toEqual([undefined, undefined, undefined])
    expect(await log.at(bob.id, 99)).toEqual([])
  })

  it('[LOG22] goes over many pages of one author', async () => {
    const { log, kv } = await openLog()
    const many = alice.run(600)
    const staged = await log.stage(many, { trusted: true })
    await kv.commit(staged.ops)
    log.adopt(staged)
    const head = many.at(-1)?.hash ?? expect.fail()
    const read = await log.read({ author: alice.id, head, from: 10, to: 598, maxBytes: 1e9 })
    expect(hashesOf(read)).toEqual(hashesOf(many.slice(10, 599)))
  })

  it('[LOG23] knows what a peer holds and it lacks, and fetching that makes them equal', async () => {
    const fork = alice.run(3, at(ALICE, 2))
    const pool = [...ALICE, ...BOB, ...fork]
    const subset = fc.record({ a: fc.nat(8), b: fc.nat(5), f: fc.nat(3) })
    const some = ({ a, b, f }: { a: number; b: number; f: number }) => [...ALICE.slice(0, a), ...BOB.slice(0, b), ...(a > 2 ? fork.slice(0, f) : [])]
    expect(pool).toHaveLength(16)
    await fc.assert(
      fc.asyncProperty(subset, subset, async (x, y) => {
        const [ours, theirs] = [await openLog(), await openLog()]
        await ours.add(some(x))
        await theirs.add(some(y))
        let wants = [...(await ours.log.missing(theirs.log.vector))]
        const fetched: Entry[] = []
        for (let round = 0; wants.length > 0; round++) {
          expect(round).toBeLessThan(pool.length)
          for (const want of wants) fetched.push(...(await theirs.log.read({ ...want, maxBytes: 1e9 })))
          const staged = await ours.add(fetched)
          expect(staged.faults).toEqual([])
          wants = [...staged.gaps]
        }
        for (const entry of some(y)) expect(await ours.log.has(entry.hash)).toBe(true)
        expect(await ours.log.missing(theirs.log.vector)).toEqual([])
      }),
      { numRuns: 40 }
    )
  })
})
