import { createHash } from 'node:crypto'
import { createMemoryStore, diffText, openWorkspace } from '@collab/core'
import type { Clock, Crypto, DocId, KvStore, NodeId, Pace, TextState, Workspace, WorkspaceKeys } from '@collab/core'
import type { SimNetwork } from './sim-network.js'

/** What takes a thousand changes in use happens within a few here. */
const PACE = { snapshotSteps: 6, pageSteps: 5, segmentEntries: 4 }

export interface SimPeerInit {
  readonly name: string
  readonly keys: WorkspaceKeys
  readonly network: SimNetwork
  readonly clock: Clock
  readonly crypto: Crypto
  /** @default an empty one */
  readonly store?: KvStore
  /** @default one machine for all peers */
  readonly machine?: string
  /** Edits older than this are left to others. @default never */
  readonly pruneAfterMs?: number | undefined
  /** @default one in which all happens within a few changes */
  readonly pace?: Pace | undefined
}

/** One simulated peer: a store that outlives its runs, and the workspace while it runs. */
export class SimPeer {
  readonly name: string
  readonly keys: WorkspaceKeys
  /** All warnings of all runs, refused peers and failures. */
  readonly warnings: string[] = []
  store: KvStore
  machine: string
  workspace: Workspace | undefined
  readonly #crypto: Crypto
  readonly #network: SimNetwork
  readonly #clock: Clock
  readonly #pace: Pace
  readonly pruneAfterMs: number | undefined

  constructor({ name, keys, network, clock, crypto, store, machine, pruneAfterMs, pace }: SimPeerInit) {
    this.pruneAfterMs = pruneAfterMs
    this.#pace = pace ?? PACE
    this.#crypto = crypto
    this.name = name
    this.keys = keys
    this.machine = machine ?? 'simulated'
    this.#network = network
    this.#clock = clock
    this.store = store ?? emptyStore()
  }

  get running(): boolean {
    return this.workspace !== undefined
  }

  /** @throws {Error} when it does not run. */
  get live(): Workspace {
    if (this.workspace === undefined) throw new Error(`${this.name} does not run`)
    return this.workspace
  }

  async start(): Promise<void> {
    this.workspace = await openWorkspace({
      keys: this.keys,
      store: this.store,
      name: this.name,
      machine: this.machine,
      pace: this.#pace,
      clock: this.#clock,
      crypto: this.#crypto,
      ...(this.pruneAfterMs !== undefined && { pruneAfterMs: this.pruneAfterMs }),
      transport: (_seed, handlers) => this.#network.transport(this.name, handlers)
    })
    this.workspace.on('warning', ({ code, message }) => this.warnings.push(`${code}: ${message}`))
    this.workspace.on('peer', ({ peer, state, reason }) => {
      if (state === 'refused') this.warnings.push(`${this.name} refused ${peer}: ${reason}`)
    })
    this.workspace.on('failed', ({ error }) => this.warnings.push(`failed: ${String(error)}`))
    await this.workspace.start()
  }

  /** A clean stop. */
  async stop(): Promise<void> {
    await this.workspace?.stop()
    this.workspace = undefined
  }

  /** A crash: what was committed stays, nothing is said to anyone. */
  crash(): void {
    this.workspace = undefined
    this.#network.detach(this.name)
    this.store = copyOf(this.store)
  }

  /** The shown file's text at `path`. */
  async read(path: string): Promise<string | undefined> {
    const content = this.live.tree.at(path)?.content
    return content?.kind === 'text' ? (await this.live.readText(content.doc)).text : undefined
  }

  /** Makes `after` of the first `before` in the file at `path`, as saving that in an editor would. */
  async replace(path: string, before: string, after: string, machine = false): Promise<void> {
    const { doc, text, version } = await this.open(path)
    const at = text.indexOf(before)
    if (at < 0) throw new Error(`${path} does not contain ${JSON.stringify(before)}`)
    const edits = diffText(text, text.slice(0, at) + after + text.slice(at + before.length))
    await this.live.edit([{ type: 'edit', doc, base: version, edits, machine }])
  }

  /** Document, text and version of the file at `path`. */
  async open(path: string): Promise<TextState & { readonly doc: DocId; readonly node: NodeId }> {
    const entry = this.live.tree.at(path)
    if (entry?.content?.kind !== 'text') throw new Error(`${this.name} has no text file ${path}`)
    return { ...(await this.live.readText(entry.content.doc)), doc: entry.content.doc, node: entry.node }
  }

  async create(path: string, text: string): Promise<void> {
    await this.live.edit([{ type: 'create-file', path, text, executable: false }])
  }

  async move(from: string, to: string): Promise<void> {
    await this.live.edit([{ type: 'move', node: this.#nodeAt(from), path: to }])
  }

  async delete(path: string): Promise<void> {
    await this.live.edit([{ type: 'delete', node: this.#nodeAt(path) }])
  }

  #nodeAt(path: string): NodeId {
    const entry = this.live.tree.at(path)
    if (entry === undefined) throw new Error(`${this.name} has nothing at ${path}`)
    return entry.node
  }

  /** Path -> text of every shown text file. */
  async files(): Promise<ReadonlyMap<string, string>> {
    const files = new Map<string, string>()
    for (const { path, content } of this.live.tree.entries()) {
      if (content?.kind === 'text') files.set(path, (await this.live.readText(content.doc)).text)
    }
    return new Map([...files].sort(([a], [b]) => (a < b ? -1 : 1)))
  }

  /** Hash of everything a person sees: paths, kinds, modes and texts. */
  async treeHash(): Promise<string> {
    const hash = createHash('sha256')
    for (const line of await this.treeLines()) hash.update(`${line}\n`)
    return hash.digest('hex')
  }

  async treeLines(): Promise<readonly string[]> {
    const lines: string[] = []
    for (const { path, type, content, executable } of this.live.tree.entries()) {
      const text = content?.kind === 'text' ? (await this.live.readText(content.doc)).text : ''
      lines.push(JSON.stringify([path, type, executable, text]))
    }
    return lines.sort()
  }
}

/** A memory store that survives its user's `close`, and whose current rows can be copied. */
type CopyableStore = KvStore & { readonly copy: () => CopyableStore; readonly dump: () => readonly (readonly [string, string, Uint8Array])[] }

export function emptyStore(): KvStore {
  return unclosable(createMemoryStore())
}

function unclosable(store: KvStore, rows: Map<string, readonly [string, string, Uint8Array]> = new Map()): CopyableStore {
  return {
    get: (table, key) => store.get(table, key),
    scan: (table, range) => store.scan(table, range),
    async commit(ops) {
      for (const { table, key, value } of ops) {
        if (value === undefined) rows.delete(`${table}/${key}`)
        else rows.set(`${table}/${key}`, [table, key, value])
      }
      await store.commit(ops)
    },
    close: () => Promise.resolve(),
    dump: () => [...rows.values()],
    copy() {
      const fresh = createMemoryStore()
      void fresh.commit([...rows.values()].map(([table, key, value]) => ({ table, key, value })))
      return unclosable(fresh, new Map(rows))
    }
  }
}

/** The rows of `store` as they are now, in a store of their own. */
export function copyOf(store: KvStore): KvStore {
  return (store as CopyableStore).copy()
}

/** Every row of `store`: table, key, value. */
export function rowsOf(store: KvStore): readonly (readonly [string, string, Uint8Array])[] {
  return (store as CopyableStore).dump()
}
