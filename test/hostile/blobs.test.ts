import { createHash, randomBytes } from 'node:crypto'
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Cbor } from '../harness/cbor.js'
import { eventually } from '../harness/eventually.js'
import { BLOB, RawPeer, frame, lengthPrefix, message, sendUntilReset } from '../harness/raw-peer.js'
import type { RawStream } from '../harness/raw-peer.js'
import { Siege } from '../harness/siege.js'

// Members that misbehave on the stream for blobs, while a file comes from somebody else.

const SYNC_HELLO = message(0, 1, [], '0'.repeat(64))
const [HELLO, FOLLOW, , HAVE, WHOLE, GET, , PIECE] = [0, 1, 2, 3, 4, 5, 6, 7] as const
const FILE_BYTES = 8 * 1024 * 1024

let siege: Siege
beforeAll(async () => {
  siege = await Siege.lay()
  // So slow that others are asked too.
  await siege.friend.stop()
  await siege.friend.start([siege.target], ['--limit-up', '4M'])
})
afterAll(async () => {
  await siege[Symbol.asyncDispose]()
})

type Attack = (stream: RawStream, member: RawPeer) => unknown

/** Says of everything that the target fetches that it has all of it, and answers the first request with `piece`. */
function offers(piece: (id: Cbor) => Uint8Array): Attack {
  return async (stream, member) => {
    let offered = 0
    const get = await eventually('the target asks for a part', () => {
      const follows = member.messages(BLOB).filter(([code]) => code === FOLLOW)
      for (const [, ref] of follows.slice(offered)) stream.send(message(WHOLE, ref ?? 0))
      offered = follows.length
      return member.messages(BLOB).find(([code]) => code === GET)
    })
    stream.send(piece(get[1] ?? 0))
  }
}

const after = (attack: Attack): Attack => async (stream, member) => {
  stream.send(message(HELLO, 1))
  await attack(stream, member)
}

const attacks: readonly (readonly [string, Attack])[] = [
  ['garbage in frames', (stream) => sendUntilReset(stream, () => frame(randomBytes(500)))],
  ['garbage without frames', (stream) => sendUntilReset(stream, () => randomBytes(60_000))],
  ['a frame longer than any message', after((stream) => stream.send(lengthPrefix(0xffffffff)))],
  ['wants without end', after((stream) => sendUntilReset(stream, counted((ref) => message(FOLLOW, ref, randomBytes(32)))))],
  ['requests for what it does not follow', after((stream) => stream.send(message(GET, 1, 77, false, 0)))],
  ['pieces that nobody asked for', after((stream) => sendUntilReset(stream, counted((id) => message(PIECE, 1_000_000 + id, randomBytes(100)))))],
  ['news of chunks without end', after((stream) => sendUntilReset(stream, () => message(HAVE, 1, 0, randomBytes(100))))],
  ['garbage instead of the chunk lists it was asked for', after(offers((id) => message(PIECE, id, randomBytes(1000))))],
  ['more than it was asked for', after(offers((id) => message(PIECE, id, randomBytes(1_000_000))))]
]

describe('members on the stream for blobs, over real sockets', () => {
  for (const [name, attack] of attacks) {
    it(`[HOST11] one that sends ${name} is thrown out, and the file comes from another`, async () => {
      await using member = await RawPeer.make(siege.target.address)
      const sync = await member.join(siege.crowd.links.blind)
      sync.send(SYNC_HELLO)
      const stream = await member.joinBlobs()
      await Promise.all([attack(stream, member), member.disconnected(), aFileArrives(name)])
      await siege.stands()
    })
  }
})

/** The friend gets a new large file, and so does the target. */
async function aFileArrives(name: string): Promise<void> {
  const bytes = randomBytes(FILE_BYTES)
  const [from, to] = [siege.friend, siege.target].map(({ folder }) => join(folder, `${name}.bin`)) as [string, string]
  // Whole at once, as a program saves.
  writeFileSync(`${siege.crowd.directory}/file`, bytes)
  renameSync(`${siege.crowd.directory}/file`, from)
  await eventually('the file arrives', () => existsSync(to))
  const [is, was] = [readFileSync(to), bytes].map((content) => createHash('sha256').update(content).digest('hex'))
  expect(is).toBe(was)
}

function counted(make: (id: number) => Uint8Array): () => Uint8Array {
  let id = 0
  return () => make(id++)
}
