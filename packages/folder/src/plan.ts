/** What disk and workspace last agreed on at a path; undefined where they never did. */
export type BaseFact = { readonly type: 'file'; readonly executable: boolean } | { readonly type: 'directory' } | undefined

/** What the disk holds at the base's path. */
export type DiskFact =
  | { readonly type: 'absent' }
  | { readonly type: 'directory' }
  /**
   * `content`: equal to the base's text; else equal to the live document's; else, without a base, a text of mostly
   * the document's lines, all of them (`contained`) or with lines of its own (`extends`); else neither.
   */
  | { readonly type: 'file'; readonly content: 'base' | 'document' | 'contained' | 'extends' | 'other'; readonly executable: boolean }
  /** Something that is not synced: not text, a link, a device, unreadable. */
  | { readonly type: 'foreign' }

/**
 * What the workspace holds: with a base, where the base's node is now; without one, what is shown at the path.
 * `moved`: shown at another path than the base's.
 */
export type DocumentFact =
  | { readonly type: 'absent' }
  | { readonly type: 'file'; readonly moved: boolean; readonly content: 'base' | 'changed'; readonly executable: boolean }
  /** `occupied`: something below it was never on this disk, or changed since. */
  | { readonly type: 'directory'; readonly moved: boolean; readonly occupied: boolean }
  /** Content that cannot be placed on this disk. */
  | { readonly type: 'foreign' }

/** Disk to workspace. */
export type TakeStep = 'ingest' | 'merge' | 'create-file' | 'create-directory' | 'delete' | 'set-document-mode'
/** Workspace to disk. */
export type PutStep = 'write' | 'place' | 'make-directory' | 'move' | 'remove' | 'remove-directory' | 'set-disk-mode' | 'keep-beside'
/** Only what is recorded changes: the base is recorded (`adopt`) or dropped (`forget`). */
export type RecordStep = 'adopt' | 'forget'

export type Step = TakeStep | PutStep | RecordStep | 'skip' | 'nothing'

/**
 * The next step that brings base, disk and document together; 'nothing' when they are. One step at a time: the facts
 * are gathered anew after each. What the disk has to say always goes first, so nothing on it is replaced unread; an
 * edit on either side wins over a deletion on the other.
 */
export function plan(base: BaseFact, disk: DiskFact, document: DocumentFact): Step {
  if (disk.type === 'foreign') return base !== undefined && document.type === 'absent' ? 'forget' : 'skip'
  if (document.type === 'foreign') return planForeignDocument(base, disk)
  if (base === undefined) return planUnknown(disk, document)
  return base.type === 'file' ? planFile(base.executable, disk, document) : planDirectory(disk, document)
}

type Disk = Exclude<DiskFact, { type: 'foreign' }>
type Document = Exclude<DocumentFact, { type: 'foreign' }>

function planForeignDocument(base: BaseFact, disk: Disk): Step {
  if (base !== undefined && disk.type === 'absent') return 'forget'
  if (base === undefined && disk.type === 'file') return 'create-file'
  if (base === undefined && disk.type === 'directory') return 'create-directory'
  return 'skip'
}

function planUnknown(disk: Disk, document: Document): Step {
  switch (disk.type) {
    case 'absent':
      if (document.type === 'absent') return 'nothing'
      return document.type === 'file' ? 'place' : 'make-directory'
    case 'directory':
      return document.type === 'directory' ? 'adopt' : 'create-directory'
    case 'file':
      return document.type === 'file' ? planBoth(disk.content) : 'create-file'
  }
}

/** A file here and one in the workspace that never met: neither side's lines are given up, and none is doubled. */
function planBoth(content: Extract<Disk, { type: 'file' }>['content']): Step {
  if (content === 'document') return 'adopt'
  if (content === 'contained') return 'write'
  return content === 'extends' ? 'merge' : 'create-file'
}

function planFile(baseMode: boolean, disk: Disk, document: Document): Step {
  if (disk.type !== 'file') return planGone(document)
  if (disk.content === 'other') return 'ingest'
  if (disk.content === 'document') return 'adopt'
  if (document.type !== 'file') return disk.executable === baseMode ? 'remove' : 'set-document-mode'
  if (document.moved) return 'move'
  const mode = planMode(baseMode, disk.executable, document.executable)
  // The new file gets the mode of the old one as it is recorded: the disk's own change of it is taken first.
  return document.content === 'changed' && mode !== 'set-document-mode' ? 'write' : mode
}

function planMode(base: boolean, disk: boolean, document: boolean): Step {
  if (disk === document) return disk === base ? 'nothing' : 'adopt'
  return disk === base ? 'set-disk-mode' : 'set-document-mode'
}

function planDirectory(disk: Disk, document: Document): Step {
  if (disk.type !== 'directory') return planGone(document)
  if (document.type !== 'directory') return 'remove-directory'
  return document.moved ? 'move' : 'nothing'
}

/** What stood at the path is gone from the disk: a deletion, unless the other side has news that whoever deleted never saw. */
function planGone(document: Document): Step {
  if (document.type === 'absent' || document.moved) return 'forget'
  const news = document.type === 'file' ? document.content === 'changed' : document.occupied
  return news ? 'forget' : 'delete'
}

const TAKE: ReadonlySet<Step> = new Set<TakeStep>(['ingest', 'merge', 'create-file', 'create-directory', 'delete', 'set-document-mode'])
const PUT: ReadonlySet<Step> = new Set<PutStep>([
  'write',
  'place',
  'make-directory',
  'move',
  'remove',
  'remove-directory',
  'set-disk-mode',
  'keep-beside'
])

export function isTake(step: Step): step is TakeStep {
  return TAKE.has(step)
}

export function isPut(step: Step): step is PutStep {
  return PUT.has(step)
}
