import { isCurrent } from '@collab/core'
import type { DocVersion, NodeId } from '@collab/core'

/** The files whose document may differ from their base. */
export class StaleTexts {
  /** How many changes the document has, as far as that was told. */
  readonly #marks = new Map<NodeId, number>()

  has(node: NodeId): boolean {
    return this.#marks.has(node)
  }

  nodes(): Iterable<NodeId> {
    return this.#marks.keys()
  }

  /** @param changes how many changes the document has; without it only comparing the texts takes the mark away */
  mark(node: NodeId, changes = Infinity): void {
    this.#marks.set(node, Math.max(changes, this.#marks.get(node) ?? 0))
  }

  /** The document is about to be read. */
  unmark(node: NodeId): void {
    this.#marks.delete(node)
  }

  /** The base is what the document was at `version`; what came after that keeps the mark. */
  settle(node: NodeId, version: DocVersion): void {
    const changes = this.#marks.get(node)
    if (changes !== undefined && isCurrent(version, changes)) this.#marks.delete(node)
  }

  clear(): void {
    this.#marks.clear()
  }
}
