import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PeerProcess, until } from './peer-process.js'
import { writeRandom } from './random-file.js'
import type { Row } from './table.js'

const MiB = 1024 * 1024
const NAME = 'film.bin'
/** Every line, in each direction: bytes per second. */
const LINE = 4 * MiB
/** Names of namespaces begin with it and the number of the process that made them. */
const PREFIX = 'cb'
/** Where the system keeps the names of namespaces. */
const NAMESPACES = '/run/netns'
const SIGNALS = ['SIGINT', 'SIGTERM'] as const

/**
 * One file from one source to several that start together. Each process is in a network namespace of its own, behind a
 * line that carries `LINE` in each direction (tc tbf), all of them joined by a bridge in one more namespace, so nothing
 * outside is touched. Needs root on Linux.
 */
export async function measureSwarm(peers: number, mebibytes = 64): Promise<readonly Row[]> {
  const root = mkdtempSync(join(tmpdir(), 'collab-bench-'))
  const net = new Lines(peers + 1)
  const running: PeerProcess[] = []
  const clean = (): void => {
    net.close()
    rmSync(root, { recursive: true, force: true })
  }
  const forget = whenTold(() => {
    for (const peer of running) peer.kill()
    clean()
  })
  try {
    net.lay()
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
    forget()
    clean()
  }
}

/** Cleans up when the process is told to end, and then lets it end; until the returned function is called. */
function whenTold(clean: () => void): () => void {
  const forget = (): void => SIGNALS.forEach((signal) => process.off(signal, end))
  const end = (signal: NodeJS.Signals): void => {
    forget()
    clean()
    process.kill(process.pid, signal)
  }
  for (const signal of SIGNALS) process.on(signal, end)
  return forget
}

/** So many hosts, each behind a line of its own. */
class Lines {
  readonly #bridge = `${PREFIX}${process.pid}-bridge`
  readonly #hosts: readonly string[]

  constructor(count: number) {
    this.#hosts = Array.from({ length: count }, (_, at) => `${PREFIX}${process.pid}-host${at}`)
  }

  lay(): void {
    for (const name of abandoned()) ip('netns', 'del', name)
    for (const name of [this.#bridge, ...this.#hosts]) ip('netns', 'add', name)
    inside(this.#bridge, 'ip', 'link', 'add', 'br0', 'type', 'bridge')
    inside(this.#bridge, 'ip', 'link', 'set', 'br0', 'up')
    for (const [at, host] of this.#hosts.entries()) this.#plug(at, host)
  }

  of(at: number): { readonly inside: string; readonly listen: string } {
    return { inside: this.#hosts[at] ?? '', listen: `/ip4/${addressOf(at)}/tcp/0` }
  }

  /** Whatever there is of them goes. */
  close(): void {
    for (const name of namespaces()) if (name === this.#bridge || this.#hosts.includes(name)) ip('netns', 'del', name)
  }

  #plug(at: number, host: string): void {
    const port = `port${at}`
    inside(this.#bridge, 'ip', 'link', 'add', port, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', host)
    inside(this.#bridge, 'ip', 'link', 'set', port, 'master', 'br0', 'up')
    inside(host, 'ip', 'address', 'add', `${addressOf(at)}/24`, 'dev', 'eth0')
    inside(host, 'ip', 'link', 'set', 'eth0', 'up')
    inside(host, 'ip', 'link', 'set', 'lo', 'up')
    // What the host sends, and what it is sent.
    for (const [where, device] of [[host, 'eth0'], [this.#bridge, port]] as const) {
      inside(where, 'tc', 'qdisc', 'add', 'dev', device, 'root', 'tbf', 'rate', `${LINE * 8}bit`, 'burst', '128kb', 'latency', '100ms')
    }
  }
}

function namespaces(): readonly string[] {
  return existsSync(NAMESPACES) ? readdirSync(NAMESPACES) : []
}

/** Namespaces of a process that was killed. */
function abandoned(): readonly string[] {
  return namespaces().filter((name) => {
    const owner = new RegExp(`^${PREFIX}(\\d+)-`).exec(name)?.[1]
    return owner !== undefined && !existsSync(`/proc/${owner}`)
  })
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
