import { randomInt } from 'node:crypto'
import { mkdirSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { join } from 'node:path'
import { CliProcess } from './cli-process.js'
import type { CliEvent } from './cli-process.js'

export interface PeerStatus {
  readonly workspace: {
    readonly peerId: string
    readonly author?: string
    readonly peers: readonly { readonly peer: string; readonly synced: boolean }[]
    readonly entries: number
    readonly files: number
    readonly voids: number
    readonly forks: number
  }
  readonly folder?: {
    readonly files: number
    readonly dirty: number
    readonly fetching: number
    readonly skipped: readonly { readonly path: string; readonly reason: string }[]
    readonly guard?: string
  }
}

export interface FolderPeerInit {
  readonly name: string
  /** Where this peer keeps its folder (`notes`) and its private state (`home`). */
  readonly directory: string
  readonly link: string
  readonly port: number
  /** `hold` has no folder. @default 'join' */
  readonly command?: 'join' | 'hold'
  /** Put before the command, to trace it, say. */
  readonly wrapper?: readonly string[]
}

/** Linux gives outgoing connections ports from 32,768 on, others from 49,152 on. */
const [FIRST_PORT, END_PORT] = [10_000, 32_768]
/** A process that does not end after it was told to is stuck. */
const STOP_MS = 30_000

/** A member, or a holder, of a workspace: a process at a fixed port, started, stopped, killed and started again. */
export class FolderPeer {
  readonly name: string
  readonly folder: string
  readonly home: string
  readonly port: number
  /** Ends that nobody asked for; a test looks at them in the end. */
  readonly failures: string[] = []
  readonly #init: FolderPeerInit
  readonly #earlier: CliEvent[] = []
  #process: CliProcess | undefined

  constructor(init: FolderPeerInit) {
    this.#init = init
    this.name = init.name
    this.port = init.port
    this.folder = join(init.directory, 'notes')
    this.home = join(init.directory, 'home')
    if (init.command !== 'hold') mkdirSync(this.folder, { recursive: true })
  }

  get running(): boolean {
    return this.#process !== undefined && !this.#process.isOver
  }

  /** The running process, or the last one. */
  get process(): CliProcess {
    if (this.#process === undefined) throw new Error(`${this.name} was never started`)
    return this.#process
  }

  /** Dialable by any other peer, whatever its keys. */
  get address(): string {
    return `/ip4/127.0.0.1/tcp/${this.port}`
  }

  /** What all its processes printed. */
  get events(): readonly CliEvent[] {
    return [...this.#earlier, ...(this.#process?.events ?? [])]
  }

  /** Starts the process; resolves when it listens. */
  async start(peers: readonly { readonly address: string }[] = [], flags: readonly string[] = []): Promise<void> {
    if (this.running) return
    this.#forget()
    const { link, wrapper } = this.#init
    const options = { home: this.home, input: `${link}\n`, ...(wrapper !== undefined && { wrapper }) }
    const started = new CliProcess([...this.#arguments(peers), ...flags], options)
    this.#process = started
    void started.ended.then(({ code, stderr }) => {
      if (code !== 0 && code !== null) this.failures.push(`${this.name} ended with ${code}: ${stderr}`)
      if (stderr.includes('internal error')) this.failures.push(`${this.name}: ${stderr}`)
    })
    await started.event('listening')
  }

  /** Ends it as Ctrl-C does. */
  async stop(): Promise<void> {
    await this.#end('SIGTERM')
  }

  /** Ends it as a power cut does. */
  async kill(): Promise<void> {
    await this.#end('SIGKILL')
  }

  /** Stops its time: for the others it is a network that went silent. */
  pause(): void {
    this.#process?.kill('SIGSTOP')
  }

  resume(): void {
    this.#process?.kill('SIGCONT')
  }

  /** What the running process says of itself; undefined when it does not answer (yet). */
  async status(): Promise<PeerStatus | undefined> {
    return (await this.ask({ ask: 'status' })) as PeerStatus | undefined
  }

  /** Undefined before it has opened its store. */
  get storeId(): string | undefined {
    return this.#process?.events.find(({ type }) => type === 'started')?.['store'] as string | undefined
  }

  /** One request over the local socket. */
  async ask(request: object): Promise<unknown> {
    const { storeId } = this
    if (!this.running || storeId === undefined) return undefined
    const line = await lineFrom(join(this.home, 'stores', storeId, 'control.sock'), JSON.stringify(request))
    return line === undefined ? undefined : (JSON.parse(line) as { value?: unknown }).value
  }

  #arguments(peers: readonly { readonly address: string }[]): readonly string[] {
    const { command = 'join' } = this.#init
    const where = command === 'join' ? ['join', '-', this.folder] : ['hold', '-']
    const network = ['--no-mdns', '--listen', this.address, ...peers.flatMap((peer) => ['--peer', peer.address])]
    return [...where, '--json', '--name', this.name, ...network]
  }

  #forget(): void {
    this.#earlier.push(...(this.#process?.events ?? []))
    this.#process = undefined
  }

  async #end(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    const running = this.#process
    if (running === undefined || running.isOver) return
    running.kill('SIGCONT')
    running.kill(signal)
    const late = setTimeout(() => {
      this.failures.push(`${this.name} did not stop`)
      running.kill('SIGKILL')
    }, STOP_MS)
    await running.ended
    clearTimeout(late)
  }
}

/**
 * A port of the loopback interface that is free now; kept over restarts, so that others find a peer again. None of those
 * that the system gives to outgoing connections: another process may have got it by then.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(FIRST_PORT, END_PORT)
    const server = createServer()
    const isFree = await new Promise<boolean>((resolve) => {
      server.once('error', () => resolve(false)).listen(port, '127.0.0.1', () => resolve(true))
    })
    if (!isFree) continue
    await new Promise<void>((resolve) => server.close(() => resolve()))
    return port
  }
}

async function lineFrom(path: string, request: string): Promise<string | undefined> {
  return await new Promise((resolve) => {
    const socket = connect(path)
    let text = ''
    socket.setEncoding('utf8').setTimeout(10_000, () => socket.destroy())
    socket.once('connect', () => socket.write(`${request}\n`))
    socket.on('data', (part: string) => {
      text += part
      if (text.includes('\n')) socket.end()
    })
    socket.on('error', () => resolve(undefined))
    socket.once('close', () => resolve(text === '' ? undefined : text.split('\n')[0]))
  })
}
