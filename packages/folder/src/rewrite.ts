import { diffCost, diffText } from '@collab/core'

/** Shorter texts are rewritten every day. */
const MIN_CHARS = 16

/** Whether most of a text is gone: it was emptied, encrypted, or another one was written in its place. */
export function isRewrite(before: string, after: string): boolean {
  if (before.trim().length < MIN_CHARS) return false
  const lines = before.split('\n').filter((line) => line.trim() !== '')
  const left = new Set(after.split('\n'))
  if (lines.filter((line) => left.has(line)).length * 2 >= lines.length) return false
  // A paragraph may be one line: what is left of it shows letter by letter.
  return diffCost(diffText(before, after)) > after.length
}
