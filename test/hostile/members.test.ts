import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Cbor } from '../harness/cbor.js'
import { eventually } from '../harness/eventually.js'
import { RawPeer, frame, lengthPrefix, message, sendUntilReset } from '../harness/raw-peer.js'
import type { RawStream } from '../harness/raw-peer.js'
import { Siege } from '../harness/siege.js'
import { openMute, openTampering } from '../harness/tampering.js'
import type { Tamper } from '../harness/tampering.js'
import { readTree } from '../harness/tree.js'

// Members: they hold D, so they are let in, and then misbehave.

const DIGEST = '0'.repeat(64)
const HELLO = message(0, 1, [], DIGEST)
const [VECTOR, HEADS, WANT, ENTRIES, ACK] = [1, 2, 3, 4, 5] as const

let siege: Siege
beforeAll(async () => {
  siege = await Siege.lay()
})
afterAll(async () => {
  await siege[Symbol.asyncDispose]()
})

/** A head of an author that nobody has heard of. */
function unknownHead(seq: number): Cbor {
  return [randomBytes(32), [[0, seq, randomBytes(32)]]]
}

/** Joins, says hello, does `attack`, and is thrown out. */
async function thrownOut(attack: (stream: RawStream, member: RawPeer) => unknown): Promise<void> {
  await using member = await RawPeer.make(siege.target.address)
  const stream = await member.join(siege.crowd.links.blind)
  stream.send(HELLO)
  await Promise.all([attack(stream, member), member.disconnected()])
}

/** Entries that the target itself hands out: their form is right. */
async function realEntries(): Promise<readonly Cbor[]> {
  await using member = await RawPeer.make(siege.target.address)
  const stream = await member.join(siege.crowd.links.blind)
  stream.send(HELLO)
  const heads = await eventually('a vector', () => member.messages().find(([kind]) => kind === VECTOR)?.[1] as readonly Cbor[] | undefined)
  const [author, [[, seq, hash]]] = heads[0] as unknown as readonly [Uint8Array, readonly [readonly [number, number, Uint8Array]]]
  stream.send(message(WANT, 1, author, hash, 0, seq))
  return await eventually('entries', () => member.messages().find(([kind]) => kind === ENTRIES)?.[2] as readonly Cbor[] | undefined)
}

describe('members over real sockets', () => {
  const attacks: readonly (readonly [string, (stream: RawStream) => unknown])[] = [
    ['garbage in frames', (stream) => sendUntilReset(stream, () => frame(randomBytes(500)))],
    ['garbage without frames', (stream) => sendUntilReset(stream, () => randomBytes(60_000))],
    ['a frame longer than any message', (stream) => stream.send(lengthPrefix(0xffffffff))],
    ['an empty frame', (stream) => stream.send(lengthPrefix(0))],
    ['CBOR that nests without end', (stream) => stream.send(frame(Buffer.alloc(1_000_000, 0x81)))],
    ['a list that claims four billion items', (stream) => stream.send(frame(Buffer.from('8304009affffffff', 'hex')))],
    ['announcements without end', (stream) => sendUntilReset(stream, () => message(HEADS, [unknownHead(5)], DIGEST))],
    ['wants without end', (stream) => sendUntilReset(stream, counted((id) => message(WANT, id, randomBytes(32), randomBytes(32), 0, 2 ** 50)))],
    ['acknowledgements of what was never sent', (stream) => sendUntilReset(stream, () => message(ACK, 1_000_000))],
    ['entries that nobody asked for, without end', async (stream) => {
      const entries = await realEntries()
      await sendUntilReset(stream, counted((id) => message(ENTRIES, id, entries, true)))
    }]
  ]
  for (const [name, attack] of attacks) {
    it(`[HOST6] one that sends ${name} is thrown out, and nobody else notices`, async () => {
      await Promise.all([thrownOut(attack), siege.honestGoOn()])
      await siege.stands()
    })
  }

  it('[HOST7] one that answers a want with more than the credit, and with something else, is thrown out', async () => {
    const [entry] = (await realEntries()) as unknown as readonly (readonly Uint8Array[])[]
    const [header = randomBytes(1), signature = randomBytes(64)] = entry ?? []
    await thrownOut(async (stream, member) => {
      stream.send(message(VECTOR, [unknownHead(10_000)], DIGEST, true))
      const want = await eventually('a want', () => member.messages().find(([kind]) => kind === WANT))
      await sendUntilReset(stream, () => message(ENTRIES, want[1] ?? 0, [[header, signature, randomBytes(3_000_000)]], false), 100e6)
    })
    await siege.stands()
  })

  it('[HOST8] one that promises entries and never sends them holds nothing up', async () => {
    await using member = await RawPeer.make(siege.target.address)
    const stream = await member.join(siege.crowd.links.blind)
    stream.send(HELLO)
    stream.send(message(VECTOR, [unknownHead(10_000)], DIGEST, true))
    await eventually('a want', () => member.messages().find(([kind]) => kind === WANT))
    // Half a frame, and silence.
    stream.send(lengthPrefix(1_000_000))
    stream.send(randomBytes(1000))
    await siege.honestGoOn()
  })

  const spoilings: readonly (readonly [string, Tamper])[] = [
    ['forged signatures', ([header, signature, body]) => [header, flipped(signature), body]],
    ['other bodies', ([header, signature, body]) => [header, signature, flipped(body)]],
    ['headers that were changed', ([header, signature, body]) => [flipped(header), signature, body]]
  ]
  for (const [name, tamper] of spoilings) {
    it(`[HOST9] nothing of a member that hands over ${name} is taken in`, async () => {
      const mallory = await openTampering({ link: siege.crowd.links.write, address: siege.target.address, tamper })
      let refusals = 0
      try {
        mallory.on('peer', ({ state }) => void (state === 'disconnected' && refusals++))
        for (const name of ['evil', 'worse']) await mallory.edit([{ type: 'create-file', path: `${name}.md`, text: 'gotcha\n', executable: false }])
        await mallory.start()
        await Promise.all([eventually('it is thrown out', () => refusals > 0), siege.honestGoOn()])
      } finally {
        await mallory.stop()
      }
      await eventually('it is gone', async () => (await siege.target.status())?.workspace.peers.length === 1)
      await siege.stands()
      expect([...readTree(siege.target.folder).keys()].filter((path) => /evil|worse/.test(path))).toEqual([])
    })
  }

  it('[HOST10] [REG26] a flood of gossip stops nobody', async () => {
    let heard = 0
    const flooder = openMute(siege.crowd.links.blind, siege.target.address, { gossip: () => Promise.resolve((heard++, 'ignore')) })
    try {
      await flooder.start()
      await eventually('it gossips with the target', async () => {
        await siege.honestGoOn()
        return heard > 0
      })
      for (let i = 0; i < 300; i++) await flooder.publish(randomBytes(i % 2 === 0 ? 100 : 60_000))
      await siege.honestGoOn()
    } finally {
      await flooder.stop()
    }
    await eventually('it is gone', async () => (await siege.target.status())?.workspace.peers.length === 1)
    await siege.stands()
  })
})

function flipped(bytes: Uint8Array): Uint8Array {
  const copy = Uint8Array.from(bytes)
  const at = copy.length - 3
  copy[at] = (copy[at] ?? 0) ^ 1
  return copy
}

function counted(make: (id: number) => Uint8Array): () => Uint8Array {
  let id = 0
  return () => make(id++)
}
