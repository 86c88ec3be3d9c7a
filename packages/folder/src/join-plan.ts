import type { Step } from './plan.js'

/** One line of what a run would do. */
export interface PlanLine {
  readonly path: string
  readonly action:
    | 'send new'
    | 'send edit'
    | 'send deletion'
    | 'fetch new'
    | 'fetch edit'
    | 'fetch deletion'
    | 'move'
    | 'merge'
    | 'same'
    | 'keep beside'
    | 'skip'
  readonly reason?: string
}

export interface PlannedPath {
  readonly path: string
  readonly step: Step
  /** Disk and workspace agreed on this path before. */
  readonly known: boolean
  /** The workspace shows something at this path. */
  readonly shown: boolean
  readonly reason?: string | undefined
}

/**
 * What a run would do, by path; joining a folder that has files neither deletes nor overwrites: what is only here is
 * added, what is equal is taken as it is, what differs is merged or kept under a second name.
 */
export function planLines(paths: readonly PlannedPath[]): readonly PlanLine[] {
  return paths
    .map((item) => {
      const line = { path: item.path, action: actionOf(item) }
      return item.reason === undefined ? line : { ...line, reason: item.reason }
    })
    .sort((a, b) => (a.path < b.path ? -1 : 1))
}

function actionOf({ step, known, shown }: PlannedPath): PlanLine['action'] {
  switch (step) {
    case 'create-file':
    case 'create-directory':
      return shown && !known ? 'merge' : 'send new'
    case 'merge':
      return 'merge'
    case 'ingest':
    case 'set-document-mode':
      return 'send edit'
    case 'delete':
      return 'send deletion'
    case 'place':
    case 'make-directory':
      return 'fetch new'
    case 'write':
      return known ? 'fetch edit' : 'merge'
    case 'set-disk-mode':
      return 'fetch edit'
    case 'remove':
    case 'remove-directory':
      return 'fetch deletion'
    case 'move':
      return 'move'
    case 'keep-beside':
      return 'keep beside'
    case 'skip':
      return 'skip'
    case 'forget':
      return shown ? 'fetch new' : 'same'
    case 'adopt':
    case 'nothing':
      return 'same'
  }
}
