import { CborFields, decodeCbor, encodeCbor } from '../base/cbor.js'
import { MAX_LETTER_BYTES, MAX_MET } from './net-limits.js'
import { keyOfPeer, peerOfKey } from './peer-key.js'

// The frames of /collab/meet/1:
//   [0, [* key]]         to a guest: whom it can write to, all of them
//   [1, key, letter]     from a guest: to whom; to a guest: from whom

export const MEETING_PROTOCOL = '/collab/meet/1'

const KEY = { length: 32 }

export type MeetingMessage =
  | { readonly type: 'met'; readonly peers: readonly string[] }
  | { readonly type: 'letter'; readonly peer: string; readonly letter: Uint8Array }

export function encodeMeeting(message: MeetingMessage): Uint8Array {
  if (message.type === 'met') return encodeCbor([0, message.peers.map(keyOfPeer)])
  return encodeCbor([1, keyOfPeer(message.peer), message.letter])
}

/**
 * The message in a frame; undefined for one of a kind that is not known here.
 *
 * @throws {MalformedError} when it is anything else, or too large.
 */
export function decodeMeeting(frame: Uint8Array): MeetingMessage | undefined {
  const fields = new CborFields(decodeCbor(frame))
  const code = fields.uint()
  if (code === 0) {
    const keys = new CborFields(fields.list(MAX_MET))
    return { type: 'met', peers: Array.from({ length: keys.remaining }, () => peerOfKey(keys.bytes(KEY))) }
  }
  if (code === 1) return { type: 'letter', peer: peerOfKey(fields.bytes(KEY)), letter: fields.bytes({ max: MAX_LETTER_BYTES }) }
  return undefined
}

/**
 * Whom of all guests `self` is told of: those next to it when they stand in a ring in the order of their names, half to
 * each side. Whoever is told of one, that one is told of it; and there is a way from everybody to everybody.
 */
export function neighbours(guests: Iterable<string>, self: string, max = MAX_MET): readonly string[] {
  const ring = [...new Set([...guests, self])].sort()
  const at = ring.indexOf(self)
  const others = [...ring.slice(at + 1), ...ring.slice(0, at)]
  const half = Math.floor(max / 2)
  return others.length <= 2 * half ? others : [...others.slice(0, half), ...others.slice(-half)]
}
