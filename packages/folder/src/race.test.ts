import { writeFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import type { FolderFs, LastContent } from './folder-fs.js'
import { path, pause, testFolder } from './testing/disk-harness.js'
import { LineDocument } from './testing/line-merge.js'
import { runScript } from './testing/spawn.js'

const FILE = path('note.md')
const decode = (bytes: Uint8Array): string => new TextDecoder().decode(bytes)

/** The least that a deciding side does: read, merge, write, again and again. */
class TinySync {
  readonly document = new LineDocument()
  readonly outcomes = new Map<string, number>()
  readonly #fs: FolderFs
  readonly #heldBases = new Map<string, readonly (readonly string[])[]>()
  #last: LastContent | undefined
  #gap = false

  constructor(fs: FolderFs) {
    this.#fs = fs
    fs.onHeldChange((change) => {
      this.#count('late')
      this.document.ingest(decode(change.bytes), this.#heldBases.get(change.id) ?? [[]])
      void change.taken()
    })
  }

  /** Makes disk and document equal once; says how long to wait when the disk is not at rest. */
  async round(): Promise<number> {
    const read = await this.#fs.read(FILE, { ...(this.#last && !this.#gap && { last: this.#last }) })
    if (read.kind === 'unstable') return read.retryAfterMs
    if (read.kind !== 'stable') return 5
    const text = decode(read.bytes)
    if (this.#last === undefined || text !== this.#last.content || this.#gap) this.document.ingestPath(text, this.#gap)
    this.#gap = false
    this.#last = { content: text, signature: read.signature }
    const want = this.document.text()
    if (want === text) return 0
    const bases = this.document.bases
    const result = await this.#fs.replace(FILE, new TextEncoder().encode(want), { expect: read.signature, executable: false })
    this.#count(result.kind)
    if ('held' in result && result.held !== undefined) this.#heldBases.set(result.held, bases)
    if (result.kind === 'exists') this.#gap = true
    if (result.kind === 'written') {
      this.document.wrote()
      this.#last = { content: want, signature: result.signature }
    }
    return 0
  }

  #count(kind: string): void {
    this.outcomes.set(kind, (this.outcomes.get(kind) ?? 0) + 1)
  }
}

describe('replacing a file that its user saves all the time', () => {
  it('[DISK63] loses no line of the user and none of the peers', async () => {
    await using folder = await testFolder()
    writeFileSync(folder.at('note.md'), 'first\n')
    const sync = new TinySync(folder.fs)
    const saved: string[] = []
    const remote: string[] = []
    const enough = (): boolean => saved.length > 20 && (sync.outcomes.get('written') ?? 0) > 20
    // How often both sides meet in nine seconds is the machine's affair, so a slow one gets more of them.
    for (let run = 0; run < 4 && !enough(); run++) {
      await using script = runScript('./editor-process.ts', ['insert', folder.at('note.md'), '9000', '90', String(7 + run)], (line) => {
        if (typeof line['saved'] === 'string') saved.push(line['saved'])
      })
      const ended = new AbortController()
      void script.ended.then(() => ended.abort())
      while (!ended.signal.aborted) {
        const line = `remote-${remote.length}`
        sync.document.lines.add(line)
        remote.push(line)
        await pause(await sync.round())
        await pause(remote.length % 16)
      }
    }
    for (let round = 0; round < 15; round++) {
      await pause(Math.max(100, await sync.round()))
    }
    const missing = [...saved, ...remote].filter((line) => !sync.document.lines.has(line))
    expect({ missing, outcomes: Object.fromEntries(sync.outcomes) }).toMatchObject({ missing: [] })
    expect(saved.length).toBeGreaterThan(20)
    expect(sync.outcomes.get('written')).toBeGreaterThan(20)
  })
})
