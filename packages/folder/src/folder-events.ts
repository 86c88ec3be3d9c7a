/** What a folder tells its owner. */
export interface FolderEvents {
  change: {
    readonly path: string
    readonly what: 'created' | 'edited' | 'deleted' | 'moved' | 'mode'
    /** Who had it first: this disk, or a peer. */
    readonly from: 'disk' | 'peer'
    /** Where a moved file was before. */
    readonly was?: string
  }
  /** Both versions are kept: one at `path`, the other at `other`. */
  conflict: { readonly path: string; readonly other: string }
  skipped: { readonly path: string; readonly reason: string }
  /** Something waits for `confirm`. */
  guard: { readonly message: string; readonly count: number }
  /** One sentence for the user, with advice. */
  warning: { readonly code: string; readonly message: string }
  progress: { readonly done: number; readonly total: number; readonly what: 'importing' | 'placing' }
}

export type EmitFolderEvent = <Name extends keyof FolderEvents>(name: Name, payload: FolderEvents[Name]) => void
