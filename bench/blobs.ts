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
import { PeerProcess, until, usageOf } from './peer-process.js'
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
    const bare = await rawStream(mebibytes * MiB)
    const file = await transfer({ root, left, right, mebibytes })
    const share = Math.round((100 * bare.tookMs) / file.tookMs)
    return [
      {
        what: `one file of ${mebibytes} MiB, from in sync to in place`,
        value: `${rate(mebibytes, file.tookMs)}, ${share} %`,
        beside: `bare libp2p stream ${rate(mebibytes, bare.tookMs)}, cp ${rate(mebibytes, copyMs)}`
      },
      { what: 'CPU for each MiB, sender / receiver', value: perMebibyte(mebibytes, file.cpuMs), beside: `bare libp2p stream ${perMebibyte(mebibytes, bare.cpuMs)}` },
      { what: 'memory at most, sender / receiver', value: file.most.map((bytes) => `${Math.round(bytes / MiB)} MiB`).join(' / ') },
      { what: 'start of the process until the file is taken', value: milliseconds(file.takenMs) }
    ]
  } finally {
    rmSync(root, { recursive: true, force: true })
  }
}

interface Transfer {
  readonly tookMs: number
  /** CPU milliseconds of the sender and of the receiver, all threads. */
  readonly cpuMs: readonly number[]
}

interface FileTransfer extends Transfer {
  /** Resident bytes at most. */
  readonly most: readonly number[]
  /** From the start of the first process until it had cut the file. */
  readonly takenMs: number
}

async function transfer({ root, left, right, mebibytes }: { root: string; left: string; right: string; mebibytes: number }): Promise<FileTransfer> {
  const topic = `bench of one file ${process.pid}`
  const started = performance.now()
  const first = new PeerProcess({ home: join(root, 'home1'), topic, folder: left })
  await first.event('change')
  const takenMs = performance.now() - started
  const second = new PeerProcess({ home: join(root, 'home2'), topic, folder: right, peers: await first.addresses() })
  await second.event('synced')
  const begun = performance.now()
  const peers = [first, second]
  const before = peers.map((peer) => peer.usage())
  const most = [0, 0]
  const look = setInterval(() => peers.forEach((peer, at) => (most[at] = Math.max(most[at] ?? 0, peer.usage().rss))), 200)
  await until(() => sizeOf(join(right, NAME)) === mebibytes * MiB, 5)
  const tookMs = performance.now() - begun
  const cpuMs = peers.map((peer, at) => peer.usage().cpuMs - (before[at]?.cpuMs ?? 0))
  clearInterval(look)
  await first.stop()
  await second.stop()
  return { tookMs, cpuMs, most, takenMs }
}

async function rawStream(total: number): Promise<Transfer> {
  const receiver = fork(fileURLToPath(new URL('raw-receiver.js', import.meta.url)), [String(total)])
  const [address] = (await once(receiver, 'message')) as [string]
  const node = await createLibp2p({ transports: [tcp()], connectionEncrypters: [noise()], streamMuxers: [yamux()] })
  const stream = await node.dialProtocol(multiaddr(address), '/bench/1')
  const chunk = new Uint8Array(256 * 1024)
  const done = once(receiver, 'message')
  const { pid = 0 } = receiver
  const usage = (): readonly number[] => [usageOf(process.pid).cpuMs, usageOf(pid).cpuMs]
  const before = usage()
  const start = performance.now()
  for (let sent = 0; sent < total; sent += chunk.length) {
    if (!stream.send(chunk)) await new Promise<void>((resolve) => stream.addEventListener('drain', () => resolve(), { once: true }))
  }
  await done
  const tookMs = performance.now() - start
  const cpuMs = usage().map((ms, at) => ms - (before[at] ?? 0))
  receiver.kill()
  await node.stop()
  return { tookMs, cpuMs }
}

function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0
}

function rate(mebibytes: number, ms: number): string {
  return `${Math.round(mebibytes / (ms / 1000))} MiB/s`
}

function perMebibyte(mebibytes: number, cpuMs: readonly number[]): string {
  return `${cpuMs.map((ms) => (ms / mebibytes).toFixed(1)).join(' / ')} ms`
}
