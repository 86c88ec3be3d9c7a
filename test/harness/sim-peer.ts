import { createHash } from 'node:crypto'
import { createMemoryStore, nodeCrypto, openWorkspace } from '@collab/core'
import type { Crypto, KvStore, Workspace, WorkspaceKeys } from '@collab/core'
import type { SeededRandom } from './random.js'
import type { SimNetwork } from './sim-network.js'
import type { VirtualClock } from './virtual-clock.js'

/** One simulated peer: a store that outlives its runs, and the workspace while it runs. */
export class SimPeer {
  readonly name: string
  readonly keys: WorkspaceKeys
  readonly warnings: string[] = []
  store: KvStore
  workspace: Workspace | undefined
  readonly #crypto: Crypto
  readonly #network: SimNetwork
  readonly #clock: VirtualClock

  constructor(name: string, keys: WorkspaceKeys, network: SimNetwork, clock: VirtualClock, random: SeededRandom) {
    this.#crypto = { ...nodeCrypto, randomBytes: (length) => random.bytes(length) }
    this.name = name
    this.keys = keys
    this.#network = network
    this.#clock = clock
    this.store = unclosable(createMemoryStore())
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
      machine: 'simulated',
      clock: this.#clock,
      crypto: this.#crypto,
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
type CopyableStore = KvStore & { readonly copy: () => CopyableStore }

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
