import { describe, expect, it } from 'vitest'
import { startLean } from './lean-start.js'
import type { Startable } from './lean-start.js'

function started(change: Partial<Startable>): readonly unknown[][] {
  const calls: unknown[][] = []
  const execve: NonNullable<Startable['execve']> = (...args) => {
    calls.push(args)
    return undefined as never
  }
  startLean({ platform: 'linux', argv: ['node', 'bin.js', 'join', 'demo', './notes'], env: { HOME: '/h' }, execArgv: ['--x'], execPath: 'node', execve, ...change })
  return calls
}

describe('memory settings', () => {
  it('[CLI78] are given to what runs for days, once, and everything else stays as it was', () => {
    const [call] = started({})
    expect(call?.[0]).toBe('node')
    expect(call?.[1]).toEqual(['node', '--min-semi-space-size=16', '--max-semi-space-size=16', '--x', 'bin.js', 'join', 'demo', './notes'])
    expect(call?.[2]).toMatchObject({ HOME: '/h', MALLOC_ARENA_MAX: '1' })
    expect(started({ env: call?.[2] as NodeJS.ProcessEnv })).toEqual([])
    expect(started({ argv: ['node', 'bin.js', 'status'] })).toEqual([])
    expect(started({ platform: 'darwin' })).toEqual([])
  })
})
