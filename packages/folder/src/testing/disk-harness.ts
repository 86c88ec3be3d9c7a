import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { silentLogger, systemClock } from '@collab/core'
import type { FolderFs, ReadResult, Hint } from '../folder-fs.js'
import { openFolder } from '../node-fs.js'
import type { RelPath } from '../rel-path.js'
import { parseRelPath } from '../rel-path.js'
import type { Signature } from '../signature.js'

export interface TestFolder extends AsyncDisposable {
  readonly root: string
  readonly fs: FolderFs
  /** Absolute path of a name in the folder. */
  readonly at: (name: string) => string
}

/** A real folder in the system's temporary directory, or in `parent`. */
export async function testFolder(parent = tmpdir()): Promise<TestFolder> {
  const root = mkdtempSync(join(parent, 'folder-'))
  const fs = await openFolder({ root, logger: silentLogger, clock: systemClock })
  return {
    root,
    fs,
    at: (name) => join(root, name),
    async [Symbol.asyncDispose]() {
      await fs.close()
      rmSync(root, { recursive: true, force: true })
    }
  }
}

export const path = (text: string): RelPath => parseRelPath(text)

/** The signature of what must be a file. */
export function signatureAt(fs: FolderFs, text: string): Signature {
  const fact = fs.fact(path(text))
  if (fact.kind !== 'file') throw new Error(`${text} is ${fact.kind}`)
  return fact.signature
}

/** Reads until the file has come to rest. */
export async function readStable(fs: FolderFs, text: string, options?: Parameters<FolderFs['read']>[1]): Promise<Exclude<ReadResult, { kind: 'unstable' }>> {
  for (;;) {
    const result = await fs.read(path(text), options)
    if (result.kind !== 'unstable') return result
    await pause(result.retryAfterMs)
  }
}

/** What is not so by then is not going to be, on an overloaded machine neither; under the time that a test has. */
export const DEADLINE_MS = 50_000

export const pause = (ms: number): Promise<void> => new Promise((resolve) => void systemClock.after(ms, resolve))

/** Resolves when `condition` holds; fails with `what` after `DEADLINE_MS`. */
export async function eventually(what: string, condition: () => boolean): Promise<void> {
  const deadline = systemClock.monotonic() + DEADLINE_MS
  while (!condition()) {
    if (systemClock.monotonic() > deadline) throw new Error(`not in time: ${what}`)
    await pause(5)
  }
}

/** Gathers hints: the paths named, and the number of rescans asked for. */
export class HintLog {
  readonly paths = new Set<string>()
  rescans = 0
  readonly onHint = (hint: Hint): void => {
    if ('rescan' in hint) this.rescans++
    else for (const each of hint.paths) this.paths.add(each)
  }
}

/** Lets a plain Node process load this source. */
export const SOURCE_LOADER = `data:text/javascript,${encodeURIComponent(`
  import { registerHooks } from 'node:module'
  registerHooks({
    resolve(name, context, next) {
      try { return next(name, context) } catch (error) {
        if (name.endsWith('.js')) return next(name.slice(0, -3) + '.ts', context)
        throw error
      }
    }
  })
`)}`
