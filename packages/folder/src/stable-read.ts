import type { BigIntStats } from 'node:fs'
import { closeSync, constants, fstatSync, lstatSync, openSync, readSync } from 'node:fs'
import type { Clock } from '@collab/core'
import { MAX_TEXT_BYTES } from '@collab/core'
import { diskReason, errorCode, openAnchor } from './anchor.js'
import { factOf, isExecutable, lookAtPath, signatureOf } from './disk-fact.js'
import type { LastContent, ReadOptions, ReadResult } from './folder-fs.js'
import { quietMs } from './quiet.js'
import type { QuietInput } from './quiet.js'
import type { RelPath } from './rel-path.js'
import { nameOf } from './rel-path.js'
import type { Signature } from './signature.js'
import { equalSignature } from './signature.js'
import type { Spelling } from './spelling.js'
import { hashBytes } from './text-content.js'

/** A FIFO opens at once and a symlink not at all. */
const OPEN_FLAGS = constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0)
/** When the file changed during the read itself. */
const RETRY_MS = 5
const LONGEST_RETRY_MS = 250

/** A path that is being watched until it comes to rest. */
interface Unrest {
  signature: Signature
  /** Monotonic: when this signature was first seen. */
  seenAt: number
  /** Monotonic: when the first unstable reading was. */
  readonly since: number
  /** It came to rest, and only having watched it says so: the file's own times do not. */
  rested: boolean
}

/** Reads files so that a half-finished save is never taken for a whole one. */
export class StableReader {
  readonly #root: string
  readonly #spelling: Spelling
  readonly #clock: Clock
  readonly #unrest = new Map<RelPath, Unrest>()

  constructor(root: string, spelling: Spelling, clock: Clock) {
    this.#root = root
    this.#spelling = spelling
    this.#clock = clock
  }

  async read(path: RelPath, options: ReadOptions = {}): Promise<ReadResult> {
    const names = this.#spelling.names(path)
    const name = names.pop() ?? ''
    const snapshot = this.#snapshot(names, name, options.maxBytes ?? MAX_TEXT_BYTES)
    if (snapshot.kind === 'failed') return this.#rest(path, this.#withoutContent(path, snapshot.error))
    if (snapshot.kind === 'special') return this.#rest(path, snapshot.result)
    if (snapshot.kind === 'moving') return { kind: 'unstable', retryAfterMs: RETRY_MS }
    const { stats, bytes } = snapshot
    if (options.last?.hash !== undefined && hashBytes(bytes) === options.last.hash) return this.#rest(path, stable(stats, bytes))
    return this.#judge(path, stats, bytes, options.last && { ino: options.last.signature?.ino, bytes: await contentBytes(options.last) })
  }

  #snapshot(parents: readonly string[], name: string, maxBytes: number): Snapshot {
    try {
      using parent = openAnchor(this.#root, parents)
      return readEntry(parent.entry(name), maxBytes)
    } catch (error) {
      return { kind: 'failed', error }
    }
  }

  #judge(path: RelPath, stats: BigIntStats, bytes: Uint8Array, last: QuietInput['last']): ReadResult {
    const signature = signatureOf(stats)
    const unrest = this.#unrestOf(path, signature)
    const now = this.#clock.monotonic()
    const quiet = quietMs({
      last,
      now: { ino: stats.ino, bytes, finished: stats.ctimeNs > stats.mtimeNs },
      name: nameOf(path),
      waitedMs: now - unrest.since
    })
    const age = this.#age(signature)
    const left = quiet - Math.max(age, now - unrest.seenAt)
    if (left > 0) return { kind: 'unstable', retryAfterMs: Math.min(Math.ceil(left), LONGEST_RETRY_MS) }
    if (age >= quiet) return this.#rest(path, stable(stats, bytes))
    // Who reads next need not wait again: two parts that each began anew would wait for each other for ever.
    unrest.rested = true
    return stable(stats, bytes)
  }

  /** Milliseconds since anything happened to the file, by the wall clock; a file from the future has none. */
  #age(signature: Signature): number {
    const touched = signature.mtimeNs > signature.ctimeNs ? signature.mtimeNs : signature.ctimeNs
    return this.#clock.now() - Number(touched / 1000n) / 1000
  }

  #unrestOf(path: RelPath, signature: Signature): Unrest {
    const now = this.#clock.monotonic()
    const known = this.#unrest.get(path)
    const isSame = known !== undefined && equalSignature(known.signature, signature)
    if (known === undefined || (known.rested && !isSame)) {
      const fresh = { signature, seenAt: now, since: now, rested: false }
      this.#unrest.set(path, fresh)
      return fresh
    }
    if (!isSame) {
      known.signature = signature
      known.seenAt = now
    }
    return known
  }

  #rest(path: RelPath, result: ReadResult): ReadResult {
    this.#unrest.delete(path)
    return result
  }

  #withoutContent(path: RelPath, error: unknown): ReadResult {
    const fact = lookAtPath(this.#root, path, this.#spelling)
    if (fact.kind === 'absent') return { kind: 'absent' }
    if (fact.kind === 'directory') return { kind: 'other', what: 'directory' }
    if (fact.kind === 'other') return fact
    if (fact.kind === 'file' && errorCode(error) === 'ENOENT') return { kind: 'unstable', retryAfterMs: RETRY_MS }
    return { kind: 'unreadable', reason: diskReason(error) }
  }
}

type Snapshot =
  | { readonly kind: 'whole'; readonly stats: BigIntStats; readonly bytes: Uint8Array }
  | { readonly kind: 'moving' }
  | { readonly kind: 'special'; readonly result: ReadResult }
  | { readonly kind: 'failed'; readonly error: unknown }

/** The bytes of the file at an address, with its state before, after and by name all the same. */
export function readEntry(address: string, maxBytes: number): Snapshot {
  const fd = openSync(address, OPEN_FLAGS)
  try {
    const before = fstatSync(fd, { bigint: true })
    const special = specialResult(before, maxBytes)
    if (special !== undefined) return { kind: 'special', result: special }
    const bytes = readUpTo(fd, Number(before.size) + 1)
    const after = fstatSync(fd, { bigint: true })
    const named = lstatSync(address, { bigint: true, throwIfNoEntry: false })
    if (named === undefined || bytes.length !== Number(after.size)) return { kind: 'moving' }
    const state = signatureOf(before)
    const same = equalSignature(state, signatureOf(after)) && equalSignature(state, signatureOf(named))
    return same ? { kind: 'whole', stats: after, bytes } : { kind: 'moving' }
  } finally {
    closeSync(fd)
  }
}

function specialResult(stats: BigIntStats, maxBytes: number): ReadResult | undefined {
  const fact = factOf(stats)
  if (fact.kind === 'directory') return { kind: 'other', what: 'directory' }
  if (fact.kind === 'other') return fact
  if (stats.size <= BigInt(maxBytes)) return undefined
  return { kind: 'too-large', signature: signatureOf(stats), size: Number(stats.size), executable: isExecutable(stats) }
}

function readUpTo(fd: number, length: number): Uint8Array {
  const buffer = new Uint8Array(length)
  let filled = 0
  while (filled < length) {
    const count = readSync(fd, buffer, filled, length - filled, filled)
    if (count === 0) break
    filled += count
  }
  return buffer.subarray(0, filled)
}

function stable(stats: BigIntStats, bytes: Uint8Array): ReadResult {
  return { kind: 'stable', bytes, signature: signatureOf(stats), executable: isExecutable(stats) }
}

async function contentBytes({ content }: LastContent): Promise<Uint8Array> {
  const known = typeof content === 'function' ? await content() : content
  return typeof known === 'string' ? Buffer.from(known, 'utf8') : known
}
