import { describe, expect, it } from 'vitest'
import { Repetition } from './repetition.js'

describe('Repetition', () => {
  it('[CLI95] tells the first of a kind, then once that there are more, and again after a while', () => {
    const repetition = new Repetition()
    const judge = (n: number, now: number) => repetition.judge({ type: 'skipped', path: `n${n}`, reason: 'the disk is full' }, now)
    const first = Array.from({ length: 12 }, (_, n) => judge(n, 0))
    expect(first).toEqual([...Array.from({ length: 8 }, () => 'tell'), 'more', 'quiet', 'quiet', 'quiet'])
    expect(judge(12, 61_000)).toBe('tell')
    expect(repetition.judge({ type: 'skipped', path: 'x', reason: 'not text' }, 0)).toBe('tell')
  })

  it('[CLI96] never holds back a change, a conflict or a guard', () => {
    const repetition = new Repetition()
    const told = Array.from({ length: 50 }, () => repetition.judge({ type: 'change', path: 'a', what: 'edited', from: 'peer' }, 0))
    expect(new Set(told)).toEqual(new Set(['tell']))
  })
})
