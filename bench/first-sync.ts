import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { appendFileSync } from 'node:fs'
import { join } from 'node:path'
import { makeNotes, notePath } from './notes.js'
import { PeerProcess, holds, until } from './peer-process.js'
import { median, milliseconds, quantile } from './table.js'
import type { Row } from './table.js'

const EDITS = 60

/** Two processes over loopback: first sync, edits, rest, restart. */
export async function measureFolders(count: number): Promise<readonly Row[]> {
  const root = mkdtempSync(join(tmpdir(), 'collab-bench-'))
  const [left, right] = [join(root, 'left'), join(root, 'right')]
  mkdirSync(right)
  makeNotes(left, count)
  const copyMs = timed(() => cpSync(left, join(root, 'copy'), { recursive: true }))
  const topic = `bench of ${count} notes ${process.pid}`
  const start = performance.now()
  const first = new PeerProcess({ home: join(root, 'home1'), topic, folder: left })
  const second = new PeerProcess({ home: join(root, 'home2'), topic, folder: right, peers: await first.addresses() })
  await second.created(count)
  const syncMs = performance.now() - start
  if (fileCount(right) !== count) throw new Error(`${fileCount(right)} of ${count} files are there`)
  const rows: Row[] = [{ what: `first sync, ${count} notes`, value: milliseconds(syncMs), beside: `cp -r ${milliseconds(copyMs)}` }]
  rows.push(...(await measureEdits(count, left, right)))
  rows.push(...(await measureRest(count, second)))
  await first.stop()
  await second.stop()
  rows.push(await measureRestart(count, { root, left, right, topic }))
  rmSync(root, { recursive: true, force: true })
  return rows
}

async function measureEdits(count: number, from: string, to: string): Promise<readonly Row[]> {
  const took: number[] = []
  for (let edit = 0; edit < EDITS; edit++) {
    const path = notePath((edit * 37) % count)
    const line = `edit ${edit} of this run\n`
    const [source, target] = edit % 2 === 0 ? [from, to] : [to, from]
    const start = performance.now()
    appendFileSync(join(source, path), line)
    await until(() => holds(target, path, line))
    took.push(performance.now() - start)
  }
  return [{ what: `edit to other disk, ${count} notes`, value: `p50 ${milliseconds(median(took))}`, beside: `p90 ${milliseconds(quantile(took, 0.9))}` }]
}

async function measureRest(count: number, peer: PeerProcess): Promise<readonly Row[]> {
  await new Promise((resolve) => setTimeout(resolve, 5000))
  const before = peer.usage()
  await new Promise((resolve) => setTimeout(resolve, 10_000))
  const after = peer.usage()
  return [
    { what: `memory at rest, ${count} notes`, value: `${(after.rss / 1e6).toFixed(0)} MB` },
    { what: `CPU at rest, ${count} notes`, value: `${((after.cpuMs - before.cpuMs) / 100).toFixed(2)} %` }
  ]
}

async function measureRestart(count: number, init: { root: string; left: string; right: string; topic: string }): Promise<Row> {
  const other = new PeerProcess({ home: join(init.root, 'home2'), topic: init.topic, folder: init.right })
  const peers = await other.addresses()
  const start = performance.now()
  const again = new PeerProcess({ home: join(init.root, 'home1'), topic: init.topic, folder: init.left, peers })
  await again.event('synced')
  const took = performance.now() - start
  await again.stop()
  await other.stop()
  return { what: `restart to synced, ${count} notes`, value: milliseconds(took) }
}

function fileCount(folder: string): number {
  return readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile() && entry.name.endsWith('.md')).length
}

function timed(run: () => void): number {
  const start = performance.now()
  run()
  return performance.now() - start
}
