import { MalformedError } from '@collab/core'

/** What tells one state of a file from another without reading it. */
export interface Signature {
  readonly ino: bigint
  readonly size: bigint
  readonly mtimeNs: bigint
  /** Moves also when a tool sets the modification time back. */
  readonly ctimeNs: bigint
}

/** What is at a path. */
export type DiskFact =
  | { readonly kind: 'file'; readonly signature: Signature; readonly executable: boolean; readonly links: number }
  | { readonly kind: 'directory' }
  /** Neither read nor followed. A path behind a symlinked parent counts as a symlink. */
  | { readonly kind: 'other'; readonly what: 'symlink' | 'fifo' | 'socket' | 'device' }
  | { readonly kind: 'absent' }
  /** Exists or may exist: never to be taken for a deletion, nor what is below it. */
  | { readonly kind: 'unreadable'; readonly reason: string }

/** Coarsest timestamps in use are two seconds apart (FAT). */
export const RACY_GRACE_MS = 2000

const FIELD_BYTES = 8
const SIGNATURE_BYTES = 4 * FIELD_BYTES

export function equalSignature(a: Signature, b: Signature): boolean {
  return a.ctimeNs === b.ctimeNs && sameContentState(a, b)
}

/** Equality but for the change time, which a rename or a link moves without touching the content. */
export function sameContentState(a: Signature, b: Signature): boolean {
  return a.ino === b.ino && a.size === b.size && a.mtimeNs === b.mtimeNs
}

/**
 * Whether the file may have changed after it was looked at without its signature showing it, because a write just
 * after the look can carry the same timestamp. Such a file is read again by the next scan.
 *
 * @param lookedAtMs wall clock when the look (scan or read) began
 */
export function isRacy(signature: Signature, lookedAtMs: number, graceMs = RACY_GRACE_MS): boolean {
  const limit = BigInt(Math.floor(lookedAtMs - graceMs)) * 1_000_000n
  return signature.mtimeNs >= limit || signature.ctimeNs >= limit
}

/** 32 bytes: ino, size, mtimeNs, ctimeNs, each big-endian. */
export function encodeSignature(signature: Signature): Uint8Array {
  const out = new Uint8Array(SIGNATURE_BYTES)
  const view = new DataView(out.buffer)
  view.setBigUint64(0, BigInt.asUintN(64, signature.ino))
  view.setBigUint64(FIELD_BYTES, BigInt.asUintN(64, signature.size))
  view.setBigInt64(2 * FIELD_BYTES, signature.mtimeNs)
  view.setBigInt64(3 * FIELD_BYTES, signature.ctimeNs)
  return out
}

/** @throws {MalformedError} when `bytes` are not an encoded signature. */
export function decodeSignature(bytes: Uint8Array): Signature {
  if (bytes.length !== SIGNATURE_BYTES) throw new MalformedError('a file signature has 32 bytes')
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  return {
    ino: view.getBigUint64(0),
    size: view.getBigUint64(FIELD_BYTES),
    mtimeNs: view.getBigInt64(2 * FIELD_BYTES),
    ctimeNs: view.getBigInt64(3 * FIELD_BYTES)
  }
}
