import { transportSymbol } from '@libp2p/interface'
import type { Connection, DialTransportOptions, Libp2p, Stream, Transport as Libp2pTransport } from '@libp2p/interface'
import { peerIdFromString } from '@libp2p/peer-id'
import { tcp } from '@libp2p/tcp'
import type { TCPComponents } from '@libp2p/tcp'
import { multiaddr } from '@multiformats/multiaddr'
import type { Multiaddr } from '@multiformats/multiaddr'
import { assert, property, uint8Array, uniqueArray } from 'fast-check'
import { createLibp2p } from 'libp2p'
import { describe, expect, it } from 'vitest'
import { concat, fromUtf8, uint32, utf8 } from '../base/bytes.js'
import { encodeCbor } from '../base/cbor.js'
import { systemClock } from '../base/clock.js'
import { MalformedError } from '../base/errors.js'
import { systemRandom } from '../base/random.js'
import { nobleCrypto } from '../keys/noble-crypto.js'
import { FrameStream } from './frame-stream.js'
import { MEETING_PROTOCOL, decodeMeeting, encodeMeeting, neighbours } from './meeting-message.js'
import type { MeetingMessage } from './meeting-message.js'
import { Meetings } from './meetings.js'
import { LETTERS, MAX_LETTER_BYTES, MAX_MEETING_FRAME_BYTES, MAX_MET } from './net-limits.js'
import type { Direct, DirectLink } from './net-platform.js'
import { NODE } from './node-transport.js'
import { peerOfKey } from './peer-key.js'
import { TestNet, allJoined } from './test-peers.js'
import type { TestPeer } from './test-peers.js'

/** How long to wait for what comes over the network. */
const SOON = { timeout: 10_000 }

/** Connects directly by TCP to who is in the directory, and notes whom it dials and the letters that come. */
class ByTcp implements Direct {
  readonly letters: { readonly peer: string; readonly text: string }[] = []
  readonly dialled: string[] = []
  readonly #directory: ReadonlyMap<string, TestPeer>

  constructor(directory: ReadonlyMap<string, TestPeer>) {
    this.#directory = directory
  }

  open(): DirectLink {
    const received = (peer: string, letter: Uint8Array): void => void this.letters.push({ peer, text: fromUtf8(letter) })
    return { transports: [(components: TCPComponents) => this.#transport(tcp()(components))], received }
  }

  #transport(inner: Libp2pTransport): Libp2pTransport {
    return {
      [transportSymbol]: true,
      [Symbol.toStringTag]: 'direct',
      createListener: (options) => inner.createListener(options),
      listenFilter: () => [],
      dialFilter: (addresses: Multiaddr[]) => addresses.filter((address) => address.toString().startsWith('/webrtc/')),
      dial: (address: Multiaddr, options: DialTransportOptions): Promise<Connection> => {
        const peer = address.toString().split('/').at(-1) ?? ''
        this.dialled.push(peer)
        return inner.dial(multiaddr(this.#directory.get(peer)?.address ?? ''), options)
      }
    }
  }
}

/** A peer where others meet, and some that do. */
class Party {
  readonly hub: TestPeer
  readonly #net: TestNet
  readonly #directory = new Map<string, TestPeer>()

  constructor(net: TestNet, hub: TestPeer) {
    this.#net = net
    this.hub = hub
  }

  /** Somebody whom only the party tells of others. */
  async guest(): Promise<{ readonly peer: TestPeer; readonly direct: ByTcp }> {
    const direct = new ByTcp(this.#directory)
    const peer = await this.#net.peer({ platform: { ...NODE, direct }, peers: [this.hub.address] })
    this.#directory.set(peer.id, peer)
    return { peer, direct }
  }

  /** A member that says there what the test has it say. */
  async rude(): Promise<{ readonly peer: TestPeer; readonly frames: FrameStream }> {
    const { peer, node } = await member(this.#net, [this.hub.address])
    await peer.until('joined', () => peer.peers.includes(this.hub.id))
    const [connection] = node.getConnections(peerIdFromString(this.hub.id))
    return { peer, frames: framesOf((await connection?.newStream(MEETING_PROTOCOL)) as Stream) }
  }
}

async function party(net: TestNet): Promise<Party> {
  return new Party(net, await net.peer())
}

/** A member whose libp2p node the test has in hand. */
async function member(net: TestNet, peers: readonly string[]): Promise<{ readonly peer: TestPeer; readonly node: Libp2p }> {
  const made = Promise.withResolvers<Libp2p>()
  const peer = await net.peer({
    peers,
    async libp2p(options) {
      const node = await createLibp2p(options)
      made.resolve(node)
      return node
    }
  })
  return { peer, node: await made.promise }
}

function framesOf(stream: Stream): FrameStream {
  return new FrameStream(stream, { clock: systemClock, maxFrameBytes: MAX_MEETING_FRAME_BYTES })
}

/** The peers in the next list that names somebody. */
async function told(frames: FrameStream): Promise<readonly string[]> {
  const message = decodeMeeting((await frames.read()) ?? new Uint8Array())
  if (message?.type !== 'met') throw new Error('no list')
  return message.peers
}

function connectionTo(address: string, stream: Promise<Stream>): Connection {
  return { remoteAddr: multiaddr(address), newStream: () => stream } as unknown as Connection
}

const letterTo = (peer: string, text: string): Uint8Array => encodeMeeting({ type: 'letter', peer, letter: utf8(text) })
const key = (): Uint8Array => nobleCrypto.signer(nobleCrypto.randomBytes(32)).publicKey

describe('peers that nobody can dial', () => {
  it('[MEET1] are told of each other by one that they know, connect, and need it no more', async () => {
    await using net = new TestNet()
    const meeting = await party(net)
    const guests = [await meeting.guest(), await meeting.guest(), await meeting.guest()].map(({ peer }) => peer)
    await allJoined([meeting.hub, ...guests])
    await meeting.hub.transport.stop()
    await Promise.all(guests.map((guest) => guest.until('the hub is gone', () => !guest.peers.includes(meeting.hub.id))))
    for (const from of guests) {
      const others = guests.filter((guest) => guest !== from)
      for (const to of others) await from.transport.send(to.id, utf8(`from ${from.id}`))
      await from.publishUntilHeard(from.id, others)
      for (const to of others) await to.until('the frame', () => to.frames.some(({ peer, frame }) => peer === from.id && fromUtf8(frame) === `from ${from.id}`))
    }
  })

  it('[MEET2] a stranger is told of nobody, and nobody of it', async () => {
    await using net = new TestNet()
    const meeting = await party(net)
    const [first, stranger] = [await meeting.guest(), await net.stranger()]
    await first.peer.until('joined', () => first.peer.peers.includes(meeting.hub.id))
    const frames = framesOf(await stranger.dialProtocol(multiaddr(meeting.hub.address), MEETING_PROTOCOL))
    await expect(frames.read().then((frame) => frame ?? Promise.reject(new Error('ended')))).rejects.toThrow(/reset|ended/)
    const second = await meeting.guest()
    await allJoined([meeting.hub, first.peer, second.peer])
    expect(new Set([...first.direct.dialled, ...second.direct.dialled])).not.toContain(stranger.peerId.toString())
  })

  it('[MEET3] a letter reaches who was told of its writer, under the writer\'s name', async () => {
    await using net = new TestNet()
    const meeting = await party(net)
    const [guest, outsider, writer] = [await meeting.guest(), await net.peer({ peers: [meeting.hub.address] }), await meeting.rude()]
    expect(await told(writer.frames)).toEqual([guest.peer.id])
    for (const to of [outsider.id, meeting.hub.id, writer.peer.id, peerOfKey(key()), guest.peer.id]) await writer.frames.write(letterTo(to, `to ${to}`))
    await guest.peer.until('joined', () => guest.peer.peers.includes(meeting.hub.id))
    await expect.poll(() => guest.direct.letters, SOON).toEqual([{ peer: writer.peer.id, text: `to ${guest.peer.id}` }])
    expect([meeting.hub, outsider].flatMap(({ left }) => left)).toEqual([])
    const another = await meeting.guest()
    expect(new Set(await told(writer.frames)), 'nothing came back').toEqual(new Set([guest.peer.id, another.peer.id]))
  })

  it('[MEET4] who sends anything else there is sent away, whoever it is', async () => {
    const wrong = [encodeCbor(['met']), encodeCbor([0, [new Uint8Array(31)]]), encodeCbor([0, Array.from({ length: MAX_MET + 1 }, key)]), encodeCbor([1, key(), new Uint8Array(MAX_LETTER_BYTES + 1)]), utf8('nothing')]
    for (const frame of [...wrong, encodeMeeting({ type: 'met', peers: [peerOfKey(key())] })]) {
      await using net = new TestNet()
      const meeting = await party(net)
      const rude = await meeting.rude()
      await rude.frames.write(frame)
      await meeting.hub.until('sent away', () => meeting.hub.left.some(({ peer }) => peer === rude.peer.id))
    }
    for (const frame of wrong) {
      await using net = new TestNet()
      const { peer: hub, node } = await member(net, [])
      await node.unhandle(MEETING_PROTOCOL)
      await node.handle(MEETING_PROTOCOL, (stream) => void framesOf(stream).write(frame))
      const { peer } = await new Party(net, hub).guest()
      await peer.until('sent away', () => peer.left.some(({ peer }) => peer === hub.id))
    }
  })

  it('[MEET5] a message of a kind that is not known yet is passed over', async () => {
    await using net = new TestNet()
    const meeting = await party(net)
    const [guest, writer] = [await meeting.guest(), await meeting.rude()]
    await told(writer.frames)
    await writer.frames.write(encodeCbor([2, 'later']))
    await writer.frames.write(letterTo(guest.peer.id, 'now'))
    await expect.poll(() => guest.direct.letters.map(({ text }) => text), SOON).toEqual(['now'])
  })

  it('[MEET6] of a flood of letters few are carried, and then again some', async () => {
    await using net = new TestNet()
    const meeting = await party(net)
    const [guest, writer] = [await meeting.guest(), await meeting.rude()]
    await told(writer.frames)
    const start = performance.now()
    for (let n = 0; n < 5 * LETTERS.burst; n++) await writer.frames.write(letterTo(guest.peer.id, 'flood'))
    await expect.poll(() => (void writer.frames.write(letterTo(guest.peer.id, 'later')), guest.direct.letters.map(({ text }) => text)), SOON).toContain('later')
    const allowed = LETTERS.burst + (LETTERS.perSecond * (performance.now() - start)) / 1000
    expect(guest.direct.letters.length).toBeLessThanOrEqual(allowed)
    expect(meeting.hub.peers).toContain(writer.peer.id)
  })

  it('[MEET7] of many each is told of a few, who are told of it, and there is a way between any two', () => {
    const names = uniqueArray(uint8Array({ minLength: 1, maxLength: 4 }).map((bytes) => bytes.join('-')), { minLength: 1, maxLength: 60 })
    assert(
      property(names, (guests) => {
        const next = new Map(guests.map((guest) => [guest, neighbours(guests, guest, 6)]))
        for (const [guest, others] of next) {
          expect(others.length).toBe(Math.min(6, guests.length - 1))
          expect(others).not.toContain(guest)
          for (const other of others) expect(next.get(other)).toContain(guest)
        }
        const reached = new Set(guests.slice(0, 1))
        for (const guest of reached) for (const other of next.get(guest) ?? []) reached.add(other)
        expect(reached.size).toBe(guests.length)
      })
    )
  })

  it('[MEET8] a message comes back as it was; any other bytes are refused as malformed and nothing else', () => {
    const messages: readonly MeetingMessage[] = [
      { type: 'met', peers: [] },
      { type: 'met', peers: Array.from({ length: MAX_MET }, () => peerOfKey(key())) },
      { type: 'letter', peer: peerOfKey(key()), letter: nobleCrypto.randomBytes(MAX_LETTER_BYTES) }
    ]
    for (const message of messages) {
      const frame = encodeMeeting(message)
      expect(frame.length).toBeLessThanOrEqual(MAX_MEETING_FRAME_BYTES)
      expect(decodeMeeting(frame)).toEqual(message)
    }
    assert(
      property(uint8Array({ maxLength: 80 }), (bytes) => {
        try {
          decodeMeeting(bytes)
        } catch (error) {
          expect(error).toBeInstanceOf(MalformedError)
        }
      })
    )
  })

  it('[MEET9] who is connected with enough of them calls no more', async () => {
    await using net = new TestNet()
    const met: string[] = []
    const ignore = (): void => undefined
    const meetings = new Meetings({ met: (peer) => void met.push(peer), received: ignore, disconnect: ignore, clock: systemClock, random: systemRandom })
    net.defer(() => meetings.stop())
    const direct = (peer: string): Connection => connectionTo(`/webrtc/p2p/${peer}`, new Promise(ignore))
    const [here, there] = await net.streams()
    meetings.joined('hub', connectionTo('/ip4/127.0.0.1/tcp/1', Promise.resolve(here)))
    for (let n = 1; n < MAX_MET; n++) meetings.joined(`${n}`, direct(peerOfKey(key())))
    const [first, second] = [peerOfKey(key()), peerOfKey(key())]
    const frames = framesOf(there)
    await frames.write(encodeMeeting({ type: 'met', peers: [first] }))
    await expect.poll(() => met, SOON).toEqual([first])
    meetings.joined('last', direct(first))
    await frames.write(encodeMeeting({ type: 'met', peers: [first, second] }))
    await expect.poll(() => meetings.reaches(second), SOON).toBe(true)
    expect(met).toEqual([first])
  })

  it('[MEET10] who begins anew in the middle of a letter is not sent away', async () => {
    await using net = new TestNet()
    const place = await party(net)
    const { hub } = place
    const { peer, node } = await member(net, [hub.address])
    await peer.until('joined', () => peer.peers.includes(hub.id))
    const [connection] = node.getConnections(peerIdFromString(hub.id))
    const first = (await connection?.newStream(MEETING_PROTOCOL)) as Stream
    first.send(concat(uint32(100), utf8('the beginning of a letter')))
    const told = framesOf((await connection?.newStream(MEETING_PROTOCOL)) as Stream)
    await expect.poll(() => first.status, SOON).not.toBe('open')
    await place.guest()
    expect(decodeMeeting((await told.read()) ?? new Uint8Array())?.type).toBe('met')
    expect(hub.left).toEqual([])
  })
})
