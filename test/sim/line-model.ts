import type { SimPeer } from '../harness/sim-peer.js'

/**
 * What must be in the files at the end. Every line that the simulation writes is unique. A line may be missing only
 * when some peer that held it removed it, or deleted a file that showed it; it may never be there twice.
 */
export class LineModel {
  readonly #lines = new Map<string, 'kept' | 'removable'>()

  get size(): number {
    return this.#lines.size
  }

  wrote(line: string): void {
    this.#lines.set(line, 'kept')
  }

  removed(text: string): void {
    for (const line of linesOf(text)) if (this.#lines.has(line)) this.#lines.set(line, 'removable')
  }

  /** What is wrong with `files` (path -> text), one sentence each. */
  faults(files: ReadonlyMap<string, string>): readonly string[] {
    const places = new Map<string, string[]>()
    for (const [path, text] of files) {
      for (const line of linesOf(text)) places.set(line, [...(places.get(line) ?? []), path])
    }
    const faults: string[] = []
    for (const [line, state] of this.#lines) {
      const found = places.get(line) ?? []
      if (found.length === 0 && state === 'kept') faults.push(`lost: ${JSON.stringify(line)}`)
      if (found.length > 1) faults.push(`doubled: ${JSON.stringify(line)} in ${found.join(', ')}`)
    }
    return faults
  }
}

/** Lines with their ends. */
export function linesOf(text: string): readonly string[] {
  return text === '' ? [] : text.split(/(?<=\n)/)
}

/** All text shown at `path` and below it. */
export async function textBelow(peer: SimPeer, path: string): Promise<string> {
  const files = await peer.files()
  return [...files].filter(([at]) => at === path || at.startsWith(`${path}/`)).map(([, text]) => text).join('')
}
