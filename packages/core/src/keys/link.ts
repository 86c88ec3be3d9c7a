import { concat, equalBytes, fromUtf8, utf8 } from '../base/bytes.js'
import type { Crypto } from '../base/crypto.js'
import { assertNever, InvalidTopicError } from '../base/errors.js'
import { idBytes, parseWorkspaceId } from '../base/ids.js'
import { fromBase32, toBase32 } from './base32.js'
import { keysFromDiscoveryKey, keysFromReadKey, keysFromWriteKey, type WorkspaceKeys } from './workspace-keys.js'

/*
 * link     = "collab1" role base32(payload checksum)      ; RFC 4648, lower case, no padding
 * role     = "w" / "r" / "b"
 * payload  = W addresses                                  ; role w
 *          / R workspace-id addresses                     ; role r
 *          / D workspace-id addresses                     ; role b
 * addresses = count *(length text)                        ; one byte; two bytes, big-endian; UTF-8 multiaddr
 * checksum = first 4 bytes of SHA-256("collab/1 link" role payload)
 */

/** What a link says: what it grants, and where peers were when it was made. */
export interface Link {
  readonly keys: WorkspaceKeys
  /** Multiaddrs to dial, as text: printable ASCII without spaces, otherwise unchecked. */
  readonly addresses: readonly string[]
}

/** What every link of this version starts with. */
export const LINK_PREFIX = 'collab1'
/** Enough for every interface of a machine and a few relays; the link has to stay one that people can paste. */
export const MAX_LINK_ADDRESSES = 16
/** A relay's address with both peer ids has about 200. */
export const MAX_LINK_ADDRESS_CHARS = 256

const CHECKSUM_BYTES = 4
const MAX_PAYLOAD_BYTES = 64 + 1 + MAX_LINK_ADDRESSES * (2 + MAX_LINK_ADDRESS_CHARS) + CHECKSUM_BYTES
/** A link can't be longer; what is longer isn't decoded. */
export const MAX_LINK_CHARS = LINK_PREFIX.length + 1 + Math.ceil((MAX_PAYLOAD_BYTES * 8) / 5)

const ROLES = ['w', 'r', 'b'] as const
type RoleLetter = (typeof ROLES)[number]
/** A write link carries none: the id follows from W. */
const NO_ID = new Uint8Array(0)
const ROLE_OF = { write: 'w', read: 'r', blind: 'b' } as const

const COPY_AGAIN = 'copy the whole link again from where you got it'
const NEWER = 'this link was made by a newer version of collab; update collab to use it'

/**
 * The link that grants `keys`, all in [a-z0-9]: about 70 characters for write, 120 for read and blind, and 140
 * more for each address.
 *
 * @throws {InvalidTopicError} when an address can't stand in a link or there are more than `MAX_LINK_ADDRESSES`.
 */
export function encodeLink(crypto: Crypto, keys: WorkspaceKeys, addresses: readonly string[] = []): string {
  const role = ROLE_OF[keys.rights]
  const payload = concat(secretOf(keys), encodeAddresses(addresses))
  return LINK_PREFIX + role + toBase32(concat(payload, checksum(crypto, role, payload)))
}

/**
 * Reads what `encodeLink` wrote, in upper or lower case, with white space, quotes or brackets around it.
 *
 * @throws {InvalidTopicError} for anything else, saying whether it looks cut short, mistyped or too new.
 */
export function parseLink(crypto: Crypto, text: string): Link {
  const token = bareToken(text)
  if (token.length > MAX_LINK_CHARS) throw new InvalidTopicError(`this is longer than any link; ${COPY_AGAIN}`)
  if (/^collab[02-9]/.test(token)) throw new InvalidTopicError(NEWER)
  if (!token.startsWith(LINK_PREFIX)) throw new InvalidTopicError(`a link starts with ${LINK_PREFIX}; ${COPY_AGAIN}`)
  const role = roleOf(token.charAt(LINK_PREFIX.length))
  const bytes = decodeBody(token.slice(LINK_PREFIX.length + 1))
  const payload = bytes.subarray(0, -CHECKSUM_BYTES)
  if (!equalBytes(checksum(crypto, role, payload), bytes.subarray(-CHECKSUM_BYTES))) throw damaged(role, bytes)
  return decodePayload(crypto, role, payload) ?? refuse(NEWER)
}

/** True when the start of `text` was lost or mistyped but the rest is a whole link: then it is no plain name. */
export function isBeheadedLink(crypto: Crypto, text: string): boolean {
  const token = bareToken(text)
  if (token.length > MAX_LINK_CHARS) return false
  for (let cut = 0; cut <= LINK_PREFIX.length + 2; cut++) {
    const bytes = fromBase32(token.slice(cut))
    if (bytes !== undefined && bytes.length > CHECKSUM_BYTES && ROLES.some(role => isSealed(crypto, role, bytes))) return true
  }
  return false
}

function isSealed(crypto: Crypto, role: RoleLetter, bytes: Uint8Array): boolean {
  const payload = bytes.subarray(0, -CHECKSUM_BYTES)
  return equalBytes(checksum(crypto, role, payload), bytes.subarray(-CHECKSUM_BYTES))
}

/** What chat and mail programs put around a link comes off; a link itself is letters and digits. */
function bareToken(text: string): string {
  return text.replace(/^[^\p{L}\p{N}]+/u, '').replace(/[^\p{L}\p{N}]+$/u, '').toLowerCase()
}

function secretOf(keys: WorkspaceKeys): Uint8Array {
  if (keys.rights === 'write') return keys.writeKey
  return concat(keys.rights === 'read' ? keys.readKey : keys.discoveryKey, idBytes(keys.id))
}

function encodeAddresses(addresses: readonly string[]): Uint8Array {
  if (addresses.length > MAX_LINK_ADDRESSES) refuse(`a link carries at most ${MAX_LINK_ADDRESSES} addresses; leave some out`)
  const bad = addresses.findIndex(address => !isAddress(address))
  if (bad >= 0) refuse(`address ${bad + 1} cannot stand in a link; give a multiaddr such as /ip4/192.0.2.1/tcp/4001`)
  const items = addresses.map(address => concat(Uint8Array.of(address.length >> 8, address.length & 0xff), utf8(address)))
  return concat(Uint8Array.of(addresses.length), ...items)
}

/** One byte per character, and nothing that a terminal or a log would take for a command. */
function isAddress(address: string): boolean {
  return address.length <= MAX_LINK_ADDRESS_CHARS && /^\/[\x21-\x7e]+$/.test(address)
}

function checksum(crypto: Crypto, role: RoleLetter, payload: Uint8Array): Uint8Array {
  return crypto.sha256(utf8(`collab/1 link${role}`), payload).subarray(0, CHECKSUM_BYTES)
}

function roleOf(letter: string): RoleLetter {
  if (letter === '') refuse(`this link is cut short; ${COPY_AGAIN}`)
  const role = ROLES.find(role => role === letter)
  return role ?? refuse(`this link does not say what it grants in a known way; ${COPY_AGAIN}, or update collab`)
}

function decodeBody(body: string): Uint8Array {
  const wrong = body.search(/[^a-z2-7]/)
  const place = LINK_PREFIX.length + 1 + wrong + 1
  if (wrong >= 0) refuse(`this link is mistyped: its character ${place} occurs in no link; ${COPY_AGAIN}`)
  const bytes = fromBase32(body)
  if (bytes === undefined || bytes.length <= CHECKSUM_BYTES) refuse(`this link is cut short or mistyped; ${COPY_AGAIN}`)
  return bytes
}

/** Which words fit a link whose checksum fails: by its own lengths it ends too early, or it doesn't. */
function damaged(role: RoleLetter, bytes: Uint8Array): InvalidTopicError {
  const reader = new PayloadReader(bytes)
  reader.take(role === 'w' ? 32 : 64)
  reader.addresses()
  reader.take(CHECKSUM_BYTES)
  return new InvalidTopicError(`this link is ${reader.isOverrun ? 'cut short' : 'mistyped'}; ${COPY_AGAIN}`)
}

function decodePayload(crypto: Crypto, role: RoleLetter, payload: Uint8Array): Link | undefined {
  const reader = new PayloadReader(payload)
  const key = reader.take(32)
  const id = role === 'w' ? NO_ID : reader.take(32)
  const addresses = reader.addresses()
  if (reader.isOverrun || !reader.isAtEnd || addresses === undefined) return undefined
  return { keys: keysOf(crypto, role, key, id), addresses }
}

function keysOf(crypto: Crypto, role: RoleLetter, key: Uint8Array, id: Uint8Array): WorkspaceKeys {
  switch (role) {
    case 'w':
      return keysFromWriteKey(crypto, key)
    case 'r':
      return keysFromReadKey(crypto, key, parseWorkspaceId(id))
    case 'b':
      return keysFromDiscoveryKey(key, parseWorkspaceId(id))
    default:
      return assertNever(role)
  }
}

/** Reads a payload that may end anywhere: past the end it gives nothing and remembers that it was asked. */
class PayloadReader {
  readonly #bytes: Uint8Array
  #next = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  get isOverrun(): boolean {
    return this.#next > this.#bytes.length
  }

  get isAtEnd(): boolean {
    return this.#next === this.#bytes.length
  }

  take(length: number): Uint8Array {
    const from = this.#next
    this.#next += length
    return this.#bytes.subarray(from, this.#next)
  }

  /** Undefined when there are too many or one isn't an address. */
  addresses(): readonly string[] | undefined {
    const count = this.take(1)[0] ?? 0
    const found: string[] = []
    for (let i = 0; i < count && !this.isOverrun; i++) {
      const [high = 0, low = 0] = this.take(2)
      found.push(textOf(this.take(high * 256 + low)))
    }
    return count <= MAX_LINK_ADDRESSES && found.every(isAddress) ? found : undefined
  }
}

/** The text, or '' (no address) when it isn't UTF-8. */
function textOf(bytes: Uint8Array): string {
  try {
    return fromUtf8(bytes)
  } catch {
    return ''
  }
}

function refuse(message: string): never {
  throw new InvalidTopicError(message)
}
