import { CborFields, decodeCbor, encodeCbor } from '../base/cbor.js'
import type { Cbor } from '../base/cbor.js'
import type { Crypto, Signer } from '../base/crypto.js'
import { MalformedError } from '../base/errors.js'
import { idBytes, parseAuthorId, parseDocId } from '../base/ids.js'
import type { AuthorId, DocId, WorkspaceId } from '../base/ids.js'
import { MAX_DISPLAY_NAME, MAX_PRESENCE_BYTES, MAX_PRESENCE_STATE, MAX_PRESENCE_STATES } from '../base/limits.js'
import { checkJson } from '../doc/update-content.js'

/** First item of the message: an entry on the same gossip topic begins with bytes. */
const KIND = 1
const VERSION_FIELDS = 6
/** CBOR of an array of six that begins with 1. */
const FIRST_BYTES = [0x80 | VERSION_FIELDS, KIND] as const
const NONCE = new Uint8Array(12)

/** What a peer shows of itself in one document: Yjs awareness. */
export interface PresenceState {
  readonly doc: DocId
  readonly client: number
  /** Of the lease that makes the client id its author's; null for a reader's Y.Doc, whose id is random. */
  readonly nonce: number | null
  readonly clock: number
  /** JSON; null when it shows nothing any more. */
  readonly state: string | null
}

/** What only members read. */
export interface PresenceNote {
  /** The author behind the peer, who signed for it; none for a reader. */
  readonly author: AuthorId | undefined
  readonly name: string
  readonly states: readonly PresenceState[]
}

/** What everyone who carries the message sees. */
export interface PresenceEnvelope {
  /** Ed25519 public key of the peer that it is from. */
  readonly peerKey: Uint8Array
  /** Rises with every message of the peer; milliseconds since 1970 where its clock is right. */
  readonly counter: number
  readonly salt: Uint8Array
  readonly sealed: Uint8Array
  readonly signature: Uint8Array
}

export interface PresenceContext {
  readonly crypto: Crypto
  readonly workspace: WorkspaceId
}

export function isPresence(data: Uint8Array): boolean {
  return data[0] === FIRST_BYTES[0] && data[1] === FIRST_BYTES[1]
}

/** @throws {RangeError} when the note does not fit into a message. */
export function encodePresence(
  { crypto, workspace }: PresenceContext,
  { readKey, peer, author, counter, note }: { readKey: Uint8Array; peer: Signer; author: Signer | undefined; counter: number; note: PresenceNote }
): Uint8Array {
  const salt = crypto.randomBytes(32)
  const vouch = author?.sign(vouchBytes(workspace, peer.publicKey)) ?? null
  const states = note.states.map(({ doc, client, nonce, clock, state }) => [idBytes(doc), client, nonce, clock, state])
  const plain = encodeCbor([author?.publicKey ?? null, vouch, note.name, states])
  const sealed = crypto.seal(presenceKey(crypto, readKey, salt), NONCE, headBytes(workspace, peer.publicKey, counter), plain)
  const signature = peer.sign(signedBytes(crypto, workspace, { peerKey: peer.publicKey, counter, salt, sealed }))
  const bytes = encodeCbor([KIND, peer.publicKey, counter, salt, sealed, signature])
  if (bytes.length > MAX_PRESENCE_BYTES) throw new RangeError('more presence than fits into one message')
  return bytes
}

/** @throws {MalformedError} */
export function decodePresence(bytes: Uint8Array): PresenceEnvelope {
  if (bytes.length > MAX_PRESENCE_BYTES) throw new MalformedError('a presence message larger than the limit')
  const fields = new CborFields(decodeCbor(bytes), VERSION_FIELDS)
  if (fields.uint() !== KIND) throw new MalformedError('not a presence message')
  return {
    peerKey: fields.bytes({ length: 32 }),
    counter: fields.uint(),
    salt: fields.bytes({ length: 32 }),
    sealed: fields.bytes(),
    signature: fields.bytes({ length: 64 })
  }
}

/** Whether the peer whose key it names made the message. */
export function isSignedByPeer({ crypto, workspace }: PresenceContext, envelope: PresenceEnvelope): boolean {
  return crypto.verify(envelope.peerKey, signedBytes(crypto, workspace, envelope), envelope.signature)
}

/** @throws {MalformedError} when it does not open, breaks a limit, or names an author who did not sign for the peer. */
export function openPresence({ crypto, workspace }: PresenceContext, readKey: Uint8Array, envelope: PresenceEnvelope): PresenceNote {
  const { peerKey, counter, salt, sealed } = envelope
  const plain = crypto.open(presenceKey(crypto, readKey, salt), NONCE, headBytes(workspace, peerKey, counter), sealed)
  if (plain === undefined) throw new MalformedError('a presence message that does not open')
  const fields = new CborFields(decodeCbor(plain), 4)
  const authorKey = fields.isNull() ? undefined : fields.bytes({ length: 32 })
  const vouch = fields.isNull() ? undefined : fields.bytes({ length: 64 })
  const name = fields.text(MAX_DISPLAY_NAME)
  const states = fields.list(MAX_PRESENCE_STATES).map(decodeState)
  if (authorKey === undefined) return { author: undefined, name, states }
  if (vouch === undefined || !crypto.verify(authorKey, vouchBytes(workspace, peerKey), vouch)) throw new MalformedError('an author who did not sign for the peer')
  return { author: parseAuthorId(authorKey), name, states }
}

function decodeState(value: Cbor): PresenceState {
  const fields = new CborFields(value, 5)
  const doc = parseDocId(fields.bytes({ length: 16 }))
  const client = fields.uint()
  const nonce = fields.isNull() ? null : fields.uint()
  const clock = fields.uint()
  const state = fields.isNull() ? null : fields.text(MAX_PRESENCE_STATE)
  if (state !== null) checkState(state)
  return { doc, client, nonce, clock, state }
}

function checkState(state: string): void {
  checkJson(state)
  if (!state.startsWith('{')) throw new MalformedError('a presence state that is no object')
}

/** A key of its own for each message, so that the nonce may be constant. */
function presenceKey(crypto: Crypto, readKey: Uint8Array, salt: Uint8Array): Uint8Array {
  return crypto.hkdf(readKey, salt, 'collab/1 presence', 32)
}

function vouchBytes(workspace: WorkspaceId, peerKey: Uint8Array): Uint8Array {
  return encodeCbor(['collab/1 peer', idBytes(workspace), peerKey])
}

function headBytes(workspace: WorkspaceId, peerKey: Uint8Array, counter: number): Uint8Array {
  return encodeCbor(['collab/1 presence', idBytes(workspace), peerKey, counter])
}

function signedBytes(crypto: Crypto, workspace: WorkspaceId, envelope: Pick<PresenceEnvelope, 'peerKey' | 'counter' | 'salt' | 'sealed'>): Uint8Array {
  const { peerKey, counter, salt, sealed } = envelope
  return encodeCbor(['collab/1 presence message', idBytes(workspace), peerKey, counter, salt, crypto.sha256(sealed)])
}
