import { CborFields, decodeCbor, encodeCbor } from '../base/cbor.js'
import { utf8, fromUtf8 } from '../base/bytes.js'
import type { Crypto, Signer } from '../base/crypto.js'
import { parseAuthorId } from '../base/ids.js'
import type { AuthorId } from '../base/ids.js'
import type { KvOp, KvStore } from '../base/kv.js'

const TABLE = 'meta'
const KEY = 'identity'

/** The key that signs this store's log. */
export interface Author {
  readonly id: AuthorId
  readonly signer: Signer
  readonly seed: Uint8Array
}

export interface Identity {
  readonly author: Author
  /** 32-byte Ed25519 seed of the libp2p peer. */
  readonly peerSeed: Uint8Array
  /** Counts the runs of this store; the folder's marker holds it too. */
  readonly session: number
  /** True when the last run ended by a clean stop. */
  readonly clean: boolean
  /** The machine on which the store last ran. */
  readonly machine: string
}

export function newAuthor(crypto: Crypto): Author {
  return authorFrom(crypto, crypto.randomBytes(32))
}

function authorFrom(crypto: Crypto, seed: Uint8Array): Author {
  const signer = crypto.signer(seed)
  return { id: parseAuthorId(signer.publicKey), signer, seed }
}

export async function readIdentity(kv: Pick<KvStore, 'get'>, crypto: Crypto): Promise<Identity | undefined> {
  const row = await kv.get(TABLE, KEY)
  if (row === undefined) return undefined
  const fields = new CborFields(decodeCbor(row), 5)
  return {
    author: authorFrom(crypto, fields.bytes({ length: 32 })),
    peerSeed: fields.bytes({ length: 32 }),
    session: fields.uint(),
    clean: fields.bool(),
    machine: fromUtf8(fields.bytes())
  }
}

export function identityRow(identity: Identity): KvOp {
  const { author, peerSeed, session, clean, machine } = identity
  return { table: TABLE, key: KEY, value: encodeCbor([author.seed, peerSeed, session, clean, utf8(machine)]) }
}

/**
 * The identity for this run. An author's log must never be continued by two, nor from an older copy: unless the
 * store proves that it is where it stopped (same machine, clean stop or one that its owner saw, `continuous` by its
 * owner's own record), a new author signs from here on. Another machine also gets a new peer key.
 */
export function nextIdentity(crypto: Crypto, last: Identity | undefined, init: { machine: string; continuous: boolean; witnessed: boolean }): Identity {
  const sameMachine = last?.machine === init.machine
  const proven = last !== undefined && sameMachine && (last.clean || init.witnessed) && init.continuous
  return {
    author: proven ? last.author : newAuthor(crypto),
    peerSeed: sameMachine ? last.peerSeed : crypto.randomBytes(32),
    session: (last?.session ?? 0) + 1,
    clean: false,
    machine: init.machine
  }
}
