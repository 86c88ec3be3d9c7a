/** Remembers answers of a pure function. Full, it begins anew: what is asked often is soon there again. */
export class Memo<Value> {
  readonly #limit: number
  readonly #known = new Map<string, Value>()

  constructor(limit: number) {
    this.#limit = limit
  }

  get(key: string, make: () => Value): Value {
    const known = this.#known.get(key)
    if (known !== undefined) return known
    const value = make()
    if (this.#known.size >= this.#limit) this.#known.clear()
    this.#known.set(key, value)
    return value
  }
}
