import { createMemoryStore, keysFromWriteKey, nodeCrypto, openSqliteStore, openWorkspace } from '@collab/core'
import type { OpenDocument, Workspace, WorkspaceInit } from '@collab/core'
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as Y from 'yjs'
import { makeLink } from './loop-transport.js'
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
  const open = async (more: Partial<WorkspaceInit> = {}): Promise<Workspace> => await openWorkspace({ keys, name: 'bench', machine: 'bench', ...more, store: more.store ?? openSqliteStore({ path }) })
  try {
    const workspace = await open()
    const appended = await type(await workspace.openDoc('text'), count)
    await workspace.stop()
    const whole = await opened(open)
    const size = statSync(path).size
    const pruning = await prune(open)
    const rest = await opened(open)
    return [
      { what: `${count} keystrokes into one document, CPU`, value: milliseconds(appended), beside: `${(appended / count).toFixed(2)} ms each` },
      { what: 'store per keystroke', value: `${Math.round(size / count)} bytes`, beside: `${(whole.merged / count).toFixed(1)} bytes of merged Yjs state` },
      { what: 'start and open it, CPU', value: milliseconds(whole.time) },
      { what: 'a newcomer takes all of it, CPU of both', value: milliseconds(pruning.joined), beside: `${Math.round(pruning.bytes / count)} bytes per keystroke` },
      { what: 'leave what is old to another peer, CPU', value: milliseconds(pruning.time), beside: `${pruning.pruned} entries` },
      { what: 'store per keystroke after that', value: `${Math.round(statSync(path).size / count)} bytes` },
      { what: 'start and open it after that, CPU', value: milliseconds(rest.time), beside: rest.merged === whole.merged ? 'the same state' : 'ANOTHER STATE' }
    ]
  } finally {
    rmSync(folder, { recursive: true })
  }
}

type Open = (more?: Partial<WorkspaceInit>) => Promise<Workspace>

async function opened(open: Open): Promise<{ readonly time: number; readonly merged: number }> {
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
  return { time: median(times), merged }
}

/** A newcomer takes everything and keeps it; then what is old is left to it. */
async function prune(open: Open) {
  const { transport, connect, bytes } = makeLink()
  const start = cpu()
  const workspace = await open({ pruneAfterMs: 0, transport: (_, handlers) => transport('a', handlers) })
  const keeper = await open({ store: createMemoryStore(), transport: (_, handlers) => transport('b', handlers) })
  await Promise.all([workspace.start(), keeper.start()])
  connect('a', 'b')
  await Promise.all([workspace.whenSynced(), keeper.whenSynced()])
  const joined = cpu() - start
  const pruning = cpu()
  const pruned = await workspace.prune()
  const time = cpu() - pruning
  await workspace.stop()
  await keeper.stop()
  return { joined, pruned, time, bytes: bytes() }
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
