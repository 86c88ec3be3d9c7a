import { encodeLink, joinWorkspace, keysFromWriteKey, nodeCrypto } from '@collab/core'
import type { OpenDocument } from '@collab/core'
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import * as Y from 'yjs'
import { median, milliseconds, quantile } from './table.js'
import type { Row } from './table.js'

const LOCAL = { mdns: false, listen: ['/ip4/127.0.0.1/tcp/0'] }
const KEYSTROKES = 5_000
const SAMPLES = 100
/** Between two keystrokes of a fast typist. */
const PAUSE_MS = 150

/** Live documents of two peers in this process, over TCP, each with its store on a disk and everything fsynced. */
export async function measureLive(): Promise<readonly Row[]> {
  const folder = mkdtempSync(join(tmpdir(), 'collab-bench-'))
  try {
    const link = encodeLink(nodeCrypto, keysFromWriteKey(nodeCrypto, nodeCrypto.randomBytes(32)))
    const file = join(folder, 'a.sqlite')
    const a = await joinWorkspace(link, { ...LOCAL, file })
    const b = await joinWorkspace(link, { ...LOCAL, file: join(folder, 'b.sqlite'), peers: a.status().listening })
    const [from, to] = [await a.openDoc('text'), await b.openDoc('text')]
    await from.flush({ to: 'disk' })
    const latencies = await typed(from, to)
    await b.stop()
    const before = statSync(file).size
    const start = performance.now()
    await typeAll(from)
    const appended = performance.now() - start
    await a.stop()
    const bytes = statSync(file).size - before
    const reopening = performance.now()
    const again = await joinWorkspace(link, { ...LOCAL, file })
    const opened = await again.openDoc('text')
    const open = performance.now() - reopening
    const late = performance.now()
    const c = await joinWorkspace(link, { ...LOCAL, file: join(folder, 'c.sqlite'), peers: again.status().listening })
    const newcomer = await c.openDoc('text')
    while (newcomer.doc.getText('t').length < opened.doc.getText('t').length) await new Promise<void>((resolve) => newcomer.doc.once('update', () => resolve()))
    const joined = performance.now() - late
    await c.stop()
    await again.stop()
    const update = Y.encodeStateAsUpdate(opened.doc)
    const plain = performance.now()
    Y.applyUpdate(new Y.Doc(), update)
    const applied = performance.now() - plain
    return [
      { what: 'keystroke to the other Y.Doc, p50 / p90', value: `${milliseconds(median(latencies))} / ${milliseconds(quantile(latencies, 0.9))}`, beside: 'fsynced on both sides' },
      { what: `${KEYSTROKES} keystrokes, an entry each`, value: milliseconds(appended), beside: `${(appended / KEYSTROKES).toFixed(2)} ms each` },
      { what: 'store per keystroke of its own', value: `${Math.round(bytes / KEYSTROKES)} bytes`, beside: `${(update.length / KEYSTROKES).toFixed(1)} bytes of merged Yjs state` },
      { what: 'start and open that document', value: milliseconds(open), beside: `plain Yjs applies its state in ${milliseconds(applied)}` },
      { what: 'start, join and have it as a newcomer', value: milliseconds(joined) }
    ]
  } finally {
    rmSync(folder, { recursive: true })
  }
}

async function typed(from: OpenDocument, to: OpenDocument): Promise<readonly number[]> {
  const latencies: number[] = []
  for (let i = 0; i < SAMPLES; i++) {
    const seen = new Promise<void>((resolve) => to.doc.once('update', () => resolve()))
    const start = performance.now()
    from.doc.getText('t').insert(i, 'x')
    await seen
    latencies.push(performance.now() - start)
    await delay(PAUSE_MS)
  }
  return latencies
}

async function typeAll(from: OpenDocument): Promise<void> {
  const text = from.doc.getText('t')
  for (let i = 0; i < KEYSTROKES; i++) {
    text.insert(text.length, String.fromCharCode(97 + (i % 26)))
    await from.flush()
  }
}
