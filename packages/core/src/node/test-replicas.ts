import { systemClock } from '../base/clock.js'
import type { Clock } from '../base/clock.js'
import type { Crypto } from '../base/crypto.js'
import type { AuthorId, DocId, EntryHash, NodeId } from '../base/ids.js'
import type { KvStore } from '../base/kv.js'
import { issueCertificate } from '../keys/certificate.js'
import { epochKey, keysFromWriteKey, workspaceSigner } from '../keys/workspace-keys.js'
import { encodeChanges } from '../log/change.js'
import type { Change, SeedChange, TreeChange } from '../log/change.js'
import { sealEntry } from '../log/entry.js'
import type { Entry } from '../log/entry.js'
import { Log } from '../log/log.js'
import { documentId, fileId } from '../doc/node-id.js'
import { ROOT_NODE } from '../base/ids.js'
import { utf8 } from '../base/bytes.js'
import { createMemoryStore } from '../store/memory-store.js'
import type { Pace } from './document-types.js'
import { newAuthor } from './identity.js'
import type { Author } from './identity.js'
import type { LeftEntries } from './left-entries.js'
import { nodeCrypto } from './node-crypto.js'
import { Replica } from './replica.js'

/** Replicas without a network, and authors that sign whatever they are told to, for the tests of this folder. */

export const crypto: Crypto = nodeCrypto
export const keys = keysFromWriteKey(crypto, new Uint8Array(32).fill(9))

/** What a store holds of a log and of what was applied. */
const TABLES = ['header', 'body', 'chain', 'heads', 'segment', 'place', 'meta', 'waiting', 'frontier', 'tree', 'touch', 'member', 'void', 'past', 'past_fork', 'past_page', 'doc', 'step', 'page', 'snapshot', 'app', 'sum', 'pruned', 'pruned_hash']
/** Everything that takes many changes in use happens within a few in a test. */
const PACE: Pace = { snapshotSteps: 3, pageSteps: 4, segmentEntries: 3 }

/** One replica over a store in memory. */
export class TestReplica {
  readonly kv: KvStore
  readonly #author: Author
  readonly #clock: Clock
  #replica: Replica | undefined
  #log: Log | undefined

  readonly #pace: Pace

  private constructor(kv: KvStore, author: Author, clock: Clock, pace: Pace) {
    this.kv = kv
    this.#author = author
    this.#clock = clock
    this.#pace = pace
  }

  static async open(clock: Clock = systemClock, pace = PACE): Promise<TestReplica> {
    const test = new TestReplica(createMemoryStore(), newAuthor(crypto), clock, pace)
    await test.reopen()
    return test
  }

  get replica(): Replica {
    if (this.#replica === undefined) throw new TypeError('not open')
    return this.#replica
  }

  get left(): LeftEntries {
    if (this.replica.left === undefined) throw new TypeError('a blind replica')
    return this.replica.left
  }

  get log(): Log {
    if (this.#log === undefined) throw new TypeError('not open')
    return this.#log
  }

  get author(): AuthorId {
    return this.replica.identity.author.id
  }

  /** Reads everything back from the store. */
  async reopen(): Promise<void> {
    const { kv } = this
    this.#log = await Log.open({ kv, crypto, workspace: keys.id, packing: this.#pace })
    const identity = { author: this.#author, peerSeed: new Uint8Array(32), session: 1, clean: false, machine: 'test' }
    this.#replica = await Replica.open({ kv, log: this.#log, crypto, clock: this.#clock, keys, identity, name: 'test', pace: this.#pace })
  }

  /** The same author over a copy of the store as it is now, or of some of its tables. */
  async copy({ without = [], pace = this.#pace }: { without?: readonly string[]; pace?: Pace } = {}): Promise<TestReplica> {
    const copy = new TestReplica(createMemoryStore(), this.#author, this.#clock, pace)
    for (const table of TABLES) {
      if (without.includes(table)) continue
      await copy.kv.commit((await this.kv.scan(table)).map(([key, value]) => ({ table, key, value })))
    }
    await copy.reopen()
    return copy
  }

  /** Everything that a person sees, and what is void. */
  async show(): Promise<readonly string[]> {
    const { applier } = this.replica
    const lines: string[] = []
    for (const { path, type, content } of applier.tree.view.entries()) {
      lines.push(`${type} ${path}: ${content?.kind === 'text' ? (await this.replica.readText(content.doc)).text : ''}`)
    }
    const voids = await this.kv.scan('void')
    return [...lines.sort(), ...voids.map(([key]) => `void ${key}`)]
  }

  /** Of all rows, with their keys. */
  async bytes(): Promise<number> {
    let bytes = 0
    for (const table of TABLES) for (const [key, value] of await this.kv.scan(table)) bytes += key.length + value.length
    return bytes
  }

  /** All entries held, parents first. */
  async entries(): Promise<readonly Entry[]> {
    const entries: Entry[] = []
    for (const [author, heads] of this.log.vector) {
      for (const { hash, seq } of heads) {
        entries.push(...(await this.log.read({ author, head: hash, from: 0, to: seq, maxBytes: Infinity })))
      }
    }
    return [...new Map(entries.map((entry) => [entry.hash, entry])).values()]
  }
}

/** What an author may claim about an entry that it signs. */
export interface Claims {
  readonly deps?: readonly EntryHash[]
  /** The entry before it; by default the author's last one. */
  readonly after?: Entry
  readonly key?: Uint8Array
  readonly epoch?: number
  readonly time?: number
}

/** An admitted author that signs anything. */
export class LooseAuthor {
  readonly author = newAuthor(crypto)
  readonly entries: Entry[] = []

  get id(): AuthorId {
    return this.author.id
  }

  sign(changes: readonly Change[], claims: Claims = {}): Entry {
    return this.signBytes(encodeChanges(changes), claims)
  }

  signBytes(plain: Uint8Array, { deps = [], after = this.entries.at(-1), key, epoch = 0, time = 1 }: Claims = {}): Entry {
    const entry = sealEntry({
      crypto,
      signer: this.author.signer,
      epochKey: key ?? epochKey(crypto, keys.readKey, 0),
      workspace: keys.id,
      epoch,
      seq: after === undefined ? 0 : after.header.seq + 1,
      prev: after?.hash ?? null,
      deps,
      time,
      admission: after === undefined ? [issueCertificate(workspaceSigner(crypto, keys.writeKey), this.id, 'writer')] : null,
      plain
    })
    this.entries.push(entry)
    return entry
  }
}

export interface NewFile {
  readonly node: NodeId
  readonly doc: DocId
  readonly changes: readonly [TreeChange, SeedChange]
}

/** What creates a text file in the root. */
export function newFile(path: string, text: string, n = 0): NewFile {
  const contentHash = crypto.sha256(utf8(text))
  const node = fileId(crypto, path, contentHash, n)
  const doc = documentId(crypto, node, contentHash)
  const tree: TreeChange = {
    kind: 'tree',
    node,
    create: { type: 'file', path, contentHash },
    place: { value: { parent: ROOT_NODE, name: path }, replaces: [] },
    content: { value: { kind: 'text', doc }, replaces: [] },
    executable: { value: false, replaces: [] }
  }
  return { node, doc, changes: [tree, { kind: 'seed', doc, text }] }
}

/** Gives `entries` to `replica` one by one, those with a gap before them again later, until all are held. */
export async function deliver(replica: TestReplica, entries: readonly Entry[]): Promise<void> {
  let todo = entries
  while (todo.length > 0) {
    const left: Entry[] = []
    for (const entry of todo) {
      const { staged } = await replica.replica.receive([entry])
      if (staged.faults.length > 0) throw new Error(`an entry was refused: ${staged.faults[0]?.reason}`)
      if (staged.accepted.length + staged.duplicates === 0) left.push(entry)
    }
    if (left.length === todo.length) throw new Error('entries that never join')
    todo = left
  }
}
