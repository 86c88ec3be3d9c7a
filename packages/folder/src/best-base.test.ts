import { diffCost, diffText } from '@collab/core'
import { describe, expect, it } from 'vitest'
import { STALE_SAVE_MS, bestBase } from './best-base.js'

const cost = (from: string, to: string): number => diffCost(diffText(from, to))
const base = { text: 'one\ntwo\nthree\n', version: 3 }
const ring = [
  { text: 'one\ntwo\n', version: 2 },
  { text: 'one\n', version: 1 }
]

describe('the base of a saved text', () => {
  it('[BASE1] is the newest text when the editor had it', () => {
    expect(bestBase('one\ntwo\nthree\nfour\n', { base, ring, sinceWriteMs: 10, cost }).version).toBe(3)
  })

  it('[BASE2] is an older text when the editor had not seen the newest', () => {
    expect(bestBase('one\nmine\n', { base, ring, sinceWriteMs: 10, cost }).version).toBe(1)
    expect(bestBase('one\ntwo\nm\n', { base, ring, sinceWriteMs: 10, cost }).version).toBe(2)
  })

  it('[BASE2] is not an older text, however near, when a line that came after it is in what was saved', () => {
    const newest = { text: '  indented a; const x\nb\n', version: 2 }
    const older = [{ text: '  indented a; const x\n', version: 1 }]
    expect(bestBase('b\n c; const x\n', { base: newest, ring: older, sinceWriteMs: 10, cost }).version).toBe(2)
  })

  it('[BASE10] is an older text also where only a closing brace of what came after it is in what was saved', () => {
    const older = [{ text: 'const a = 1\n', version: 1 }]
    const newest = { text: 'const a = 1\nfunction g() {\n  return 2\n}\n', version: 2 }
    expect(bestBase('const a = 1\ninterface Shape {\n  width: number\n}\n', { base: newest, ring: older, sinceWriteMs: 10, cost }).version).toBe(1)
  })

  it('[BASE9] is the newest text where that was saved as far as the middle of a line', () => {
    expect(bestBase('one\ntwo\nth', { base, ring, sinceWriteMs: 10, cost }).version).toBe(3)
    expect(bestBase('one\nt', { base, ring, sinceWriteMs: 10, cost }).version).toBe(3)
    expect(bestBase('one\n', { base, ring, sinceWriteMs: 10, cost }).version).toBe(1)
    expect(bestBase('one\n', { base, ring: ring.slice(0, 1), sinceWriteMs: 10, cost }).version).toBe(2)
  })

  it('[BASE3] is the newest of those that differ equally', () => {
    const twins = [{ text: 'one\ntwo\nthree\n', version: 2 }]
    expect(bestBase('one\ntwo\n', { base, ring: twins, sinceWriteMs: 10, cost }).version).toBe(3)
  })

  it('[BASE4] takes an older text that shows up again for a stale save at first, later for a deletion', () => {
    expect(bestBase('one\ntwo\n', { base, ring, sinceWriteMs: STALE_SAVE_MS, cost }).version).toBe(2)
    expect(bestBase('one\ntwo\n', { base, ring, sinceWriteMs: STALE_SAVE_MS + 1, cost }).version).toBe(3)
  })

  it('[BASE5] is nothing when the file was made anew while the old one was aside', () => {
    const empty = { text: '', version: 0 }
    expect(bestBase('line\n', { base, ring: [], empty, sinceWriteMs: 10, cost }).version).toBe(0)
    expect(bestBase('line\n', { base, ring: [], sinceWriteMs: 10, cost }).version).toBe(3)
    expect(bestBase('', { base, ring: [], empty, sinceWriteMs: 10, cost }).version).toBe(0)
  })
})
