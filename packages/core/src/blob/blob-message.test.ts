import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { concat } from '../base/bytes.js'
import { MalformedError } from '../base/errors.js'
import { parseBlobId } from '../base/ids.js'
import { decodeBlobMessage, encodeBlobMessage, encodePiece } from './blob-message.js'
import type { BlobMessage } from './blob-message.js'
import { MAX_SEALED_BYTES } from './chunk-limits.js'

const blob = parseBlobId('ab'.repeat(32))
const MESSAGES: readonly Exclude<BlobMessage, { type: 'unknown' }>[] = [
  { type: 'hello', version: 1 },
  { type: 'follow', ref: 7, blob },
  { type: 'unfollow', ref: 7 },
  { type: 'have', ref: 7, from: 300, bits: Uint8Array.of(128, 1) },
  { type: 'whole', ref: 7 },
  { type: 'get', id: 9, ref: 7, part: 'chunk', index: 300 },
  { type: 'get', id: 9, ref: 7, part: 'manifest', index: 0 },
  { type: 'cancel', id: 9 },
  { type: 'piece', id: 9, bytes: new Uint8Array(300).fill(3) },
  { type: 'lack', id: 9 }
]

describe('messages about blobs', () => {
  it('[PULL13] come back as they were sent, pieces of any size the same in one part or two', () => {
    for (const message of MESSAGES) expect(decodeBlobMessage(encodeBlobMessage(message))).toEqual(message)
    for (const length of [0, 1, 23, 24, 255, 256, 65_535, 65_536, MAX_SEALED_BYTES]) {
      for (const id of [0, 23, 24, 70_000, 2 ** 40]) {
        const bytes = new Uint8Array(length).fill(5)
        const frame = concat(...encodePiece(id, bytes))
        expect(Buffer.compare(frame, encodeBlobMessage({ type: 'piece', id, bytes }))).toBe(0)
        const read = decodeBlobMessage(frame)
        expect(read.type === 'piece' && read.id === id && Buffer.compare(read.bytes, bytes) === 0).toBe(true)
      }
    }
  })

  it('[PULL14] that are no messages are refused, whatever their bytes, and never read in a second spelling', () => {
    const prefix = fc.constantFrom(Uint8Array.of(), Uint8Array.of(0x83, 7), Uint8Array.of(0x84, 3), Uint8Array.of(0x85, 5))
    fc.assert(
      fc.property(prefix, fc.uint8Array({ maxLength: 40 }), (head, rest) => {
        const frame = concat(head, rest)
        try {
          const message = decodeBlobMessage(frame)
          if (message.type === 'piece') expect(encodeBlobMessage(message)).toEqual(frame.subarray(0, encodeBlobMessage(message).length))
        } catch (error) {
          expect(error).toBeInstanceOf(MalformedError)
        }
      }),
      { numRuns: 3000 }
    )
    // A length in five bytes where one would do.
    expect(() => decodeBlobMessage(Uint8Array.of(0x83, 7, 1, 0x5a, 0, 0, 0, 1, 9))).toThrow(MalformedError)
    expect(() => decodeBlobMessage(new Uint8Array(MAX_SEALED_BYTES + 100))).toThrow(MalformedError)
  })
})
