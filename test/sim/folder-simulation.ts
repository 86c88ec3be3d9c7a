import { SimFolder } from '../harness/sim-folder.js'
import { keysFromWriteKey } from '@collab/core'
import type { Clock, DocId } from '@collab/core'
import { USER_STYLES } from '../harness/disk/disk-user.js'
import { simCrypto } from '../harness/sim-crypto.js'
import { SimWorld } from '../harness/sim-world.js'
import { linesOf } from './line-model.js'
import { TokenModel, tokensIn } from './token-model.js'

const KEYS = keysFromWriteKey(simCrypto({ bytes: (length) => new Uint8Array(length) }), new Uint8Array(32).fill(8))
const NAMES = ['note.md', 'todo', 'Ä🙂.md', 'é.txt', 'x.ts'] as const
const FOLDERS = ['', 'work/', 'work/deep/', 'home/'] as const
const WORDS = ['alpha', '🙂', 'ä', 'x y', ''] as const
const ERRORS = ['ENOSPC', 'EIO', 'EROFS', 'EACCES'] as const
const DAY_MS = 24 * 60 * 60 * 1000
/** An emptied folder would be held by the guard, and rightly. */
const FEWEST_FILES = 4
/** By then blocked paths were tried again, the folders listed, and merges of files at one path written. */
const CALM_MS = 12_000
/** Without any message or change for this long, virtual, nothing will ever happen. */
const SILENCE_MS = 90_000

export interface FolderRun {
  readonly saves: number
  readonly moves: number
  readonly deletes: number
  readonly crashes: number
  readonly diskErrors: number
  /** Tokens of lines that were on some disk and in its workspace, and are looked up at the end. */
  readonly observed: number
}

/** One seeded history of people who work in 2 to 4 folders; throws with the seed when something is wrong at the end. */
export async function simulateFolders(seed: number): Promise<FolderRun> {
  const simulation = new FolderSimulation(seed)
  try {
    return await simulation.run()
  } catch (error) {
    throw new Error(`simulation of folders with seed ${seed} failed: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n${simulation.log.join('\n')}`, {
      cause: error
    })
  } finally {
    simulation.end()
  }
}

class FolderSimulation {
  readonly log: string[] = []
  readonly #world: SimWorld
  readonly #folders: readonly SimFolder[]
  readonly #model = new TokenModel()
  readonly #docs = new Set<DocId>()
  readonly #observed = new Set<string>()
  /** Per folder: files saved, and files moved, that it has not noticed yet. Both at once may be a new file to anyone. */
  readonly #saved = new Map<SimFolder, Set<string>>()
  readonly #moved = new Map<SimFolder, Set<string>>()
  /** Watchers lose events. Then nobody moves anything: half of the news of a move is a deletion, or a new file. */
  readonly #isLossy: boolean
  #jump = 0
  #done = { saves: 0, moves: 0, deletes: 0, crashes: 0, diskErrors: 0 }

  constructor(seed: number) {
    this.#world = new SimWorld({ seed, loss: 0.2, duplication: 0.1, delayMs: 40, realCrypto: false })
    const { random } = this.#world
    this.#isLossy = random.chance(0.3)
    this.#folders = Array.from({ length: 2 + random.int(3) }, (_, index) => this.#makeFolder(index))
  }

  #makeFolder(index: number): SimFolder {
    const { random, clock } = this.#world
    const lying: Clock = { now: () => clock.now() + this.#jump * (index + 1), monotonic: () => clock.monotonic(), after: (ms, run) => clock.after(ms, run), soon: (run) => clock.soon(run) }
    const disk = { hardLinks: random.chance(0.8), normalising: random.chance(0.2), tickMs: random.pick([1, 4, 2000]) }
    const watcher = { loss: this.#isLossy ? 0.1 : 0, duplication: 0.1, delayMs: random.pick([0, 5, 80]) }
    return new SimFolder({ world: this.#world, name: `p${index}`, keys: KEYS, disk, watcher, clock: lying })
  }

  end(): void {
    for (const folder of this.#folders) folder[Symbol.dispose]()
  }

  async run(): Promise<FolderRun> {
    const { random } = this.#world
    for (let count = 0; count < 6; count++) this.#create(random.pick(this.#folders))
    for (const folder of this.#folders) await folder.start()
    this.#world.link()
    const steps = 25 + random.int(35)
    for (let step = 0; step < steps; step++) {
      await this.#act()
      await this.#world.pass(random.pick([0, 10, 60, 300, 1500]))
      await this.#bury()
      await this.#observe()
    }
    await this.#heal()
    await this.#check()
    return { ...this.#done, observed: this.#observed.size }
  }

  async #act(): Promise<void> {
    const { random, network } = this.#world
    const folder = random.pick(this.#folders)
    const roll = random.next()
    if (roll < 0.45) this.#save(folder)
    else if (roll < 0.55) this.#create(folder)
    else if (roll < 0.65) this.#move(folder)
    else if (roll < 0.69) this.#delete(folder)
    else if (roll < 0.79) this.#planCrash(folder)
    else if (roll < 0.85) await this.#restart(folder)
    else if (roll < 0.9) this.#jump = (random.int(5) - 2) * 100 * DAY_MS
    else if (roll < 0.94) this.#failDisk(folder)
    else {
      for (const other of this.#folders) {
        if (random.chance(0.5)) network.connect(folder.name, other.name)
        else network.disconnect(folder.name, other.name)
      }
    }
  }

  #save(folder: SimFolder): void {
    const { random } = this.#world
    const path = this.#anyFile(folder)
    if (path === undefined || this.#setOf(this.#moved, folder).has(path)) return this.#create(folder)
    const lines = [...linesOf(folder.user.read(path) ?? '')]
    if (random.chance(0.3) && lines.length > 1) this.#model.removed(lines.splice(random.int(lines.length), 1)[0] ?? '')
    lines.splice(random.int(lines.length + 1), 0, this.#line())
    const style = random.pick(USER_STYLES)
    this.#setOf(this.#saved, folder).add(path)
    folder.user.save(path, lines.join(''), style)
    this.#did(`${folder.name} saves ${path} (${style}): ${JSON.stringify(lines.join(''))}`, 'saves')
  }

  #create(folder: SimFolder): void {
    const { random } = this.#world
    const path = this.#freePath(folder)
    const text = Array.from({ length: random.int(4) }, () => this.#line()).join('')
    folder.user.save(path, text)
    this.#setOf(this.#saved, folder).add(path)
    this.#did(`${folder.name} makes ${path}: ${JSON.stringify(text)}`, 'saves')
  }

  #move(folder: SimFolder): void {
    const { random } = this.#world
    const path = this.#anyFile(folder)
    if (path === undefined || this.#isLossy || this.#setOf(this.#saved, folder).has(path)) return
    const directory = path.includes('/') && random.chance(0.3) ? path.slice(0, path.lastIndexOf('/')) : undefined
    if (directory === undefined && random.chance(0.2)) return this.#moveOver(folder, path)
    const to = directory === undefined ? this.#freePath(folder) : `moved-${random.word().toString(36)}`
    if (directory !== undefined && [...this.#setOf(this.#saved, folder)].some((each) => each.startsWith(`${directory}/`))) return
    folder.user.move(directory ?? path, to)
    for (const each of this.#paths(folder)) if (each === to || each.startsWith(`${to}/`)) this.#setOf(this.#moved, folder).add(each)
    this.#did(`${folder.name} moves ${directory ?? path} to ${to}`, 'moves')
  }

  #moveOver(folder: SimFolder, path: string): void {
    const to = this.#anyFile(folder)
    if (to === undefined || to === path || folder.user.files().size < FEWEST_FILES) return
    this.#model.removed(folder.user.read(to) ?? '')
    folder.user.move(path, to)
    this.#setOf(this.#moved, folder).add(to)
    this.#did(`${folder.name} moves ${path} over ${to}`, 'moves')
  }

  #delete(folder: SimFolder): void {
    const path = this.#anyFile(folder)
    if (path === undefined || folder.user.files().size < FEWEST_FILES) return
    this.#model.removed(folder.user.read(path) ?? '')
    folder.user.remove(path)
    this.#did(`${folder.name} deletes ${path}`, 'deletes')
  }

  #planCrash(folder: SimFolder): void {
    const step = this.#world.random.int(25)
    folder.crashBefore(step)
    this.log.push(`${folder.name} is to crash before step ${step}`)
  }

  async #restart(folder: SimFolder): Promise<void> {
    this.log.push(`${folder.name} ${folder.running ? 'stops' : 'starts'}`)
    // A folder that cannot be written is refused at the start.
    folder.diskError = undefined
    if (folder.running) await folder.stop()
    else await folder.start()
    if (folder.running) this.#world.link()
  }

  #failDisk(folder: SimFolder): void {
    const { random, clock } = this.#world
    folder.diskError = random.pick(ERRORS)
    this.#did(`the disk of ${folder.name} fails: ${folder.diskError}`, 'diskErrors')
    clock.after(random.int(4000), () => (folder.diskError = undefined))
  }

  /** Those that have crashed are started again, now or later. */
  async #bury(): Promise<void> {
    const { random } = this.#world
    for (const folder of this.#folders) {
      if (!folder.crashed) continue
      this.#did(`${folder.name} has crashed`, 'crashes')
      await folder.crash()
    }
    for (const folder of this.#folders) if (!folder.running && random.chance(0.3)) await this.#restart(folder)
  }

  /** What a folder at rest shows has been taken in, and must never be lost from then on. */
  async #observe(): Promise<void> {
    for (const folder of this.#folders) {
      if (!folder.running || folder.crashed || folder.status()?.dirty !== 0) continue
      for (const { path, content } of folder.peer.live.tree.entries()) {
        if (content?.kind !== 'text') continue
        this.#docs.add(content.doc)
        const { text } = await folder.peer.live.readText(content.doc)
        if (folder.user.read(path) !== text) continue
        for (const map of [this.#saved, this.#moved]) this.#setOf(map, folder).delete(path)
        for (const token of tokensIn(text)) this.#observed.add(token)
      }
    }
  }

  async #heal(): Promise<void> {
    this.log.push('everything heals')
    this.#jump = 0
    for (const folder of this.#folders) {
      folder.diskError = undefined
      folder.crashBefore(Infinity)
      if (folder.crashed) await folder.crash()
      if (!folder.running) await folder.start()
    }
    this.#world.link()
    await this.#world.pass(CALM_MS)
    await this.#world.sync()
    for (let round = 0; round < 3; round++) for (const folder of this.#folders) await folder.settled()
    // A disk that failed may have kept temporary files: the next start clears them.
    for (const folder of this.#folders) {
      await folder.stop()
      await folder.start()
    }
    this.#world.link()
    await this.#world.pass(CALM_MS)
    await this.#world.sync()
  }

  async #check(): Promise<void> {
    const [first, ...others] = this.#folders.map(({ name, user }) => ({ name, files: new Map([...user.files()].map(([path, text]) => [path.normalize('NFC'), text])) }))
    const shown = (files: ReadonlyMap<string, string>): string => JSON.stringify([...files].sort(([a], [b]) => (a < b ? -1 : 1)), undefined, 1)
    const files = first?.files ?? new Map<string, string>()
    for (const other of others) if (shown(other.files) !== shown(files)) throw new Error(`${other.name} has\n${shown(other.files)}\n--- ${first?.name} has\n${shown(files)}`)
    const faults = [...this.#model.faults(files), ...this.#folders.flatMap((folder) => leftovers(folder)), ...(await this.#forgotten(files))]
    if (faults.length > 0) throw new Error(`${faults.join('\n')}\nin ${shown(files)}`)
    await this.#checkSilence()
  }

  /** Tokens that were seen once, and that neither the folder, nor the log, nor a trash holds. */
  async #forgotten(files: ReadonlyMap<string, string>): Promise<readonly string[]> {
    const [folder] = this.#folders
    if (folder === undefined) return []
    const kept = new Set([...files.values()].flatMap(tokensIn))
    for (const doc of this.#docs) {
      const { version } = await folder.peer.live.readText(doc)
      for (let upTo = 0; upTo <= version.upTo; upTo++) for (const token of tokensIn(await folder.peer.live.readTextAt(doc, { upTo, plus: [] }))) kept.add(token)
    }
    return [...this.#observed].filter((token) => !kept.has(token)).map((token) => `forgotten: ${token}`)
  }

  async #checkSilence(): Promise<void> {
    const { network } = this.#world
    const before = network.messages
    const changes: string[] = []
    const stops = this.#folders.map(({ name, disk }) => disk.onChange((path) => void (path.startsWith('.collab') || changes.push(`${name}/${path}`))))
    await this.#world.pass(SILENCE_MS)
    for (const stop of stops) stop()
    if (network.messages > before) throw new Error(`${network.messages - before} messages without any edit`)
    if (changes.length > 0) throw new Error(`changes on disk without any edit: ${changes.join(', ')}`)
  }

  #anyFile(folder: SimFolder): string | undefined {
    const paths = this.#paths(folder).filter((path) => !path.endsWith('~') && !path.endsWith('.tmp'))
    return paths.length === 0 ? undefined : this.#world.random.pick(paths)
  }

  #paths(folder: SimFolder): readonly string[] {
    return Array.from(folder.user.files().keys(), (path) => path.normalize('NFC'))
  }

  #freePath(folder: SimFolder): string {
    const { random } = this.#world
    const path = random.pick(FOLDERS) + random.pick(NAMES)
    return folder.user.exists(path) ? `${path}-${random.word().toString(36)}` : path
  }

  #line(): string {
    const { random } = this.#world
    return `${random.pick(WORDS)} ${this.#model.write(random.word().toString(36))} ${random.pick(WORDS)}\n`
  }

  #setOf(map: Map<SimFolder, Set<string>>, folder: SimFolder): Set<string> {
    const known = map.get(folder) ?? new Set()
    map.set(folder, known)
    return known
  }

  #did(what: string, figure: Exclude<keyof FolderRun, 'observed'>): void {
    this.log.push(what)
    this.#done[figure]++
  }
}

function leftovers({ name, disk, root }: SimFolder): readonly string[] {
  const temporary = disk.readdirSync(`${root}/.collab/temp`) as string[]
  const open = (disk.readdirSync(`${root}/.collab/trash`) as string[]).filter((each) => each.endsWith('.open') || each.endsWith('.note'))
  return [...temporary, ...open].map((each) => `${name} left ${each}`)
}
