/** Constructors assign; `start` subscribes; `stop` undoes it backwards and may be called twice. */
export interface Startable {
  start(): Promise<void>
  stop(): Promise<void>
}

/** The undos of one owner, run in reverse. */
export class Undo {
  readonly #steps: (() => void | Promise<void>)[] = []

  add(step: () => void | Promise<void>): void {
    this.#steps.push(step)
  }

  async run(): Promise<void> {
    for (;;) {
      const step = this.#steps.pop()
      if (step === undefined) return
      await step()
    }
  }
}
