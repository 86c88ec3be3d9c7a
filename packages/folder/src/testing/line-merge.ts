/** A document of unique lines in no order, merged as the deciding side does: against the base that fits best. */
export class LineDocument {
  readonly lines = new Set<string>()
  #ring: (readonly string[])[] = []

  text(): string {
    return `${[...this.lines].join('\n')}\n`
  }

  /** What was on the disk at each of the last writes. */
  get bases(): readonly (readonly string[])[] {
    return this.#ring
  }

  wrote(): void {
    this.#ring = [[...this.lines], ...this.#ring].slice(0, 16)
  }

  /** Takes in `text`, as an edit of whichever of `bases` costs least. */
  ingest(text: string, bases: readonly (readonly string[])[]): void {
    const found = new Set(linesOf(text))
    const cost = (base: readonly string[]): number => {
      const kept = base.filter((line) => found.has(line)).length
      return base.length - kept + (found.size - kept)
    }
    let best: readonly string[] = bases[0] ?? []
    for (const base of bases) if (cost(base) < cost(best)) best = base
    const before = new Set(best)
    for (const line of best) if (!found.has(line)) this.lines.delete(line)
    for (const line of found) if (!before.has(line)) this.lines.add(line)
  }

  /** A reading of the path itself: what the disk holds is the one base from here. */
  ingestPath(text: string, gap: boolean): void {
    this.ingest(text, gap ? [...this.#ring, []] : this.#ring)
    this.#ring = [linesOf(text)]
  }
}

function linesOf(text: string): string[] {
  return text.split('\n').filter((line) => line !== '')
}
