import type { Tree, TreeFile } from './tree.js'

/**
 * The mark of a line that one save brought and nobody else ever writes. It is one word: of a changed line, words are what
 * merges, so a line that is changed here and deleted there keeps its mark whole.
 */
const TOKEN = /tok_[0-9a-z]+_[0-9a-z]+_/g
/** Several people make files of one name in here. */
export const SHARED = 'shared'
const CONFLICT = / \(conflict, [^()]* [0-9a-z]+(?: \d+)?\)/

export function tokensOf(text: string): readonly string[] {
  return text.match(TOKEN) ?? []
}

/** What is known of a file that was touched since the peers last agreed. */
interface Touched {
  readonly peers: Set<string>
  /**
   * A line was taken out that had come after the file's first content: a save of an editor that never saw the line
   * looks the same, and is taken for that as long as the older text is among the recent ones.
   */
  isAmbiguous: boolean
  hash: string
  path: string
}

/**
 * What every peer must hold in the end, as far as that is certain from the saves alone:
 * a unique line that nobody took out is there exactly once, and one that was taken out at most once, until the peers
 * agree, and then never again; what only one peer touched is what that peer saved last; what nobody touched is as it
 * was. A file that two people made alike may be there twice where somebody moved one of them, as nobody may know by then
 * that they are one.
 *
 * A path stands for one file only: every new name is fresh, but for those in the folder `shared`, where a conflict
 * copy even gets its proper name back when the other file goes.
 */
export class TreeModel {
  readonly #must = new Set<string>()
  readonly #may = new Set<string>()
  readonly #gone = new Set<string>()
  /** Lines of files that two people made alike, of which one was moved before all knew both. */
  readonly #twice = new Set<string>()
  /** By its key: lines of a file that was made alike since the peers last agreed. */
  #alike = new Map<string, readonly string[]>()
  #start: Tree = new Map()
  #touched = new Map<string, Touched>()
  #deleted = new Map<string, Set<string>>()
  #moved = new Map<string, Set<string>>()
  #modes = new Map<string, Set<string>>()
  #alias = new Map<string, string>()
  #created = 0
  #collisions = 0

  get certainLines(): number {
    return this.#must.size
  }

  /** The peers agree on `tree`: what was uncertain is settled. */
  begin(tree: Tree): void {
    const present = new Set([...tree.values()].flatMap(({ text }) => tokensOf(text)))
    for (const token of this.#may) (present.has(token) ? this.#must : this.#gone).add(token)
    this.#may.clear()
    this.#start = tree
    this.#touched = new Map()
    this.#deleted = new Map()
    this.#moved = new Map()
    this.#modes = new Map()
    this.#alias = new Map()
    this.#alike = new Map()
    this.#created = 0
    this.#collisions = 0
  }

  /** `peer` saved `file` at `path`; `before` is what it had read there, undefined for a new file. */
  saved(peer: string, path: string, file: TreeFile, before: string | undefined): void {
    const key = this.keyOf(path)
    const touched = this.#touched.get(key) ?? { peers: new Set<string>(), isAmbiguous: false, hash: '', path }
    touched.peers.add(peer)
    this.#touched.set(key, Object.assign(touched, { hash: file.hash, path }))
    if (before === undefined) this.#created++
    if (this.#noteTokens(tokensOf(file.text), tokensOf(before ?? ''))) touched.isAmbiguous = true
  }

  /** `peer` made a file under a name that others take too. */
  shared(peer: string, path: string, file: TreeFile): void {
    const known = tokensOf(file.text).filter((token) => this.#must.has(token))
    this.#alike.set(path, known)
    this.saved(peer, path, file, undefined)
    this.#collisions++
  }

  /** `peer` changed who may execute the file: an edit, and it keeps the file where another deletes it. */
  changedMode(peer: string, path: string): void {
    addTo(this.#modes, this.keyOf(path), peer)
  }

  moved(peer: string, from: string, to: string): void {
    const key = this.keyOf(from)
    this.#alias.set(this.#rawKey(to), key)
    for (const token of this.#alike.get(key) ?? []) this.#twice.add(token)
    addTo(this.#moved, key, peer)
  }

  /** `peer` deleted a file, or a folder with all of `texts` in it. */
  deleted(peer: string, path: string): void {
    addTo(this.#deleted, this.keyOf(path), peer)
  }

  /** Lines that went with something that was deleted. */
  tookOut(texts: readonly string[]): void {
    for (const token of texts.flatMap(tokensOf)) this.#uncertain(token)
  }

  /** Whether `peer` moved the file, or a folder above it, since the peers last agreed. */
  hasMoved(peer: string, path: string): boolean {
    return prefixesOf(this.keyOf(path)).some((key) => this.#moved.get(key)?.has(peer) === true)
  }

  /** The name under which the peers last agreed on what is at `path` now, or the first name of something new. */
  keyOf(path: string): string {
    const raw = this.#rawKey(path)
    return this.#alias.get(raw) ?? raw
  }

  /** What `tree`, on which the peers agree now, lacks or has too much of. */
  problems(tree: Tree): readonly string[] {
    return [...this.#lineProblems(tree), ...this.#contentProblems(tree), ...this.#countProblems(tree)]
  }

  #rawKey(path: string): string {
    const slash = path.lastIndexOf('/')
    return slash < 0 ? path : `${this.keyOf(path.slice(0, slash))}/${path.slice(slash + 1)}`
  }

  /** True when a line was taken out. */
  #noteTokens(after: readonly string[], before: readonly string[]): boolean {
    const kept = new Set(after)
    const gone = before.filter((token) => !kept.has(token))
    for (const token of gone) this.#uncertain(token)
    for (const token of after) if (!this.#may.has(token)) this.#must.add(token)
    return gone.length > 0
  }

  #uncertain(token: string): void {
    this.#must.delete(token)
    this.#may.add(token)
  }

  #lineProblems(tree: Tree): readonly string[] {
    const places = new Map<string, string[]>()
    for (const [path, { text }] of tree) for (const token of tokensOf(text)) places.set(token, [...(places.get(token) ?? []), path])
    const lost = [...this.#must].filter((token) => !places.has(token)).map((token) => `lost: ${token}`)
    const doubled = [...places].filter(([token, paths]) => paths.length > (this.#twice.has(token) ? 2 : 1)).map(([token, paths]) => `doubled: ${token} in ${paths.join(' and ')}`)
    const back = [...this.#gone].filter((token) => places.has(token)).map((token) => `came back: ${token} in ${places.get(token)?.join() ?? ''}`)
    return [...lost, ...doubled, ...back]
  }

  #contentProblems(tree: Tree): readonly string[] {
    const hashes = new Set([...tree.values()].map(({ hash }) => hash))
    const untouched = [...this.#start].filter(([path]) => !this.#touched.has(path) && !isShared(path) && !this.#isDeleted(path))
    const certain = [...this.#touched].filter(([key, { peers, isAmbiguous }]) => {
      return peers.size === 1 && !isAmbiguous && !isShared(key) && !this.#isDeleted(key)
    })
    return [
      ...untouched.flatMap(([path, { hash }]) => this.#fileProblem(tree, hashes, path, path, hash)),
      ...certain.flatMap(([key, { path, hash }]) => this.#fileProblem(tree, hashes, key, path, hash))
    ]
  }

  #fileProblem(tree: Tree, hashes: ReadonlySet<string>, key: string, path: string, hash: string): readonly string[] {
    if (!hashes.has(hash)) return [`content lost: ${path} (first ${key}), ${tree.has(path) ? 'there is another' : 'nothing is there'}`]
    const mayBeElsewhere = prefixesOf(key).some((prefix) => this.#moved.has(prefix)) || prefixesOf(path).some((prefix) => this.#moved.has(prefix))
    if (mayBeElsewhere || tree.get(path)?.hash === hash) return []
    return [`not in its place: ${path}`]
  }

  #countProblems(tree: Tree): readonly string[] {
    const problems: string[] = []
    const most = this.#start.size + this.#created
    if (tree.size > most) problems.push(`${tree.size} files, at most ${most} were made`)
    const conflicts = [...tree.keys()].filter((path) => CONFLICT.test(path) && !this.#start.has(path))
    if (conflicts.length > this.#collisions) problems.push(`conflict copies where none is due: ${conflicts.join(', ')}`)
    for (const [key, peers] of this.#deleted) {
      const others = [...(this.#touched.get(key)?.peers ?? []), ...(this.#modes.get(key) ?? [])].filter((peer) => !peers.has(peer))
      // In `shared` the copy that stood beside it may have its name by now.
      const isFile = this.#start.has(key) && !isShared(key)
      if (isFile && others.length === 0 && tree.has(key)) problems.push(`deleted and still there: ${key}`)
    }
    return problems
  }

  #isDeleted(key: string): boolean {
    return prefixesOf(key).some((prefix) => this.#deleted.has(prefix))
  }
}

function isShared(key: string): boolean {
  return key.startsWith(`${SHARED}/`)
}

export function conflictCopies(tree: Tree): number {
  return [...tree.keys()].filter((path) => CONFLICT.test(path)).length
}

/** `a/b/c` -> `a`, `a/b`, `a/b/c`. */
function prefixesOf(path: string): readonly string[] {
  const names = path.split('/')
  return names.map((_, index) => names.slice(0, index + 1).join('/'))
}

function addTo(map: Map<string, Set<string>>, key: string, peer: string): void {
  const known = map.get(key)
  if (known === undefined) map.set(key, new Set([peer]))
  else known.add(peer)
}
