import type { Apply } from './apply.js'
import type { Brakes } from './brakes.js'
import { gather } from './facts.js'
import type { Subject } from './facts.js'
import type { FolderContext } from './folder-context.js'
import { isIgnored } from './folder-context.js'
import type { GoneFiles } from './gone-files.js'
import { IGNORE_FILE } from './ignore.js'
import type { Ingest } from './ingest.js'
import { planLines } from './join-plan.js'
import type { PlanLine, PlannedPath } from './join-plan.js'
import type { Lookout } from './lookout.js'
import { isPut, isTake } from './plan.js'
import type { Recorder } from './recorder.js'
import type { RelPath } from './rel-path.js'
import { Slices } from './slices.js'

/** Paths of one round. */
const ROUND_PATHS = 2_000
/** Of those that nobody waits for: an edit meanwhile is not held up by them. */
const ROUND_PARKED = 64
/** UTF-16 units of text held by one round. */
const ROUND_UNITS = 16 * 1024 * 1024
/** Paths that are looked at together: to read a text waits for what is just received, and so they wait once. */
const GATHERED_TOGETHER = 32
/** Steps in a row for one path: a few bring any path to rest, so more mean that the two sides do not hear each other. */
const MAX_STEPS = 50
const RESTLESS_RETRY_MS = 5_000

export interface RoundParts {
  readonly context: FolderContext
  readonly ingest: Ingest
  readonly recorder: Recorder
  readonly apply: Apply
  readonly gone: GoneFiles
  readonly brakes: Brakes
  readonly joinWaitMs: number
}

/**
 * One round: looks at the paths that are due, and takes one step for each. What the disk has to say goes first; only
 * a round in which it has nothing to say changes the disk.
 */
export class Round {
  readonly #parts: RoundParts
  readonly #context: FolderContext
  /** Until then files that only the disk has wait for what peers have. */
  #joiningUntil: number | undefined
  readonly #joining = new Set<RelPath>()
  readonly #steps = new Map<RelPath, number>()

  constructor(parts: RoundParts) {
    this.#parts = parts
    this.#context = parts.context
  }

  startJoining(isNew: boolean): void {
    const { workspace, clock } = this.#context
    if (!isNew || this.#parts.joinWaitMs <= 0 || workspace.status().peers.some(({ synced }) => synced)) return
    this.#joiningUntil = clock.monotonic() + this.#parts.joinWaitMs
  }

  endJoining(): void {
    this.#joiningUntil = undefined
    for (const path of this.#joining) this.#context.dirty.add(path)
    this.#joining.clear()
  }

  /** False when nothing was due. */
  async run(lookout: Lookout): Promise<boolean> {
    const taken = this.#context.dirty.take(ROUND_PATHS, ROUND_PARKED)
    this.#context.found.clear()
    if (taken.length === 0) return false
    const later = await this.#parts.recorder.settleDoubts(taken)
    const due = later.size === 0 ? taken : taken.filter((path) => !later.has(path))
    const { hold, retryAfterMs } = await this.#parts.gone.judge(due)
    for (const path of due) if (hold.has(path) && retryAfterMs !== undefined) this.#context.dirty.add(path, retryAfterMs)
    const subjects = await this.#gather(due.filter((path) => !hold.has(path)))
    await this.#step(subjects)
    if (subjects.some(({ path, step }) => path === IGNORE_FILE && step !== 'skip')) await lookout.reloadRules()
    return true
  }

  /** The steps that would be taken first. */
  async rehearse(paths: readonly RelPath[]): Promise<readonly PlanLine[]> {
    const { dirty, workspace } = this.#context
    const planned: PlannedPath[] = []
    for (const path of paths) {
      if (this.#isOutside(path)) continue
      this.#context.found.clear()
      let result = await gather(this.#context, path)
      for (let wait = 0; 'retryAfterMs' in result && wait < 10; wait++) {
        const { retryAfterMs } = result
        await this.#context.blobs.lookAgain(path, retryAfterMs)
        this.#context.found.clear()
        result = await gather(this.#context, path)
      }
      if ('retryAfterMs' in result) continue
      const shown = workspace.tree.at(path) !== undefined
      planned.push({ path, step: result.step, known: result.base !== undefined, shown, reason: result.reason })
    }
    if (dirty.waiting === 0) this.#context.stale.clear()
    return planLines(planned.filter(({ step, shown, known }) => step !== 'nothing' || shown || known))
  }

  async #gather(paths: readonly RelPath[]): Promise<Subject[]> {
    const subjects: Subject[] = []
    const slices = new Slices(this.#context.clock)
    let units = 0
    for (let at = 0; at < paths.length; at += GATHERED_TOGETHER) {
      if (slices.isOver) await slices.next()
      if (units > ROUND_UNITS) {
        for (const rest of paths.slice(at)) this.#context.dirty.add(rest)
        break
      }
      for (const subject of await this.#gatherTogether(paths.slice(at, at + GATHERED_TOGETHER))) {
        units += (subject.disk?.content?.text.length ?? 0) + (subject.live?.text.length ?? 0)
        subjects.push(subject)
      }
    }
    return subjects
  }

  async #gatherTogether(paths: readonly RelPath[]): Promise<Subject[]> {
    const due: RelPath[] = []
    for (const path of paths) if (!this.#isRestless(path) && !(await this.#setAside(path))) due.push(path)
    const results = await Promise.all(due.map((path) => gather(this.#context, path)))
    return results.flatMap((result) => {
      if (!('retryAfterMs' in result)) return [result]
      this.#context.dirty.add(result.path, Math.max(1, result.retryAfterMs))
      return []
    })
  }

  /** A path that takes step after step without coming to rest waits, and others go on. */
  #isRestless(path: RelPath): boolean {
    const steps = this.#steps.get(path) ?? 0
    if (steps < MAX_STEPS) return false
    this.#steps.delete(path)
    this.#context.dirty.add(path, RESTLESS_RETRY_MS, true)
    this.#context.logger.warn('a path does not come to rest', { path })
    return true
  }

  #countSteps({ path, step }: Subject): void {
    if (step === 'nothing' || step === 'skip') this.#steps.delete(path)
    else this.#steps.set(path, (this.#steps.get(path) ?? 0) + 1)
  }

  #isOutside(path: RelPath): boolean {
    const { fs, index } = this.#context
    // What no rule names, whatever it is, need not be looked at.
    if (!isIgnored(this.#context, path, true) && !isIgnored(this.#context, path, false)) return false
    return isIgnored(this.#context, path, index.at(path)?.type === 'directory' || fs.fact(path).kind === 'directory')
  }

  /** Paths under an ignore rule keep their base, but nothing on either side counts until the rule is gone. */
  async #setAside(path: RelPath): Promise<boolean> {
    const { index, fs, dirty } = this.#context
    const row = index.at(path)
    const outside = this.#isOutside(path)
    if (row !== undefined && outside && !row.ignored) await index.save([{ ...row, ignored: true }])
    if (row === undefined || outside || !row.ignored) return outside
    if (fs.fact(path).kind === 'absent') await index.save([], [row.node])
    else await index.save([{ ...row, ignored: false }])
    dirty.add(path)
    return true
  }

  async #step(subjects: readonly Subject[]): Promise<void> {
    const { recorder, ingest, apply, brakes, gone } = this.#parts
    for (const subject of subjects) {
      if (subject.step === 'forget') gone.forget(subject.path)
      this.#noteSkipped(subject)
      this.#countSteps(subject)
    }
    await recorder.record(subjects)
    const admitted = await brakes.admit(subjects)
    const takes = this.#waitForPeers(admitted.filter(({ step, path }) => isTake(step) && !ingest.isExhausted(path)))
    const puts = admitted.filter(({ step }) => isPut(step))
    if (takes.length > 0) await this.#take(takes)
    else await apply.put(puts)
    const again = takes.length > 0 ? [...takes, ...puts] : []
    for (const subject of [...again, ...subjects.filter(({ step }) => step === 'adopt' || step === 'forget')]) {
      if (this.#isSettled(subject)) this.#steps.delete(subject.path)
      else this.#context.dirty.add(subject.path)
    }
  }

  /** A new file or directory that was taken and recorded: whatever happens to it now marks its path again. */
  #isSettled({ path, step }: Subject): boolean {
    return (step === 'create-file' || step === 'create-directory') && this.#context.index.at(path) !== undefined
  }

  async #take(takes: readonly Subject[]): Promise<void> {
    const { ingest, brakes, gone } = this.#parts
    for (const { path, step, base } of takes) {
      gone.forget(path)
      if (step !== 'delete') continue
      const rows = base?.type === 'directory' ? this.#context.index.below(path) : [base]
      for (const row of rows) if (row?.type === 'file') brakes.deletedHere.done(row.path)
    }
    await ingest.take(takes)
  }

  #noteSkipped({ path, step, base, reason }: Subject): void {
    const { skipped, fs } = this.#context
    if (reason !== undefined && (step === 'skip' || step === 'nothing')) skipped.add(path, reason)
    // A directory that is there as it should be may still be one that cannot be listed.
    else if (step === 'nothing' && skipped.has(path) && !(base?.type === 'directory' && fs.list(path) === undefined)) skipped.delete(path)
  }

  /** New files of a folder that joins for the first time: a peer may have the same. */
  #waitForPeers(takes: readonly Subject[]): Subject[] {
    const { clock, dirty } = this.#context
    const leftMs = (this.#joiningUntil ?? 0) - clock.monotonic()
    if (this.#joiningUntil === undefined) return [...takes]
    if (leftMs <= 0) this.#joiningUntil = undefined
    if (leftMs <= 0) return [...takes]
    for (const { path, base } of takes) {
      if (base !== undefined) continue
      this.#joining.add(path)
      dirty.add(path, leftMs)
    }
    return takes.filter(({ base }) => base !== undefined)
  }
}
