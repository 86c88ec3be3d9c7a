import { lstatSync, readFileSync, readdirSync, renameSync, statfsSync } from 'node:fs'
import { systemClock } from '@collab/core'
import type { Clock } from '@collab/core'
import type { Anchor } from './anchor.js'
import { errorCode, openAnchor } from './anchor.js'
import { signatureOf } from './disk-fact.js'
import { syncAndClose, unlinkIfThere, writeNew } from './durable.js'
import type { HeldId, PurgeOptions, TrashItem } from './folder-fs.js'
import { CONTROL_DIRECTORY } from './rel-path.js'
import type { Signature } from './signature.js'

export const TRASH_DIRECTORY = 'trash'
export const TEMP_DIRECTORY = 'temp'

const DAY_MS = 24 * 60 * 60 * 1000
const MAX_AGE_MS = 30 * DAY_MS
const MAX_BYTES = 1024 ** 3

/** What is noted beside a displaced file. */
export interface TrashNote {
  /** Where it was. */
  readonly path: string
  readonly why: 'replaced' | 'removed' | 'moved'
  /** Where a moved file goes. */
  readonly to?: string
  /** How many names a moved file had: one more, and it may have the new name, wherever that is by now. */
  readonly links?: number
  /** Of a replaced file: the temporary name of what was to take its place. */
  readonly temp?: string
  /** Wall-clock milliseconds. */
  readonly at: number
  /** The state in which its content is known: any other state is news. */
  readonly seen: Signature
  /** It got news after it was moved aside. */
  readonly changed: boolean
  /** It stays for as long as removed files do: nothing else keeps what it held. */
  readonly keep?: boolean
}

/**
 * Displaced files, `.collab/trash/<id>`, each with its note. The note is the journal too: it is written before the
 * file is touched, as `<id>.open`, and becomes `<id>.json` when the operation is complete.
 */
export class Trash {
  readonly #root: string
  readonly #clock: Clock

  constructor(root: string, clock: Clock) {
    this.#root = root
    this.#clock = clock
  }

  /** The trash itself; a displaced file is the entry called by its id. */
  anchor(): Anchor {
    return openAnchor(this.#root, [CONTROL_DIRECTORY, TRASH_DIRECTORY])
  }

  newId(): HeldId {
    return `${this.#clock.now().toString(36)}-${crypto.randomUUID().slice(0, 13)}`
  }

  /** Resolves when the note is durable: from here a crash in the middle can be undone. */
  async begin(id: HeldId, note: TrashNote): Promise<void> {
    await syncAndClose(this.#write(`${id}.open`, note))
  }

  /** The operation is complete; that it was finished before is fine. */
  finish(id: HeldId): void {
    using trash = this.anchor()
    try {
      renameSync(trash.entry(`${id}.open`), trash.entry(`${id}.json`))
    } catch (error) {
      if (errorCode(error) !== 'ENOENT' || lstatSync(trash.entry(`${id}.json`), { throwIfNoEntry: false }) === undefined) throw error
    }
  }

  /** The operation did not happen, or left nothing behind. */
  abandon(id: HeldId): void {
    using trash = this.anchor()
    unlinkIfThere(trash.entry(`${id}.open`))
  }

  /** Writes a new note over the old one. */
  async renote(id: HeldId, note: TrashNote): Promise<void> {
    using trash = this.anchor()
    const temporary = `${id}.note`
    unlinkIfThere(trash.entry(temporary))
    await syncAndClose(this.#write(temporary, note))
    renameSync(trash.entry(temporary), trash.entry(`${id}.json`))
  }

  /** Deletes what a crash left of notes that were being written: nothing had been moved aside for them yet. */
  clearBroken(): void {
    using trash = this.anchor()
    const names = new Set(readdirSync(trash.at))
    for (const name of names) {
      const [, id = '', kind] = /^(.+)\.(open|json|note)$/.exec(name) ?? []
      if (kind === 'note' || (kind !== undefined && !names.has(id) && decodeNote(trash.entry(name)) === undefined)) unlinkIfThere(trash.entry(name))
    }
  }

  /** Deletes the file and its note. */
  drop(id: HeldId): void {
    using trash = this.anchor()
    for (const name of [id, `${id}.json`, `${id}.open`]) unlinkIfThere(trash.entry(name))
  }

  /** The present state of a displaced file; undefined when it is gone or no regular file. */
  stateOf(id: HeldId): Signature | undefined {
    using trash = this.anchor()
    const stats = lstatSync(trash.entry(id), { bigint: true, throwIfNoEntry: false })
    return stats?.isFile() === true ? signatureOf(stats) : undefined
  }

  /** Every note, with whether its operation is still open. Notes that cannot be read are left out. */
  notes(): { id: HeldId; open: boolean; note: TrashNote }[] {
    using trash = this.anchor()
    return readdirSync(trash.at).flatMap((name) => {
      const match = /^(.+)\.(open|json)$/.exec(name)
      const note = match === null ? undefined : decodeNote(trash.entry(name))
      return note === undefined ? [] : [{ id: match?.[1] ?? '', open: match?.[2] === 'open', note }]
    })
  }

  list(): TrashItem[] {
    const items: TrashItem[] = []
    for (const { id, open, note } of this.notes()) {
      const state = this.stateOf(id)
      if (open || state === undefined) continue
      items.push({ id, path: note.path, why: note.why === 'replaced' ? 'replaced' : 'removed', at: note.at, size: Number(state.size) })
    }
    return items.sort((a, b) => a.at - b.at)
  }

  /** Drops what is too old, then the oldest until the rest fits. Items in `held` stay. */
  purge(held: ReadonlySet<HeldId>, { maxAgeMs = MAX_AGE_MS, maxBytes = MAX_BYTES }: PurgeOptions = {}): { removed: number; keptBytes: number } {
    const items = this.list().filter((item) => !held.has(item.id))
    let keptBytes = items.reduce((sum, item) => sum + item.size, 0)
    const limit = Math.min(maxBytes, this.#half(keptBytes))
    let removed = 0
    for (const item of items) {
      if (this.#clock.now() - item.at <= maxAgeMs && keptBytes <= limit) continue
      this.drop(item.id)
      keptBytes -= item.size
      removed++
    }
    return { removed, keptBytes }
  }

  /** Half of what would be free without the trash. */
  #half(trashBytes: number): number {
    const { bavail, bsize } = statfsSync(this.#root)
    return (bavail * bsize + trashBytes) / 2
  }

  #write(name: string, note: TrashNote): number {
    using trash = this.anchor()
    return writeNew(trash.entry(name), Buffer.from(encodeNote(note)))
  }
}

/** What lies in the trash of the folder at `root`, oldest first; nothing where there is none. */
export function readTrash(root: string): readonly TrashItem[] {
  try {
    return new Trash(root, systemClock).list()
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return []
    throw error
  }
}

function encodeNote({ seen, ...rest }: TrashNote): string {
  const { ino, size, mtimeNs, ctimeNs } = seen
  return JSON.stringify({ version: 1, ...rest, seen: [ino, size, mtimeNs, ctimeNs].map(String) })
}

function decodeNote(address: string): TrashNote | undefined {
  try {
    const value = JSON.parse(readFileSync(address, 'utf8')) as { seen: string[] } & Omit<TrashNote, 'seen'>
    const [ino = 0n, size = 0n, mtimeNs = 0n, ctimeNs = 0n] = value.seen.map(BigInt)
    return { ...value, seen: { ino, size, mtimeNs, ctimeNs } }
  } catch {
    return undefined
  }
}
