import { equalBytes } from '../base/bytes.js'
import type { Crypto } from '../base/crypto.js'
import type { BlobId } from '../base/ids.js'
import type { Bitfield } from './bitfield.js'
import type { BlobKeys } from './blob-keys.js'
import type { ChunkList } from './chunk-list.js'
import { openChunk, sealChunk } from './seal-chunk.js'

/**
 * What became of a chunk that was to be kept. `false-hash`: it is not the chunk that the list names there, which is its
 * sender's doing. `does-not-open`: it is, and nobody can read it, which is its author's.
 */
export type Kept = 'kept' | 'false-hash' | 'does-not-open'

/** Where sealed chunks lie on this machine. It says only what it has verified. */
export interface BlobPlace {
  /** Which chunks of a blob are here; undefined for none. */
  held(list: ChunkList): Promise<Bitfield | undefined>
  /** Makes room for a blob that is to be fetched, takes over what is here of it, and says which chunks that is. */
  prepare(list: ChunkList): Promise<Bitfield>
  /** The chunk, its hash checked; undefined when it is not here, or not as it was. */
  read(list: ChunkList, index: number): Promise<Uint8Array | undefined>
  /**
   * Checks a chunk that a peer sent, and keeps it. Takes the bytes over: they may be of no length afterwards.
   *
   * @throws when the disk refuses, which is tried again later.
   */
  write(list: ChunkList, index: number, sealed: Uint8Array): Promise<Kept>
  /**
   * All chunks are here. Resolves when they will be after a crash, too.
   *
   * @throws when the disk did not keep them: then none of them is here any more.
   */
  finish(blob: BlobId): Promise<void>
  /** Nobody wants it any more: what was fetched of it may go. */
  drop(blob: BlobId): Promise<void>
}

/** Content in the clear, as files are made of it. */
export interface PlainFiles {
  held(list: ChunkList): Promise<Bitfield | undefined>
  prepare(list: ChunkList): Promise<Bitfield>
  /** `size` bytes of the content from `at` on; undefined when they are not there any more. */
  read(list: ChunkList, at: number, size: number): Promise<Uint8Array | undefined>
  write(list: ChunkList, index: number, plain: Uint8Array): Promise<void>
  finish(blob: BlobId): Promise<void>
  drop(blob: BlobId): Promise<void>
}

/** Content in the clear as a place of sealed chunks: sealed when read, opened when written, in the caller's thread. */
export function placeOfFiles(crypto: Crypto, keys: BlobKeys, files: PlainFiles): BlobPlace {
  return {
    held: (list) => files.held(list),
    prepare: (list) => files.prepare(list),
    async read(list, index) {
      const plain = await files.read(list, list.startOf(index), list.sizeOf(index))
      if (plain === undefined) return undefined
      const sealed = sealChunk(crypto, keys, plain)
      return isChunk(crypto, sealed, list.hashOf(index)) ? sealed : undefined
    },
    async write(list, index, sealed) {
      if (!isChunk(crypto, sealed, list.hashOf(index))) return 'false-hash'
      const plain = openChunk(crypto, keys, sealed)
      if (plain === undefined || plain.length !== list.sizeOf(index)) return 'does-not-open'
      await files.write(list, index, plain)
      return 'kept'
    },
    finish: (blob) => files.finish(blob),
    drop: (blob) => files.drop(blob)
  }
}

/** Whether these bytes are the chunk of that hash. */
export function isChunk(crypto: Pick<Crypto, 'sha256'>, sealed: Uint8Array, hash: Uint8Array): boolean {
  return equalBytes(crypto.sha256(sealed), hash)
}
