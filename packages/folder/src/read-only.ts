import type { Step } from './plan.js'

const LABEL = ' (local edit)'
const PATTERN = / \(local edit(?: \d+)?\)(?:\.[^./]*)?$/

/**
 * The step that a link without the right to write takes instead: nothing leaves this disk. An edit is kept beside
 * the file, a deletion or a changed mode is undone, a new file is left alone.
 */
export function readOnlyStep(step: Step): Step {
  return INSTEAD.get(step) ?? step
}

const INSTEAD: ReadonlyMap<Step, Step> = new Map<Step, Step>([
  ['ingest', 'keep-beside'],
  ['create-file', 'skip'],
  ['merge', 'skip'],
  ['create-directory', 'skip'],
  ['delete', 'forget'],
  ['set-document-mode', 'set-disk-mode']
])

/** `notes/a.md` -> `notes/a (local edit).md`, numbered from the second on. */
export function localEditName(path: string, attempt: number): string {
  const slash = path.lastIndexOf('/')
  const dot = path.lastIndexOf('.')
  const split = dot > slash + 1 ? dot : path.length
  const label = attempt === 0 ? LABEL : ` (local edit ${attempt + 1})`
  return path.slice(0, split) + label + path.slice(split)
}

/** Whether the last component is a name that `localEditName` gives: such a file is never synced. */
export function isLocalEditName(path: string): boolean {
  return PATTERN.test(path)
}
