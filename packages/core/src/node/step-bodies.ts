import { MalformedError, StoreDamagedError } from '../base/errors.js'
import type { EntryHash } from '../base/ids.js'
import type { DocStep, TextDocument } from '../doc/text-document.js'
import type { Change } from '../log/change.js'
import { PrunedError } from '../log/pruned-rows.js'
import type { PrunedRows } from '../log/pruned-rows.js'
import { isDocumentChange } from './document-steps.js'
import type { Absorptions } from './absorptions.js'
import type { StepRow } from './step-row.js'
import { checkHere } from './sums.js'

/** What steps say: the changes in the bodies of their entries. */
export class StepBodies {
  readonly #changesOf: (entry: EntryHash) => Promise<readonly Change[]>
  readonly #pruned: Pick<PrunedRows, 'isEmpty' | 'holding'>

  constructor(changesOf: (entry: EntryHash) => Promise<readonly Change[]>, pruned: Pick<PrunedRows, 'isEmpty' | 'holding'>) {
    this.#changesOf = changesOf
    this.#pruned = pruned
  }

  /**
   * @param absorptions - By which ways the changes of absorbed documents are taken.
   * @throws {PrunedError} that names all that is not here.
   */
  async steps(rows: readonly StepRow[], absorptions: Absorptions): Promise<readonly DocStep[]> {
    await checkHere(this.#pruned, rows)
    const steps: DocStep[] = []
    for (const row of rows) steps.push(await this.#step(row, absorptions))
    return steps
  }

  /** The document with one more step; none where that is a step of another document whose entries are elsewhere. */
  async applied(document: TextDocument, row: StepRow, absorptions: Absorptions): Promise<TextDocument | undefined> {
    try {
      document.apply([await this.#step(row, absorptions)])
      return document
    } catch (error) {
      if (error instanceof PrunedError) return undefined
      throw error
    }
  }

  async #step({ author, origin, loser, entry, index }: StepRow, absorptions: Absorptions): Promise<DocStep> {
    const via = absorptions.wayOf(origin)
    if (loser !== undefined) return { author, via, change: { kind: 'absorbed', loser } }
    if (entry === undefined) throw new StoreDamagedError('the entry of a step is missing; the store is damaged')
    const change = (await this.#changesOf(entry))[index]
    if (change === undefined || !isDocumentChange(change)) throw new MalformedError('a step names a change of another kind')
    return { author, via, change }
  }
}
