interface Closable {
  readonly fd: number
  close(): void
}

/**
 * An open file that a thread reads and writes by its descriptor. It is closed once nobody uses it any more: the number of
 * a closed one may stand for another file at once, and what was meant for this one would be written there.
 */
export class SharedFile<File extends Closable> {
  readonly #file: File
  #uses = 0
  #closed = false

  constructor(file: File) {
    this.#file = file
  }

  /** @throws {Error} when it was closed. */
  async use<T>(step: (file: File) => Promise<T>): Promise<T> {
    if (this.#closed) throw new Error('the file was closed')
    this.#uses++
    try {
      return await step(this.#file)
    } finally {
      this.#uses--
      if (this.#closed && this.#uses === 0) this.#file.close()
    }
  }

  /** At once, or when the last use ends; may be called twice. */
  close(): void {
    if (this.#closed) return
    this.#closed = true
    if (this.#uses === 0) this.#file.close()
  }
}
