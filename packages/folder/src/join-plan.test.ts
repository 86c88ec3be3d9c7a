import { describe, expect, it } from 'vitest'
import { planLines } from './join-plan.js'

describe('the join plan', () => {
  it('[JOIN1] says by path what would happen, and never plans a deletion for a folder that nobody knew', () => {
    const lines = planLines([
      { path: 'here.md', step: 'create-file', known: false, shown: false },
      { path: 'both.md', step: 'create-file', known: false, shown: true },
      { path: 'equal.md', step: 'adopt', known: false, shown: true },
      { path: 'there.md', step: 'place', known: false, shown: true },
      { path: 'photo.png', step: 'skip', known: false, shown: false, reason: 'not text' }
    ])
    expect(lines).toEqual([
      { path: 'both.md', action: 'merge' },
      { path: 'equal.md', action: 'same' },
      { path: 'here.md', action: 'send new' },
      { path: 'photo.png', action: 'skip', reason: 'not text' },
      { path: 'there.md', action: 'fetch new' }
    ])
  })

  it('[JOIN2] names what a later run would send and fetch', () => {
    const action = (step: Parameters<typeof planLines>[0][number]['step']): string | undefined => planLines([{ path: 'a', step, known: true, shown: true }])[0]?.action
    const steps = ['ingest', 'delete', 'write', 'remove', 'move', 'keep-beside', 'nothing'] as const
    expect(steps.map(action)).toEqual(['send edit', 'send deletion', 'fetch edit', 'fetch deletion', 'move', 'keep beside', 'same'])
  })
})
