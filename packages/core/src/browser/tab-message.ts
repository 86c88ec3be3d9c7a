import { CollabError, errorMessage } from '../base/errors.js'
import type { DocId } from '../base/ids.js'
import type { ClientLease } from '../doc/client-lease.js'
import type { AuthoredRange } from '../node/attribution.js'
import type { DocumentStatus } from '../node/open-document.js'
import type { PresenceState } from '../node/presence-message.js'
import type { PresentMember } from '../node/presence.js'
import type { WorkspaceEvents, WorkspaceStatus } from '../node/workspace-types.js'

/**
 * What the tabs of one profile tell each other. One of them, the host, has the store and the network; all of them,
 * that one too, have their documents by way of it. `doc` counts the documents of a tab.
 */
export type ToHost = { readonly to: 'host'; readonly tab: string } & (
  /** `peers` are to be dialled. */
  | { readonly type: 'hello'; readonly peers: readonly string[] }
  | ({ readonly type: 'open'; readonly doc: number } & Opening)
  | { readonly type: 'update'; readonly doc: number; readonly count: number; readonly update: Uint8Array }
  /** What the tab shows of itself in a document; undefined when it shows nothing, not even that it is there. */
  | { readonly type: 'show'; readonly doc: number; readonly state: string | null | undefined }
  | { readonly type: 'call'; readonly doc: number; readonly call: number; readonly asked: Call }
)

export interface Opening {
  readonly target: { readonly name: string } | { readonly path: string; readonly create: 'now' | 'when-synced' }
  readonly coalesceMs: number | undefined
  /** All of the tab's Y.Doc, and the number of its last update in it. */
  readonly state: Uint8Array
  readonly count: number
  readonly client: number
  /** What the tab's Y.Doc writes under, from an earlier host. */
  readonly lease: ClientLease | undefined
}

/** What is answered, about a document or, with `doc` 0, about the workspace. */
export type Call =
  | { readonly ask: 'pull' | 'close' | 'documents' | 'whenSynced' }
  | { readonly ask: 'flush'; readonly to: 'disk' | 'one-peer' | 'all-connected' }
  | { readonly ask: 'authorsOf'; readonly of: string }

export type Answer = undefined | readonly string[] | readonly AuthoredRange[]

export type ToTab = { readonly to: string; readonly host: string } & (
  | { readonly type: 'host'; readonly session: number; readonly status: WorkspaceStatus }
  | { readonly type: 'opened'; readonly doc: number; readonly id: DocId; readonly update: Uint8Array; readonly lease: ClientLease | undefined }
  | { readonly type: 'update'; readonly doc: number; readonly update: Uint8Array }
  /** `count` of the tab's updates are in. */
  | { readonly type: 'status'; readonly doc: number; readonly count: number; readonly status: Told<DocumentStatus> }
  | { readonly type: 'shown'; readonly doc: number; readonly states: readonly Omit<PresenceState, 'doc' | 'nonce'>[]; readonly members: ReadonlyMap<number, PresentMember> }
  | { readonly type: 'failed'; readonly doc: number; readonly error: ToldError; readonly isFinal: boolean }
  | { readonly type: 'answer'; readonly call: number; readonly answer: Answer }
  | { readonly type: 'refused'; readonly call: number; readonly error: ToldError }
  | { readonly type: 'event'; readonly event: WorkspaceEvent; readonly status: WorkspaceStatus }
)

export type WorkspaceEvent = {
  [Name in keyof WorkspaceEvents]: { readonly name: Name; readonly payload: WorkspaceEvents[Name] }
}[keyof WorkspaceEvents]

/** An error as it goes from tab to tab. */
export interface ToldError {
  readonly name: string
  readonly message: string
}

export type Told<T> = Omit<T, 'error'>

/** Of every tab: what it hears of the host. */
export const ALL_TABS = 'tabs'

/** Another version of it is another channel: a page that was not reloaded yet goes its own way. */
export const channelName = (database: string): string => `collab/1 tabs ${database}`
export const tabLock = (tab: string): string => `collab tab ${tab}`

const seenPrefix = (database: string): string => `collab seen ${database} `
/** Held by every tab that heard a host name its run of the store: while it is there, nobody put the store back. */
export const seenLock = (database: string, session: number): string => `${seenPrefix(database)}${session}`
/** The newest run that a living tab heard of, from the names of all locks; none, so beyond all, when no tab did. */
export function sessionSeen(database: string, locks: readonly string[]): number {
  const prefix = seenPrefix(database)
  const seen = locks.filter((name) => name.startsWith(prefix)).map((name) => Number(name.slice(prefix.length)))
  return seen.length === 0 ? Infinity : Math.max(...seen)
}

export function toldError(error: unknown): ToldError {
  return { name: error instanceof Error ? error.name : 'Error', message: errorMessage(error) }
}

export function errorFrom({ name, message }: ToldError): CollabError {
  return new CollabError(name, message)
}
