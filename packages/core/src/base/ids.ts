import { fromHex, toHex } from './bytes.js'

/**
 * Identifiers are lower-case hexadecimal strings with a brand, so that they can key a Map and
 * cannot be mixed up. On the wire they are the bytes. Only the `parse*` functions below and the
 * functions that derive an id make one.
 */
declare const brand: unique symbol
type Id<Name extends string> = string & { readonly [brand]: Name }

/** Ed25519 public key of a workspace, 32 bytes. */
export type WorkspaceId = Id<'WorkspaceId'>
/** Ed25519 public key that signs one log, 32 bytes. */
export type AuthorId = Id<'AuthorId'>
/** SHA-256 of an entry's header bytes and signature, 32 bytes. */
export type EntryHash = Id<'EntryHash'>
/** A document, 16 bytes. */
export type DocId = Id<'DocId'>
/** A file or directory of the tree, 16 bytes. */
export type NodeId = Id<'NodeId'>
/** Content that is not mergeable text: SHA-256 of its root manifest, 32 bytes. */
export type BlobId = Id<'BlobId'>
/** One operation of the log: the first 16 bytes of its entry's hash, then its index as uint16. */
export type OpId = Id<'OpId'>

const isHexOf = (length: number, text: string): boolean => text.length === length * 2 && /^[0-9a-f]*$/.test(text)

function parser<T extends string>(name: string, length: number) {
  return (value: Uint8Array | string): T => {
    const isRight = typeof value === 'string' ? isHexOf(length, value) : value.length === length
    if (!isRight) throw new RangeError(`not a ${name}: expected ${length} bytes`)
    return (typeof value === 'string' ? value : toHex(value)) as T
  }
}

export const parseWorkspaceId = parser<WorkspaceId>('workspace id', 32)
export const parseAuthorId = parser<AuthorId>('author id', 32)
export const parseEntryHash = parser<EntryHash>('entry hash', 32)
export const parseDocId = parser<DocId>('document id', 16)
export const parseNodeId = parser<NodeId>('node id', 16)
export const parseBlobId = parser<BlobId>('blob id', 32)
export const parseOpId = parser<OpId>('operation id', 18)

/** The bytes behind any identifier. */
export function idBytes(id: WorkspaceId | AuthorId | EntryHash | DocId | NodeId | BlobId | OpId): Uint8Array {
  return fromHex(id)
}

/** The directory that the shared folder itself is; it is never created, moved or deleted. */
export const ROOT_NODE: NodeId = parseNodeId('00'.repeat(16))

/** The id of change number `index` of an entry. */
export function opId(entry: EntryHash, index: number): OpId {
  // Joined, not added: the tree keeps many of these, and a sum keeps its parts.
  return parseOpId([entry.slice(0, 32), index.toString(16).padStart(4, '0')].join(''))
}

/** The first characters of an id, for people and logs. */
export function shortId(id: string): string {
  return id.slice(0, 8)
}
