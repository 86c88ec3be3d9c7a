import type { Bitfield } from '@collab/core'
import { syncFile } from './durable.js'
import type { OpenPart } from './folder-fs.js'
import type { SharedFile } from './shared-file.js'

/** A disk that takes 200 MB a second has this done before as much has come again. */
const SYNC_BYTES = 32 * 1024 * 1024

/** A blob that is being put together in `.collab/temp`; what came is synced meanwhile, so that little is left at the end. */
export class BlobPart {
  readonly field: Bitfield
  readonly #file: SharedFile<OpenPart>
  #unsynced = 0
  #syncing: Promise<void> | undefined
  #failure: { readonly error: unknown } | undefined

  constructor(file: SharedFile<OpenPart>, field: Bitfield) {
    this.#file = file
    this.field = field
  }

  /** @throws {Error} when it was closed. */
  async use<T>(step: (fd: number) => Promise<T>): Promise<T> {
    return await this.#file.use(({ fd }) => step(fd))
  }

  /** So many bytes more were written. */
  wrote(bytes: number): void {
    this.#unsynced += bytes
    if (this.#unsynced >= SYNC_BYTES) this.#syncing ??= this.#sync()
  }

  /**
   * Resolves when all of it is on the disk.
   *
   * @throws when the disk refused, be it once: it forgets what it could not write, and says so to the first who asks only.
   */
  async settle(): Promise<void> {
    await this.#syncing
    await this.#sync()
    if (this.#failure !== undefined) throw this.#failure.error
  }

  close(): void {
    this.#file.close()
  }

  async #sync(): Promise<void> {
    this.#unsynced = 0
    try {
      await this.use(syncFile)
    } catch (error) {
      this.#failure ??= { error }
    }
    this.#syncing = undefined
  }
}
