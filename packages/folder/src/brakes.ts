import { diffText } from '@collab/core'
import type { DocId, LocalChange } from '@collab/core'
import { Brake, WINDOW_MS } from './brake.js'
import type { Subject } from './facts.js'
import type { FolderContext } from './folder-context.js'
import { GUARD_FILES } from './guard.js'
import type { GuardKind, GuardStop } from './guard.js'
import type { HeldBase } from './held-bases.js'
import type { RelPath } from './rel-path.js'
import { isRewrite } from './rewrite.js'
import { encodeText } from './text-content.js'

/** The four things that are stopped when they are done to many files at once. */
export class Brakes {
  readonly deletedHere: Brake
  readonly #deletedByPeers: Brake
  readonly #rewrittenHere: Brake
  readonly #rewrittenByPeers: Brake
  readonly #context: FolderContext
  /** Monotonic times of the latest texts of peers: while they are few, nobody compares them. */
  #latest: number[] = []
  /** What files read before they were rewritten here. */
  readonly #before = new Map<RelPath, HeldBase>()

  constructor(context: FolderContext) {
    const brake = (side: GuardKind['side'], what: GuardKind['what']): Brake =>
      new Brake({ side, what }, context.clock, ({ message, count }) => context.emit('guard', { message, count }))
    this.#context = context
    this.deletedHere = brake('disk', 'deleted')
    this.#deletedByPeers = brake('peers', 'deleted')
    this.#rewrittenHere = brake('disk', 'rewritten')
    this.#rewrittenByPeers = brake('peers', 'rewritten')
  }

  get stops(): readonly GuardStop[] {
    return this.#all.flatMap(({ stop }) => stop ?? [])
  }

  /** Releases what is no longer wanted; then those of `subjects` that may go on. */
  async admit(subjects: readonly Subject[]): Promise<readonly Subject[]> {
    for (const { path, step } of subjects) {
      if (step !== 'remove') this.#deletedByPeers.release(path)
      if (step !== 'ingest') this.#rewrittenHere.release(path)
      if (step !== 'write') this.#rewrittenByPeers.release(path)
    }
    if (this.#rewrittenHere.stop === undefined && this.#rewrittenHere.recent().length === 0) this.#before.clear()
    const held = new Set<RelPath>()
    this.#hold(held, this.#deletedByPeers, subjects.filter(({ step, base }) => step === 'remove' && base?.type === 'file'))
    this.#hold(held, this.#rewrittenHere, await this.#rewritten(subjects.filter(({ step }) => step === 'ingest')))
    const written = subjects.filter(({ step }) => step === 'write')
    if (this.#areMany(written.length)) this.#hold(held, this.#rewrittenByPeers, await this.#rewritten(written))
    return subjects.filter(({ path }) => !held.has(path))
  }

  /** Lets go on what was stopped; returns the paths to look at. */
  confirm(): readonly RelPath[] {
    return this.#all.flatMap((brake) => brake.confirm())
  }

  /** Undoes what was stopped, on the side where it was done; returns the paths to look at. */
  async takeBack(): Promise<readonly RelPath[]> {
    const { index, workspace } = this.#context
    const missing = this.deletedHere.giveUp()
    await index.save([], missing.flatMap((path) => index.at(path)?.node ?? []))
    const rewritten = this.#rewrittenHere.giveUp()
    for (const path of rewritten) await this.#putBack(path)
    const changes: LocalChange[] = []
    const sent = this.#rewrittenHere.recent()
    for (const path of sent) changes.push(...(await this.#undoSent(path)))
    const byPeers = [...this.#deletedByPeers.giveUp(), ...this.#rewrittenByPeers.giveUp()]
    for (const path of byPeers) changes.push(...(await this.#undo(path)))
    if (changes.length > 0) await workspace.edit(changes)
    return [...missing, ...rewritten, ...sent, ...byPeers]
  }

  get #all(): readonly Brake[] {
    return [this.deletedHere, this.#deletedByPeers, this.#rewrittenHere, this.#rewrittenByPeers]
  }

  #hold(held: Set<RelPath>, brake: Brake, subjects: readonly Subject[]): void {
    const admitted = brake.admit(subjects.map(({ path }) => path), this.#context.index.files)
    for (const { path } of subjects) {
      if (admitted.has(path)) brake.done(path)
      else held.add(path)
    }
  }

  #areMany(count: number): boolean {
    const now = this.#context.clock.monotonic()
    this.#latest = [...this.#latest.filter((at) => at >= now - WINDOW_MS), ...Array.from({ length: count }, () => now)].slice(-GUARD_FILES - count)
    return this.#latest.length > GUARD_FILES || this.#latest.length >= this.#context.index.files
  }

  async #rewritten(subjects: readonly Subject[]): Promise<readonly Subject[]> {
    const rewritten: Subject[] = []
    for (const subject of subjects) {
      const { path, step, base, disk, live } = subject
      // What is no text any more has nothing of it left.
      const after = step === 'write' ? live?.text : disk?.blob === undefined ? disk?.content?.text : ''
      if (base?.type !== 'file' || base.agreed === undefined || base.blob !== undefined || after === undefined) continue
      if (!isRewrite(await this.#context.texts.read(base.doc, base.agreed), after)) continue
      rewritten.push(subject)
      if (step === 'ingest') this.#before.set(path, { doc: base.doc, agreed: base.agreed, ring: [] })
    }
    return rewritten
  }

  /** The file reads again as it did; what stood there goes into the trash. */
  async #putBack(path: RelPath): Promise<void> {
    const { index, fs, texts } = this.#context
    const row = index.at(path)
    const fact = fs.fact(path)
    if (row?.type !== 'file' || row.agreed === undefined || fact.kind !== 'file') return
    await fs.replace(path, encodeText(await texts.read(row.doc, row.agreed)), { expect: fact.signature, executable: fact.executable })
  }

  /** What was sent before it was known for one of many. */
  async #undoSent(path: RelPath): Promise<readonly LocalChange[]> {
    const before = this.#before.get(path)
    if (before === undefined) return []
    const { workspace, texts } = this.#context
    const text = await texts.read(before.doc, before.agreed)
    const now = workspace.tree.at(path)
    if (now?.content?.kind === 'blob') return [{ type: 'set-text', node: now.node, base: now.content, text }]
    return await this.#setText(before.doc, text)
  }

  /** What a peer did to the file here, undone for everybody. */
  async #undo(path: RelPath): Promise<readonly LocalChange[]> {
    const { index, workspace, texts } = this.#context
    const row = index.at(path)
    if (row?.type !== 'file' || row.agreed === undefined) return []
    if (workspace.tree.get(row.node) === undefined) return [{ type: 'move', node: row.node, path }]
    return await this.#setText(row.doc, await texts.read(row.doc, row.agreed))
  }

  async #setText(doc: DocId, text: string): Promise<readonly LocalChange[]> {
    const live = await this.#context.workspace.readText(doc)
    const edits = diffText(live.text, text)
    return edits.length === 0 ? [] : [{ type: 'edit', doc, base: live.version, edits, machine: true }]
  }
}
