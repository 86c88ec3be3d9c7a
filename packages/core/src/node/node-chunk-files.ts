import { existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs'
import { readFile, readdir, rename, rm, stat, writeFile } from 'node:fs/promises'
import { Bitfield } from '../blob/bitfield.js'
import { isChunk } from '../blob/blob-place.js'
import type { Kept } from '../blob/blob-place.js'
import type { ChunkList } from '../blob/chunk-list.js'
import { SEAL_BYTES } from '../blob/chunk-limits.js'
import type { ChunkStore } from './held-blobs.js'
import { nodeCrypto } from './node-crypto.js'

/**
 * Sealed chunks as files, `<directory>/<first two digits>/<hash>`: for who holds a workspace without reading it. A file
 * is written whole under another name first; what a power failure spoilt all the same is found when it is read.
 */
export class NodeChunkFiles implements ChunkStore {
  readonly #directory: string
  #temporary = 0

  constructor(directory: string) {
    this.#directory = directory
    mkdirSync(directory, { recursive: true, mode: 0o700 })
    // Of a run that was killed; the store lets one process at a time in.
    for (const name of readdirSync(directory)) if (name.endsWith('.new')) rmSync(`${directory}/${name}`)
  }

  async held(list: ChunkList): Promise<Bitfield | undefined> {
    const field = await this.prepare(list)
    return field.count > 0 || list.count === 0 ? field : undefined
  }

  async prepare(list: ChunkList): Promise<Bitfield> {
    const field = new Bitfield(list.count)
    for (let at = 0; at < list.count; at++) {
      const { size } = await stat(this.#path(list.keyOf(at))).catch(() => ({ size: -1 }))
      if (size === list.sizeOf(at) + SEAL_BYTES) field.set(at)
    }
    return field
  }

  async read(list: ChunkList, index: number): Promise<Uint8Array | undefined> {
    const sealed = await readFile(this.#path(list.keyOf(index))).catch(() => undefined)
    return sealed !== undefined && isChunk(nodeCrypto, sealed, list.hashOf(index)) ? sealed : undefined
  }

  async write(list: ChunkList, index: number, sealed: Uint8Array): Promise<Kept> {
    if (!isChunk(nodeCrypto, sealed, list.hashOf(index))) return 'false-hash'
    if (sealed.length !== list.sizeOf(index) + SEAL_BYTES) return 'does-not-open'
    const path = this.#path(list.keyOf(index))
    const temporary = `${this.#directory}/${this.#temporary++}.new`
    if (!existsSync(path.slice(0, -65))) mkdirSync(path.slice(0, -65), { mode: 0o700 })
    await writeFile(temporary, sealed, { mode: 0o600, flag: 'wx' })
    await rename(temporary, path)
    return 'kept'
  }

  finish(): Promise<void> {
    return Promise.resolve()
  }

  drop(): Promise<void> {
    return Promise.resolve()
  }

  async remove(key: string): Promise<void> {
    await rm(this.#path(key), { force: true })
  }

  async sweep(isWanted: (key: string) => boolean): Promise<void> {
    for (const part of await readdir(this.#directory)) {
      for (const key of part.length === 2 ? await readdir(`${this.#directory}/${part}`) : []) if (!isWanted(key)) await this.remove(key)
    }
  }

  #path(key: string): string {
    return `${this.#directory}/${key.slice(0, 2)}/${key}`
  }
}
