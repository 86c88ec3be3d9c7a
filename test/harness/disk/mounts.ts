// Import this file before `@collab/folder`: the calls of `node:fs` that a folder makes go through here from then on.
import fs from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'

/** Every call of `node:fs` by which a folder looks at its disk or changes it. */
export const CALLS = [
  'openSync',
  'closeSync',
  'readSync',
  'writeSync',
  'fsync',
  'fstatSync',
  'lstatSync',
  'readdirSync',
  'readFileSync',
  'readlinkSync',
  'realpathSync',
  'statfsSync',
  'chmodSync',
  'fchmodSync',
  'fchownSync',
  'copyFileSync',
  'linkSync',
  'mkdirSync',
  'renameSync',
  'rmdirSync',
  'unlinkSync'
] as const
export type CallName = (typeof CALLS)[number]

/** Answers calls in the place of the real disk. `fsync` is asked without its callback: it returns or throws. */
export interface Disk {
  call(name: CallName, args: readonly unknown[]): unknown
}

type AnyCall = (...args: unknown[]) => unknown

const real = Object.fromEntries(CALLS.map((name) => [name, fs[name] as AnyCall])) as Record<CallName, AnyCall>
const mounts = new Map<string, Disk>()
const descriptors = new Map<number, Disk>()

for (const name of CALLS) (fs as unknown as Record<string, AnyCall>)[name] = Object.assign(name === 'fsync' ? fsyncLater : through(name), fs[name])
syncBuiltinESMExports()

/** The real disk, with `fsync` as a call that returns when it is done. */
export const realDisk: Disk = {
  call: (name, args) => (name === 'fsync' ? fs.fsyncSync(args[0] as number) : real[name](...args))
}

/** From now on `disk` answers for everything at and below `root`, until the result is disposed of; what is open stays its own. */
export function mount(root: string, disk: Disk): Disposable {
  mounts.set(root, disk)
  return { [Symbol.dispose]: () => void mounts.delete(root) }
}

function through(name: CallName): AnyCall {
  return (...args) => {
    const disk = diskOf(args[0])
    if (disk === undefined) return real[name](...args)
    const result = disk.call(name, args)
    if (name === 'openSync') descriptors.set(result as number, disk)
    if (name === 'closeSync') descriptors.delete(args[0] as number)
    return result
  }
}

/** Not at once, but one after the other in the order of the calls, so that a run can be repeated. */
function fsyncLater(fd: unknown, done: unknown): void {
  const disk = diskOf(fd)
  if (disk === undefined) return void real.fsync(fd, done)
  const callback = done as (error: unknown) => void
  setImmediate(() => {
    try {
      disk.call('fsync', [fd])
    } catch (error) {
      return callback(error)
    }
    callback(null)
  })
}

/** Paths through a descriptor (`/proc/self/fd/7/name`) belong to the disk that opened it. */
function diskOf(target: unknown): Disk | undefined {
  if (typeof target === 'number') return descriptors.get(target)
  if (typeof target !== 'string' || mounts.size === 0) return undefined
  const held = /^\/proc\/self\/fd\/(\d+)/.exec(target)
  if (held !== null) return descriptors.get(Number(held[1]))
  for (const [root, disk] of mounts) if (target === root || target.startsWith(`${root}/`)) return disk
  return undefined
}

export function errno(code: string): Error {
  return Object.assign(new Error(`${code}: injected`), { code })
}
