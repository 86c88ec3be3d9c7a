import type { Crypto } from '../base/crypto.js'
import type { BlobId } from '../base/ids.js'
import type { Bitfield } from './bitfield.js'
import type { BlobKeys } from './blob-keys.js'
import type { ChunkList } from './chunk-list.js'
import { openChunk, sealChunk } from './seal-chunk.js'

/** Where sealed chunks lie on this machine. What it reads may be anything: the caller verifies it. */
export interface BlobPlace {
  /** Which chunks of a blob are here; undefined for none. */
  held(list: ChunkList): Promise<Bitfield | undefined>
  /** Makes room for a blob that is to be fetched, takes over what is here of it, and says which chunks that is. */
  prepare(list: ChunkList): Promise<Bitfield>
  read(list: ChunkList, index: number): Promise<Uint8Array | undefined>
  /** False when the chunk does not open. @throws when the disk refuses, which is tried again later. */
  write(list: ChunkList, index: number, sealed: Uint8Array): Promise<boolean>
  /** All chunks are here. */
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

/** Files on the disk as a place of sealed chunks: sealed when read, opened when written. */
export function placeOfFiles(crypto: Crypto, keys: BlobKeys, files: PlainFiles): BlobPlace {
  return {
    held: (list) => files.held(list),
    prepare: (list) => files.prepare(list),
    async read(list, index) {
      const plain = await files.read(list, list.startOf(index), list.sizeOf(index))
      return plain === undefined ? undefined : sealChunk(crypto, keys, plain)
    },
    async write(list, index, sealed) {
      const plain = openChunk(crypto, keys, sealed)
      if (plain === undefined || plain.length !== list.sizeOf(index)) return false
      await files.write(list, index, plain)
      return true
    },
    finish: (blob) => files.finish(blob),
    drop: (blob) => files.drop(blob)
  }
}
