import { createHash } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { createIgnoreRules } from '../ignore.js'
import type { LastContent } from '../folder-fs.js'
import { path, readStable, testFolder } from './disk-harness.js'
import { runScript } from './spawn.js'

export interface TornReport {
  readonly saves: number
  readonly reads: number
  /** Contents read that were never a complete save. */
  readonly torn: number
  /** Milliseconds from the end of a save until it was read, by style, sorted. */
  readonly latency: ReadonlyMap<string, readonly number[]>
}

/** Reads a file by the rules for stable reading, at every hint, while a process saves it in every style. */
export async function measureTornReads(runMs: number, pauseMs: number, seed: number): Promise<TornReport> {
  await using folder = await testFolder()
  const file = folder.at('note.md')
  writeFileSync(file, Array.from({ length: 1500 }, (_, i) => `line ${i} ${(i * 7919) % 10_007} of a document that is longer than one page\n`).join(''))
  const started = new Map<string, string>()
  const ended = new Map<string, number>()
  const readAt = new Map<string, number>()
  let last: LastContent | undefined
  let timer: NodeJS.Timeout | undefined
  let pending = Promise.resolve()
  const look = (): void => void (pending = pending.then(readOnce))
  const readOnce = async (): Promise<void> => {
    const result = await folder.fs.read(path('note.md'), { ...(last && { last }) })
    clearTimeout(timer)
    if (result.kind === 'unstable') timer = setTimeout(look, result.retryAfterMs)
    if (result.kind !== 'stable') return
    const hash = createHash('sha256').update(result.bytes).digest('hex')
    if (!readAt.has(hash)) readAt.set(hash, Date.now())
    last = { content: result.bytes, signature: result.signature }
  }
  await readStable(folder.fs, 'note.md')
  await readOnce()
  const initial = new Set(readAt.keys())
  await folder.fs.watch(look, createIgnoreRules())
  await using script = runScript('./editor-process.ts', ['edit', file, String(runMs), String(pauseMs), String(seed)], (line) => {
    if (typeof line['style'] === 'string') started.set(String(line['hash']), line['style'])
    if (typeof line['savedAt'] === 'number') ended.set(String(line['hash']), line['savedAt'])
  })
  await script.ended
  await pending
  clearTimeout(timer)
  const latency = new Map<string, number[]>()
  for (const [hash, at] of readAt) {
    const style = started.get(hash)
    const end = ended.get(hash)
    if (style !== undefined && end !== undefined) latency.set(style, [...(latency.get(style) ?? []), at - end])
  }
  for (const times of latency.values()) times.sort((a, b) => a - b)
  const torn = [...readAt.keys()].filter((hash) => !initial.has(hash) && !started.has(hash)).length
  return { saves: started.size, reads: readAt.size - initial.size, torn, latency }
}
