import { readdirSync } from 'node:fs'
import type { Clock } from '@collab/core'
import { CollabError, checkName } from '@collab/core'
import type { Anchor } from './anchor.js'
import { diskReason, errorCode, openAnchor } from './anchor.js'
import { lookAt } from './disk-fact.js'
import type { Listing, ScanOptions, Skipped } from './folder-fs.js'
import type { IgnoreRules } from './ignore.js'
import type { RelPath } from './rel-path.js'
import { joinPath } from './rel-path.js'
import type { DiskFact } from './signature.js'
import { Slices } from './slices.js'
import type { Spelling } from './spelling.js'

/** The folder itself cannot be listed: nothing may be concluded from that about its files. */
export class FolderMissingError extends CollabError {
  constructor(root: string, options?: ErrorOptions) {
    super('FolderMissingError', `The folder ${root} cannot be read. Is its disk connected? Nothing was changed.`, options)
  }
}

const REPLACEMENT = '\u{fffd}'

export interface ScanContext {
  readonly root: string
  readonly spelling: Spelling
  readonly clock: Clock
}

/** Lists one directory after the other, synchronously: promise calls cost four times as much. */
export async function scanTree(context: ScanContext, rules: IgnoreRules, options: ScanOptions = {}): Promise<Listing> {
  const collector = new Collector(context, rules)
  const slices = new Slices(context.clock)
  for (;;) {
    const directory = collector.pending.pop()
    if (directory === undefined) return collector.listing()
    for (const _ of collector.readDirectory(directory)) {
      if (!slices.isOver) continue
      options.onProgress?.(collector.entries.size)
      await slices.next()
      options.signal?.throwIfAborted()
    }
  }
}

/** One directory, no rules applied but that `.collab` is not there; undefined when it cannot be listed. */
export function listDirectory(context: ScanContext, directory: RelPath | ''): Listing | undefined {
  const collector = new Collector(context, undefined)
  try {
    for (const _ of collector.readDirectory(directory)) continue
  } catch (error) {
    if (error instanceof FolderMissingError) return undefined
    throw error
  }
  return collector.missing ? undefined : collector.listing()
}

/** Entries between two looks at the clock. */
const ENTRIES_PER_STEP = 64

class Collector {
  readonly entries = new Map<RelPath, DiskFact>()
  readonly skipped: Skipped[] = []
  readonly pending: (RelPath | '')[] = ['']
  /** The last directory could not be listed. */
  missing = false
  readonly #context: ScanContext
  readonly #rules: IgnoreRules | undefined
  readonly #startedAtMs: number

  constructor(context: ScanContext, rules: IgnoreRules | undefined) {
    this.#context = context
    this.#rules = rules
    this.#startedAtMs = context.clock.now()
  }

  listing(): Listing {
    return { entries: this.entries, skipped: this.skipped, startedAtMs: this.#startedAtMs }
  }

  /** Adds the entries of `directory`; yields now and then, so that the caller may pause. */
  *readDirectory(directory: RelPath | ''): Generator<void> {
    try {
      using anchor = openAnchor(this.#context.root, this.#context.spelling.names(directory))
      let count = 0
      for (const name of this.#namesIn(anchor, directory)) {
        this.#addEntry(anchor, directory, name)
        if (++count % ENTRIES_PER_STEP === 0) yield
      }
    } catch (error) {
      this.#failed(directory, error)
    }
    yield
  }

  #failed(directory: RelPath | '', error: unknown): void {
    if (directory === '') throw new FolderMissingError(this.#context.root, { cause: error })
    this.missing = true
    const code = errorCode(error)
    if (code === undefined) throw error
    if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'ELOOP') {
      this.entries.delete(directory)
      return
    }
    const reason = diskReason(error)
    this.entries.set(directory, { kind: 'unreadable', reason })
    this.skipped.push({ path: directory, reason })
  }

  /** Names in a fixed order; those that are not UTF-8 come back as replacement characters and are told apart as bytes. */
  #namesIn(anchor: Anchor, directory: RelPath | ''): readonly string[] {
    const names = readdirSync(anchor.at)
    const sorted = names.some((name) => name.includes(REPLACEMENT)) ? this.#readable(anchor, directory) : names
    return sorted.sort()
  }

  #readable(anchor: Anchor, directory: RelPath | ''): string[] {
    const readable: string[] = []
    for (const bytes of readdirSync(anchor.at, { encoding: 'buffer' })) {
      const name = bytes.toString('utf8')
      if (Buffer.from(name).equals(bytes)) readable.push(name)
      else this.#skip(directory, name, 'The name is not valid UTF-8.')
    }
    return readable
  }

  #addEntry(anchor: Anchor, directory: RelPath | '', diskName: string): void {
    const name = diskName.normalize('NFC')
    if (directory === '' && name === '.collab') return
    const path = this.#acceptedPath(directory, name)
    const fact = lookAt(anchor.entry(diskName))
    if (fact.kind === 'absent' || this.#isIgnored(path ?? name, directory, fact)) return
    if (path === undefined) {
      this.#skip(directory, diskName, this.#pathProblem(directory, name))
    } else if (this.#isTwin(path, diskName)) {
      this.#skip(directory, diskName, 'Another name here differs only in how its accents are encoded; rename one of them.')
    } else {
      this.#context.spelling.learn(path, diskName)
      this.#add(path, fact)
    }
  }

  #add(path: RelPath, fact: DiskFact): void {
    this.entries.set(path, fact)
    if (fact.kind === 'directory' && this.#rules !== undefined) this.pending.push(path)
    if (fact.kind === 'other') this.skipped.push({ path, reason: `A ${fact.what} is not synced.` })
    if (fact.kind === 'unreadable') this.skipped.push({ path, reason: fact.reason })
  }

  /** The composed spelling sorts after the decomposed one or before it: whichever is composed wins, then the first. */
  #isTwin(path: RelPath, diskName: string): boolean {
    if (!this.entries.has(path)) return false
    if (diskName.normalize('NFC') !== diskName) return true
    this.skipped.push({ path: `${path} (decomposed)`, reason: 'Another name here differs only in how its accents are encoded; rename one of them.' })
    return false
  }

  #isIgnored(path: string, directory: RelPath | '', fact: DiskFact): boolean {
    if (this.#rules === undefined) return false
    const full = path.includes('/') || directory === '' ? path : `${directory}/${path}`
    if (full.includes('\0') || !full.isWellFormed()) return false
    return this.#rules.ignores(full as RelPath, fact.kind === 'directory')
  }

  #acceptedPath(directory: RelPath | '', name: string): RelPath | undefined {
    try {
      return joinPath(directory, name)
    } catch {
      return undefined
    }
  }

  #pathProblem(directory: RelPath | '', name: string): string {
    const problem = checkName(name)
    if (problem !== undefined) return problem
    return directory === '' ? 'its path cannot be used' : 'its path is too long or too deep'
  }

  #skip(directory: RelPath | '', name: string, reason: string): void {
    this.skipped.push({ path: directory === '' ? name : `${directory}/${name}`, reason })
  }
}
