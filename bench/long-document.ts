import { keysFromWriteKey, nodeCrypto, openSqliteStore, openWorkspace } from '@collab/core'
import type { OpenDocument, Workspace } from '@collab/core'
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as Y from 'yjs'
import { median, milliseconds } from './table.js'
import type { Row } from './table.js'

/** Characters between two jumps of the cursor, and between two corrections. */
const RUN = 40
const CORRECTION = 9
const OPENINGS = 5

/** One document of `count` keystrokes, an entry each, alone in a store: what it costs there, and to open again. */
export async function measureLongDocument(count: number): Promise<readonly Row[]> {
  const folder = mkdtempSync(join(tmpdir(), 'collab-bench-'))
  const path = join(folder, 'store.sqlite')
  const keys = keysFromWriteKey(nodeCrypto, nodeCrypto.randomBytes(32))
  const open = async (): Promise<Workspace> => await openWorkspace({ keys, store: openSqliteStore({ path }), name: 'bench', machine: 'bench' })
  try {
    const workspace = await open()
    const appended = await type(await workspace.openDoc('text'), count)
    await workspace.stop()
    const times: number[] = []
    let merged = 0
    for (let i = 0; i < OPENINGS; i++) {
      const start = cpu()
      const again = await open()
      const { doc } = await again.openDoc('text')
      times.push(cpu() - start)
      merged = Y.encodeStateAsUpdate(doc).length
      await again.stop()
    }
    return [
      { what: `${count} keystrokes into one document, CPU`, value: milliseconds(appended), beside: `${(appended / count).toFixed(2)} ms each` },
      { what: `store per keystroke`, value: `${Math.round(statSync(path).size / count)} bytes`, beside: `${(merged / count).toFixed(1)} bytes of merged Yjs state` },
      { what: `start and open it, CPU`, value: milliseconds(median(times)) }
    ]
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/** Typing that wanders: a run of characters, then elsewhere, with corrections. */
async function type(document: OpenDocument, count: number): Promise<number> {
  const text = document.doc.getText('t')
  const start = cpu()
  let at = 0
  for (let i = 0; i < count; i++) {
    if (i % RUN === 0) at = Math.floor(Math.abs(Math.sin(i)) * text.length)
    if (i % CORRECTION === CORRECTION - 1 && at > 0) text.delete(--at, 1)
    else text.insert(at++, String.fromCharCode(97 + (i % 26)))
    await document.flush()
  }
  return cpu() - start
}

function cpu(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1000
}
