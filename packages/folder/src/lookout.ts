import { checkPath, isCurrent } from '@collab/core'
import type { TreeEntry } from '@collab/core'
import type { FileRow } from './base-row.js'
import { STALE_SAVE_MS } from './best-base.js'
import { holds } from './blob-facts.js'
import type { FolderContext } from './folder-context.js'
import { isIgnored } from './folder-context.js'
import type { Hint, Listing } from './folder-fs.js'
import { IGNORE_FILE, createIgnoreRules } from './ignore.js'
import type { RelPath } from './rel-path.js'
import { FolderMissingError } from './scan.js'
import { equalSignature } from './signature.js'
import type { DiskFact } from './signature.js'
import { decodeText } from './text-content.js'

/** Finds what to look at: by hints of the watcher, by listing the folder, and by walking the tree. */
export class Lookout {
  readonly #context: FolderContext
  #onHint: (hint: Hint) => void = () => undefined
  #stopWatching: (() => Promise<void>) | undefined
  #scanWanted = false
  #treeSeen = false
  #rulesText: string | undefined

  constructor(context: FolderContext) {
    this.#context = context
  }

  get scanWanted(): boolean {
    return this.#scanWanted
  }

  /** @param tree compare the workspace's tree with the bases too, not only the disk */
  wantScan(tree = false): void {
    this.#scanWanted = true
    if (tree) this.#treeSeen = false
  }

  /** Reads the ignore rules and watches the folder by them. */
  async begin(onHint: (hint: Hint) => void): Promise<void> {
    this.#onHint = onHint
    await this.loadRules()
    await this.#watch()
  }

  async end(): Promise<void> {
    await this.#stopWatching?.()
    this.#stopWatching = undefined
  }

  /** True when the rules are other ones than before. */
  async loadRules(): Promise<boolean> {
    const { fs, emit } = this.#context
    const result = await fs.read(IGNORE_FILE as RelPath, { last: { content: this.#rulesText ?? '' } })
    const decoded = result.kind === 'stable' ? decodeText(result.bytes) : { text: '' }
    if (result.kind === 'unstable') this.#context.dirty.add(IGNORE_FILE as RelPath, result.retryAfterMs)
    if (result.kind === 'unstable' || 'reason' in decoded || decoded.text === (this.#rulesText ?? '')) return false
    this.#rulesText = decoded.text
    this.#context.rules = createIgnoreRules({ text: decoded.text, caseSensitive: fs.caseSensitive })
    const [refused] = this.#context.rules.refused
    if (refused !== undefined) emit('warning', { code: 'ignore-rules', message: `${IGNORE_FILE}: ${refused}` })
    return true
  }

  /** After the ignore file changed: watch by the new rules and look at everything again. */
  async reloadRules(): Promise<void> {
    if (!(await this.loadRules())) return
    await this.end()
    await this.#watch()
    this.wantScan(true)
  }

  /** A path, and where it is a directory what is below it. */
  markHint(path: RelPath): void {
    const { index, dirty, fs } = this.#context
    dirty.add(path)
    if (index.at(path)?.type === 'directory') for (const row of index.below(path)) dirty.add(row.path)
    if (fs.fact(path).kind === 'directory') this.#markUnknown(path)
  }

  /** Lists the folder and marks what differs from the bases. */
  async scan(): Promise<void> {
    this.#scanWanted = false
    this.#forgetTimes()
    const listing = await this.#list()
    if (listing === undefined) return
    this.#noteSkipped(listing)
    for (const path of this.#differences(listing)) this.#context.dirty.add(path)
    if (this.#treeSeen) return
    this.#treeSeen = true
    for (const path of await this.#unplaced()) this.#context.dirty.add(path)
  }

  #noteSkipped(listing: Listing): void {
    const { skipped, index, dirty } = this.#context
    const now = new Set(listing.skipped.map(({ path }) => path))
    for (const { path, reason } of listing.skipped) skipped.add(path, reason)
    // Nothing else marks a directory that can be listed again.
    for (const { path } of skipped.list()) if (!now.has(path) && index.at(path)?.type === 'directory') dirty.add(path as RelPath)
  }

  /** When files were read and written counts for seconds only. */
  #forgetTimes(): void {
    const { verifiedAt, writtenAt, clock } = this.#context
    verifiedAt.clear()
    for (const [path, at] of writtenAt) if (clock.monotonic() - at > STALE_SAVE_MS) writtenAt.delete(path)
  }

  /** Every path that either side has. */
  async everything(): Promise<readonly RelPath[]> {
    const listing = await this.#list()
    const paths = new Set<RelPath>(listing?.entries.keys())
    for (const row of this.#context.index.all()) paths.add(row.path)
    for (const { path } of this.#context.workspace.tree.entries()) if (checkPath(path) === undefined) paths.add(path as RelPath)
    await this.#markTexts()
    return [...paths]
  }

  async #watch(): Promise<void> {
    const { fs, rules, emit } = this.#context
    try {
      this.#stopWatching = await fs.watch((hint) => this.#onHint(hint), rules)
    } catch (error) {
      if (!(error instanceof FolderMissingError)) throw error
      emit('warning', { code: 'not-watched', message: error.message })
    }
  }

  async #list(): Promise<Listing | undefined> {
    try {
      return await this.#context.fs.scan(this.#context.rules)
    } catch (error) {
      if (error instanceof FolderMissingError) return undefined
      throw error
    }
  }

  *#differences({ entries }: Listing): Generator<RelPath> {
    const { index } = this.#context
    for (const row of index.all()) {
      const fact = entries.get(row.path)
      if (fact === undefined || !this.#isUnchanged(row.path, fact)) yield row.path
    }
    for (const path of entries.keys()) if (index.at(path) === undefined) yield path
  }

  #isUnchanged(path: RelPath, fact: DiskFact): boolean {
    const row = this.#context.index.at(path)
    if (row === undefined || row.ignored) return false
    if (row.type === 'directory') return fact.kind === 'directory'
    if (fact.kind !== 'file' || row.racy || row.signature === undefined) return false
    return equalSignature(row.signature, fact.signature) && row.executable === fact.executable
  }

  /** Once per run: what the workspace shows otherwise than the bases say. */
  async #unplaced(): Promise<readonly RelPath[]> {
    const { index, workspace } = this.#context
    const paths: RelPath[] = []
    await this.#markTexts()
    for (const row of index.all()) {
      const entry = workspace.tree.get(row.node)
      const text = row.type === 'file' && (this.#context.stale.has(row.node) || row.executable !== entry?.executable || isOther(row, entry))
      if (entry?.path !== row.path || entry.node !== row.node || text) paths.push(row.path)
    }
    for (const entry of workspace.tree.entries()) {
      if (index.of(entry.node) !== undefined) continue
      const problem = checkPath(entry.path)
      if (problem === undefined) paths.push(entry.path as RelPath)
      else this.#context.skipped.add(entry.path, `cannot be created here: ${problem}`)
    }
    return paths
  }

  /** Documents that changed since their base was recorded. */
  async #markTexts(): Promise<void> {
    const { index, workspace, stale } = this.#context
    const files = [...index.all()].filter((row) => row.type === 'file').filter(({ blob }) => blob === undefined)
    const counts = await workspace.countChanges(files.map(({ doc }) => doc))
    for (const [at, { node, agreed }] of files.entries()) {
      const changes = counts[at] ?? Infinity
      if (agreed === undefined || !isCurrent(agreed.version, changes)) stale.mark(node, changes)
    }
  }

  #markUnknown(directory: RelPath): void {
    const { fs, index, dirty } = this.#context
    const todo = [directory]
    for (const path of todo) {
      for (const [child, fact] of fs.list(path)?.entries ?? []) {
        if (isIgnored(this.#context, child, fact.kind === 'directory')) continue
        if (index.at(child) === undefined) dirty.add(child)
        if (fact.kind === 'directory') todo.push(child)
      }
    }
  }
}

/** Whether the workspace shows another content than the disk had, where either is not text. */
function isOther(row: FileRow, entry: TreeEntry | undefined): boolean {
  return entry?.content?.kind === 'blob' ? !holds(entry, row.blob?.blob) : row.blob !== undefined
}
