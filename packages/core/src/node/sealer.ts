import type { Clock } from '../base/clock.js'
import type { Crypto } from '../base/crypto.js'
import { NotPermittedError } from '../base/errors.js'
import type { AuthorId, EntryHash, NodeId } from '../base/ids.js'
import { MAX_DEPS } from '../base/limits.js'
import { issueCertificate } from '../keys/certificate.js'
import { workspaceSigner } from '../keys/workspace-keys.js'
import type { WorkspaceKeys } from '../keys/workspace-keys.js'
import { encodeChanges } from '../log/change.js'
import type { Change } from '../log/change.js'
import { sealEntry } from '../log/entry.js'
import type { Entry } from '../log/entry.js'
import type { Log } from '../log/log.js'
import type { Applier } from './applier.js'
import type { BodyReader } from './body-reader.js'
import { blobsOf, groupUnits } from './entry-groups.js'
import type { Author } from './identity.js'

export interface SealerInit {
  readonly crypto: Crypto
  readonly clock: Clock
  readonly keys: WorkspaceKeys
  readonly log: Log
  readonly applier: Applier
  readonly bodies: BodyReader
  /** What this author calls itself. */
  readonly name: string
}

/** Writes changes down as the next entries of an author's log, on top of everything that is applied here. */
export class Sealer {
  readonly #init: SealerInit

  constructor(init: SealerInit) {
    this.#init = init
  }

  /**
   * Seals `units` (each kept within one entry) into as few entries as fit.
   *
   * @throws {NotPermittedError} without write rights.
   */
  async seal(author: Author, units: readonly (readonly Change[])[]): Promise<readonly Entry[]> {
    const entries: Entry[] = []
    const deps = await this.#deps(author.id)
    const { tree } = this.#init.applier
    const isDirectory = (node: NodeId): boolean => tree.typeOf(node) === 'directory'
    for (const changes of groupUnits(units, isDirectory)) entries.push(this.#seal(author, changes, entries.at(-1), entries.length === 0 ? deps : []))
    return entries
  }

  #seal(author: Author, changes: readonly Change[], before: Entry | undefined, deps: readonly EntryHash[]): Entry {
    const { crypto, clock, keys, bodies } = this.#init
    if (keys.rights !== 'write') throw new NotPermittedError('this link can read but not write; ask for a write link')
    const head = before === undefined ? this.#head(author.id) : { seq: before.header.seq, hash: before.hash }
    const all = head === undefined ? [this.#memberChange(author), ...changes] : changes
    const entry = sealEntry({
      crypto,
      signer: author.signer,
      epochKey: bodies.epochKey(0),
      workspace: keys.id,
      epoch: 0,
      seq: head === undefined ? 0 : head.seq + 1,
      prev: head?.hash ?? null,
      deps,
      time: clock.now(),
      admission: head === undefined ? [issueCertificate(workspaceSigner(crypto, keys.writeKey), author.id, 'writer')] : null,
      blobs: blobsOf(all),
      plain: encodeChanges(all)
    })
    bodies.remember(entry, all)
    return entry
  }

  #head(author: AuthorId): { readonly seq: number; readonly hash: EntryHash } | undefined {
    return this.#init.log.vector.get(author)?.[0]
  }

  #memberChange(author: Author): Change {
    const { crypto, name } = this.#init
    const exchangeKey = crypto.exchangePublicKey(crypto.hkdf(author.seed, new Uint8Array(0), 'collab/1 exchange key', 32))
    return { kind: 'member', author: author.id, exchangeKey, role: 'writer', name }
  }

  /** Heads of the other authors' applied logs that the own log does not yet stand on. */
  async #deps(self: AuthorId): Promise<readonly EntryHash[]> {
    const { applier } = this.#init
    const head = this.#head(self)
    const past = head === undefined ? undefined : await applier.past(head.hash)
    const deps: EntryHash[] = []
    for (const [entry, { author, seq }] of applier.frontier) {
      if (author === self || deps.length >= MAX_DEPS) continue
      if (past === undefined || !(await applier.isInPast(past, { author, seq, entry }))) deps.push(entry)
    }
    return deps
  }
}
