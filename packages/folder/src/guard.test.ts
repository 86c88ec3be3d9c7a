import { systemClock } from '@collab/core'
import { describe, expect, it } from 'vitest'
import { Brake } from './brake.js'
import { guardMany, guardRoot } from './guard.js'
import type { RelPath } from './rel-path.js'

const paths = (from: number, to: number): RelPath[] => Array.from({ length: to - from }, (_, at) => `f${from + at}` as RelPath)

describe('the guards', () => {
  it('[GUARD1] let few deletions pass and stop many: above 20 files and above a quarter', () => {
    const stops = (files: number, known: number): boolean => guardMany({ side: 'disk', what: 'deleted', files, known }) !== undefined
    expect([stops(20, 40), stops(21, 40), stops(25, 1_000), stops(250, 1_000), stops(251, 1_000)]).toEqual([false, true, false, false, true])
  })

  it('[GUARD2] stop when a folder of some files is emptied, not when a few are deleted', () => {
    const stops = (files: number): boolean => guardMany({ side: 'peers', what: 'deleted', files, known: files }) !== undefined
    expect([stops(1), stops(3), stops(4), stops(10)]).toEqual([false, false, true, true])
  })

  it('[GUARD3] stop everything when the folder or its marker is missing, but not for a folder that is new', () => {
    const stop = (root: boolean, marker: 'ours' | 'none' | 'other', known: number): boolean => guardRoot({ root, marker, known }) !== undefined
    expect([stop(false, 'none', 0), stop(true, 'none', 0), stop(true, 'other', 0)]).toEqual([true, false, false])
    expect([stop(true, 'ours', 9), stop(true, 'none', 9), stop(true, 'other', 9)]).toEqual([false, true, true])
  })

  it('[GUARD4] count deletions close together as one, hold them all, and let them go once confirmed', () => {
    let now = 0
    const counts: number[] = []
    const brake = new Brake({ side: 'disk', what: 'deleted' }, { ...systemClock, monotonic: () => now }, ({ count }) => void counts.push(count))
    expect(brake.admit(paths(0, 15), 40).size).toBe(15)
    for (const path of paths(0, 15)) brake.done(path)
    now = 1_000
    expect(brake.admit(paths(15, 25), 25).size).toBe(0)
    expect(counts).toEqual([25])
    expect(brake.confirm()).toHaveLength(10)
    expect(brake.stop).toBeUndefined()
    expect(brake.admit(paths(15, 25), 25).size).toBe(10)
    now = 60_000
    for (const path of paths(15, 25)) brake.done(path)
    now = 120_000
    expect(brake.admit(paths(25, 30), 15).size).toBe(5)
  })

  it('[GUARD5] are released by files that come back', () => {
    const brake = new Brake({ side: 'disk', what: 'deleted' }, systemClock, () => undefined)
    brake.admit(paths(0, 30), 30)
    expect(brake.stop?.count).toBe(30)
    for (const path of paths(0, 30)) brake.release(path)
    expect(brake.stop).toBeUndefined()
  })
})
