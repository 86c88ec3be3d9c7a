/**
 * What a running `join` or `hold` tells. With `--json` each is one line on standard output; fields are only ever
 * added. Texts are as they came (JSON escapes control characters itself): escape them before showing them.
 */
export type CollabEvent =
  | StartedEvent
  | ListeningEvent
  | PeerEvent
  | SyncedEvent
  | ChangeEvent
  | ConflictEvent
  | SkippedEvent
  | GuardEvent
  | WarningEvent
  | ProgressEvent
  | PlanEvent
  | StoppedEvent

/** The store is open and the folder is being watched; once. */
export interface StartedEvent {
  readonly type: 'started'
  readonly workspace: string
  readonly rights: 'write' | 'read' | 'blind'
  /** None when holding. */
  readonly folder?: string
  readonly store: string
}

/** Addresses at which others can dial, each a full multiaddr with the peer id; again whenever they change. */
export interface ListeningEvent {
  readonly type: 'listening'
  readonly addresses: readonly string[]
}

/** A peer of this workspace came, said who it is, left, or was refused. */
export interface PeerEvent {
  readonly type: 'peer'
  readonly state: 'connected' | 'named' | 'disconnected' | 'refused'
  readonly peer: string
  readonly name?: string
  readonly address?: string
  readonly reason?: string
}

/** Everything that the connected peers hold is held here too, and the other way round. Again after every exchange. */
export interface SyncedEvent {
  readonly type: 'synced'
  readonly peers: number
  readonly files: number
}

/** A path changed on both sides: `from` says where it changed first, `by` who did it, when that is known. */
export interface ChangeEvent {
  readonly type: 'change'
  readonly path: string
  readonly what: 'created' | 'edited' | 'deleted' | 'moved' | 'mode'
  readonly from: 'disk' | 'peer'
  /** Where a moved file was before. */
  readonly was?: string
  readonly by?: string
}

/** Two versions that cannot be merged are both kept: at `path` and at `other`. */
export interface ConflictEvent {
  readonly type: 'conflict'
  readonly path: string
  readonly other: string
}

/** This path is not synced, for this reason. */
export interface SkippedEvent {
  readonly type: 'skipped'
  readonly path: string
  readonly reason: string
}

/** Something large waits for `collab confirm`; nothing is lost meanwhile. */
export interface GuardEvent {
  readonly type: 'guard'
  readonly message: string
  readonly count: number
}

/** One sentence for the user; `code` is stable. */
export interface WarningEvent {
  readonly type: 'warning'
  readonly code: string
  readonly message: string
}

/** Long work: entries being received, files being read in or placed. */
export interface ProgressEvent {
  readonly type: 'progress'
  readonly what: 'receiving' | 'importing' | 'placing'
  readonly done: number
  readonly total: number
}

/** With `--dry-run`: what a run would do to a path. */
export interface PlanEvent {
  readonly type: 'plan'
  readonly path: string
  readonly action: string
  readonly reason?: string
}

/** The last line: everything is durable. After a dry run without the state of things. */
export interface StoppedEvent extends Partial<LastState> {
  readonly type: 'stopped'
  readonly code: number
}

/** How things stood when the end was asked for. */
export interface LastState {
  /** Connected then, and those of them that hold every edit that is held here. */
  readonly peers: number
  readonly complete: number
  /** Paths of the folder that the next start looks at. */
  readonly waiting: number
  /** Pictures and other large files still to be fetched. */
  readonly fetching: number
  /** Such files that peers were fetching from here. */
  readonly serving: number
  /** Something waits for `collab confirm`. */
  readonly confirm: boolean
}
