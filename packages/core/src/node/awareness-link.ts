import { applyAwarenessUpdate, removeAwarenessStates } from 'y-protocols/awareness'
import type { Awareness } from 'y-protocols/awareness'
import type { DocId } from '../base/ids.js'
import { MAX_PRESENCE_STATE } from '../base/limits.js'
import { UpdateWriter } from '../doc/update-bytes.js'
import type { LiveDocument } from './live-document.js'
import type { Participant, Presence } from './presence.js'
import type { PresenceState } from './presence-message.js'

/** Origin of what others show, in the events of an Awareness. */
const ORIGIN = 'presence'

/** The document whose Y.Doc an Awareness belongs to. */
export type ShownDocument = Pick<LiveDocument, 'doc' | 'nonce' | 'y'> & { on(name: 'client', listener: () => void): () => void }
/** Where it is shown to others. */
export type PresencePlace = Pick<Presence, 'attach' | 'changed'>

/** A Yjs Awareness among the presence of a workspace. */
export class AwarenessLink implements Participant {
  readonly #awareness: Awareness
  readonly #live: ShownDocument
  readonly #presence: PresencePlace

  constructor(awareness: Awareness, live: ShownDocument, presence: PresencePlace) {
    this.#awareness = awareness
    this.#live = live
    this.#presence = presence
  }

  get doc(): DocId {
    return this.#live.doc
  }

  /** Until the returned function is called, which takes the others out of the Awareness. */
  start(): () => void {
    this.#follow()
    const unfollow = this.#live.on('client', () => this.#follow())
    const detach = this.#presence.attach(this)
    this.#awareness.on('update', this.#onUpdate)
    return () => {
      unfollow()
      this.#awareness.off('update', this.#onUpdate)
      detach()
      this.#presence.changed()
      const others = [...this.#awareness.getStates().keys()].filter((client) => client !== this.#awareness.clientID)
      removeAwarenessStates(this.#awareness, others, ORIGIN)
    }
  }

  local(): PresenceState | undefined {
    const { clientID, meta } = this.#awareness
    const local = this.#awareness.getLocalState()
    const state = local === null ? null : JSON.stringify(local)
    if (state !== null && state.length > MAX_PRESENCE_STATE) return undefined
    // Others take no notice of a first clock of 0.
    return { doc: this.doc, client: clientID, nonce: this.#live.nonce, clock: (meta.get(clientID)?.clock ?? 0) + 1, state }
  }

  show(states: readonly PresenceState[]): void {
    const others = states.filter(({ client }) => client !== this.#awareness.clientID)
    const writer = new UpdateWriter()
    writer.uint(others.length)
    for (const { client, clock, state } of others) {
      writer.uint(client)
      writer.uint(clock)
      writer.text(state ?? 'null')
    }
    applyAwarenessUpdate(this.#awareness, writer.bytes(), ORIGIN)
  }

  readonly #onUpdate = (_changes: unknown, origin: unknown): void => {
    if (origin !== ORIGIN) this.#presence.changed()
  }

  /** An Awareness shows itself under the client id that it found in its Y.Doc when it was made. */
  #follow(): void {
    const awareness = this.#awareness
    const { clientID } = this.#live.y
    if (awareness.clientID === clientID) return
    const state = awareness.getLocalState()
    removeAwarenessStates(awareness, [awareness.clientID], 'local')
    awareness.clientID = clientID
    awareness.setLocalState(state)
  }
}
