import { fromUtf8, utf8 } from '../base/bytes.js'
import { parseAuthorId, parseEntryHash, parseWorkspaceId, type AuthorId, type EntryHash } from '../base/ids.js'
import type { Entry } from '../log/entry.js'
import type { Head, VersionVector } from '../log/version-vector.js'
import type { EntryDecoder } from './message.js'

/** Toy entries and logs for the tests of this folder: real types, no cryptography. */

const WORKSPACE = parseWorkspaceId('ee'.repeat(32))
const NO_BYTES = new Uint8Array(32)

/** 53 well-mixed bits of a text (cyrb53). */
function mix(text: string, seed: number): number {
  let a = 0xdeadbeef ^ seed
  let b = 0x41c6ce57 ^ seed
  for (let i = 0; i < text.length; i++) {
    a = Math.imul(a ^ text.charCodeAt(i), 2654435761)
    b = Math.imul(b ^ text.charCodeAt(i), 1597334677)
  }
  a = Math.imul(a ^ (a >>> 16), 2246822507) ^ Math.imul(b ^ (b >>> 13), 3266489909)
  b = Math.imul(b ^ (b >>> 16), 2246822507) ^ Math.imul(a ^ (a >>> 13), 3266489909)
  return 4294967296 * (2097151 & b) + (a >>> 0)
}

export const toyHash = (text: string): EntryHash =>
  parseEntryHash((mix(text, 1).toString(16).padStart(14, '0') + mix(text, 2).toString(16).padStart(14, '0')).padEnd(64, '0'))

export const toyAuthor = (index: number): AuthorId => parseAuthorId(index.toString(16).padStart(64, '0'))

export interface ToyEntry {
  readonly author: AuthorId
  readonly seq: number
  readonly prev: EntryHash | null
  /** Tells branches apart. */
  readonly branch: string
  readonly bytes: number
  /** Fails the engine's checks. */
  readonly bad?: boolean
}

export function toyEntry({ author, seq, prev, branch, bytes, bad = false }: ToyEntry): Entry {
  const headerBytes = utf8(JSON.stringify([author, seq, prev, branch, bytes, bad]))
  const hash = toyHash(`${author}.${seq}.${prev ?? ''}.${branch}.${bad}`)
  const fixed = { version: 1, workspace: WORKSPACE, epoch: 0, deps: [], time: 0, salt: NO_BYTES, bodyHash: NO_BYTES, admission: null, blobs: [] } as const
  const header = { ...fixed, author, seq, prev, bodyLength: bytes }
  return { hash, header, headerBytes, signature: new Uint8Array(64).fill(bad ? 1 : 0), body: new Uint8Array(bytes) }
}

export const decodeToyEntry: EntryDecoder = ({ headerBytes, signature, body }) => {
  const [author, seq, prev, branch] = JSON.parse(fromUtf8(headerBytes)) as [AuthorId, number, EntryHash | null, string]
  return toyEntry({ author, seq, prev, branch, bytes: body.length, bad: signature[0] === 1 })
}

/** Entries `0`..`count - 1` of an author. */
export function toyRun(author: AuthorId, count: number, bytes = 100, branch = ''): Entry[] {
  const out: Entry[] = []
  for (let seq = 0; seq < count; seq++) out.push(toyEntry({ author, seq, prev: out.at(-1)?.hash ?? null, branch, bytes }))
  return out
}

export const headOf = (entry: Entry): Head => ({ floor: 0, seq: entry.header.seq, hash: entry.hash })

/** Entries in memory, forks included. */
export class ToyLog {
  readonly #entries = new Map<EntryHash, Entry>()
  readonly #heads = new Map<AuthorId, readonly Head[]>()
  #digest: string | undefined

  get size(): number {
    return this.#entries.size
  }

  get vector(): VersionVector {
    return this.#heads
  }

  get digest(): string {
    if (this.#digest !== undefined) return this.#digest
    const lines = [...this.#heads].map(([author, heads]) => `${author}:${heads.map(({ seq, hash }) => `${seq}.${hash}`).join()}`)
    this.#digest = toyHash(lines.sort().join('\n')).slice(0, 32)
    return this.#digest
  }

  has(hash: EntryHash): boolean {
    return this.#entries.has(hash)
  }

  /** False for one that is held or has no place yet. */
  add(entry: Entry): boolean {
    const { author, prev } = entry.header
    if (this.has(entry.hash) || (prev !== null && !this.has(prev))) return false
    this.#entries.set(entry.hash, entry)
    this.#digest = undefined
    const others = (this.#heads.get(author) ?? []).filter(({ hash }) => hash !== prev)
    this.#heads.set(author, [...others, headOf(entry)].sort((a, b) => (a.hash < b.hash ? -1 : 1)))
    return true
  }

  /** The run `from`..`to` of the branch that ends in `head`; none when that is not held. */
  run(head: EntryHash, from: number, to: number): readonly Entry[] {
    const out: Entry[] = []
    let entry = this.#entries.get(head)
    while (entry !== undefined && entry.header.seq >= from) {
      if (entry.header.seq <= to) out.push(entry)
      entry = entry.header.prev === null ? undefined : this.#entries.get(entry.header.prev)
    }
    return out.reverse()
  }
}
