const TOKEN = /tok_\d+_[a-z0-9]+_/g

/**
 * What must be in the files at the end. Every line that is written holds a token of its own, which nothing else is made
 * of: lines of two people may end up as one, but a token may be missing only when somebody who saw it removed it, and
 * may never be there twice.
 */
export class TokenModel {
  readonly #tokens = new Map<string, 'kept' | 'removable'>()

  /** A new line's token. */
  write(word: string): string {
    const token = `tok_${this.#tokens.size}_${word}_`
    this.#tokens.set(token, 'kept')
    return token
  }

  removed(text: string): void {
    for (const token of tokensIn(text)) this.#tokens.set(token, 'removable')
  }

  /** What is wrong with `files` (path -> text), one sentence each. */
  faults(files: ReadonlyMap<string, string>): readonly string[] {
    const places = new Map<string, string[]>()
    for (const [path, text] of files) for (const token of tokensIn(text)) places.set(token, [...(places.get(token) ?? []), path])
    return [...this.#tokens].flatMap(([token, state]) => {
      const found = places.get(token) ?? []
      if (found.length === 0 && state === 'kept') return [`lost: ${token}`]
      return found.length > 1 ? [`doubled: ${token} in ${found.join(', ')}`] : []
    })
  }
}

export function tokensIn(text: string): readonly string[] {
  return text.match(TOKEN) ?? []
}
