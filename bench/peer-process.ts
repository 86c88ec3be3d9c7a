import { execFile, spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const BIN = fileURLToPath(new URL('../../packages/cli/bundle/bin.js', import.meta.url))

const run = promisify(execFile)

export interface PeerInit {
  readonly home: string
  readonly topic: string
  readonly folder: string
  readonly peers?: readonly string[]
  /** @default loopback */
  readonly listen?: string
  /** The network namespace that it is in. @default this one */
  readonly inside?: string
}

interface JsonEvent {
  readonly type: string
  readonly addresses?: readonly string[]
  readonly [field: string]: unknown
}

export interface Usage {
  readonly rss: number
  readonly cpuMs: number
}

/** Resident memory of a process in bytes, and the CPU milliseconds of all its threads so far (Linux). */
export function usageOf(pid: number): Usage {
  const rss = Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) * 1024
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return { rss, cpuMs: (Number(fields[11]) + Number(fields[12])) * 10 }
}

/** One `collab join` as a user runs it. */
export class PeerProcess {
  readonly #init: PeerInit
  readonly #child: ChildProcess
  readonly #seen: JsonEvent[] = []
  #wake: (() => void)[] = []

  constructor(init: PeerInit) {
    this.#init = init
    const peers = (init.peers ?? []).flatMap((peer) => ['--peer', peer])
    const words = [process.execPath, BIN, 'join', init.topic, init.folder, '--json', '--no-mdns', '--listen', init.listen ?? '/ip4/127.0.0.1/tcp/0', ...peers]
    const [command = '', ...args] = init.inside === undefined ? words : ['ip', 'netns', 'exec', init.inside, ...words]
    this.#child = spawn(command, args, { env: { ...process.env, COLLAB_HOME: init.home }, stdio: ['ignore', 'pipe', 'inherit'] })
    const { stdout } = this.#child
    if (stdout === null) throw new Error('the child has no output')
    createInterface({ input: stdout }).on('line', (line) => {
      this.#seen.push(JSON.parse(line) as JsonEvent)
      this.#notify()
    })
    this.#child.on('exit', () => this.#notify())
  }

  /** The first event of this type, waiting for it. */
  async event(type: string): Promise<JsonEvent> {
    for (;;) {
      const found = this.#seen.find((event) => event.type === type)
      if (found !== undefined) return found
      if (this.#child.exitCode !== null) throw new Error(`collab ended with ${this.#child.exitCode} before it said "${type}"`)
      await new Promise<void>((resolve) => this.#wake.push(resolve))
    }
  }

  /** Waits until `count` files came from peers; watching the folder instead would take the CPU that is measured. */
  async created(count: number): Promise<void> {
    const arrived = ({ type, what, from, path }: JsonEvent): boolean =>
      type === 'change' && what === 'created' && from === 'peer' && String(path).endsWith('.md')
    for (let seen = 0, done = 0; ; ) {
      for (; seen < this.#seen.length; seen++) if (arrived(this.#seen[seen] as JsonEvent)) done++
      if (done >= count) return
      if (this.#child.exitCode !== null) throw new Error(`collab ended with ${this.#child.exitCode} after ${done} files`)
      await new Promise<void>((resolve) => this.#wake.push(resolve))
    }
  }

  async addresses(): Promise<readonly string[]> {
    return (await this.event('listening')).addresses ?? []
  }

  /** Resident memory in bytes, and CPU milliseconds used so far (Linux). */
  usage(): Usage {
    return usageOf(this.#child.pid ?? 0)
  }

  /** Bytes of blobs that it sent and received so far. */
  async transfers(): Promise<{ readonly sentBytes: number; readonly receivedBytes: number }> {
    const { home, folder } = this.#init
    const { stdout } = await run(process.execPath, [BIN, 'status', folder, '--json'], { env: { ...process.env, COLLAB_HOME: home } })
    const [here] = JSON.parse(stdout) as readonly { readonly status: { readonly transfers: { readonly sentBytes: number; readonly receivedBytes: number } } }[]
    if (here === undefined) throw new Error('nothing is joined here')
    return here.status.transfers
  }

  /** Without any more ado. */
  kill(): void {
    this.#child.kill('SIGKILL')
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null) return
    const ended = new Promise((resolve) => this.#child.once('exit', resolve))
    this.#child.kill('SIGINT')
    await ended
  }

  #notify(): void {
    const wake = this.#wake
    this.#wake = []
    for (const resolve of wake) resolve()
  }
}

/** Waits until `check` holds; looks often, because what is measured is short. */
export async function until(check: () => boolean, everyMs = 1): Promise<void> {
  while (!check()) await new Promise((resolve) => setTimeout(resolve, everyMs))
}

/** Whether the file is there and has `text` in it; while it is replaced its name is absent for an instant. */
export function holds(folder: string, path: string, text: string): boolean {
  try {
    return readFileSync(join(folder, path), 'utf8').includes(text)
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return false
    throw error
  }
}
