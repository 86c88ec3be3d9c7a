import type { BigIntStats } from 'node:fs'
import { constants, lstatSync, readdirSync, truncateSync } from 'node:fs'
import { errno, realDisk } from './mounts.js'
import type { CallName, Disk } from './mounts.js'

export interface DiskCall {
  readonly name: CallName
  readonly args: readonly unknown[]
}

/** What happens at a call instead of the call. */
export type Fault =
  | { readonly kind: 'error'; readonly code: string }
  /** The process ends before the call: it and all later ones never happen. */
  | { readonly kind: 'crash' }
  /** A write takes half of what it was given, and says so. */
  | { readonly kind: 'short-write' }
  /** A write takes half of what it was given, and says that it took all. */
  | { readonly kind: 'lying-write' }

/** Thrown into the code of a process that no longer exists. */
export class CrashError extends Error {
  constructor() {
    super('the process has crashed')
    this.name = 'CrashError'
  }
}

const CHANGES: ReadonlySet<CallName> = new Set([
  'writeSync',
  'fsync',
  'chmodSync',
  'fchmodSync',
  'fchownSync',
  'copyFileSync',
  'linkSync',
  'mkdirSync',
  'renameSync',
  'rmdirSync',
  'unlinkSync'
])

/** Whether the call leaves the disk otherwise than it was. */
export function isChange({ name, args }: DiskCall): boolean {
  if (name !== 'openSync') return CHANGES.has(name)
  const flags = args[1] ?? 'r'
  return typeof flags === 'number' ? (flags & (constants.O_CREAT | constants.O_TRUNC)) !== 0 : flags !== 'r'
}

/** A disk whose every call may fail, and which remembers what has not been synced yet. */
export class FaultyDisk implements Disk {
  /** Asked before each call; assign it when the disk is to be disturbed. */
  faultAt: (call: DiskCall) => Fault | undefined = () => undefined
  readonly #below: Disk
  readonly #unsynced = new Set<bigint>()
  #crashed = false

  constructor(below: Disk = realDisk) {
    this.#below = below
  }

  /** The process ends before the change with this number, counted from now. */
  crashBefore(change: number): void {
    let changes = 0
    this.faultAt = (call) => (isChange(call) && changes++ === change ? { kind: 'crash' } : undefined)
  }

  get crashed(): boolean {
    return this.#crashed
  }

  crash(): void {
    this.#crashed = true
  }

  /** The next process has the disk, with what this one may have left open. @returns whether this one had crashed */
  handOver(): boolean {
    const had = this.#crashed
    this.#crashed = false
    this.faultAt = () => undefined
    return had
  }

  call(name: CallName, args: readonly unknown[]): unknown {
    // The system closes what a process leaves open.
    if (name === 'closeSync') return this.#below.call(name, args)
    if (this.#crashed) throw new CrashError()
    const fault = this.faultAt({ name, args })
    const result = fault === undefined ? this.#below.call(name, args) : this.#strike(fault, name, args)
    if (name === 'writeSync') this.#unsynced.add(this.#inodeOf(args[0]))
    if (name === 'fsync') this.#unsynced.delete(this.#inodeOf(args[0]))
    return result
  }

  /** The power goes: of what was written and not synced nothing is left but the names. */
  losePower(root: string): void {
    for (const entry of readdirSync(root, { recursive: true, withFileTypes: true })) {
      const path = `${entry.parentPath}/${entry.name}`
      if (entry.isFile() && this.#unsynced.has(lstatSync(path, { bigint: true }).ino)) truncateSync(path)
    }
  }

  #strike(fault: Fault, name: CallName, args: readonly unknown[]): unknown {
    switch (fault.kind) {
      case 'crash':
        this.crash()
        throw new CrashError()
      case 'error':
        throw errno(fault.code)
      case 'short-write':
        return this.#writeHalf(args)
      case 'lying-write':
        this.#writeHalf(args)
        return (args[1] as Uint8Array).length - ((args[2] as number | undefined) ?? 0)
    }
  }

  #writeHalf([fd, bytes, offset = 0]: readonly unknown[]): number {
    const from = offset as number
    const length = Math.ceil(((bytes as Uint8Array).length - from) / 2)
    return this.#below.call('writeSync', [fd, bytes, from, length]) as number
  }

  #inodeOf(fd: unknown): bigint {
    return (this.#below.call('fstatSync', [fd, { bigint: true }]) as BigIntStats).ino
  }
}
