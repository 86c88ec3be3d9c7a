import { keysFromWriteKey, nodeCrypto, openSqliteStore, openWorkspace } from '@collab/core'
import type { Clock, KvStore } from '@collab/core'
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate as turn } from 'node:timers/promises'
import type { Row } from './table.js'

const KEYSTROKES = 1000
const WINDOWS_MS = [0, 10, 25, 50, 100]

/**
 * Milliseconds between two keystrokes, on average and in their spread: what 168,000 people typed (Dhakal et al.,
 * Observations on typing from 136 million keystrokes, 2018), those of them who are fast, and what is no typing.
 */
const RHYTHMS = [
  { what: 'typing, 52 words a minute', mean: 239, deviation: 112 },
  { what: 'fast typing, 100 words a minute', mean: 120, deviation: 60 },
  { what: 'a key held down', mean: 33, deviation: 0 },
  { what: 'something dragged, 60 steps a second', mean: 16.7, deviation: 0 }
]

/** What typing costs in the store, and how long it waits for more, by the time in which it is gathered. Its clock is made up. */
export async function measureTyping(): Promise<readonly Row[]> {
  const rows: Row[] = []
  for (const { what, mean, deviation } of RHYTHMS) {
    for (const coalesceMs of WINDOWS_MS) {
      const { entries, bytes, waitMs } = await type(coalesceMs, () => logNormal(mean, deviation))
      rows.push({ what: `${what}, within ${coalesceMs} ms`, value: `${entries} entries`, beside: `${Math.round(bytes / 1000)} kB, waits ${waitMs.toFixed(1)} ms` })
    }
  }
  return rows
}

async function type(coalesceMs: number, pause: () => number): Promise<{ entries: number; bytes: number; waitMs: number }> {
  const folder = mkdtempSync(join(tmpdir(), 'collab-bench-'))
  const path = join(folder, 'store.sqlite')
  const clock = new MadeUpClock()
  const store = new WatchedStore(openSqliteStore({ path }))
  try {
    const keys = keysFromWriteKey(nodeCrypto, nodeCrypto.randomBytes(32))
    const workspace = await openWorkspace({ keys, store, name: 'bench', machine: 'bench', clock })
    const document = await workspace.openDoc('text', { coalesceMs })
    const text = document.doc.getText('t')
    let [unsaved, waited] = [[] as number[], 0]
    document.on('status', ({ saved }) => {
      if (!saved) return
      for (const since of unsaved) waited += clock.monotonic() - since
      unsaved = []
    })
    for (let i = 0; i < KEYSTROKES; i++) {
      await clock.advance(pause(), () => store.idle())
      unsaved.push(clock.monotonic())
      text.insert(text.length, String.fromCharCode(97 + (i % 26)))
      await store.idle()
    }
    await document.flush()
    const { entries } = workspace.status()
    await workspace.stop()
    return { entries, bytes: statSync(path).size, waitMs: waited / KEYSTROKES }
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/** Time that passes only when it is told to. */
class MadeUpClock implements Clock {
  #now = 0
  readonly #timers = new Set<{ readonly at: number; readonly run: () => void }>()

  now(): number {
    return this.#now
  }

  monotonic(): number {
    return this.#now
  }

  after(ms: number, run: () => void): () => void {
    const timer = { at: this.#now + ms, run }
    this.#timers.add(timer)
    return () => void this.#timers.delete(timer)
  }

  soon(run: () => void): () => void {
    let isCancelled = false
    queueMicrotask(() => !isCancelled && run())
    return () => void (isCancelled = true)
  }

  /** Runs what is due until then, one after the other, each to its end. */
  async advance(ms: number, done: () => Promise<void>): Promise<void> {
    const end = this.#now + ms
    for (;;) {
      const next = [...this.#timers].filter(({ at }) => at <= end).toSorted((a, b) => a.at - b.at)[0]
      if (next === undefined) break
      this.#timers.delete(next)
      this.#now = next.at
      next.run()
      await done()
    }
    this.#now = end
  }
}

class WatchedStore implements KvStore {
  readonly #store: KvStore
  #commits = 0

  constructor(store: KvStore) {
    this.#store = store
  }

  get: KvStore['get'] = async (table, key) => await this.#store.get(table, key)
  scan: KvStore['scan'] = async (table, range) => await this.#store.scan(table, range)

  async commit(...[ops]: Parameters<KvStore['commit']>): Promise<void> {
    this.#commits++
    try {
      await this.#store.commit(ops)
    } finally {
      this.#commits--
    }
  }

  async close(): Promise<void> {
    await this.#store.close()
  }

  /** Nothing is being stored, and what follows from what was stored is done. */
  async idle(): Promise<void> {
    do await turn()
    while (this.#commits > 0)
    await turn()
  }
}

function logNormal(mean: number, deviation: number): number {
  const variance = Math.log(1 + (deviation / mean) ** 2)
  const gauss = Math.sqrt(-2 * Math.log(1 - Math.random())) * Math.cos(2 * Math.PI * Math.random())
  return Math.exp(Math.log(mean) - variance / 2 + Math.sqrt(variance) * gauss)
}
