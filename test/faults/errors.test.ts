import { FaultyDisk, isChange } from '../harness/disk/faulty-disk.js'
import type { DiskCall, Fault } from '../harness/disk/faulty-disk.js'
import { mount } from '../harness/disk/mounts.js'
import type { CallName } from '../harness/disk/mounts.js'
import { mkdtempSync, readdirSync, readlinkSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { STORIES, faultsOf, openAt, prepare } from './stories.js'
import type { RelPath, Story } from './stories.js'

/** What each call may say instead of doing its work. */
const ERRORS: Partial<Record<CallName, readonly string[]>> = {
  openSync: ['ENOSPC', 'EACCES', 'EROFS', 'EMFILE', 'EIO', 'EEXIST', 'EINTR'],
  writeSync: ['ENOSPC', 'EDQUOT', 'EIO', 'EINTR'],
  fsync: ['EIO', 'ENOSPC', 'EINVAL'],
  renameSync: ['EXDEV', 'EACCES', 'ENOENT', 'EIO', 'ENOSPC'],
  linkSync: ['EPERM', 'EMLINK', 'EXDEV', 'ENOENT', 'ENOSPC', 'EIO'],
  unlinkSync: ['EACCES', 'EIO', 'EROFS'],
  mkdirSync: ['ENOSPC', 'EACCES', 'EROFS', 'EEXIST'],
  rmdirSync: ['EIO', 'ENOTEMPTY', 'EBUSY'],
  lstatSync: ['EIO', 'EACCES'],
  fstatSync: ['EIO'],
  readdirSync: ['EIO', 'EMFILE'],
  readFileSync: ['EIO'],
  fchmodSync: ['EPERM', 'EIO'],
  fchownSync: ['EPERM'],
  statfsSync: ['EIO']
}
const WRITE_FAULTS: readonly Fault[] = [{ kind: 'short-write' }, { kind: 'lying-write' }]
/** Nothing more can be changed: the disk is full, broken, or was mounted read-only. */
const LASTING = ['ENOSPC', 'EIO', 'EROFS'] as const
const SUCCESS = new Set(['written', 'moved', 'removed', 'made', 'set'])

function faultsFor(name: CallName): readonly Fault[] {
  const errors = (ERRORS[name] ?? []).map((code): Fault => ({ kind: 'error', code }))
  return name === 'writeSync' ? [...errors, ...WRITE_FAULTS] : errors
}

/** A full disk still lets go of things; a broken or read-only one changes nothing at all. */
function takesNothing(call: DiskCall, code: (typeof LASTING)[number]): boolean {
  return isChange(call) && !(code === 'ENOSPC' && ['unlinkSync', 'rmdirSync', 'fchmodSync'].includes(call.name))
}

interface Outcome {
  readonly root: string
  readonly result: unknown
  readonly calls: readonly DiskCall[]
  /** What is wrong right after the operation. */
  readonly wrong: readonly string[]
}

type Disturb = (call: DiskCall, index: number) => Fault | undefined

async function runDisturbed(story: Story, disturb: Disturb): Promise<Outcome> {
  const root = mkdtempSync(join(tmpdir(), 'errno-'))
  prepare(root, story)
  const disk = new FaultyDisk()
  using _ = mount(root, disk)
  const fs = await openAt(root)
  await story.before?.(fs)
  const calls: DiskCall[] = []
  disk.faultAt = (call) => disturb(call, calls.push(call) - 1)
  const result = await story.run(fs).catch((error: unknown) => ({ kind: 'thrown', error }))
  const made = [...calls]
  const vanished = story.places.filter((places) => places.every((path) => fs.fact(path as RelPath).kind === 'absent'))
  disk.faultAt = () => undefined
  await fs.close()
  // Of several syncs at once the first failure is told; the others end just after it.
  await pause(5)
  return { root, result, calls: made, wrong: [...openBelow(root).map((path) => `left open: ${path}`), ...vanished.map((path) => `${path.join(' or ')} looks deleted`)] }
}

async function pause(turns: number): Promise<void> {
  for (let turn = 0; turn < turns; turn++) await new Promise((resolve) => setImmediate(resolve))
}

/** Descriptors that this process still has open below `root`. */
function openBelow(root: string): readonly string[] {
  return readdirSync('/proc/self/fd').flatMap((fd) => {
    try {
      const target = readlinkSync(`/proc/self/fd/${fd}`)
      return target.startsWith(root) ? [target] : []
    } catch {
      return []
    }
  })
}

async function judge(story: Story, { root, result, wrong: already }: Outcome): Promise<readonly string[]> {
  const kinds = kindsOf(result)
  const wrong = [...already]
  if (kinds.includes('thrown') && !story.mayThrow) wrong.push(`it throws ${String((result as { error: unknown }).error)}`)
  if (kinds.every((kind) => SUCCESS.has(kind)) && story.done !== undefined && !story.done(root)) wrong.push('it says that it is done, and it is not')
  const fs = await openAt(root)
  await fs.recover()
  wrong.push(...faultsOf(root, story))
  const again = kindsOf(await story.run(fs).catch((error: unknown) => ({ kind: 'thrown', error })))
  if (again.includes('blocked') || again.includes('thrown')) wrong.push('it cannot be done afterwards')
  await fs.close()
  rmSync(root, { recursive: true })
  return wrong
}

function kindsOf(result: unknown): readonly string[] {
  return [result].flat().map((each) => String((each as { kind?: unknown } | undefined)?.kind))
}

describe('an error of the disk at every call', () => {
  for (const story of STORIES) {
    it(`[FAULT3] ${story.name}: is told, nothing is lost or half done, and it works once the disk does`, async () => {
      const wrong: string[] = []
      const { root, calls } = await runDisturbed(story, () => undefined)
      rmSync(root, { recursive: true })
      for (const [at, { name }] of calls.entries()) {
        for (const fault of faultsFor(name)) {
          const outcome = await runDisturbed(story, (_, index) => (index === at ? fault : undefined))
          const what = fault.kind === 'error' ? fault.code : fault.kind
          wrong.push(...(await judge(story, outcome)).map((each) => `${what} at call ${at} (${name}): ${each}`))
        }
      }
      expect(wrong).toEqual([])
      expect(calls.length).toBeGreaterThan(3)
    })

    it(`[FAULT4] ${story.name}: so it is when the disk takes nothing more from then on`, async () => {
      const wrong: string[] = []
      const { root, calls } = await runDisturbed(story, () => undefined)
      rmSync(root, { recursive: true })
      for (const code of LASTING) {
        for (const [at, call] of calls.entries()) {
          if (!takesNothing(call, code)) continue
          const outcome = await runDisturbed(story, (call, index) => (index >= at && takesNothing(call, code) ? { kind: 'error', code } : undefined))
          wrong.push(...(await judge(story, outcome)).map((each) => `${code} from call ${at} on: ${each}`))
        }
      }
      expect(wrong).toEqual([])
    })
  }
})
