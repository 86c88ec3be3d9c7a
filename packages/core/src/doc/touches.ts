import type { AuthorId } from '../base/ids.js'

/** Newest entry per author. */
export type Touches = Map<AuthorId, number>

export function raise(touches: Touches, author: AuthorId, seq: number): void {
  if (seq > (touches.get(author) ?? -1)) touches.set(author, seq)
}

export function join(a: Touches, b: Touches | undefined): Touches {
  if (b === undefined) return a
  const both = new Map(a)
  for (const [author, seq] of b) raise(both, author, seq)
  return both
}

/** Whether one of `touches` is newer than what `covered` says of its author. */
export function isBeyond(touches: Touches | undefined, covered: Touches): boolean {
  for (const [author, seq] of touches ?? []) if (seq > (covered.get(author) ?? -1)) return true
  return false
}
