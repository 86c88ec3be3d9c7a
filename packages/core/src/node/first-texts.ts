import { compareBytes, equalBytes, utf8 } from '../base/bytes.js'
import type { Crypto } from '../base/crypto.js'
import type { AuthorId, DocId, NodeId, OpId } from '../base/ids.js'
import { documentId } from '../doc/node-id.js'
import type { AbsorbChange, Change, SeedChange, TreeChange } from '../log/change.js'
import type { Cause } from './past.js'

/** The text document that a file began with, and one operation that says so. */
interface FirstText {
  readonly doc: DocId
  readonly contentHash: Uint8Array
  readonly cause: Cause
}

/** An operation's id begins with this many characters of its entry's hash. */
const HASH_PREFIX = 32

/**
 * The documents that text files began with. A document's id is derived from its file and its first text, and the
 * creation stands right before the text, in one entry: so no second first text fits a document, and none comes
 * later.
 */
export class FirstTexts {
  readonly #crypto: Crypto
  /** In order of their content hashes: who looks for the first of them has it at once, however many there are. */
  readonly #known = new Map<NodeId, FirstText[]>()
  readonly #hashes = new WeakMap<SeedChange, Uint8Array>()

  constructor(crypto: Crypto) {
    this.#crypto = crypto
  }

  /** Whether `seed` is the first text that the change right before it announces. */
  fits(before: Change | undefined, seed: SeedChange): boolean {
    if (before?.kind !== 'tree' || before.content?.value.kind !== 'text' || before.content.value.doc !== seed.doc) return false
    return documentId(this.#crypto, before.node, this.#hashOf(seed)) === seed.doc
  }

  /** Whether `change` creates a text file, and what follows it is not its first text. */
  isMissing(change: TreeChange, next: Change | undefined): boolean {
    if (change.create?.contentHash == null || change.content?.value.kind !== 'text') return false
    if (next?.kind !== 'seed' || !this.fits(change, next)) return true
    return !equalBytes(this.#hashOf(next), change.create.contentHash)
  }

  /** SHA-256 of a first text, which is asked for more than once. */
  #hashOf(seed: SeedChange): Uint8Array {
    const known = this.#hashes.get(seed)
    if (known !== undefined) return known
    const hash = this.#crypto.sha256(utf8(seed.text))
    this.#hashes.set(seed, hash)
    return hash
  }

  note(op: OpId, author: AuthorId, seq: number, change: TreeChange | AbsorbChange): void {
    if (change.kind !== 'tree' || change.create?.contentHash == null || change.content?.value.kind !== 'text') return
    const known = this.#known.get(change.node) ?? []
    this.#known.set(change.node, known)
    const cause = { author, seq, entry: op.slice(0, HASH_PREFIX) }
    const { contentHash } = change.create
    known.splice(firstBehind(known, contentHash), 0, { doc: change.content.value.doc, contentHash, cause })
  }

  /** The documents that `node` may have begun with. */
  docsOf(node: NodeId): readonly DocId[] {
    return (this.#known.get(node) ?? []).map(({ doc }) => doc)
  }

  /**
   * The documents that an absorb operation means, from what its causal past holds; or why it is void. The winner
   * comes first in the order of files, so documents can never absorb each other in a circle.
   */
  async pairOf(change: AbsorbChange, includes: (cause: Cause) => Promise<boolean>): Promise<{ winner: DocId; loser: DocId } | string> {
    const winner = await this.#firstOf(change.winner, includes)
    const loser = await this.#firstOf(change.loser, includes)
    if (winner === undefined || loser === undefined) return 'a merge of something that is no text file'
    const order = compareBytes(winner.contentHash, loser.contentHash)
    if (order > 0 || (order === 0 && change.winner >= change.loser)) return 'a merge in the wrong order'
    return { winner: winner.doc, loser: loser.doc }
  }

  async #firstOf(node: NodeId, includes: (cause: Cause) => Promise<boolean>): Promise<FirstText | undefined> {
    for (const text of this.#known.get(node) ?? []) if (await includes(text.cause)) return text
    return undefined
  }
}

/** Where in `known` the first one with a greater content hash is. */
function firstBehind(known: readonly FirstText[], contentHash: Uint8Array): number {
  let [low, high] = [0, known.length]
  while (low < high) {
    const middle = (low + high) >> 1
    const text = known[middle]
    if (text !== undefined && compareBytes(text.contentHash, contentHash) <= 0) low = middle + 1
    else high = middle
  }
  return low
}
