import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, realpathSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, relative, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The built command; `pnpm build` makes it. */
export const CLI = resolve(dirname(fileURLToPath(import.meta.url)), root(), 'packages/cli/bundle/bin.js')
/** Loopback only, at a free port: tests see no other machine, and no other machine sees them. */
export const LOCAL = ['--listen', '/ip4/127.0.0.1/tcp/0', '--no-mdns']
/** What is not there by then does not come, on an overloaded machine neither. */
const DEADLINE_MS = 120_000
/** Time between two looks at a condition that nothing announces. */
const POLL_MS = 15

/** This file runs from its source and from `dist`. */
function root(): string {
  return import.meta.url.includes('/dist/') ? '../../..' : '../..'
}

export interface CliEvent {
  readonly type: string
  readonly [field: string]: unknown
}

export interface CliResult {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

export interface CliOptions {
  /** COLLAB_HOME. */
  readonly home: string
  readonly cwd?: string
  readonly input?: string
  readonly env?: Readonly<Record<string, string>>
  /** Put before the command, to trace it, say. */
  readonly wrapper?: readonly string[]
}

/** A temporary directory for one test, gone at its end; kept, with the output of its processes, when COLLAB_E2E_KEEP is set. */
export class TestArea {
  readonly directory = realpathSync(mkdtempSync(join(tmpdir(), 'collab-e2e-')))
  readonly #processes: CliProcess[] = []

  path(...names: readonly string[]): string {
    return join(this.directory, ...names)
  }

  folder(name: string): string {
    mkdirSync(this.path(name), { recursive: true })
    return this.path(name)
  }

  /** Starts a command that stays. */
  start(args: readonly string[], options: CliOptions): CliProcess {
    const running = new CliProcess(args, options)
    this.#processes.push(running)
    return running
  }

  /** Runs a command to its end. */
  async run(args: readonly string[], options: CliOptions): Promise<CliResult> {
    return await this.start(args, options).ended
  }

  /** Joins with `--json` on loopback; ready when it listens. `home` is named after the folder. */
  async join(topic: string, folder: string, args: readonly string[] = []): Promise<CliProcess> {
    const running = this.start(['join', topic, this.path(folder), ...LOCAL, '--json', ...args], { home: this.path(`home-${folder}`) })
    await running.event('listening')
    return running
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const running of this.#processes) running.kill('SIGKILL')
    await Promise.all(this.#processes.map((running) => running.ended))
    if (process.env['COLLAB_E2E_KEEP'] === undefined) rmSync(this.directory, { recursive: true, force: true })
    else for (const [n, running] of this.#processes.entries()) writeFileSync(this.path(`process-${n}.log`), `${running.stdout}\n${running.stderr}`)
  }
}

/** A real process of the command line. */
export class CliProcess {
  readonly events: CliEvent[] = []
  readonly ended: Promise<CliResult>
  readonly #child: ChildProcess
  readonly #waiters = new Set<() => void>()
  #stdout = ''
  #stderr = ''
  #rest = ''
  #isOver = false

  constructor(args: readonly string[], options: CliOptions) {
    const env = { ...process.env, NO_COLOR: '1', ...options.env, COLLAB_HOME: options.home }
    const [command = process.execPath, ...rest] = [...(options.wrapper ?? []), process.execPath, CLI, ...args]
    this.#child = spawn(command, rest, { cwd: options.cwd ?? tmpdir(), env, stdio: 'pipe' })
    this.#child.stdin?.on('error', () => undefined).end(options.input ?? '')
    this.#child.stdout?.setEncoding('utf8').on('data', (text: string) => this.#take(text))
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => (this.#stderr += text))
    this.ended = new Promise((resolve) =>
      this.#child.on('close', (code) => {
        this.#isOver = true
        this.#wake()
        resolve({ code, stdout: this.#stdout, stderr: this.#stderr })
      })
    )
  }

  get isOver(): boolean {
    return this.#isOver
  }

  get pid(): number {
    return this.#child.pid ?? 0
  }

  get stdout(): string {
    return this.#stdout
  }

  get stderr(): string {
    return this.#stderr
  }

  /** The first dialable address. */
  get address(): string {
    const listening = this.events.findLast(({ type }) => type === 'listening') as { addresses?: readonly string[] } | undefined
    const address = listening?.addresses?.[0]
    if (address === undefined) throw new Error('the process does not listen yet')
    return address
  }

  /** The first event of this type, from the `from`-th event on, that `matches`; waits for it. */
  async event(type: string, matches: (event: CliEvent) => boolean = () => true, from = 0): Promise<CliEvent> {
    const find = () => this.events.slice(from).find((event) => event.type === type && matches(event))
    await this.#until(() => find() !== undefined, `event ${type}`)
    return find() as CliEvent
  }

  /** Waits for text on standard output, where it is not JSON. */
  async ready(matches: (stdout: string) => boolean): Promise<void> {
    await this.#until(() => matches(this.#stdout), 'output')
  }

  /** Closes the reading end of its standard output. */
  closeOutput(): void {
    this.#child.stdout?.destroy()
  }

  kill(signal: NodeJS.Signals = 'SIGINT'): void {
    if (!this.#isOver) this.#child.kill(signal)
  }

  /** Asks for an orderly end, as Ctrl-C does. */
  async stop(): Promise<CliResult> {
    this.kill('SIGINT')
    return await this.ended
  }

  async #until(condition: () => boolean, what: string): Promise<void> {
    const deadline = Promise.withResolvers<never>()
    const timer = setTimeout(() => deadline.reject(new Error(`no ${what} came: ${this.#stdout.slice(-2000)} ${this.#stderr}`)), DEADLINE_MS)
    try {
      while (!condition()) {
        if (this.#isOver) throw new Error(`the process ended before ${what}: ${this.#stdout.slice(-2000)} ${this.#stderr}`)
        await Promise.race([new Promise<void>((resolve) => this.#waiters.add(resolve)), deadline.promise])
      }
    } finally {
      clearTimeout(timer)
    }
  }

  #take(text: string): void {
    this.#stdout += text
    const lines = (this.#rest + text).split('\n')
    this.#rest = lines.pop() ?? ''
    for (const line of lines) if (line.startsWith('{')) this.events.push(JSON.parse(line) as CliEvent)
    this.#wake()
  }

  #wake(): void {
    const waiters = [...this.#waiters]
    this.#waiters.clear()
    for (const wake of waiters) wake()
  }
}

/** Waits until `condition` holds; what it waits for is on disk, so it looks again and again. */
export async function until(condition: () => boolean, what: string | (() => string), deadlineMs = DEADLINE_MS): Promise<void> {
  const end = performance.now() + deadlineMs
  while (!condition()) {
    if (performance.now() > end) throw new Error(`still not so after ${deadlineMs} ms: ${typeof what === 'string' ? what : what()}`)
    await new Promise((resolve) => setTimeout(resolve, POLL_MS))
  }
}

/** Every file and directory of a folder as users see it (`.collab` left out): path -> content. */
export function treeOf(folder: string): Readonly<Record<string, string>> {
  const tree: Record<string, string> = {}
  const visit = (directory: string): void => {
    for (const name of readdirSync(directory).sort()) {
      const path = join(directory, name)
      if (name === '.collab') continue
      try {
        if (statSync(path).isDirectory()) {
          tree[`${relative(folder, path)}/`] = ''
          visit(path)
        } else tree[relative(folder, path)] = readFileSync(path, 'latin1')
      } catch (error) {
        // Replaced at this very moment: the next look sees it.
        if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
      }
    }
  }
  visit(folder)
  return tree
}

/** Waits until all folders hold the same files with the same bytes, and `matches` holds for them. */
export async function untilSame(folders: readonly string[], matches: (tree: Readonly<Record<string, string>>) => boolean = () => true): Promise<void> {
  const same = () => {
    const trees = folders.map(treeOf)
    const first = JSON.stringify(trees[0])
    return trees.every((tree) => JSON.stringify(tree) === first) && matches(trees[0] ?? {})
  }
  await until(same, () => `the same files, with what is expected in them; now ${JSON.stringify(folders.map(treeOf)).slice(0, 4000)}`)
}
