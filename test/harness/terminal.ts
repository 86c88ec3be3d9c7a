import { execFileSync } from 'node:child_process'
import { eventually } from './eventually.js'

/** Whether a program is there to be run. */
export function isInstalled(program: string): boolean {
  try {
    execFileSync('sh', ['-c', `command -v ${program}`], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

/** A program in a terminal of its own, typed at as a person would. */
export class Terminal implements Disposable {
  readonly #socket = `collab-test-${process.pid}-${crypto.randomUUID().slice(0, 8)}`

  constructor(command: readonly string[]) {
    this.#tmux('-f', '/dev/null', 'new-session', '-d', '-x', '120', '-y', '40', ...command)
  }

  /** Keys by name: `Escape`, `Enter`, `C-o`; anything else is typed as it is. */
  press(...keys: readonly string[]): void {
    this.#tmux('send-keys', ...keys)
  }

  type(text: string): void {
    this.#tmux('send-keys', '-l', text)
  }

  screen(): string {
    return this.#tmux('capture-pane', '-p')
  }

  /** Waits until the screen shows something. */
  async shows(what: RegExp): Promise<void> {
    await eventually(`the screen shows ${what}`, () => what.test(this.screen()), { deadlineMs: 20_000, otherwise: () => this.screen() })
  }

  [Symbol.dispose](): void {
    try {
      this.#tmux('kill-server')
    } catch {
      // The program has ended, and its terminal with it.
    }
  }

  #tmux(...args: readonly string[]): string {
    return execFileSync('tmux', ['-L', this.#socket, ...args], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
  }
}
