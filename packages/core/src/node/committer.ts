import type { AuthorId, EntryHash } from '../base/ids.js'
import type { KvStore } from '../base/kv.js'
import type { Log, Staged } from '../log/log.js'
import { PrunedError } from '../log/pruned-rows.js'
import type { Applied, Applier } from './applier.js'
import type { Batch } from './batch.js'
import type { LiveSource, Outcome } from './replica-types.js'
import type { TextChange } from './workspace-types.js'

export interface CommitterInit {
  readonly kv: KvStore
  readonly log: Log
  /** None on a blind replica, which only stores. */
  readonly applier: Applier | undefined
  readonly live: ReadonlySet<LiveSource>
  /** Authors whose log forked; those of a batch are added before it is applied. */
  readonly forked: Set<AuthorId>
}

/** Applies staged entries and stores them with all that follows from them, in one commit. */
export class Committer {
  readonly #init: CommitterInit

  constructor(init: CommitterInit) {
    this.#init = init
  }

  /**
   * From the first change in memory on, a failure leaves it ahead of the store: nothing may follow one.
   *
   * @param options `show`: open Y.Docs are shown it while it is being stored. `released`: what waited for it is applied too.
   */
  async commit(batch: Batch, staged: Staged, { show, released }: { readonly show: boolean; readonly released?: EntryHash | undefined }): Promise<Outcome> {
    const { kv, log, applier, forked } = this.#init
    batch.add(staged.ops)
    for (const { author } of staged.forked) forked.add(author)
    const applied = await applier?.apply(batch, staged.accepted, released)
    await this.#pack(batch, staged)
    const { ops } = batch
    const committed = ops.length > 0 ? kv.commit(ops) : undefined
    await Promise.all([committed, show && applier !== undefined && applied !== undefined ? this.#show(batch, applier, applied) : undefined])
    log.adopt(staged)
    applier?.stored()
    return await this.#outcome(batch, staged, applied)
  }

  /** What cannot be packed with this commit is left for a later one. */
  async #pack(batch: Batch, staged: Staged): Promise<void> {
    try {
      const { ops, unwritten } = await this.#init.log.packStaged(staged, batch.reader)
      batch.add(ops)
      for (const { table, key } of unwritten) batch.takeBack(table, key)
    } catch {
      // Whoever asks for the rows that cannot be read is told.
    }
  }

  /**
   * Shows what is being stored: a disk may take longer than the whole way from the peer. It is passed on, and edits made
   * on it are signed, only in later turns.
   */
  async #show(batch: Batch, { documents }: Applier, { texts }: Applied): Promise<void> {
    for (const source of this.#init.live) {
      try {
        if (texts.has(source.doc)) source.show(await documents.updatesFrom(batch, source.doc, source.position))
      } catch (error) {
        // It is fetched when the source pulls.
        if (!(error instanceof PrunedError)) throw error
      }
    }
  }

  async #outcome(batch: Batch, staged: Staged, applied: Applied | undefined): Promise<Outcome> {
    const { applier } = this.#init
    if (applier === undefined || applied === undefined) return { staged, nodes: [], texts: [], docs: new Set(), voids: [] }
    const { tree, documents } = applier
    const texts: TextChange[] = []
    for (const doc of applied.texts) {
      const node = tree.view.nodeOf(doc)
      if (node === undefined) continue
      const { count } = await documents.row(batch, doc)
      texts.push({ node: tree.view.get(node)?.node ?? node, doc, changes: count })
    }
    return { staged, nodes: tree.takeDirty(), texts, docs: applied.texts, voids: applied.voids }
  }
}
