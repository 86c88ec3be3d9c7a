import { chmodSync, existsSync, mkdirSync, readFileSync, readdirSync, renameSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Crowd } from './crowd.js'
import { SAVE_STYLES, append, isNewInode, save } from './editor.js'
import type { FolderPeer } from './folder-peer.js'
import type { SeededRandom } from './random.js'
import { fileOf, pathsBelow } from './tree.js'
import { SHARED } from './tree-model.js'
import type { TreeModel } from './tree-model.js'

const NAMES = ['note', 'todo list', 'Ä🙂', 'read.me', 'x', '日本語', 'a (copy)'] as const
const ENDINGS = ['.md', '.ts', '.json', ''] as const
const WORDS = ['alpha', 'β', '🙂', 'ein Wort', 'const x = 1', '"key": [', '  indented', ''] as const
/** More files than this deleted at once would be stopped by the guard, and rightly. */
const MOST_DELETED = 8
/** By then a watcher has told of what was made, on a busy machine too. */
const SEEN_MS = 3_000
/** A folder that is moved or deleted as one holds at most this many files. */
const MOST_IN_FOLDER = 12

export interface Figures {
  saves: number
  appends: number
  creates: number
  deletes: number
  moves: number
  folderMoves: number
  starts: number
  kills: number
  stops: number
  pauses: number
  cuts: number
}

/** People at work: random saves, creates, deletes and moves in the folders of a crowd, told to the model. */
export class Writers {
  readonly figures: Figures = { saves: 0, appends: 0, creates: 0, deletes: 0, moves: 0, folderMoves: 0, starts: 0, kills: 0, stops: 0, pauses: 0, cuts: 0 }
  /** What was done since the peers last agreed, for a failure's message. */
  log: string[] = []
  readonly #crowd: Crowd
  readonly #model: TreeModel
  readonly #random: SeededRandom
  readonly #prefix: string
  #count = 0
  #deleted = 0
  /** What was moved out of a folder to be deleted; a late write to it counts as deleted too. */
  #aside: string[] = []
  /** Per peer: files that a save gave a new inode, so that a move of theirs cannot be told from a new file. */
  #replaced = new Set<string>()
  /**
   * Per peer: files made by several at once, and when. One that is moved or deleted before the peer's own program has
   * seen it was never there for anybody.
   */
  #unseen = new Map<string, number>()

  constructor(crowd: Crowd, model: TreeModel, random: SeededRandom, prefix = random.word().toString(36)) {
    this.#crowd = crowd
    this.#model = model
    this.#random = random
    this.#prefix = prefix
  }

  /** One act of somebody. */
  act(peer: FolderPeer = this.#random.pick(this.#crowd.peers)): void {
    const roll = this.#random.next()
    if (roll < 0.5) this.#save(peer)
    else if (roll < 0.62) this.#append(peer)
    else if (roll < 0.74) this.#create(peer)
    else if (roll < 0.77) this.#createShared(peer)
    else if (roll < 0.81) this.#delete(peer)
    else if (roll < 0.92) this.#move(peer)
    else if (roll < 0.97) this.#moveFolder(peer)
    else this.#makeExecutable(peer)
  }

  /** Something happens to a process: killed, stopped, started again. */
  async disturb(peer: FolderPeer): Promise<void> {
    if (!peer.running) await this.#note(`start ${peer.name}`, 'starts', () => this.#crowd.start(peer))
    else if (this.#random.chance(0.6)) await this.#note(`kill -9 ${peer.name}`, 'kills', () => peer.kill())
    else await this.#note(`stop ${peer.name}`, 'stops', () => peer.stop())
  }

  /** Waits until the peers agree; what they agree on must be what the model says. */
  async agree(deadlineMs?: number): Promise<void> {
    const tree = await this.#crowd.settle(deadlineMs)
    for (const directory of this.#aside) this.#model.tookOut(textsBelow(directory))
    const problems = [...this.#model.problems(tree), ...this.#crowd.leftovers()]
    if (problems.length > 0) throw new Error(`${problems.join('\n')}\n${await this.#crowd.describe()}`)
    this.#model.begin(tree)
    this.log = []
    this.#aside = []
    this.#replaced.clear()
    this.#unseen.clear()
    this.#deleted = 0
  }

  /** What the program of `peer` has seen by now may be moved and deleted. */
  async look(peer: FolderPeer): Promise<void> {
    const since = performance.now() - SEEN_MS
    if (![...this.#unseen].some(([path, at]) => path.startsWith(`${peer.name}/`) && at < since)) return
    if ((await peer.status())?.folder?.dirty !== 0) return
    for (const [path, at] of this.#unseen) if (path.startsWith(`${peer.name}/`) && at < since) this.#unseen.delete(path)
  }

  /** Some hear nothing of the others until `heal`. */
  cut(): void {
    const group = new Set(this.#crowd.peers.filter(() => this.#random.chance(0.5)))
    this.#crowd.partition(group)
    this.#did(`cut ${[...group].map(({ name }) => name).join('+')} off`, 'cuts')
  }

  heal(): void {
    this.#crowd.heal()
    this.log.push('mend')
  }

  /** Its time stands still: to the others it is a network that went silent. */
  freeze(peer: FolderPeer): FolderPeer {
    peer.pause()
    this.#did(`freeze ${peer.name}`, 'pauses')
    return peer
  }

  async #note(what: string, figure: keyof Figures, step: () => unknown): Promise<void> {
    this.log.push(what)
    this.figures[figure]++
    await step()
  }

  #did(what: string, figure: keyof Figures): void {
    this.log.push(what)
    this.figures[figure]++
  }

  #save(peer: FolderPeer): void {
    const path = this.#anyText(peer)
    if (path === undefined) return
    const style = this.#random.pick(SAVE_STYLES)
    // A move and a new inode on one side, with nobody looking in between, are a deletion and a new file to everyone.
    if (isNewInode(style) && this.#model.hasMoved(peer.name, path)) return
    const full = join(peer.folder, path)
    const before = textAt(full)
    if (before === undefined) return
    const after = this.#edited(before)
    if (!save(full, after, style)) return
    if (isNewInode(style)) this.#replaced.add(`${peer.name}/${this.#model.keyOf(path)}`)
    this.#tell(peer, path, after, before)
    this.#did(`${peer.name} saves ${path} (${style})`, 'saves')
  }

  #append(peer: FolderPeer): void {
    const path = this.#anyText(peer)
    if (path === undefined) return
    const full = join(peer.folder, path)
    const before = textAt(full)
    if (before === undefined) return
    const line = this.#line()
    if (!append(full, `${before.endsWith('\n') || before === '' ? '' : '\n'}${line}\n`)) return
    this.#tell(peer, path, textAt(full) ?? `${before}${line}\n`, before)
    this.#did(`${peer.name} appends to ${path}`, 'appends')
  }

  #create(peer: FolderPeer): void {
    const path = join(this.#anyFolder(peer), this.#freshName())
    const lines = Array.from({ length: this.#random.int(5) }, () => `${this.#line()}\n`)
    this.#write(peer, path, lines.join(''))
    this.#tell(peer, path, lines.join(''), undefined)
    this.#did(`${peer.name} makes ${path}`, 'creates')
  }

  /** Two people have the same idea for a name, and maybe for a text. */
  #createShared(peer: FolderPeer): void {
    const others = this.#crowd.peers.filter((other) => other !== peer)
    const path = `${SHARED}/${this.#freshName()}`
    const same = this.#random.chance(0.3) ? `${this.#line()}\n` : undefined
    for (const writer of [peer, ...(others.length > 0 ? [this.#random.pick(others)] : [])]) {
      if (existsSync(join(writer.folder, path))) continue
      const text = same ?? `${this.#line()}\n`
      this.#write(writer, path, text)
      const file = fileOf(Buffer.from(text), false)
      if (file !== undefined) this.#model.shared(writer.name, path, file)
      this.#unseen.set(`${writer.name}/${path}`, performance.now())
      this.#did(`${writer.name} makes ${path}`, 'creates')
    }
  }

  #delete(peer: FolderPeer): void {
    const folder = this.#random.chance(0.2) ? this.#smallFolder(peer) : undefined
    const path = folder ?? this.#anyText(peer)
    if (path === undefined || this.#unseen.has(`${peer.name}/${path}`)) return
    const paths = folder === undefined ? [path] : [path, ...pathsBelow(peer.folder, path)]
    if (this.#deleted + paths.length > MOST_DELETED) return
    const aside = join(this.#crowd.directory, `deleted-${this.#count++}`)
    mkdirSync(aside)
    if (!moved(join(peer.folder, path), join(aside, 'it'))) return
    this.#deleted += paths.length
    this.#aside.push(aside)
    for (const one of paths) this.#model.deleted(peer.name, one)
    this.#did(`${peer.name} deletes ${path}`, 'deletes')
  }

  #move(peer: FolderPeer): void {
    const path = this.#anyText(peer)
    if (path === undefined || this.#unseen.has(`${peer.name}/${path}`) || this.#replaced.has(`${peer.name}/${this.#model.keyOf(path)}`)) return
    const to = join(this.#anyFolder(peer), this.#freshName())
    if (!moved(join(peer.folder, path), join(peer.folder, to))) return
    this.#model.moved(peer.name, path, to)
    this.#did(`${peer.name} moves ${path} to ${to}`, 'moves')
  }

  #moveFolder(peer: FolderPeer): void {
    const path = this.#smallFolder(peer)
    if (path === undefined) return
    const inside = pathsBelow(peer.folder, path)
    if (inside.some((file) => this.#replaced.has(`${peer.name}/${this.#model.keyOf(file)}`))) return
    const to = join(this.#anyFolder(peer), this.#freshName())
    if (to.startsWith(`${path}/`) || !moved(join(peer.folder, path), join(peer.folder, to))) return
    this.#model.moved(peer.name, path, to)
    this.#did(`${peer.name} moves folder ${path} to ${to}`, 'folderMoves')
  }

  #makeExecutable(peer: FolderPeer): void {
    const path = this.#anyText(peer)
    if (path === undefined) return
    try {
      chmodSync(join(peer.folder, path), this.#random.chance(0.5) ? 0o755 : 0o644)
      this.#model.changedMode(peer.name, path)
      this.log.push(`${peer.name} changes the mode of ${path}`)
    } catch {
      // It went in the meantime.
    }
  }

  #write(peer: FolderPeer, path: string, text: string): void {
    mkdirSync(dirname(join(peer.folder, path)), { recursive: true })
    writeFileSync(join(peer.folder, path), text)
  }

  #tell(peer: FolderPeer, path: string, after: string, before: string | undefined): void {
    const file = fileOf(Buffer.from(after), false)
    if (file !== undefined) this.#model.saved(peer.name, path, file, before)
  }

  /** A line or two in, and now and then one out. */
  #edited(text: string): string {
    const end = text.includes('\r\n') ? '\r\n' : '\n'
    const lines = text.split(end)
    if (this.#random.chance(0.3) && lines.length > 2) lines.splice(this.#random.int(lines.length - 1), 1)
    for (let left = 1 + this.#random.int(2); left > 0; left--) lines.splice(this.#random.int(lines.length), 0, this.#line())
    return lines.join(end)
  }

  #line(): string {
    return `${this.#random.pick(WORDS)} tok_${this.#prefix}_${(this.#count++).toString(36)}_ ${this.#random.pick(WORDS)}`
  }

  #freshName(): string {
    return `${this.#random.pick(NAMES)} ${this.#prefix}${(this.#count++).toString(36)}${this.#random.pick(ENDINGS)}`
  }

  #anyText(peer: FolderPeer): string | undefined {
    const paths = pathsBelow(peer.folder)
    for (let attempt = 0; attempt < 5 && paths.length > 0; attempt++) {
      const path = this.#random.pick(paths)
      if (!path.endsWith('~') && textAt(join(peer.folder, path)) !== undefined) return path
    }
    return undefined
  }

  /** '' is the folder itself. */
  #anyFolder(peer: FolderPeer): string {
    return this.#random.pick(['', ...foldersOf(peer)])
  }

  #smallFolder(peer: FolderPeer): string | undefined {
    const small = foldersOf(peer).filter((path) => path !== SHARED && pathsBelow(peer.folder, path).length <= MOST_IN_FOLDER)
    return small.length === 0 ? undefined : this.#random.pick(small)
  }
}

/** Folders that hold something, at any depth. */
function foldersOf(peer: FolderPeer): readonly string[] {
  const folders = new Set<string>()
  for (const path of pathsBelow(peer.folder)) for (let at = dirname(path); at !== '.'; at = dirname(at)) folders.add(at)
  return [...folders].sort()
}

/** Undefined for what is not synced, or not there. */
function textAt(path: string): string | undefined {
  try {
    return statSync(path).isFile() ? fileOf(readFileSync(path), false)?.text : undefined
  } catch {
    return undefined
  }
}

/** False when it was gone, or the place to move it to. */
function moved(from: string, to: string): boolean {
  try {
    if (!to.includes('/deleted-')) mkdirSync(dirname(to), { recursive: true })
    renameSync(from, to)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false
    throw error
  }
}

function textsBelow(directory: string): readonly string[] {
  return readdirSync(directory, { recursive: true, encoding: 'utf8' }).flatMap((path) => textAt(join(directory, path)) ?? [])
}
