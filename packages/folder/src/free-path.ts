import { MAX_NAME_BYTES } from '@collab/core'

/** `notes/a.md` -> `notes/a (restored).md`, numbered from the second on; the first that is not taken. */
export function freePath(path: string, label: string, isTaken: (path: string) => boolean): string {
  const slash = path.lastIndexOf('/')
  const dot = path.lastIndexOf('.')
  const split = dot > slash + 1 ? dot : path.length
  for (let attempt = 1; ; attempt++) {
    const tail = ` (${label}${attempt === 1 ? '' : ` ${attempt}`})${path.slice(split)}`
    const candidate = path.slice(0, slash + 1) + cut(path.slice(slash + 1, split), MAX_NAME_BYTES - Buffer.byteLength(tail)) + tail
    if (!isTaken(candidate)) return candidate
  }
}

/** The longest beginning within `maxBytes`, whole characters only. */
function cut(name: string, maxBytes: number): string {
  let kept = name
  while (Buffer.byteLength(kept) > maxBytes) kept = Array.from(kept).slice(0, -1).join('')
  return kept
}
