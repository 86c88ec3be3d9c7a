import { closeSync, copyFileSync, mkdirSync, mkdtempSync, openSync, readSync, renameSync, rmSync, statSync, writeSync } from 'node:fs'
import { randomBytes } from 'node:crypto'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PeerProcess, until } from './peer-process.js'
import { writeRandom } from './random-file.js'
import { milliseconds } from './table.js'
import type { Row } from './table.js'

const KiB = 1024
const MiB = 1024 * KiB

/** What is sent when one large file is renamed, copied, or changed a little, between two processes. */
export async function measureChanges(mebibytes: number): Promise<readonly Row[]> {
  const root = mkdtempSync(join(tmpdir(), 'collab-bench-'))
  const [left, right] = [join(root, 'left'), join(root, 'right')]
  mkdirSync(left)
  mkdirSync(right)
  writeRandom(join(left, 'film.bin'), mebibytes)
  const topic = `bench of changes ${process.pid}`
  const first = new PeerProcess({ home: join(root, 'home1'), topic, folder: left })
  await first.event('change')
  const second = new PeerProcess({ home: join(root, 'home2'), topic, folder: right, peers: await first.addresses() })
  try {
    await until(() => isSame(left, right, 'film.bin'), 50)
    const rows: Row[] = []
    for (const [what, name, change] of changesOf(left, mebibytes)) {
      const before = (await first.transfers()).sentBytes
      const begun = performance.now()
      change()
      await until(() => isSame(left, right, name), 50)
      const took = performance.now() - begun
      rows.push({ what: `${what} (${mebibytes} MiB)`, value: sizeOf((await first.transfers()).sentBytes - before), beside: milliseconds(took) })
    }
    return rows
  } finally {
    await first.stop()
    await second.stop()
    rmSync(root, { recursive: true, force: true })
  }
}

/** The file is called `film.bin` until the first change renames it. */
function changesOf(folder: string, mebibytes: number): readonly (readonly [what: string, name: string, change: () => void])[] {
  const at = (name: string): string => join(folder, name)
  return [
    ['renamed', 'movie.bin', () => renameSync(at('film.bin'), at('movie.bin'))],
    ['copied', 'copy.bin', () => copyFileSync(at('movie.bin'), at('copy.bin'))],
    ['1 MiB changed in the middle', 'copy.bin', () => overwrite(at('copy.bin'), Math.floor(mebibytes / 2) * MiB, randomBytes(MiB))],
    ['10 bytes put in at the front', 'copy.bin', () => prepend(at('copy.bin'), randomBytes(10))]
  ]
}

function overwrite(path: string, at: number, bytes: Uint8Array): void {
  const fd = openSync(path, 'r+')
  writeSync(fd, bytes, 0, bytes.length, at)
  closeSync(fd)
}

/** As an editor does it: a new file in the old one's place. */
function prepend(path: string, bytes: Uint8Array): void {
  const [from, to] = [openSync(path, 'r'), openSync(`${path}.tmp`, 'w')]
  writeSync(to, bytes)
  const buffer = new Uint8Array(4 * MiB)
  for (let count = readSync(from, buffer); count > 0; count = readSync(from, buffer)) writeSync(to, buffer, 0, count)
  closeSync(from)
  closeSync(to)
  renameSync(`${path}.tmp`, path)
}

function isSame(left: string, right: string, name: string): boolean {
  const [a, b] = [join(left, name), join(right, name)]
  if (statSync(a).size !== statSync(b, { throwIfNoEntry: false })?.size) return false
  const [from, to] = [openSync(a, 'r'), openSync(b, 'r')]
  const [mine, theirs] = [Buffer.alloc(MiB), Buffer.alloc(MiB)]
  try {
    for (let count = readSync(from, mine); count > 0; count = readSync(from, mine)) {
      if (readSync(to, theirs) !== count || Buffer.compare(mine, theirs) !== 0) return false
    }
    return true
  } finally {
    closeSync(from)
    closeSync(to)
  }
}

function sizeOf(bytes: number): string {
  return bytes < MiB ? `${Math.round(bytes / KiB)} KiB` : `${(bytes / MiB).toFixed(1)} MiB`
}
