/** Takes a subscription back; calling it again does nothing. */
export type Unsubscribe = () => void

/**
 * Typed events: `Map` has a payload type per event name. A listener that throws does not stop the
 * others; its error goes to `onError`.
 */
export class Emitter<Map extends object> {
  readonly #listeners = new globalThis.Map<keyof Map, Set<(payload: never) => void>>()
  readonly #onError: (error: unknown) => void

  constructor(onError: (error: unknown) => void) {
    this.#onError = onError
  }

  on<Name extends keyof Map>(name: Name, listener: (payload: Map[Name]) => void): Unsubscribe {
    const set = this.#listeners.get(name) ?? new Set()
    this.#listeners.set(name, set)
    set.add(listener)
    return () => void set.delete(listener)
  }

  emit<Name extends keyof Map>(name: Name, payload: Map[Name]): void {
    for (const listener of this.#listeners.get(name) ?? []) {
      try {
        ;(listener as (payload: Map[Name]) => void)(payload)
      } catch (error) {
        this.#onError(error)
      }
    }
  }
}
