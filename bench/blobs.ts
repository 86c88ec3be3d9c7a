import { fork } from 'node:child_process'
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, statSync } from 'node:fs'
import { once } from 'node:events'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { noise } from '@chainsafe/libp2p-noise'
import { tcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import { multiaddr } from '@multiformats/multiaddr'
import { createLibp2p } from 'libp2p'
import { PeerProcess, until } from './peer-process.js'
import { writeRandom } from './random-file.js'
import { milliseconds } from './table.js'
import type { Row } from './table.js'

const MiB = 1024 * 1024
const NAME = 'film.bin'

/** One large file between two processes over loopback, beside the same bytes through a bare stream and a copy. */
export async function measureBlobs(mebibytes: number): Promise<readonly Row[]> {
  const root = mkdtempSync(join(tmpdir(), 'collab-bench-'))
  try {
    const [left, right] = [join(root, 'left'), join(root, 'right')]
    mkdirSync(left)
    mkdirSync(right)
    writeRandom(join(left, NAME), mebibytes)
    const copied = performance.now()
    copyFileSync(join(left, NAME), join(root, 'copy'))
    const copyMs = performance.now() - copied
    rmSync(join(root, 'copy'))
    const rawMs = await rawStream(mebibytes * MiB)
    const rows = await transfer({ root, left, right, mebibytes })
    const beside = `bare libp2p stream ${rate(mebibytes, rawMs)}, cp ${rate(mebibytes, copyMs)}`
    return rows.map((row, at) => (at === 0 ? { ...row, beside } : row))
  } finally {
    rmSync(root, { recursive: true, force: true })
  }
}

async function transfer({ root, left, right, mebibytes }: { root: string; left: string; right: string; mebibytes: number }): Promise<Row[]> {
  const topic = `bench of one file ${process.pid}`
  const started = performance.now()
  const first = new PeerProcess({ home: join(root, 'home1'), topic, folder: left })
  await first.event('change')
  const takenMs = performance.now() - started
  const second = new PeerProcess({ home: join(root, 'home2'), topic, folder: right, peers: await first.addresses() })
  await second.event('synced')
  const begun = performance.now()
  const most = [0, 0]
  const look = setInterval(() => [first, second].forEach((peer, at) => (most[at] = Math.max(most[at] ?? 0, peer.usage().rss))), 200)
  await until(() => sizeOf(join(right, NAME)) === mebibytes * MiB, 5)
  const tookMs = performance.now() - begun
  clearInterval(look)
  await first.stop()
  await second.stop()
  return [
    { what: `one file of ${mebibytes} MiB, from in sync to in place`, value: rate(mebibytes, tookMs) },
    { what: 'memory at most, sender / receiver', value: most.map((bytes) => `${Math.round(bytes / MiB)} MiB`).join(' / ') },
    { what: 'start of the process until the file is taken', value: milliseconds(takenMs) }
  ]
}

async function rawStream(total: number): Promise<number> {
  const receiver = fork(fileURLToPath(new URL('raw-receiver.js', import.meta.url)), [String(total)])
  const [address] = (await once(receiver, 'message')) as [string]
  const node = await createLibp2p({ transports: [tcp()], connectionEncrypters: [noise()], streamMuxers: [yamux()] })
  const stream = await node.dialProtocol(multiaddr(address), '/bench/1')
  const chunk = new Uint8Array(256 * 1024)
  const done = once(receiver, 'message')
  const start = performance.now()
  for (let sent = 0; sent < total; sent += chunk.length) {
    if (!stream.send(chunk)) await new Promise<void>((resolve) => stream.addEventListener('drain', () => resolve(), { once: true }))
  }
  await done
  const took = performance.now() - start
  receiver.kill()
  await node.stop()
  return took
}

function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0
}

function rate(mebibytes: number, ms: number): string {
  return `${Math.round(mebibytes / (ms / 1000))} MiB/s`
}
