import { describe, expect, it } from 'vitest'
import { systemClock } from '../base/clock.js'
import { CborFields, decodeCbor, encodeCbor } from '../base/cbor.js'
import { silentLogger } from '../base/log.js'
import { keysFromWriteKey } from '../keys/workspace-keys.js'
import { encodeChanges } from '../log/change.js'
import { encodeEntryWire, sealEntry } from '../log/entry.js'
import type { Entry } from '../log/entry.js'
import type { Transport } from '../net/transport.js'
import { decodeMessage, encodeMessage } from '../sync/message.js'
import type { Message } from '../sync/message.js'
import { decodeEntry } from '../log/entry.js'
import { PrunedError } from '../log/pruned-rows.js'
import { decodeRun, encodeSegment } from '../log/segment.js'
import { SyncDriver } from './sync-driver.js'
import { crypto, LooseAuthor, newFile, TestReplica } from './test-replicas.js'

const PEER = 'peer'

/** A driver over a real replica, and a peer on the other end that sends whatever the test says. */
class Stand {
  readonly sent: Message[] = []
  readonly frames: Uint8Array[] = []
  readonly refused: string[] = []
  lacking = 0
  readonly driver: SyncDriver
  readonly test: TestReplica

  private constructor(test: TestReplica, clock = systemClock) {
    this.test = test
    this.driver = new SyncDriver({
      crypto,
      log: test.log,
      clock,
      logger: silentLogger,
      prunes: false,
      receive: (entries) => test.replica.receive(entries),
      putBack: (run) => test.left.putBack(run),
      onLacking: () => void this.lacking++,
      onSynced: () => undefined,
      onProgress: () => undefined,
      onConfirmed: () => undefined,
      onRefused: (_peer, reason) => this.refused.push(reason),
      onFailure: (error) => {
        throw error
      }
    })
  }

  static async open(clock = systemClock): Promise<Stand> {
    const stand = new Stand(await TestReplica.open(), clock)
    stand.driver.start(stand.#transport())
    stand.driver.joined(PEER)
    return stand
  }

  #transport(): Transport {
    return {
      peerId: 'self',
      start: () => Promise.resolve(),
      stop: () => Promise.resolve(),
      addresses: () => [],
      peers: () => [],
      publish: () => Promise.resolve(),
      disconnect: () => undefined,
      send: (_peer, frame) => {
        this.frames.push(frame)
        this.sent.push(
          decodeMessage(
            frame,
            (parts) => decodeEntry(crypto, parts),
            (bytes, max) => decodeRun(crypto, bytes, max)
          )
        )
        return Promise.resolve()
      }
    }
  }

  async say(message: Message): Promise<void> {
    await this.driver.frame(PEER, encodeMessage(message))
    await this.quiet()
  }

  async quiet(): Promise<void> {
    for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve))
  }

  /** Offers `entries` of one author and hands them over when asked. */
  async offer(entries: readonly Entry[]): Promise<void> {
    const last = entries.at(-1) as Entry
    const head = { floor: 0, seq: last.header.seq, hash: last.hash }
    this.sent.length = 0
    await this.say({ type: 'heads', heads: [[last.header.author, [head]]], digest: '22'.repeat(32) })
    const want = this.sent.find((message) => message.type === 'want')
    if (want !== undefined) await this.say({ type: 'entries', id: want.id, entries, last: true })
  }

  async greet(features: readonly string[] = []): Promise<void> {
    await this.say({ type: 'hello', version: 1, features, digest: '11'.repeat(32) })
    await this.say({ type: 'vector', heads: [], digest: '11'.repeat(32), last: true })
  }
}

const file = (name: string): readonly ReturnType<typeof newFile>['changes'][number][] => newFile(name, `${name}\n`).changes

/** Entries whose envelope is wrong, each of an author of its own. */
const FAULTS: readonly (readonly [string, () => readonly Entry[]])[] = [
  ['a signature of somebody else', () => [{ ...new LooseAuthor().sign(file('x')), signature: new LooseAuthor().sign(file('x')).signature }]],
  [
    'a body that is not the signed one',
    () => {
      const entry = new LooseAuthor().sign(file('x'))
      return [{ ...entry, body: entry.body.with(0, (entry.body[0] ?? 0) ^ 1) }]
    }
  ],
  [
    'an author whom nobody admitted',
    () => {
      const [author, other] = [new LooseAuthor(), new LooseAuthor()]
      const { header } = other.sign(file('x'))
      return [reseal(author, { admission: header.admission })]
    }
  ],
  ['an entry of another workspace', () => [reseal(new LooseAuthor(), { workspace: keysFromWriteKey(crypto, new Uint8Array(32).fill(1)).id })]]
]

function reseal(author: LooseAuthor, claims: Partial<Pick<Entry['header'], 'workspace' | 'admission'>>): Entry {
  const { header } = author.sign(file('x'))
  return sealEntry({
    crypto,
    signer: author.author.signer,
    epochKey: new Uint8Array(32),
    workspace: claims.workspace ?? header.workspace,
    epoch: 0,
    seq: 0,
    prev: null,
    deps: [],
    time: 1,
    admission: claims.admission ?? header.admission,
    plain: encodeChanges([])
  })
}

/** As it comes from the wire: its hash is that of its bytes. */
function received(entry: Entry): Entry {
  return decodeEntry(crypto, entry)
}

describe('entries whose envelope is wrong', () => {
  for (const [what, make] of FAULTS) {
    it(`[REP20] are dropped, and the peer that goes on sending them is sent away: ${what}`, async () => {
      const stand = await Stand.open()
      await stand.greet()
      let offers = 0
      for (; stand.refused.length === 0 && offers < 20; offers++) await stand.offer(make().map(received))
      expect(stand.refused).toEqual(['the peer sent entries that fail their checks'])
      expect(offers).toBeLessThan(20)
      expect(stand.test.log.count).toBe(0)
      expect(await stand.test.show()).toEqual([])
    })

    it(`[REP21] are refused as gossip and do not poison what comes after: ${what}`, async () => {
      const stand = await Stand.open()
      const good = new LooseAuthor().sign(file('good.md'))
      for (const bad of make()) expect(await stand.driver.gossip(encodeEntryWire(bad))).toBe('reject')
      expect(await stand.driver.gossip(encodeEntryWire(good))).toBe('accept')
      expect(await stand.driver.gossip(encodeEntryWire(good))).toBe('ignore')
      expect(await stand.test.show()).toEqual(['file good.md: good.md\n'])
      expect(stand.refused).toEqual([])
    })
  }

  it('[REP22] a spoilt copy of a good entry does not keep the good one out', async () => {
    const stand = await Stand.open()
    const author = new LooseAuthor()
    const entries = [author.sign(file('a.md')), author.sign(file('b.md'))]
    const spoilt = entries.map((entry) => ({ ...entry, body: entry.body.with(3, (entry.body[3] ?? 0) ^ 1) }))
    for (const entry of spoilt) await stand.driver.gossip(encodeEntryWire(entry))
    await stand.greet()
    await stand.offer(entries)
    expect(stand.test.log.count).toBe(2)
    expect((await stand.test.show()).length).toBe(2)
  })

  it('[REP23] an entry with a gap before it is no fault: it is not stored, and comes again by the stream', async () => {
    const stand = await Stand.open()
    const author = new LooseAuthor()
    const [first, second] = [author.sign(file('a.md')), author.sign(file('b.md'))]
    expect(await stand.driver.gossip(encodeEntryWire(second))).toBe('ignore')
    expect(stand.test.log.count).toBe(0)
    await stand.greet()
    await stand.offer([first, second])
    expect(stand.test.log.count).toBe(2)
    expect(stand.refused).toEqual([])
  })
})

describe('runs of entries', () => {
  const KEYSTROKES = 60

  /** A file, then what is as large as a keystroke. */
  function typed(): readonly Entry[] {
    const author = new LooseAuthor()
    author.sign(file('a.md'))
    for (let i = 0; i < KEYSTROKES; i++) author.signBytes(encodeCbor([[99, new Uint8Array(16), new Uint8Array(40)]]))
    return author.entries
  }

  /** Answers to a want for all of `entries`, by a driver whose peer named `features`. */
  async function served(entries: readonly Entry[], features: readonly string[]): Promise<Stand> {
    const stand = await Stand.open()
    await stand.test.replica.receive(entries)
    stand.driver.grown()
    await stand.greet(features)
    stand.frames.length = 0
    stand.sent.length = 0
    const head = entries.at(-1) as Entry
    await stand.say({ type: 'want', id: 1, author: head.header.author, head: head.hash, from: 0, to: head.header.seq })
    return stand
  }

  it('[CKPT19] are given to who takes them, in little more than half of the bytes, and single entries to others', async () => {
    const entries = typed()
    const [old, young] = [await served(entries, []), await served(entries, ['later', 'runs'])]
    const bytes: number[] = []
    for (const [stand, code] of [[old, 4], [young, 9]] as const) {
      const answers = stand.sent.flatMap((message, at) => (message.type === 'entries' ? [{ message, frame: stand.frames[at] as Uint8Array }] : []))
      expect(answers.flatMap(({ message }) => message.entries)).toEqual(entries)
      for (const { frame } of answers) expect(new CborFields(decodeCbor(frame)).uint()).toBe(code)
      bytes.push(answers.reduce((sum, { frame }) => sum + frame.length, 0))
    }
    expect(bytes[1]).toBeLessThan((bytes[0] as number) * 0.6)
  })

  it('[CKPT19] are forgotten of a peer that comes again without them', async () => {
    const entries = typed()
    const stand = await served(entries, ['runs'])
    stand.driver.left(PEER)
    stand.driver.joined(PEER)
    await stand.greet()
    stand.frames.length = 0
    const head = entries.at(-1) as Entry
    await stand.say({ type: 'want', id: 1, author: head.header.author, head: head.hash, from: 0, to: head.header.seq })
    expect(stand.frames.map((frame) => new CborFields(decodeCbor(frame)).uint())).toContain(4)
    expect(stand.frames.map((frame) => new CborFields(decodeCbor(frame)).uint())).not.toContain(9)
  })

  it('[CKPT19] are taken, checked as any entries, and a peer that spoils one is sent away', async () => {
    const entries = typed()
    const stand = await Stand.open()
    await stand.greet()
    const head = entries.at(-1) as Entry
    await stand.say({ type: 'heads', heads: [[head.header.author, [{ floor: 0, seq: head.header.seq, hash: head.hash }]]], digest: '22'.repeat(32) })
    const wants = stand.sent.filter((message) => message.type === 'want')
    expect(wants.length).toBeGreaterThan(1)
    const frames = wants.map(({ id, from, to }) => encodeMessage({ type: 'entries', id, entries: entries.slice(from, to + 1), last: true }, encodeSegment))
    const [spoilt = new Uint8Array()] = frames.map((frame) => frame.with(frame.length - 9, (frame.at(-9) ?? 0) ^ 1))
    await expect(stand.driver.frame(PEER, spoilt)).rejects.toThrow(expect.objectContaining({ name: 'MalformedError' }))
    for (const frame of frames) await stand.driver.frame(PEER, frame)
    for (let turns = 0; turns < 100 && stand.test.log.count < entries.length; turns++) await stand.quiet()
    expect(await stand.test.entries()).toEqual(entries)
  })
})

describe('a peer that keeps everything', () => {
  it('[PRUNE3] is one that does not say that it prunes, as long as it is there and has confirmed all that is held', async () => {
    const stand = await Stand.open()
    const author = new LooseAuthor()
    await stand.test.replica.receive([author.sign(file('a.md'))])
    stand.driver.grown()
    expect(stand.driver.isKept).toBe(false)
    await stand.greet()
    expect(stand.driver.isKept).toBe(false)
    await stand.say({ type: 'synced', digest: stand.test.log.digest })
    expect(stand.driver.isKept).toBe(true)
    await stand.test.replica.receive([author.sign(file('b.md'))])
    stand.driver.grown()
    expect(stand.driver.isKept).toBe(false)
    await stand.say({ type: 'heads', heads: [], digest: stand.test.log.digest })
    expect(stand.driver.isKept).toBe(true)
    stand.driver.left(PEER)
    expect(stand.driver.isKept).toBe(false)
    stand.driver.joined(PEER)
    await stand.greet(['runs', 'prunes'])
    await stand.say({ type: 'synced', digest: stand.test.log.digest })
    expect(stand.driver.isKept).toBe(false)
  })

  it('[PRUNE11] is asked once for what several need, and nobody waits any more after a stop', async () => {
    const stand = await Stand.open()
    const author = new LooseAuthor()
    const entries = ['a', 'b', 'c', 'd'].map((name) => author.sign(file(`${name}.md`)))
    await stand.greet()
    const run = { author: author.id, first: 1, last: 3, before: entries[0]!.hash, head: entries[3]!.hash, time: 1, bytes: 10_000, isBare: false }
    stand.sent.length = 0
    const both = Promise.all([stand.driver.recall(run), stand.driver.recall(run)])
    await stand.quiet()
    expect(stand.sent).toMatchObject([{ type: 'want', author: author.id, head: run.head, from: 1, to: 3 }])
    const id = stand.sent[0]?.type === 'want' ? stand.sent[0].id : -1
    await stand.say({ type: 'entries', id, entries: entries.slice(1), last: true })
    for (const answer of await both) expect(answer?.map(({ hash }) => hash)).toEqual(entries.slice(1).map(({ hash }) => hash))
    const waiting = stand.driver.recall(run)
    stand.driver.stop()
    expect([await waiting, await stand.driver.recall(run)]).toEqual([undefined, undefined])
  })

  it('[PRUNE11] is not asked again for what it sent with another body', async () => {
    const stand = await Stand.open()
    const author = new LooseAuthor()
    const entries = ['a', 'b', 'c', 'd'].map((name) => author.sign(file(`${name}.md`)))
    await stand.greet()
    const run = { author: author.id, first: 1, last: 3, before: entries[0]!.hash, head: entries[3]!.hash, time: 1, bytes: 10_000, isBare: false }
    const spoilt = entries.slice(1).map((entry) => ({ ...entry, body: entry.body.toReversed() }))
    stand.sent.length = 0
    const answer = stand.driver.recall(run)
    await stand.quiet()
    const [want] = stand.sent
    await stand.say({ type: 'entries', id: want?.type === 'want' ? want.id : -1, entries: spoilt, last: true })
    expect(await answer).toBeUndefined()
  })

  it('[PRUNE21] is needed before more is taken of an author, and of no other: the peer is asked again when one comes that has it, or gets it', async () => {
    const stand = await Stand.open()
    const [author, other] = [new LooseAuthor(), new LooseAuthor()]
    const [stuck, free] = [author, other].map((each, n) => ['a', 'b', 'c'].map((name) => each.sign(file(`${n}${name}.md`)))) as [Entry[], Entry[]]
    const run = { author: author.id, first: 1, last: 3, before: stuck[0]!.hash, head: stuck[2]!.hash, time: 1, bytes: 10_000, isBare: true }
    const { replica } = stand.test
    const receive = replica.receive.bind(replica)
    let isLacking = true
    replica.receive = async (all) => {
      if (isLacking && all.some(({ header }) => header.author === author.id)) throw new PrunedError([run])
      return await receive(all)
    }
    await stand.greet()
    const heads = [stuck, free].map((all) => [all[2]!.header.author, [{ floor: 0, seq: 2, hash: all[2]!.hash }]] as const)
    await stand.say({ type: 'heads', heads, digest: '22'.repeat(32) })
    const answer = async (): Promise<void> => {
      for (const want of stand.sent.splice(0)) {
        if (want.type === 'want') await stand.say({ type: 'entries', id: want.id, entries: want.author === author.id ? stuck : free, last: true })
      }
    }
    await answer()
    expect([stand.lacking, stand.test.log.count, stand.refused]).toEqual([1, 3, []])
    await answer()
    expect(stand.test.log.count).toBe(3)
    const hear = async (message: Message): Promise<void> => {
      await stand.driver.frame('keeper', encodeMessage(message))
      await stand.quiet()
      await answer()
    }
    stand.driver.joined('keeper')
    await hear({ type: 'hello', version: 1, features: [], digest: '33'.repeat(32) })
    await hear({ type: 'vector', heads: [], digest: '33'.repeat(32), last: true })
    // It lacks it itself, and then gets it.
    expect([stand.lacking, stand.test.log.count]).toEqual([2, 3])
    isLacking = false
    await hear({ type: 'heads', heads: [[author.id, [{ floor: 0, seq: 0, hash: stuck[0]!.hash }]]], digest: '44'.repeat(32) })
    expect([stand.lacking, stand.test.log.count, stand.refused]).toEqual([2, 6, []])
  })

  it('[PRUNE21] is asked about once where a peer names the last of it, whose hash is here, beside another head', async () => {
    const stand = await Stand.open()
    const { log, replica } = stand.test
    const author = new LooseAuthor()
    const entries = ['a', 'b', 'c'].map((name) => author.sign(file(`${name}.md`)))
    await replica.receive(entries)
    stand.driver.grown()
    const run = { author: author.id, first: 1, last: 1, before: entries[0]!.hash, head: entries[1]!.hash, time: 1, bytes: 10_000, isBare: true }
    Object.assign(log.pruned, { bareAt: (_: unknown, seq: number) => (seq === 1 ? run : undefined) })
    const [hasHead, asked] = [log.hasHead.bind(log), { times: 0 }]
    log.hasHead = async (...args) => {
      asked.times++
      return await hasHead(...args)
    }
    await stand.greet()
    const heads = [entries[1]!, author.sign(file('d.md'), { after: entries[0]! })].map(({ hash, header }) => ({ floor: 0, seq: header.seq, hash }))
    await stand.say({ type: 'heads', heads: [[author.id, heads.toSorted((a, b) => (a.hash < b.hash ? -1 : 1))]], digest: '22'.repeat(32) })
    for (let n = 0; n < 5; n++) await stand.quiet()
    stand.driver.stop()
    expect(asked.times).toBe(2)
  })
})
