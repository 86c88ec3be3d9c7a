import * as Y from 'yjs'
import { utf8 } from '../base/bytes.js'
import type { Crypto } from '../base/crypto.js'
import { assertNever } from '../base/errors.js'
import type { AuthorId, DocId } from '../base/ids.js'
import type { TextEdit } from '../base/text-diff.js'
import type { AppChange, DerivedChange, ImportChange, SeedChange, UpdateChange } from '../log/change.js'
import { authorClient, NO_CLIENT } from './client-id.js'
import { sealDerived } from './derived.js'
import { seedUpdate } from './seed.js'
import type { SharedUnits } from './shared-units.js'
import { makeEdits } from './text-edit.js'
import { Translations } from './translations.js'
import type { SeedLookup } from './translations.js'
import { encodeUpdate, TEXT_ROOT } from './update-codec.js'

/** The first text of `loser` joins that of the document named by the next of `via`, or of the document itself. */
export interface AbsorbedStep {
  readonly kind: 'absorbed'
  readonly loser: DocId
}

/** One thing that happened to a document: to itself, or to one that it absorbed. */
export interface DocStep {
  readonly author: AuthorId
  /** [] for an own change, [L] for a change of an absorbed L, [L2, L] for one of an L2 that L absorbed: innermost first. */
  readonly via: readonly DocId[]
  readonly change: SeedChange | UpdateChange | DerivedChange | ImportChange | AppChange | AbsorbedStep
}

/**
 * The V1 update that `step` means for `doc`; undefined where it means nothing (the seed of an absorbed document,
 * whose lines the merge brings).
 *
 * @param translations - Kept by a caller with many steps, so that each merge is computed once.
 * @throws {MalformedError} when a translated update does not follow the format: the gate lets none through.
 */
export function stepUpdate(
  crypto: Crypto,
  doc: DocId,
  step: DocStep,
  seeds: SeedLookup,
  translations = new Translations(crypto, seeds)
): Uint8Array | undefined {
  const origin = step.via[0] ?? doc
  if (step.change.kind === 'seed' && step.via.length > 0 && step.change.text === seeds(origin)) return undefined
  let update = originalUpdate(crypto, origin, step.change, translations)
  for (const [i, loser] of step.via.entries()) update = translations.between(step.via[i + 1] ?? doc, loser).translate(update)
  return update
}

/** What a change means for the very document that it was made on. */
function originalUpdate(crypto: Crypto, doc: DocId, change: DocStep['change'], translations: Translations): Uint8Array {
  switch (change.kind) {
    case 'seed':
      return seedUpdate(crypto, doc, change.text)
    case 'absorbed':
      return translations.between(doc, change.loser).mergeUpdate()
    case 'update':
    case 'derived':
    case 'import':
    case 'app':
      return change.update
    default:
      return assertNever(change)
  }
}

export interface TextDocumentInit {
  readonly crypto: Crypto
  readonly doc: DocId
  readonly seeds: SeedLookup
  /** Documents came into it by several ways. */
  readonly shared?: SharedUnits | undefined
}

/** A text document in memory: the sum of its steps. */
export class TextDocument {
  readonly #crypto: Crypto
  readonly #doc: DocId
  readonly #seeds: SeedLookup
  readonly #translations: Translations
  readonly #shared: SharedUnits | undefined
  readonly #y: Y.Doc
  readonly #content: Y.Text

  constructor(init: TextDocumentInit) {
    this.#crypto = init.crypto
    this.#doc = init.doc
    this.#seeds = init.seeds
    this.#translations = new Translations(init.crypto, init.seeds)
    this.#shared = init.shared
    this.#y = emptyDoc(init.doc)
    this.#content = this.#y.getText(TEXT_ROOT)
  }

  /** The document that `encode` wrote. */
  static load(init: TextDocumentInit, encoded: Uint8Array): TextDocument {
    const document = new TextDocument(init)
    Y.applyUpdate(document.#y, encoded)
    return document
  }

  /** Applies steps that passed the gate, in one transaction. A step that is known already changes nothing. */
  apply(steps: readonly DocStep[]): void {
    const updates = steps
      .map((step) => stepUpdate(this.#crypto, this.#doc, step, this.#seeds, this.#translations))
      .map((update) => (update === undefined ? undefined : (this.#shared?.rewrite(update) ?? update)))
    this.#y.transact(() => {
      for (const update of updates) if (update !== undefined) Y.applyUpdate(this.#y, update)
    })
  }

  get text(): string {
    return this.#content.toJSON()
  }

  /** How many items the document is made of: what it costs in memory, at some 250 bytes each. */
  get items(): number {
    let items = 0
    for (const structs of this.#y.store.clients.values()) items += structs.length
    return items
  }

  /** The number of units of `client` held here, from clock 0 on. */
  clockOf(client: number): number {
    return Y.getState(this.#y.store, client)
  }

  /** 32 bytes over which units exist, which are deleted, and the text: equal states have equal digests. */
  digest(): Uint8Array {
    const snapshot = Y.encodeSnapshot(Y.snapshot(this.#y))
    return this.#crypto.sha256(this.#crypto.sha256(utf8('collab/1 document')), this.#crypto.sha256(snapshot), utf8(this.text))
  }

  /** Something that was applied waits for something that was not: never on steps that passed the gate. */
  get pending(): boolean {
    return this.#y.store.pendingStructs !== null || this.#y.store.pendingDs !== null
  }

  /** The whole state as one V1 update. */
  encode(): Uint8Array {
    return Y.encodeStateAsUpdate(this.#y)
  }

  /**
   * Makes `edits` here and returns them as a change of `author`; `nonce` picks the client, which nobody else may
   * be using. Without any edit the update is an empty one.
   *
   * @throws {RangeError} when the edits are not sorted, overlap, reach beyond the text or break a surrogate pair.
   */
  edit(edits: readonly TextEdit[], author: AuthorId, nonce: number): UpdateChange {
    const update = editAs(this.#y, authorClient(this.#crypto, author, this.#doc, nonce), edits)
    return { kind: 'update', doc: this.#doc, nonce, update }
  }

  /**
   * Makes `edits` here as a machine change: whoever makes the same edits on the same state gets the same change.
   *
   * @param twin - Made of the same steps, and of no use after this; needed where documents came in by several ways.
   * @throws {RangeError} as `edit` does.
   */
  editDerived(edits: readonly TextEdit[], twin = this.#copy()): DerivedChange {
    const base = this.digest()
    const update = sealDerived(this.#crypto, this.#doc, base, editAs(twin.#y, NO_CLIENT, edits), NO_CLIENT)
    Y.applyUpdate(this.#y, update)
    return { kind: 'derived', doc: this.#doc, base, update }
  }

  /** What the sum of the steps says, in an order of Yjs' own: where neighbours don't stand in their order, another text. */
  #copy(): TextDocument {
    return TextDocument.load({ crypto: this.#crypto, doc: this.#doc, seeds: this.#seeds }, this.encode())
  }
}

/** An explicit guid, because drawing a random one costs ten times as much as the rest. */
function emptyDoc(doc: DocId): Y.Doc {
  const y = new Y.Doc({ guid: doc, gc: true })
  y.clientID = NO_CLIENT
  // Yjs would tidy up formats that it is shown, each peer for itself: what is kept here is what was written.
  y.on('afterTransaction', (transaction) => {
    transaction._needFormattingCleanup = false
  })
  return y
}

/** Edits under `client`, which the document carries for this one transaction only: Yjs takes it for stolen otherwise. */
function editAs(y: Y.Doc, client: number, edits: readonly TextEdit[]): Uint8Array {
  let update = encodeUpdate({ structs: [], deletes: [] })
  const take = (bytes: Uint8Array) => {
    update = bytes
  }
  y.on('update', take)
  y.clientID = client
  try {
    y.transact(() => makeEdits(y.getText(TEXT_ROOT), edits))
  } finally {
    y.clientID = NO_CLIENT
    y.off('update', take)
  }
  return update
}
