import type { Awareness } from 'y-protocols/awareness'
import type * as Y from 'yjs'
import { Emitter } from '../base/events.js'
import type { Unsubscribe } from '../base/events.js'
import type { DocId } from '../base/ids.js'
import type { ClientLease } from '../doc/client-lease.js'
import type { ShownType } from '../doc/y-document.js'
import type { AuthoredRange } from './attribution.js'
import { AwarenessLink } from './awareness-link.js'
import type { Holdings } from './holdings.js'
import type { LiveDocument } from './live-document.js'
import type { DocumentEvents, DocumentStatus, OpenDocument } from './open-document.js'
import type { Presence, PresentMember } from './presence.js'

/** What the document's owner knows of the peers. */
export interface Peers {
  readonly holdings: Holdings
  readonly presence: Presence
  connected(): readonly string[]
  /** At least one is connected, and all of them and this one hold the same. */
  synced(): boolean
  /** Resolves when a peer came, went or confirmed something. */
  changed(signal: AbortSignal | undefined): Promise<void>
}

/** A live document as an app sees it. */
export class AttachedDocument implements OpenDocument {
  readonly #live: LiveDocument
  readonly #peers: Peers
  readonly #events: Emitter<DocumentEvents>
  readonly #onClosed: (document: AttachedDocument) => void
  readonly #links = new Map<Awareness, () => void>()
  #error: Error | undefined
  #told = ''

  /** @param onClosed called once it has let go of the Y.Doc */
  constructor(live: LiveDocument, peers: Peers, onListenerError: (error: unknown) => void, onClosed: (document: AttachedDocument) => void) {
    this.#onClosed = onClosed
    this.#live = live
    this.#peers = peers
    this.#events = new Emitter<DocumentEvents>(onListenerError)
  }

  get id(): DocId {
    return this.#live.doc
  }

  get doc(): Y.Doc {
    return this.#live.y
  }

  get lease(): ClientLease | undefined {
    return this.#live.lease
  }

  get status(): DocumentStatus {
    const { holdings } = this.#peers
    const connected = this.#peers.connected()
    const heldBy = connected.filter((peer) => holdings.holds(peer, holdings.state))
    return { saved: this.#live.isSaved, heldBy, connected: connected.length, error: this.#error }
  }

  on<Name extends keyof DocumentEvents>(name: Name, listener: (payload: DocumentEvents[Name]) => void): Unsubscribe {
    return this.#events.on(name, listener)
  }

  async open(): Promise<void> {
    this.#live.on('saved', () => this.refresh())
    this.#live.on('client', (client) => this.#events.emit('client', client))
    this.#live.on('error', (error) => {
      this.#error = error
      this.#events.emit('error', error)
      this.refresh()
    })
    await this.#live.open()
  }

  /** Something that the status speaks of may have changed. */
  refresh(): void {
    const { status } = this
    const text = `${status.saved} ${status.heldBy.join()} ${status.connected} ${status.error?.message ?? ''}`
    if (text === this.#told) return
    this.#told = text
    this.#events.emit('status', status)
  }

  async flush({ to = 'disk', signal }: { to?: 'disk' | 'one-peer' | 'all-connected'; signal?: AbortSignal } = {}): Promise<void> {
    await this.#live.save()
    if (to === 'disk') return
    const { holdings } = this.#peers
    const { state } = holdings
    for (;;) {
      const connected = this.#peers.connected()
      const holders = connected.filter((peer) => holdings.holds(peer, state)).length
      if (holders > 0 && (to === 'one-peer' || holders === connected.length)) return
      await this.#peers.changed(signal)
    }
  }

  async authorsOf(type: ShownType): Promise<readonly AuthoredRange[]> {
    return await this.#live.authorsOf(type)
  }

  trackUndo(manager: Y.UndoManager): void {
    this.#live.trackUndo(manager)
  }

  async pull(): Promise<void> {
    await this.#live.pull()
  }

  attachAwareness(awareness: Awareness): Unsubscribe {
    const known = this.#links.get(awareness)
    if (known !== undefined) return known
    const stop = new AwarenessLink(awareness, this.#live, this.#peers.presence).start()
    const undo = (): void => {
      if (this.#links.delete(awareness)) stop()
    }
    this.#links.set(awareness, undo)
    return undo
  }

  memberOf(client: number): PresentMember | undefined {
    return this.#peers.presence.memberOf(this.id, client)
  }

  async close(): Promise<void> {
    try {
      await this.#live.close()
    } finally {
      for (const undo of this.#links.values()) undo()
      this.#onClosed(this)
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }
}
