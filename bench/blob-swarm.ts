import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, renameSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PeerProcess, until } from './peer-process.js'
import { writeRandom } from './random-file.js'
import type { Row } from './table.js'

const MiB = 1024 * 1024
const NAME = 'film.bin'
/** Every line, in each direction: bytes per second. */
const LINE = 4 * MiB
const BRIDGE = 'cb-bridge'

/**
 * One file from one source to several that start together. Each process is in a network namespace of its own, behind a
 * line that carries `LINE` in each direction (tc tbf), all of them joined by a bridge in one more namespace, so nothing
 * outside is touched. Needs root on Linux.
 */
export async function measureSwarm(peers: number, mebibytes = 64): Promise<readonly Row[]> {
  const root = mkdtempSync(join(tmpdir(), 'collab-bench-'))
  const net = new Lines(peers + 1)
  const running: PeerProcess[] = []
  try {
    const start = (at: number, known: readonly string[]): PeerProcess => {
      const folder = join(root, `folder${at}`)
      mkdirSync(folder, { recursive: true })
      const peer = new PeerProcess({ home: join(root, `home${at}`), topic: `bench of a swarm ${process.pid}`, folder, peers: known, ...net.of(at) })
      running.push(peer)
      return peer
    }
    const source = start(0, [])
    const known = [...(await source.addresses())]
    for (let at = 1; at <= peers; at++) known.push(...(await start(at, known).addresses()))
    for (const peer of running.slice(1)) await peer.event('synced')
    // All are there and wait: what counts begins when the source has taken its file.
    writeRandom(join(root, 'new'), mebibytes)
    renameSync(join(root, 'new'), join(root, 'folder0', NAME))
    await source.event('change')
    const begun = performance.now()
    await until(() => running.slice(1).every((_, at) => isThere(join(root, `folder${at + 1}`, NAME), mebibytes)), 20)
    const seconds = (performance.now() - begun) / 1000
    const sent = (await source.transfers()).sentBytes
    const bound = (mebibytes * MiB) / LINE
    const beside = `bound ${bound.toFixed(1)} s, one after the other ${(bound * peers).toFixed(0)} s; the source sent it ${(sent / mebibytes / MiB).toFixed(2)} times`
    return [{ what: `${peers} peers fetch ${mebibytes} MiB from one source, every line ${LINE / MiB} MiB/s`, value: `${seconds.toFixed(1)} s`, beside }]
  } finally {
    for (const peer of running) await peer.stop()
    net.close()
    rmSync(root, { recursive: true, force: true })
  }
}

/** So many hosts, each behind a line of its own. */
class Lines {
  readonly #names: readonly string[]

  constructor(count: number) {
    this.#names = [BRIDGE, ...Array.from({ length: count }, (_, at) => `cb-host${at}`)]
    for (const name of this.#names) ip('netns', 'add', name)
    inside(BRIDGE, 'ip', 'link', 'add', 'br0', 'type', 'bridge')
    inside(BRIDGE, 'ip', 'link', 'set', 'br0', 'up')
    for (let at = 0; at < count; at++) this.#plug(at)
  }

  of(at: number): { readonly inside: string; readonly listen: string } {
    return { inside: `cb-host${at}`, listen: `/ip4/${addressOf(at)}/tcp/0` }
  }

  close(): void {
    for (const name of this.#names) ip('netns', 'del', name)
  }

  #plug(at: number): void {
    const host = `cb-host${at}`
    const port = `port${at}`
    inside(BRIDGE, 'ip', 'link', 'add', port, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', host)
    inside(BRIDGE, 'ip', 'link', 'set', port, 'master', 'br0', 'up')
    inside(host, 'ip', 'address', 'add', `${addressOf(at)}/24`, 'dev', 'eth0')
    inside(host, 'ip', 'link', 'set', 'eth0', 'up')
    inside(host, 'ip', 'link', 'set', 'lo', 'up')
    // What the host sends, and what it is sent.
    for (const [where, device] of [[host, 'eth0'], [BRIDGE, port]] as const) {
      inside(where, 'tc', 'qdisc', 'add', 'dev', device, 'root', 'tbf', 'rate', `${LINE * 8}bit`, 'burst', '128kb', 'latency', '100ms')
    }
  }
}

function addressOf(at: number): string {
  return `10.231.77.${at + 1}`
}

function ip(...words: readonly string[]): void {
  execFileSync('ip', words)
}

function inside(name: string, ...words: readonly string[]): void {
  ip('netns', 'exec', name, ...words)
}

function isThere(path: string, mebibytes: number): boolean {
  return statSync(path, { throwIfNoEntry: false })?.size === mebibytes * MiB
}
