import { mkdtempSync, mkdirSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { eventually } from './eventually.js'
import { CliProcess } from './cli-process.js'
import { TcpWire } from './tcp-wire.js'
import { FolderPeer, freePort } from './folder-peer.js'
import { TreeReader, differences } from './tree.js'
import type { Tree } from './tree.js'

/** Who is connected with whom. */
export type Topology = 'chain' | 'star' | 'mesh'

/** Peers of one workspace, real processes on folders below one temporary directory. */
export class Crowd implements AsyncDisposable {
  readonly directory: string
  readonly peers: readonly FolderPeer[]
  readonly links: Readonly<Record<'write' | 'read' | 'blind', string>>
  readonly #readers: ReadonlyMap<FolderPeer, TreeReader>
  readonly #extra: FolderPeer[] = []
  #dials: ReadonlyMap<FolderPeer, readonly FolderPeer[]>
  /** Who dials whom over which wire; none where they dial each other directly. */
  readonly #wires: ReadonlyMap<FolderPeer, ReadonlyMap<FolderPeer, TcpWire>>
  #keep = false

  private constructor(directory: string, links: Crowd['links'], peers: readonly FolderPeer[], topology: Topology, wires: ReadonlyMap<FolderPeer, ReadonlyMap<FolderPeer, TcpWire>>) {
    this.#wires = wires
    this.directory = directory
    this.links = links
    this.peers = peers
    this.#readers = new Map(peers.map((peer) => [peer, new TreeReader(peer.folder)]))
    this.#dials = dialsOf(peers, topology)
  }

  /**
   * Nothing runs yet.
   *
   * @param init.cuttable the peers dial each other over wires that `partition` cuts. @default false
   */
  static async make(count: number, topology: Topology, { cuttable = false }: { readonly cuttable?: boolean } = {}): Promise<Crowd> {
    const directory = mkdtempSync(join(tmpdir(), 'collab-e2e-'))
    const { stdout, stderr } = await new CliProcess(['new', '--json'], { home: join(directory, 'new') }).ended
    if (stdout === '') throw new Error(`collab new failed: ${stderr}`)
    const links = JSON.parse(stdout) as Crowd['links']
    const peers: FolderPeer[] = []
    for (let index = 0; index < count; index++) {
      const own = join(directory, `p${index}`)
      mkdirSync(own)
      peers.push(new FolderPeer({ name: `p${index}`, directory: own, link: links.write, port: await freePort() }))
    }
    return new Crowd(directory, links, peers, topology, cuttable ? await wiresBetween(peers) : new Map())
  }

  peer(index: number): FolderPeer {
    const peer = this.peers[index]
    if (peer === undefined) throw new RangeError(`there is no peer ${index}`)
    return peer
  }

  /** One more process of this workspace, which `settle` does not wait for. */
  async add(init: { name: string; command?: 'join' | 'hold'; link?: string; directory?: string; wrapper?: readonly string[] }): Promise<FolderPeer> {
    const directory = init.directory ?? join(this.directory, init.name)
    mkdirSync(directory, { recursive: true })
    const { name, command = 'join', link = command === 'hold' ? this.links.blind : this.links.write, wrapper } = init
    const peer = new FolderPeer({ name, directory, link, command, port: await freePort(), ...(wrapper !== undefined && { wrapper }) })
    this.#extra.push(peer)
    return peer
  }

  /** From the next start of each peer on. */
  rewire(topology: Topology): void {
    this.#dials = dialsOf(this.peers, topology)
  }

  async start(peer: FolderPeer): Promise<void> {
    await peer.start((this.#dials.get(peer) ?? []).map((other) => this.#wires.get(peer)?.get(other) ?? other))
  }

  /** From now on those in `group` hear nothing of the others. */
  partition(group: ReadonlySet<FolderPeer>): void {
    for (const [from, wires] of this.#wires) for (const [to, wire] of wires) if (group.has(from) !== group.has(to)) wire.cut()
  }

  heal(): void {
    for (const wires of this.#wires.values()) for (const wire of wires.values()) wire.mend()
  }

  async startAll(): Promise<void> {
    await Promise.all(this.peers.map((peer) => this.start(peer)))
  }

  tree(peer: FolderPeer): Tree {
    return (this.#readers.get(peer) ?? new TreeReader(peer.folder)).read()
  }

  /** Starts who is not running, and waits until nothing is left to do anywhere and all folders are the same. */
  async settle(deadlineMs = 60_000): Promise<Tree> {
    for (const peer of this.peers) peer.resume()
    this.heal()
    await this.startAll()
    return await eventually('all folders are the same and everyone is in sync', () => this.#agreed(), { deadlineMs, otherwise: () => this.describe() })
  }

  /** Failures of processes, and files that should not be there. */
  leftovers(): readonly string[] {
    const isOpen = (name: string): boolean => name.endsWith('.open') || name.endsWith('.note')
    const temporary = this.peers.flatMap((peer) => [
      ...namesIn(join(peer.folder, '.collab/temp')).map((name) => `${peer.name} left .collab/temp/${name}`),
      ...namesIn(join(peer.folder, '.collab/trash')).filter(isOpen).map((name) => `${peer.name} left .collab/trash/${name}`)
    ])
    const failures = [...this.peers, ...this.#extra].flatMap((peer) => peer.failures)
    const warnings = this.peers.flatMap((peer) => peer.events.filter(isTrouble).map((event) => `${peer.name}: ${JSON.stringify(event)}`))
    return [...temporary, ...failures, ...new Set(warnings)]
  }

  /** For a failure's message. The folders are kept. */
  async describe(): Promise<string> {
    this.#keep = true
    const [first, ...others] = this.peers
    const lines = [`folders are kept in ${this.directory}`]
    for (const peer of this.peers) {
      const { workspace, folder } = (await peer.status()) ?? {}
      const { skipped, ...rest } = folder ?? { skipped: [] }
      lines.push(`${peer.name}: ${JSON.stringify({ entries: workspace?.entries, peers: workspace?.peers, voids: workspace?.voids, ...rest, skipped: skipped.length })}`)
    }
    for (const peer of others) {
      if (first === undefined) break
      const found = differences(this.tree(first), this.tree(peer))
      lines.push(`${first.name} and ${peer.name}: ${found.length} differences`, ...found.slice(0, 40).map((line) => `  ${line}`))
    }
    return [...lines, ...this.leftovers()].join('\n')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.peers, ...this.#extra].map((peer) => peer.kill()))
    for (const wires of this.#wires.values()) for (const wire of wires.values()) await wire[Symbol.asyncDispose]()
    if (!this.#keep) rmSync(this.directory, { recursive: true, force: true })
  }

  async #agreed(): Promise<Tree | undefined> {
    const gone = this.peers.find((peer) => !peer.running)
    if (gone !== undefined) throw new Error(`${gone.name} is not running\n${await this.describe()}`)
    if (!(await this.#quiet())) return undefined
    const trees = this.peers.map((peer) => this.tree(peer))
    const [first, ...others] = trees
    return first !== undefined && others.every((tree) => sameTree(first, tree)) ? first : undefined
  }

  async #quiet(): Promise<boolean> {
    const all = await Promise.all(this.peers.map((peer) => peer.status()))
    const entries = new Set(all.map((status) => status?.workspace.entries))
    const alone = this.peers.length === 1
    const done = all.every((status) => status !== undefined && status.folder?.dirty === 0 && status.folder.fetching === 0 && (alone || status.workspace.peers.some(({ synced }) => synced)))
    return done && entries.size === 1 && all.every((status) => status?.workspace.peers.every(({ synced }) => synced) === true)
  }
}

export function sameTree(a: Tree, b: Tree): boolean {
  if (a.size !== b.size) return false
  for (const [path, { hash, executable }] of a) {
    const other = b.get(path)
    if (other?.hash !== hash || other.executable !== executable) return false
  }
  return true
}

/** Warnings that say that something broke, not that a peer is away. */
function isTrouble(event: { readonly type: string }): boolean {
  const { type, code } = event as { type: string; code?: unknown }
  return type === 'guard' || (type === 'warning' && !['dial-failed', 'not-admitted', 'guessable-name', 'store-missing', 'folder-copied'].includes(String(code)))
}

async function wiresBetween(peers: readonly FolderPeer[]): Promise<ReadonlyMap<FolderPeer, ReadonlyMap<FolderPeer, TcpWire>>> {
  const all = new Map<FolderPeer, Map<FolderPeer, TcpWire>>()
  for (const from of peers) {
    const wires = new Map<FolderPeer, TcpWire>()
    for (const to of peers) if (to !== from) wires.set(to, await TcpWire.to(to.port))
    all.set(from, wires)
  }
  return all
}

/** Both ends dial, so that none waits for the other's back-off, and crossing dials happen all the time. */
function dialsOf(peers: readonly FolderPeer[], topology: Topology): ReadonlyMap<FolderPeer, readonly FolderPeer[]> {
  const areNeighbours = (a: number, b: number): boolean => {
    if (topology === 'mesh') return a !== b
    return topology === 'star' ? (a === 0) !== (b === 0) : Math.abs(a - b) === 1
  }
  return new Map(peers.map((peer, index) => [peer, peers.filter((_, other) => areNeighbours(index, other))]))
}

function namesIn(directory: string): readonly string[] {
  try {
    return readdirSync(directory)
  } catch {
    return []
  }
}
