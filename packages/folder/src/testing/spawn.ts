import type { ChildProcess } from 'node:child_process'
import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { SOURCE_LOADER } from './disk-harness.js'

export interface Script extends AsyncDisposable {
  readonly child: ChildProcess
  readonly ended: Promise<void>
}

/** Runs a file of this directory in a process of its own; `onLine` gets each object that it writes. */
export function runScript(name: string, args: readonly string[], onLine: (line: Record<string, unknown>) => void): Script {
  const file = fileURLToPath(new URL(name, import.meta.url))
  const child = spawn(process.execPath, ['--no-warnings', '--import', SOURCE_LOADER, file, ...args], { stdio: ['ignore', 'pipe', 'inherit'] })
  createInterface({ input: child.stdout }).on('line', (line) => onLine(JSON.parse(line) as Record<string, unknown>))
  const ended = new Promise<void>((resolve) => void child.once('close', () => resolve()))
  return {
    child,
    ended,
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL')
      await ended
    }
  }
}

/** Keeps the processors busy, so that other processes are interrupted in the middle of what they do. */
export function burnProcessors(count: number): Disposable {
  const burners = Array.from({ length: count }, () => spawn(process.execPath, ['-e', 'for(;;);'], { stdio: 'ignore' }))
  return { [Symbol.dispose]: () => burners.forEach((burner) => void burner.kill('SIGKILL')) }
}
