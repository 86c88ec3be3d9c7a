import { concat, uint32, utf8 } from '../base/bytes.js'
import type { Crypto } from '../base/crypto.js'
import { idBytes, type AuthorId, type DocId } from '../base/ids.js'
import { Memo } from '../base/memo.js'

/**
 * Yjs client ids, 53 bits. The ranges never overlap, and their order carries meaning: where items compete for one
 * place, Yjs puts the higher client further right. What is translated from an absorbed document (translate.ts)
 * converges because seeds are above merges, merges above what they were translated with, and all of them above
 * everything that is typed.
 *
 *     [0, 2^32)              imported Yjs histories
 *     [2^32, 2^52)           authors
 *     2^52                   nobody: what a Y.Doc carries while it is not being edited
 *     (2^52, +2^50)          machine changes
 *     [2^52 + 2^50, +2^50)   merges, in bands: each translation moves a merge one band down
 *     [2^52 + 2^51, 2^53)    seeds
 */
export const IMPORT_END = 2 ** 32
export const AUTHOR_END = 2 ** 52
/** Never the id of a struct that is stored or sent. */
export const NO_CLIENT = 2 ** 52
const MERGE_START = 2 ** 52 + 2 ** 50
const SEED_START = 2 ** 52 + 2 ** 51
const CLIENT_END = 2 ** 53
const MERGE_BANDS = 16
const MERGE_BAND = (SEED_START - MERGE_START) / MERGE_BANDS
const TOP_BAND = SEED_START - MERGE_BAND
/** Who writes keeps one id for thousands of entries, and each entry asks for it. */
const authorClients = new Memo<number>(1024)

/** The client of a document's first text. */
export function seedClient(crypto: Crypto, doc: DocId, text: string): number {
  return idIn(SEED_START, CLIENT_END, hash(crypto, 'collab/1 seed client', idBytes(doc), utf8(text)))
}

/** The client of what the seed of `loser` adds to the seed of `winner`. */
export function mergeClient(crypto: Crypto, winner: DocId, loser: DocId, winnerSeed: string, loserSeed: string): number {
  const seeds = [crypto.sha256(utf8(winnerSeed)), crypto.sha256(utf8(loserSeed))]
  return idIn(TOP_BAND, SEED_START, hash(crypto, 'collab/1 merge client', idBytes(winner), idBytes(loser), ...seeds))
}

/**
 * The client of `author`'s own edits to `doc`. The document is part of it, because the same author's edits to two
 * documents come together in one when one of them absorbs the other.
 */
export function authorClient(crypto: Crypto, author: AuthorId, doc: DocId, nonce: number): number {
  return authorClients.get(`${author}/${doc}/${nonce}`, () =>
    idIn(IMPORT_END, AUTHOR_END, hash(crypto, 'collab/1 author client', idBytes(author), idBytes(doc), uint64(nonce)))
  )
}

/** The client of a machine-like change: of the state it was made on, and of its structs written under client 0. */
export function derivedClient(crypto: Crypto, doc: DocId, base: Uint8Array, structsHash: Uint8Array): number {
  return idIn(NO_CLIENT + 1, MERGE_START, hash(crypto, 'collab/1 derived client', idBytes(doc), base, structsHash))
}

/** The id that a merge's structs have one translation further down; any other client stays as it is. */
export function lowerMergeClient(client: number): number {
  return client >= MERGE_START + MERGE_BAND && client < SEED_START ? client - MERGE_BAND : client
}

/** Translations after which a merge is in the lowest band, and stays there. */
export const DEEPEST_MERGE = MERGE_BANDS - 1

/** The merge that `client` is of, by the id that it has where it was made, and the translations since; undefined for any other client. */
export function mergeOf(client: number): { readonly merge: number; readonly depth: number } | undefined {
  if (client < MERGE_START || client >= SEED_START) return undefined
  const depth = DEEPEST_MERGE - Math.floor((client - MERGE_START) / MERGE_BAND)
  return { merge: client + depth * MERGE_BAND, depth }
}

/** Fields have fixed lengths except the last, so that no two lists of fields have one encoding. */
function hash(crypto: Crypto, domain: string, ...fields: readonly Uint8Array[]): Uint8Array {
  return crypto.sha256(utf8(domain), Uint8Array.of(0), ...fields)
}

function idIn(from: number, to: number, digest: Uint8Array): number {
  const view = new DataView(digest.buffer, digest.byteOffset)
  const bits = view.getUint32(0) * 2 ** 21 + (view.getUint32(4) >>> 11)
  return from + (bits % (to - from))
}

function uint64(value: number): Uint8Array {
  return concat(uint32(Math.floor(value / 2 ** 32)), uint32(value % 2 ** 32))
}
