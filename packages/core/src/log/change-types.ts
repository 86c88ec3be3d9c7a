import type { AuthorId, DocId, NodeId, OpId } from '../base/ids.js'

/** What one node of the tree holds. Of a blob `hash` is that of its root manifest, and `size` that of its content. */
export type FileContent =
  | { readonly kind: 'text'; readonly doc: DocId }
  | { readonly kind: 'blob'; readonly hash: Uint8Array; readonly size: number }

/** A new value of a multi-value register, naming the operations it replaces. */
export interface Assign<T> {
  readonly value: T
  readonly replaces: readonly OpId[]
}

export interface Place {
  readonly parent: NodeId
  readonly name: string
}

/** An operation on one node of the tree; every part that is present applies. */
export interface TreeChange {
  readonly kind: 'tree'
  readonly node: NodeId
  /** Present when this operation brings the node into being: what it is and where it began, for ever. */
  readonly create?: { readonly type: 'file' | 'directory'; readonly path: string; readonly contentHash: Uint8Array | null }
  readonly place?: Assign<Place>
  readonly content?: Assign<FileContent>
  readonly executable?: Assign<boolean>
  /**
   * Deletes the node as far as `seen` goes: for each author, the newest seq of an entry that touched the
   * node or its document. A touch outside `seen` keeps the node alive.
   */
  readonly deleted?: { readonly seen: readonly (readonly [AuthorId, number])[] }
}

/** One member of the workspace, readers included. */
export interface MemberChange {
  readonly kind: 'member'
  readonly author: AuthorId
  /** X25519 public key, 32 bytes: later epochs' keys are sealed to it. */
  readonly exchangeKey: Uint8Array
  readonly role: 'writer' | 'reader'
  readonly name: string
}

/** A document's first text; its structs go under an id derived from (doc, text). */
export interface SeedChange {
  readonly kind: 'seed'
  readonly doc: DocId
  readonly text: string
}

/** A Yjs V1 update whose structs are all under the client id H(author, nonce). */
export interface UpdateChange {
  readonly kind: 'update'
  readonly doc: DocId
  readonly nonce: number
  readonly update: Uint8Array
}

/** A machine-like change: a V1 update whose structs are under H(doc, base, the structs). */
export interface DerivedChange {
  readonly kind: 'derived'
  readonly doc: DocId
  /** Digest of the document state that the change was made on, 32 bytes. */
  readonly base: Uint8Array
  readonly update: Uint8Array
}

/** An existing Yjs history, under its own uint32 client ids. */
export interface ImportChange {
  readonly kind: 'import'
  readonly doc: DocId
  readonly update: Uint8Array
}

/**
 * A Yjs V1 update with any shared types to the document `name`, whose id is derived from its name. New structs are
 * under the client id H(author, nonce); without a nonce they are an existing history under uint32 client ids.
 */
export interface AppChange {
  readonly kind: 'app'
  readonly doc: DocId
  readonly name: string
  readonly nonce: number | null
  readonly update: Uint8Array
}

/** `loser`'s document lives on inside `winner`'s: seeds at one path that share most lines. */
export interface AbsorbChange {
  readonly kind: 'absorb'
  readonly winner: NodeId
  readonly loser: NodeId
}

/** A kind from a newer version: kept and served, not applied until understood. */
export interface UnknownChange {
  readonly kind: 'unknown'
  readonly code: number
  readonly bytes: Uint8Array
}

/** Only ever decoded, never encoded: a change of a known kind that doesn't follow its format; it is void. */
export interface MalformedChange {
  readonly kind: 'malformed'
  readonly reason: string
}

export type Change =
  | TreeChange
  | MemberChange
  | SeedChange
  | UpdateChange
  | DerivedChange
  | ImportChange
  | AbsorbChange
  | AppChange
  | UnknownChange
  | MalformedChange
