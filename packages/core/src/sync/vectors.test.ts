import { describe, expect, it } from 'vitest'
import { toHex } from '../base/bytes.js'
import { parseAuthorId, parseEntryHash } from '../base/ids.js'
import type { Entry } from '../log/entry.js'
import { decodeMessage, encodeMessage, type Message } from './message.js'

// What docs/PROTOCOL.md prints for other implementations. A change here is a change of the protocol: it needs a new
// version, not a new vector.
const author = parseAuthorId('11'.repeat(32))
const head = parseEntryHash('22'.repeat(32))
const digest = '33'.repeat(32)
const heads = [[author, [{ floor: 0, seq: 300, hash: head }]]] as const

describe('[VEC5] a frame of each sync message, without its length', () => {
  it.each<[Message, readonly string[]]>([
    [{ type: 'hello', version: 1, features: [], digest }, [
      '8400018078403333333333333333333333333333333333333333333333333333',
      '3333333333333333333333333333333333333333333333333333333333333333',
      '333333333333'
    ]],
    [{ type: 'vector', heads, digest, last: true }, [
      '8401818258201111111111111111111111111111111111111111111111111111',
      '11111111111181830019012c5820222222222222222222222222222222222222',
      '2222222222222222222222222222784033333333333333333333333333333333',
      '3333333333333333333333333333333333333333333333333333333333333333',
      '33333333333333333333333333333333f5'
    ]],
    [{ type: 'heads', heads, digest }, [
      '8302818258201111111111111111111111111111111111111111111111111111',
      '11111111111181830019012c5820222222222222222222222222222222222222',
      '2222222222222222222222222222784033333333333333333333333333333333',
      '3333333333333333333333333333333333333333333333333333333333333333',
      '33333333333333333333333333333333'
    ]],
    [{ type: 'want', id: 7, author, head, from: 24, to: 300 }, [
      '8603075820111111111111111111111111111111111111111111111111111111',
      '1111111111582022222222222222222222222222222222222222222222222222',
      '22222222222222181819012c'
    ]],
    [{ type: 'entries', id: 7, entries: [], last: true }, ['84040780f5']],
    [{ type: 'ack', bytes: 65_536 }, ['82051a00010000']],
    [{ type: 'missing', id: 7, reason: 'pruned' }, ['830607f5']],
    [{ type: 'synced', digest }, [
      '8207784033333333333333333333333333333333333333333333333333333333',
      '3333333333333333333333333333333333333333333333333333333333333333',
      '33333333'
    ]],
    [{ type: 'bye', reason: 'enough' }, ['820866656e6f756768']]
  ])('%j', (message, expected) => {
    const frame = encodeMessage(message)
    expect(toHex(frame).match(/.{1,64}/g)).toEqual(expected)
    expect(decodeMessage(frame, () => expect.unreachable())).toEqual(message)
  })

  it('entries as a run', () => {
    const entries = [2, 3].map((seq) => ({ header: { seq } }) as Entry)
    const message: Message = { type: 'entries', id: 7, entries, last: true }
    const frame = encodeMessage(message, () => Uint8Array.of(1, 2, 3))
    expect(toHex(frame)).toBe('8409078143010203f5')
    expect(decodeMessage(frame, () => expect.unreachable(), () => entries)).toEqual(message)
  })
})
