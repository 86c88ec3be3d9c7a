import type { FolderContext } from './folder-context.js'
import { guardRoot } from './guard.js'
import type { GuardStop } from './guard.js'
import type { Marker } from './marker.js'

/** A folder that went missing is looked for again after this time. */
const MISSING_RETRY_MS = 2_000

/** Stops everything while the folder is missing or is not the one that was joined. */
export class RootWatch {
  readonly #context: FolderContext
  readonly #marker: Marker
  readonly #anyStore: boolean
  #stop: GuardStop | undefined
  #cancel: (() => void) | undefined

  constructor(context: FolderContext, marker: Marker | undefined) {
    this.#context = context
    this.#marker = marker ?? { version: 1, workspace: context.workspace.id, store: 'any', session: 0 }
    this.#anyStore = marker === undefined
  }

  get stopped(): GuardStop | undefined {
    return this.#stop
  }

  /** Marks the folder as ours when nothing speaks against it. */
  async open(): Promise<boolean> {
    this.#judge()
    if (this.#stop !== undefined) return false
    await this.#context.fs.writeMarker(this.#marker)
    return true
  }

  /** Whether work may go on; calls `again` later when not. */
  async check(again: () => void): Promise<boolean> {
    const before = this.#stop
    this.#judge()
    if (this.#stop === undefined) {
      if (before !== undefined) await this.#context.fs.writeMarker(this.#marker)
      return true
    }
    this.#cancel?.()
    this.#cancel = this.#context.clock.after(MISSING_RETRY_MS, again)
    return false
  }

  /** Somebody says that this is the folder: it is joined anew, which deletes nothing. */
  async confirm(): Promise<void> {
    if (this.#context.fs.list('') === undefined) return
    await this.#context.index.clear()
    await this.#context.fs.writeMarker(this.#marker)
    this.#stop = undefined
  }

  close(): void {
    this.#cancel?.()
  }

  #judge(): void {
    const { fs, index, emit } = this.#context
    const marker = this.#readMarker()
    const root = marker === 'ours' || fs.list('') !== undefined
    const stop = guardRoot({ root, marker, known: index.size })
    if (stop !== undefined && stop.message !== this.#stop?.message) emit('guard', { message: stop.message, count: stop.count })
    this.#stop = stop
  }

  #readMarker(): 'ours' | 'none' | 'other' {
    const marker = this.#context.fs.readMarker()
    if (marker === undefined) return 'none'
    const same = marker.workspace === this.#marker.workspace && (this.#anyStore || marker.store === this.#marker.store)
    return same ? 'ours' : 'other'
  }
}
